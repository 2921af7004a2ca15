package statements

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d40 = Rule{
	ID:           "D40",
	Title:        "another number of partitions in each region",
	Why:          "a key's rows are in another partition, beside other keys, and are read in another order",
	Remedy:       "give the topic the same number of partitions in both regions",
	ActiveActive: report.Low, ActivePassive: report.Medium,
	check: checkD40,
	Page:  `The rule compares the topics that the statement reads and writes, as both regions have them.`,
	Wrong: `-- orders has 6 partitions in east and 12 in west.
CREATE TABLE orders (item STRING);
CREATE TABLE copies (item STRING);
INSERT INTO copies SELECT item FROM orders;`,
	Right: `-- orders has 6 partitions in both regions.
CREATE TABLE orders (item STRING);
CREATE TABLE copies (item STRING);
INSERT INTO copies SELECT item FROM orders;`,
}

func checkD40(in *judged) []hit {
	var out []hit
	seen := map[string]bool{}
	look := func(topic string, at Pos) {
		if seen[topic] {
			return
		}
		seen[topic] = true
		firstIn, first := "", 0
		for _, region := range sortedKeys(in.facts.Regions) {
			n := in.facts.Regions[region].Partitions[topic]
			switch {
			case n == 0:
			case first == 0:
				firstIn, first = region, n
			case n != first:
				out = append(out, hit{at: at, message: fmt.Sprintf("%s has %d partitions in %s and %d in %s", topic, first, firstIn, n, region)})
			}
		}
	}
	for _, t := range readTables(in.stmt) {
		look(t.Name.Last(), t.Pos)
	}
	for _, topic := range Writes(in.stmt) {
		at := in.stmt.At()
		if n := in.insert(); n != nil {
			at = n.Table.Pos
		}
		look(topic, at)
	}
	return out
}
