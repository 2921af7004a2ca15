package statements

import (
	"fmt"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d33 = Rule{
	ID:           "D33",
	Title:        "an input that is mirrored and derived",
	Why:          "the topic holds the rows that the other region wrote and those that this one writes again: they count twice",
	Remedy:       "mirror only the inputs of the pipeline: exclude the topic from the link, or leave its statement out of the pipeline",
	ActiveActive: report.Block, ActivePassive: report.Block,
	Leaves: NonDeterministic,
	check:  checkD33,
	Page:   `A topic in the middle of a pipeline holds what the primary's statement wrote, through the mirror, and what the DR region's statement writes again. Mirror the inputs alone, and derive the rest; or mirror the result, and start its statement only behind what has arrived.`,
	Wrong: `-- The link mirrors orders and dear, and the pipeline derives dear in both regions.
CREATE TABLE orders (item STRING, price DECIMAL(10, 2));
CREATE TABLE dear (item STRING, price DECIMAL(10, 2));
CREATE TABLE books (item STRING, price DECIMAL(10, 2));
INSERT INTO dear SELECT item, price FROM orders WHERE price > 100;
INSERT INTO books SELECT item, price FROM dear WHERE item LIKE 'book%';`,
	Right: `-- The link mirrors orders alone; the DR region derives dear from it.
CREATE TABLE orders (item STRING, price DECIMAL(10, 2));
CREATE TABLE dear (item STRING, price DECIMAL(10, 2));
CREATE TABLE books (item STRING, price DECIMAL(10, 2));
INSERT INTO dear SELECT item, price FROM orders WHERE price > 100;
INSERT INTO books SELECT item, price FROM dear WHERE item LIKE 'book%';`,
}

func checkD33(in *judged) []hit {
	var out []hit
	for _, t := range readTables(in.stmt) {
		topic := t.Name.Last()
		if writers := in.facts.Writers[topic]; in.facts.Mirrored[topic] && len(writers) > 0 {
			out = append(out, hit{at: t.Pos, message: fmt.Sprintf("%s is mirrored, and %s writes it here as well", topic, strings.Join(writers, " and "))})
		}
	}
	return out
}
