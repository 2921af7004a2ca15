package statements

import (
	"fmt"
	"slices"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d35 = Rule{
	ID:            "D35",
	Title:         "history shorter than the state",
	Why:           "the state can not be rebuilt: the first results after the start would be too small, and nothing in them would tell",
	Remedy:        "raise the topic's retention in the DR region (links: topics: configs: retention.ms)",
	ActivePassive: report.Block,
	Leaves:        NonDeterministic,
	check:         checkD35,
	Page:          `A statement that starts from history needs its inputs as far back as its state reaches: a window's size, an interval's bounds, everything for a group without a window, and the watermark's delay. lint tells the horizon; check compares it with the retention of the topics in both regions, and with the oldest record that is really there.`,
	Wrong: `-- orders is kept for one day.
CREATE TABLE orders (item STRING);
CREATE TABLE weekly (week_start TIMESTAMP(3), n BIGINT);
INSERT INTO weekly SELECT window_start, COUNT(*)
  FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR($rowtime), INTERVAL '7' DAY)) GROUP BY window_start, window_end;`,
	Right: `-- orders is kept for 14 days: links: topics: configs: {retention.ms: "1209600000"}
CREATE TABLE orders (item STRING);
CREATE TABLE weekly (week_start TIMESTAMP(3), n BIGINT);
INSERT INTO weekly SELECT window_start, COUNT(*)
  FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR($rowtime), INTERVAL '7' DAY)) GROUP BY window_start, window_end;`,
}

func checkD35(in *judged) []hit {
	horizons := in.facts.Horizons
	if horizons == nil {
		horizons = HorizonOf(in.stmt, in.facts.Tables, StateTTL(in.facts.Properties))
	}
	roots := map[string]Pos{}
	for _, root := range slices.Concat(sortedKeys(horizons), sortedKeys(in.facts.History)) {
		roots[root] = in.stmt.At() // of a statement before this one
	}
	for _, t := range slices.Backward(readTables(in.stmt)) {
		roots[t.Name.Last()] = t.Pos
	}
	var out []hit
	for _, topic := range sortedKeys(roots) {
		out = append(out, historyHits(in, topic, roots[topic])...)
		if h := horizons[topic]; h.Unbounded && in.facts.History[topic].Topic == "" {
			h35 := hit{at: roots[topic], passive: report.High, message: "all of " + topic + " counts: " + h.Unknown, remedy: h.Remedy()}
			if h.Data {
				h35 = hit{at: roots[topic], passive: report.Medium, leaves: DeterministicChangelog, message: "how much of " + topic + " counts, the data tell: " + h.Unknown,
					remedy: h.Remedy()}
			}
			out = append(out, h35)
		}
	}
	slices.SortStableFunc(out, func(a, b hit) int { return a.at.Offset - b.at.Offset })
	return out
}

func historyHits(in *judged, topic string, at Pos) []hit {
	v, ok := in.facts.History[topic]
	if !ok {
		return nil
	}
	switch v.Verdict {
	case Insufficient:
		return []hit{{at: at, message: fmt.Sprintf("%s reaches back %s, needed are %s: %s are missing (%s)", topic, days(v.Have), days(v.Need), days(v.Missing), v.Detail)}}
	case UnknownReach:
		return []hit{{at: at, passive: report.High, message: fmt.Sprintf("whether %s reaches back %s is not known: %s", topic, days(v.Need), v.Detail)}}
	}
	return nil
}
