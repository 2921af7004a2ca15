package statements

import "github.com/lifeboat-dr/lifeboat/dr/report"

var d01 = Rule{
	ID:           "D01",
	Title:        "processing time",
	Why:          "the result depends on when rows are processed: no other region, and no replay, processes them at the same time",
	Remedy:       "use event time: $rowtime, or a time column of the data with a WATERMARK",
	ActiveActive: report.Block, ActivePassive: report.Block,
	Leaves: NonDeterministic,
	check:  checkD01,
	Page:   `PROCTIME(), and whatever is ordered or windowed by it, is the clock of the machine. Confluent Cloud refuses it; Apache Flink runs it.`,
	Wrong:  `CREATE TABLE orders (id STRING, price DECIMAL(10, 2), seen AS PROCTIME());`,
	Right:  `CREATE TABLE orders (id STRING, price DECIMAL(10, 2), seen AS $rowtime);`,
}

func checkD01(in *judged) []hit {
	var out []hit
	for _, s := range in.calls {
		if s.call.Func == "PROCTIME" {
			out = append(out, hit{at: s.Pos, message: s.what() + " is the clock of the machine that runs the statement"})
		}
	}
	for _, w := range in.windows() {
		t, ok := in.table(w.Table.Name.Last())
		if !ok {
			continue
		}
		if c, _, ok := t.Column(w.Time.Name); ok && c.Expr != nil && isCall(c.Expr, "PROCTIME") {
			out = append(out, hit{at: w.Time.Pos, message: "the window is over " + quoteName(clip(w.Time.Name)) + ", which is PROCTIME()"})
		}
	}
	return out
}

func isCall(e Expr, name string) bool {
	c, ok := e.(*Call)
	return ok && c.Func == name
}

// windows are the windowing table functions over tables in the statement.
func (in *judged) windows() []*WindowTable {
	var out []*WindowTable
	v := queryVisitor{table: func(t TableExpr) {
		if w, ok := t.(*WindowTable); ok && w.Table != nil {
			out = append(out, w)
		}
	}}
	for _, q := range queriesOf(in.stmt) {
		v.walkQuery(q, nil)
	}
	return out
}
