package statements

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d29 = Rule{
	ID:           "D29",
	Title:        "records that are left out where they can not be read",
	Why:          "a record can be read here and not there where a schema is missing in one registry: it is then missing from the result, and nothing fails",
	Remedy:       "ALTER TABLE … SET ('error-handling.mode' = 'fail') in drills, or compare how many records the log tables hold",
	ActiveActive: report.Medium, ActivePassive: report.Medium,
	check: checkD29,
	Page:  `With ignore and log a record that can not be read is passed over. Whether it can be read depends on the registry of the region, too.`,
	Wrong: `CREATE TABLE orders (item STRING) WITH ('error-handling.mode' = 'ignore');
CREATE TABLE copies (item STRING);
INSERT INTO copies SELECT item FROM orders;`,
	Right: `CREATE TABLE orders (item STRING) WITH ('error-handling.mode' = 'fail');
CREATE TABLE copies (item STRING);
INSERT INTO copies SELECT item FROM orders;`,
}

func checkD29(in *judged) []hit {
	var out []hit
	for _, o := range in.scanOptions("", "error-handling.mode") {
		if o.value == "ignore" || o.value == "log" {
			out = append(out, hit{at: o.Pos, message: fmt.Sprintf("records of %s that can not be read are left out (%s is %s)", o.table, o.from, o.value),
				remedy: fmt.Sprintf("ALTER TABLE %s SET ('error-handling.mode' = 'fail') in drills, or compare how many records the log tables hold", quoteName(o.table))})
		}
	}
	return out
}
