package statements

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d36 = Rule{
	ID:           "D36",
	Title:        "rows that every start writes again",
	Why:          "a statement that reads no topic writes its rows each time it is started: in a region that mirrors its output they stand twice, or replace newer ones",
	Remedy:       "leave the statement out of the pipeline, and mirror the topic that it writes",
	ActiveActive: report.Low, ActivePassive: report.High,
	check: checkD36,
	Page:  `INSERT INTO … VALUES ends when its rows are written, and writes them once more when it is started in the other region.`,
	Wrong: `CREATE TABLE airlines (code STRING, name STRING);
INSERT INTO airlines VALUES ('LH', 'Lufthansa'), ('AF', 'Air France');`,
	Right: `CREATE TABLE airlines (code STRING, name STRING);
CREATE TABLE copies (code STRING, name STRING);
INSERT INTO copies SELECT code, name FROM airlines;`,
}

func checkD36(in *judged) []hit {
	var out []hit
	for _, w := range in.related() {
		if !reads(w) {
			out = append(out, hit{at: w.Pos, message: fmt.Sprintf("the rows stand in the statement: each start writes them to %s", w.Table.Name)})
		}
	}
	return out
}

// reads reports whether rows come from a table, or from a function of the user that may read anything.
func reads(r Rel) bool {
	switch r.(type) {
	case *Scan, *Calling:
		return true
	}
	for _, in := range Inputs(r) {
		if reads(in) {
			return true
		}
	}
	return false
}
