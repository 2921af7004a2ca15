package statements

import "testing"

// unshown are the programs whose rows happen not to show every kind of change that Flink plans for them. What it plans stands beside each: the
// inputChangelogMode of the sink in the compiled plan that Flink restores the program from; for builtin-agg-with-retraction, which has none, what
// its planner's rules give an aggregation of rows that are taken back.
var unshown = map[string]string{
	"builtin-agg-with-retraction":                                               "I,U,D",
	"correlate-with-literal-agg":                                                "I,U,D",
	"insert-into-upsert-with-sink-upsert-materializer-writable-metadata-v1":     "I,U,D",
	"join-inner-join-with-equal-pk":                                             "I,U",
	"lookup-join-with-try-resolve":                                              "I,U,D",
	"over-aggregate-non-time-range-unbounded-avg-append-mode":                   "I,U,D",
	"over-aggregate-non-time-range-unbounded-sum-no-partition-by":               "I,U,D",
	"over-aggregate-non-time-range-unbounded-sum-retract-mode-sink-primary-key": "I,U,D",
	"over-aggregate-non-time-rows-unbounded-avg-append-mode":                    "I,U,D",
	"over-aggregate-non-time-rows-unbounded-multiple-aggs-append-mode":          "I,U,D",
	"over-aggregate-non-time-rows-unbounded-sum-append-mode":                    "I,U,D",
	"over-aggregate-non-time-rows-unbounded-sum-no-partition-by":                "I,U,D",
	"rank-n-test":                    "I,U,D",
	"rank-test-append-fast-strategy": "I,U,D",
	"rank-test-retract-strategy":     "I,U,D",
	"rank-test-update-fast-strategy": "I,U,D",
	"sink-upsert":                    "I,U,D",
	"sort-limit-asc":                 "I,U,D",
	"sort-limit-desc":                "I,U,D",
}

// otherwise are the programs of which the text alone does not tell the changelog.
var otherwise = map[string]string{
	"variant-as-udaf-arg": "udf is an aggregate function, which only its class tells: without GROUP BY it reads like any other",
}

// noBefore are the programs that show updates without the row before, in a sink that takes it.
var noBefore = map[string]string{
	"over-aggregate-non-time-rows-unbounded-sum-retract-mode-sort-by-key": "Flink takes the old row back by a delete",
	"retract-source-with-no-filter":                                       "the source's rows hold none",
	"retract-source-with-non-key-filter":                                  "the source's rows hold none",
}

// TestCorpusChangelogModes: the kinds of change inferred for each sink are those that its rows show, and nothing is refused that Flink runs.
func TestCorpusChangelogModes(t *testing.T) {
	sinks, shown, planned, opaques := 0, 0, 0, 0
	eachWrite(t, func(p corpusProgram, sink corpusTable, w *Write) {
		if why := SinkOf(w).Refused; why != "" {
			t.Errorf("%s is refused: %s", p.ID, why)
		}
		if sink.Compare != "changelog" {
			return // what the table holds in the end
		}
		sinks++
		see := sink.kinds()
		want := Inserts
		if see["-U"] || see["+U"] {
			want |= Updates
		}
		if see["-D"] {
			want |= Deletes
		}
		got := KindsOf(w.In)
		switch text, listed := unshown[p.ID]; {
		case otherwise[p.ID] != "":
			if got == want {
				t.Errorf("%s is told from its text after all", p.ID)
			}
		case opaque(w.In):
			opaques++ // a function that reads tables says which changes it makes of theirs
		case listed && (got.String() != text || want&^got != 0 || got == want):
			t.Errorf("%s: inferred %s, the plan gives %s, and the rows show %s", p.ID, got, text, want)
		case listed:
			planned++
		case got != want:
			t.Errorf("%s: inferred %s, the rows show %s", p.ID, got, want)
		default:
			shown++
		}
		if before := see["-U"]; see["+U"] && before != (w.Mode == Retract) && noBefore[p.ID] == "" {
			t.Errorf("%s: the sink is %s, and rows before an update come: %t", p.ID, w.Mode, before)
		}
	})
	t.Logf("the changelogs of %d sinks: %d are as their rows show, %d as Flink plans them and not all shown, %d made by functions that read tables, %d not told by SQL",
		sinks, shown, planned, opaques, len(otherwise))
	if sinks != shown+planned+opaques+len(otherwise) || planned != len(unshown) {
		t.Errorf("%d sinks, of %d listed", sinks, len(unshown))
	}
}
