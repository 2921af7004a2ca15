package statements

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d27 = Rule{
	ID:           "D27",
	Title:        "versions that compaction has removed",
	Why:          "a row is joined with the version of its own time; what a compacted topic has thrown away by then is joined with a newer version, or with none",
	Remedy:       "raise min.compaction.lag.ms of the topic above the history that the statement re-reads, or use cleanup.policy compact,delete with a long retention",
	ActiveActive: report.Medium, ActivePassive: report.High,
	Leaves: NonDeterministic,
	check:  checkD27,
	Page:   `A temporal join looks up the version that held at the time of the row. A start from history looks up old versions, which a compacted topic no longer has unless min.compaction.lag.ms spares them.`,
	Wrong: `-- rates is compacted, with min.compaction.lag.ms=0.
CREATE TABLE orders (id STRING, currency STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);
CREATE TABLE rates (currency STRING, rate DECIMAL(10, 4), ts TIMESTAMP(3), WATERMARK FOR ts AS ts, PRIMARY KEY (currency) NOT ENFORCED);
CREATE TABLE priced (id STRING, rate DECIMAL(10, 4));
INSERT INTO priced SELECT o.id, r.rate FROM orders AS o JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.currency = r.currency;`,
	Right: `-- rates is compacted, with min.compaction.lag.ms=604800000: what is younger than seven days is kept.
CREATE TABLE orders (id STRING, currency STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);
CREATE TABLE rates (currency STRING, rate DECIMAL(10, 4), ts TIMESTAMP(3), WATERMARK FOR ts AS ts, PRIMARY KEY (currency) NOT ENFORCED);
CREATE TABLE priced (id STRING, rate DECIMAL(10, 4));
INSERT INTO priced SELECT o.id, r.rate FROM orders AS o JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.currency = r.currency;`,
}

// compactionSlack is the least that compaction has to leave alone for a temporal join to find its versions after a move.
const compactionSlack = time.Minute

func checkD27(in *judged) []hit {
	var out []hit
	in.operators(func(r Rel) {
		j, ok := r.(*Joining)
		if !ok || j.Form != TemporalJoin {
			return
		}
		need := compactionSlack
		horizons := HorizonOf(in.stmt, in.facts.Tables, StateTTL(in.facts.Properties))
		eachScan(j.Left, func(sc *Scan) {
			if h := horizons[sc.Table.Name]; !h.Unbounded {
				need = max(need, h.Duration())
			}
		})
		eachScan(j.Right, func(sc *Scan) {
			if why := in.losesVersions(sc.Table, need); why != "" {
				out = append(out, hit{at: sc.Pos, message: fmt.Sprintf("versions of %s may be gone: %s", sc.Table.Name, why)})
			}
		})
	})
	return out
}

// losesVersions says why compaction may remove versions of a table that are younger than need; "" where the regions' configs, or
// the table's own where no region was seen, say that it does not, and where nothing says that it is compacted.
func (in *judged) losesVersions(t *Table, need time.Duration) string {
	seen := false
	for _, region := range sortedKeys(in.facts.Regions) {
		configs, ok := in.facts.Regions[region].Configs[t.Name]
		if !ok {
			continue
		}
		seen = true
		if !strings.Contains(configs["cleanup.policy"], "compact") {
			continue
		}
		lag, err := strconv.ParseInt(configs["min.compaction.lag.ms"], 10, 64)
		if err != nil || lag > int64(need/time.Millisecond) {
			continue // not told, or long enough
		}
		return fmt.Sprintf("in %s compaction spares only what is younger than %s (min.compaction.lag.ms=%d), needed are %s", region, time.Duration(lag)*time.Millisecond, lag, need)
	}
	if policy := t.Options["kafka.cleanup-policy"]; !seen && strings.Contains(policy, "compact") {
		return "it is compacted ('kafka.cleanup-policy' = " + quoteString(policy) + ")"
	}
	return ""
}

// eachScan calls f for the tables below r, from left to right.
func eachScan(r Rel, f func(*Scan)) {
	if sc, ok := r.(*Scan); ok {
		f(sc)
	}
	for _, in := range Inputs(r) {
		eachScan(in, f)
	}
}
