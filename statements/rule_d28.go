package statements

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d28 = Rule{
	ID:           "D28",
	Title:        "an input read before its transactions end",
	Why:          "records of transactions that are aborted later count here and are not in the mirror, which holds only what was committed",
	Remedy:       "ALTER TABLE … SET ('kafka.consumer.isolation-level' = 'read-committed')",
	ActiveActive: report.Medium, ActivePassive: report.High,
	Leaves: NonDeterministic,
	check:  checkD28,
	Page:   `Links copy committed records alone. A statement that reads others has seen what the other region never gets.`,
	Wrong: `CREATE TABLE orders (item STRING) WITH ('kafka.consumer.isolation-level' = 'read-uncommitted');
CREATE TABLE copies (item STRING);
INSERT INTO copies SELECT item FROM orders;`,
	Right: `CREATE TABLE orders (item STRING) WITH ('kafka.consumer.isolation-level' = 'read-committed');
CREATE TABLE copies (item STRING);
INSERT INTO copies SELECT item FROM orders;`,
}

func checkD28(in *judged) []hit {
	var out []hit
	for _, o := range in.scanOptions("", "kafka.consumer.isolation-level") {
		if o.value == "read-uncommitted" {
			out = append(out, hit{at: o.Pos, message: fmt.Sprintf("%s is read with its uncommitted records (%s)", o.table, o.from),
				remedy: fmt.Sprintf("ALTER TABLE %s SET ('kafka.consumer.isolation-level' = 'read-committed')", quoteName(o.table))})
		}
	}
	return out
}
