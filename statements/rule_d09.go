package statements

import (
	"fmt"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d09 = Rule{
	ID:           "D09",
	Title:        "state that expires by the clock",
	Why:          "a TTL counts from when a row was processed: on a replay, which is faster, nothing expires, and after a pause everything does",
	Remedy:       "say in event time what is to be forgotten: a window, or an interval join",
	ActiveActive: report.High, ActivePassive: report.High,
	Leaves: NonDeterministic,
	check:  checkD09,
	Page: `sql.state-ttl and the hint STATE_TTL bound the state of what would otherwise keep all history: regular joins, groups without a window, DISTINCT, Top-N, deduplication, set operations, OVER without a bound in time, and the last rows of an upsert source. Windows and interval joins clear their state by the watermark, so that a TTL of the statement makes no difference to them.

Where no row ever comes that late, the result is the same all the same: then waive the rule, and say so.`,
	Wrong: `CREATE TABLE orders (id STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);
CREATE TABLE payments (id STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);
CREATE TABLE paid (id STRING);
INSERT INTO paid SELECT /*+ STATE_TTL('o' = '1 d', 'p' = '1 d') */ o.id FROM orders o JOIN payments p ON o.id = p.id;`,
	Right: `CREATE TABLE orders (id STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);
CREATE TABLE payments (id STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);
CREATE TABLE paid (id STRING);
INSERT INTO paid SELECT o.id FROM orders o JOIN payments p
  ON o.id = p.id AND p.ts BETWEEN o.ts AND o.ts + INTERVAL '1' DAY;`,
}

func checkD09(in *judged) []hit {
	var ttl time.Duration
	if text, set := in.property("sql.state-ttl", "table.exec.state.ttl"); set {
		ttl, _ = ParseTTL(text)
	}
	a := newAnalysis()
	hints := in.ttlHints()
	var out []hit
	find := func(at Pos, what string, d time.Duration, remedy string) {
		if d > 0 {
			out = append(out, hit{at: at, message: fmt.Sprintf("%s forgets rows %s after they were last processed", what, short(d)), remedy: remedy})
		}
	}
	for _, h := range hints {
		find(h.at, h.what, h.ttl, "")
	}
	in.operators(func(r Rel) {
		switch n := r.(type) {
		case *Write:
			if a.sink(n).Materialize {
				find(n.Pos, "the sink, which keeps all rows of each key,", ttl, "")
			}
		case *Joining:
			if n.Form == RegularJoin && len(hints) == 0 {
				find(n.Pos, "the join", ttl, "bind the times of both sides to each other: AND r.ts BETWEEN l.ts AND l.ts + INTERVAL '1' DAY")
			}
		case *Aggregation:
			if n.Window != nil || len(hints) > 0 {
				return
			}
			what := "the aggregation"
			if len(n.Aggregates) == 0 {
				what = "DISTINCT"
			}
			find(n.Pos, what, ttl, "group by a window, too: FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY window_start, window_end")
		case *Ranking:
			if n.Window == nil {
				what := "the Top-N"
				if n.Dedup {
					what = "the deduplication"
				}
				find(n.Pos, what, ttl, "take the rows of a window: PARTITION BY window_start, window_end")
			}
		case *Over:
			if n.Preceding == nil {
				find(n.Pos, "OVER", ttl, "bound the frame by time: RANGE BETWEEN INTERVAL '1' DAY PRECEDING AND CURRENT ROW")
			}
		case *Combining:
			if n.Op != Union || !n.All {
				find(n.Pos, string(n.Op), ttl, "")
			}
		case *Sorting:
			if n.Limit >= 0 {
				find(n.Pos, "LIMIT", ttl, "")
			}
		case *Normalizing:
			find(n.Pos, "the state of the upsert source", ttl, "")
		}
	})
	return out
}

// ttlHint is a STATE_TTL hint of a SELECT that has something to expire.
type ttlHint struct {
	at   Pos
	what string
	ttl  time.Duration
}

// ttlHints are the STATE_TTL hints of the statement that hold for a regular join or an aggregation: Flink ignores others.
func (in *judged) ttlHints() []ttlHint {
	reached := false
	in.operators(func(r Rel) {
		switch n := r.(type) {
		case *Joining:
			reached = reached || n.Form == RegularJoin
		case *Aggregation:
			reached = reached || n.Window == nil
		}
	})
	if !reached {
		return nil
	}
	var out []ttlHint
	inspect(in.stmt, func(n Node) {
		sel, ok := n.(*Select)
		if !ok {
			return
		}
		for _, h := range sel.Hints {
			if h.Name != "STATE_TTL" {
				continue
			}
			for _, o := range h.Options {
				if d, ok := ParseTTL(o.Value); ok && d > 0 {
					out = append(out, ttlHint{o.Pos, "STATE_TTL: " + quoteName(clip(o.Key)), d})
				}
			}
		}
	})
	return out
}
