package statements

import (
	"fmt"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d30 = Rule{
	ID:           "D30",
	Title:        "a primary key by which the changes are not in order",
	Why:          "rows of one key come from several places of the query; the one that arrives last stays, and which that is differs between the regions",
	Remedy:       "make the table's primary key a key of the query: group by it, or keep one row of each by a unique order",
	ActiveActive: report.High, ActivePassive: report.High,
	Leaves: NonDeterministic,
	check:  checkD30,
	Page:   `Where the primary key of the output is not a key of the query, Flink keeps all rows of each key and shows the one that arrived last (SinkUpsertMaterializer).`,
	Wrong: `CREATE TABLE orders (id STRING, item STRING);
CREATE TABLE counts (n BIGINT, item STRING, PRIMARY KEY (n) NOT ENFORCED);
INSERT INTO counts SELECT COUNT(*), item FROM orders GROUP BY item;`,
	Right: `CREATE TABLE orders (id STRING, item STRING);
CREATE TABLE counts (n BIGINT, item STRING, PRIMARY KEY (item) NOT ENFORCED);
INSERT INTO counts SELECT COUNT(*), item FROM orders GROUP BY item;`,
}

// checkD30 finds sinks that Flink puts a SinkUpsertMaterializer before. Keys are followed through rows of 64 columns at most:
// of a wider one nothing is said.
func checkD30(in *judged) []hit {
	wide := false
	in.operators(func(r Rel) {
		if _, sink := r.(*Write); !sink {
			wide = wide || len(r.Columns()) > 64
		}
	})
	if wide {
		return nil
	}
	var out []hit
	for _, w := range in.related() {
		sink := SinkOf(w)
		if !sink.Materialize {
			continue
		}
		have := "the query has no key"
		if len(sink.UpsertKeys) > 0 {
			var keys []string
			for _, k := range sink.UpsertKeys {
				keys = append(keys, "("+strings.Join(k, ", ")+")")
			}
			have = "the query's changes are in order by " + strings.Join(keys, " or ")
		}
		out = append(out, hit{at: w.Pos, message: fmt.Sprintf("%s keeps one row of each (%s), and %s", w.Table.Name, strings.Join(w.Table.PrimaryKey, ", "), have)})
	}
	return out
}
