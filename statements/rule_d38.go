package statements

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d38 = Rule{
	ID:            "D38",
	Title:         "an input with transactions that have not ended",
	Why:           "records behind an open transaction are not mirrored before it ends: if the region is lost now, the other one starts without them",
	Remedy:        "wait until the producer commits, or abort what hangs: kafka-transactions.sh --abort",
	ActivePassive: report.Medium,
	check:         checkD38,
	Page:          `The rule compares the last stable offset with the end of the log in the region that the link reads.`,
	Wrong: `-- A producer of orders has a transaction open in the primary.
CREATE TABLE orders (item STRING);
CREATE TABLE copies (item STRING);
INSERT INTO copies SELECT item FROM orders;`,
	Right: `-- All transactions of orders have ended.
CREATE TABLE orders (item STRING);
CREATE TABLE copies (item STRING);
INSERT INTO copies SELECT item FROM orders;`,
}

func checkD38(in *judged) []hit {
	var out []hit
	seen := map[string]bool{}
	for _, t := range readTables(in.stmt) {
		topic := t.Name.Last()
		if seen[topic] {
			continue
		}
		seen[topic] = true
		for _, region := range sortedKeys(in.facts.Regions) {
			if n := in.facts.Regions[region].Open[topic]; n > 0 {
				word := "offsets"
				if n == 1 {
					word = "offset"
				}
				out = append(out, hit{at: t.Pos, message: fmt.Sprintf("%d %s of %s in %s stand behind a transaction that has not ended", n, word, topic, region)})
			}
		}
	}
	return out
}
