package statements

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d37 = Rule{
	ID:            "D37",
	Title:         "an append output that holds data already",
	Why:           "a statement that starts again from its history writes rows that are there already, and nothing replaces them",
	Remedy:        "skip what the output holds already (lifeboat.emit.after), write to a new topic, or give the output a primary key",
	ActivePassive: report.High,
	check:         checkD37,
	Page:          `Rows of an append table have no key by which a repeated one would replace them. After a failover the mirrored output holds what the primary wrote; the statement, started from history, writes the last part of it again.`,
	Wrong: `-- copies is mirrored, and holds what the primary wrote.
CREATE TABLE orders (id STRING, item STRING);
CREATE TABLE copies (id STRING, item STRING);
INSERT INTO copies SELECT id, item FROM orders;`,
	Right: `-- copies is mirrored, and holds what the primary wrote: a repeated row replaces the one that is there.
CREATE TABLE orders (id STRING, item STRING);
CREATE TABLE copies (id STRING, item STRING, PRIMARY KEY (id) NOT ENFORCED);
INSERT INTO copies SELECT id, item FROM orders;`,
}

func checkD37(in *judged) []hit {
	n := in.insert()
	if n == nil || !in.facts.HasData[n.Table.Last()] {
		return nil
	}
	if t, ok := in.table(n.Table.Last()); ok && t.Mode() == Upsert {
		return nil
	}
	return []hit{{at: n.Table.Pos, message: fmt.Sprintf("%s holds records already, and its rows have no key by which a repeated one would replace them", n.Table.Last())}}
}
