package statements

import "github.com/lifeboat-dr/lifeboat/dr/report"

var d14 = Rule{
	ID:           "D14",
	Title:        "rows before a row, by time alone",
	Why:          "among rows with the same time those that arrive first come first, so that LAG, LEAD and frames of ROWS see other neighbours in each region",
	Remedy:       "use a RANGE frame, or distribute the table by the partition's columns, so that its rows are in one partition",
	ActiveActive: report.Medium, ActivePassive: report.Medium,
	Leaves: NonDeterministic,
	check:  checkD14,
	Page: `An OVER window orders by a time attribute. A frame of RANGE takes all rows of one time together; a frame of ROWS, LAG, LEAD, ROW_NUMBER and the first or last value of any frame take one before the other.

Rows of one partition keep their order: nothing is found where the columns by which the table is distributed are among those of PARTITION BY.`,
	Wrong: `CREATE TABLE readings (sensor STRING, degrees INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);
CREATE TABLE steps (sensor STRING, before INT, degrees INT);
INSERT INTO steps SELECT sensor, LAG(degrees) OVER (PARTITION BY sensor ORDER BY ts), degrees FROM readings;`,
	Right: `CREATE TABLE readings (sensor STRING, degrees INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
  DISTRIBUTED BY (sensor) INTO 6 BUCKETS;
CREATE TABLE steps (sensor STRING, before INT, degrees INT);
INSERT INTO steps SELECT sensor, LAG(degrees) OVER (PARTITION BY sensor ORDER BY ts), degrees FROM readings;`,
}

// oneByOne are functions that tell apart rows of the same place in the order whatever the frame is.
var oneByOne = wordSet(`FIRST_VALUE LAG LAST_VALUE LEAD NTILE ROW_NUMBER`)

func checkD14(in *judged) []hit {
	var out []hit
	in.used(func(r Rel, need map[int]bool) {
		n, ok := r.(*Over)
		if !ok || len(n.Order) == 0 {
			return
		}
		width := len(n.In.Columns())
		for i, a := range n.Calls {
			if !need[width+i] || n.Range && !oneByOne[a.Func] {
				continue
			}
			// What the call itself takes counts besides what is used of the row.
			taken := map[int]bool{}
			for j := range need {
				if j < width {
					taken[j] = true
				}
			}
			for _, x := range a.Args {
				refs(x, func(j int) { taken[j] = true })
			}
			if !in.ties(n.In, n.Partition, n.Order, taken) {
				continue
			}
			out = append(out, hit{at: a.Pos, message: a.Func + " takes rows with the same " + orderNames(n.Order) + " in the order in which they arrive", remedy: frameRemedy(n, a)})
		}
	})
	return out
}

func frameRemedy(n *Over, a *Aggregate) string {
	if oneByOne[a.Func] {
		return ""
	}
	return "write RANGE BETWEEN INTERVAL '…' … PRECEDING AND CURRENT ROW instead of ROWS, or distribute the table by the columns of PARTITION BY"
}
