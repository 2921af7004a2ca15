package statements

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d20 = Rule{
	ID:           "D20",
	Title:        "a call to the outside",
	Why:          "a model, an index or another database answers as it is now, not as it was when the row was first processed; the other region asks another one, or none",
	Remedy:       "compute the result once, write it to a topic, and mirror that",
	ActiveActive: report.High, ActivePassive: report.High,
	Leaves: NonDeterministic,
	check:  checkD20,
	Page:   `ML_PREDICT, ML_EVALUATE, the AI_ functions and the searches call a service; a lookup join (FOR SYSTEM_TIME AS OF the processing time) and a table with a connector other than Kafka read another system. The functions of ML_ that only transform a value (ML_MIN_MAX_SCALER and the like) call nothing.`,
	Wrong: `CREATE TABLE reviews (id STRING, body STRING);
CREATE TABLE rated (id STRING, mood STRING);
INSERT INTO rated SELECT id, mood FROM reviews, LATERAL TABLE(ML_PREDICT('moods', body)) AS t(mood);`,
	Right: `-- rated is written in one region alone, and mirrored.
CREATE TABLE rated (id STRING, mood STRING);
CREATE TABLE angry (id STRING);
INSERT INTO angry SELECT id FROM rated WHERE mood = 'angry';`,
}

// outside reports whether a function of the dialect calls a service.
func outside(name string) bool {
	switch name {
	case "ML_PREDICT", "ML_EVALUATE", "VECTOR_SEARCH", "INFERENCE":
		return true
	}
	return strings.HasPrefix(name, "AI_") || strings.HasSuffix(name, "_SEARCH_AGG")
}

func checkD20(in *judged) []hit {
	var out []hit
	inspect(in.stmt, func(n Node) {
		name, at := calledName(n)
		if outside(name) {
			out = append(out, hit{at: at, message: name + " calls a service, whose answer may be another one next time"})
		}
	})
	in.operators(func(r Rel) {
		switch n := r.(type) {
		case *Joining:
			if n.Form == LookupJoin {
				out = append(out, hit{at: n.Pos, message: "a lookup join asks for the row that is there now"})
			}
		case *Scan:
			connector := n.Table.Option("connector", "confluent")
			switch {
			case slices.Contains([]string{"confluent", "kafka", "upsert-kafka"}, connector):
			case connector == "faker" || connector == "datagen":
				out = append(out, hit{at: n.Pos, message: fmt.Sprintf("%s makes up its rows (connector %s): other ones in each region", n.Table.Name, connector),
					remedy: "write the rows to a topic once, and mirror that"})
			default:
				out = append(out, hit{at: n.Pos, message: fmt.Sprintf("%s is read from outside of Kafka (connector %s)", n.Table.Name, connector)})
			}
		}
	})
	return out
}

// calledName is the function that a node calls, in upper case; "" where it calls none.
func calledName(n Node) (name string, at Pos) {
	switch c := n.(type) {
	case *Call:
		return c.Func, c.Pos
	case *TableFunction:
		return strings.ToUpper(c.Func.Last()), c.Func.Pos
	}
	return "", Pos{}
}
