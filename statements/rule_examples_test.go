package statements

import (
	"testing"
	"time"
)

// given are the facts of a rule's examples that their SQL can not tell.
var given = map[string]func(f *Facts, right bool){
	"D08": func(f *Facts, right bool) {
		f.Topics = map[string]TopicFacts{"orders": {Partitions: 6, Sparse: []int32{5}}}
		if right {
			f.Topics = map[string]TopicFacts{"orders": {Partitions: 1}}
		}
	},
	"D27": func(f *Facts, right bool) {
		lag := map[bool]string{false: "0", true: "604800000"}[right]
		f.Regions = map[string]RegionFacts{"west": {Configs: map[string]map[string]string{"rates": {"cleanup.policy": "compact", "min.compaction.lag.ms": lag}}}}
	},
	"D31": func(f *Facts, right bool) {
		batched := map[string]string{"table.exec.mini-batch.enabled": "true"}
		f.Regions = map[string]RegionFacts{"east": {Properties: batched}, "west": {Properties: map[string]string{}}}
		if right {
			f.Regions["west"] = RegionFacts{Properties: batched}
		}
	},
	"D32": func(f *Facts, right bool) {
		id := map[bool]int{false: 9, true: 7}[right]
		f.Regions = map[string]RegionFacts{
			"east": {Subjects: map[string]SubjectFacts{"orders-value": {IDs: map[int]int{1: 3, 2: 7}, Compatibility: "FULL"}}},
			"west": {Subjects: map[string]SubjectFacts{"orders-value": {IDs: map[int]int{1: 3, 2: id}, Compatibility: "FULL"}}},
		}
	},
	"D38": func(f *Facts, right bool) {
		f.Regions = map[string]RegionFacts{"east": {Open: map[string]int64{"orders": map[bool]int64{false: 12, true: 0}[right]}}}
	},
	"D40": func(f *Facts, right bool) {
		n := map[bool]int{false: 12, true: 6}[right]
		f.Regions = map[string]RegionFacts{"east": {Partitions: map[string]int{"orders": 6}}, "west": {Partitions: map[string]int{"orders": n}}}
	},
	"D33": func(f *Facts, right bool) { f.Mirrored = map[string]bool{"orders": true, "dear": !right} },
	"D35": func(f *Facts, right bool) {
		v := RetentionVerdict{Topic: "orders", Verdict: Insufficient, Need: 7 * 24 * time.Hour, Have: 24 * time.Hour, Missing: 6 * 24 * time.Hour}
		if right {
			v = RetentionVerdict{Topic: "orders", Verdict: Proven, Need: 7 * 24 * time.Hour, Have: 14 * 24 * time.Hour}
		}
		f.History = map[string]RetentionVerdict{"orders": v}
	},
	"D37": func(f *Facts, _ bool) { f.HasData = map[string]bool{"orders": true, "copies": true} },
	"D39": func(f *Facts, right bool) {
		there := &Table{Name: "orders", Columns: []TableColumn{{Name: "item", Type: String()}, {Name: "ts", Type: Timestamp(3)}}}
		if right {
			there = f.Tables.(Tables)["orders"]
		}
		f.Existing = Tables{"orders": there}
	},
}

// asWeak are the rules whose right example promises no more than the wrong one: what the query computes is as weak by itself.
var asWeak = map[string]string{
	"D07": "rows that come after their window are dropped behind any watermark",
	"D08": "rows that come after their window are dropped behind any watermark",
	"D26": "an aggregation without a window gives other intermediate rows in either sink",
	"D31": "an aggregation without a window gives other intermediate rows whatever the batches",
}

// example judges a rule's example as lint and check do: its CREATE TABLEs are the catalogue, its INSERTs the writers.
func example(t *testing.T, rule, sql string, p Pattern, right bool) (messages []string, verdict Verdict) {
	t.Helper()
	script, found := Parse(rule+".sql", sql)
	for _, f := range found {
		t.Fatalf("the example is no SQL: %s", f.Message)
	}
	cat := Tables{}
	var nodes []Named
	for _, u := range script.Statements {
		if n, ok := u.Statement.(*CreateTable); ok {
			cat[n.Name.Last()] = DeclaredTable(n)
			if table, _ := TableOf(u); table != nil {
				cat[n.Name.Last()] = table
			}
		}
		nodes = append(nodes, Named{u.Text, u})
	}
	graph, _ := NewGraph(nodes)
	f := Facts{Pattern: p, Tables: cat, Writers: graph.Writers(), History: map[string]RetentionVerdict{}}
	for name := range cat { // whole, so that nothing but the rule decides
		f.History[name] = RetentionVerdict{Topic: name, Verdict: Proven, Have: Unlimited}
	}
	if with := given[rule]; with != nil {
		with(&f, right)
	}
	for _, u := range script.Statements {
		if _, bad := Relate(u, cat); len(bad) > 0 {
			t.Fatalf("the example can not be related: %s", bad[0].Message)
		}
		all, judgement := Judge("example", u, f)
		for _, x := range all {
			if x.Rule == rule {
				messages = append(messages, x.Message)
			}
		}
		if len(Writes(u.Statement)) > 0 {
			if verdict == "" || judgement.Verdict.weaker(verdict) {
				verdict = judgement.Verdict
			}
		}
	}
	return messages, verdict
}

// TestExamples: what a rule's page calls wrong gives the finding, and what it calls right does not; where the rule says something of the result, the
// wrong example's verdict is no stronger than that, and the right one's is.
func TestExamples(t *testing.T) {
	for _, r := range Rules() {
		t.Run(r.ID, func(t *testing.T) {
			for _, p := range []Pattern{ActiveActive, ActivePassive} {
				applies := p == ActiveActive && r.ActiveActive != "" || p == ActivePassive && r.ActivePassive != ""
				found, wrong := example(t, r.ID, r.Wrong, p, false)
				if applies == (len(found) == 0) {
					t.Errorf("%s: in the wrong example the rule finds %q", p, found)
				}
				found, right := example(t, r.ID, r.Right, p, true)
				if len(found) > 0 {
					t.Errorf("%s: in the right example the rule finds %q", p, found)
				}
				if r.Leaves == "" || !applies || wrong == "" { // a table, that computes nothing
					continue
				}
				if flips := wrong.weaker(right); r.Leaves.weaker(wrong) || flips != (asWeak[r.ID] == "") {
					t.Errorf("%s: the wrong example is %s, and the right one %s", p, wrong, right)
				}
			}
		})
	}
}
