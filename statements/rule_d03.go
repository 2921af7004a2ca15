package statements

import "github.com/lifeboat-dr/lifeboat/dr/report"

var d03 = Rule{
	ID:           "D03",
	Title:        "the clock in a condition",
	Why:          "a replay sees the same rows later, so that other rows pass",
	Remedy:       "compare with the watermark instead: a window, or a time column of the data",
	ActiveActive: report.Block, ActivePassive: report.Block,
	Leaves: NonDeterministic,
	check: func(in *judged) []hit {
		return clockHits(in, true, "decides which rows count, and is the time of processing")
	},
	Page: `In WHERE, HAVING, a join's condition, FILTER or the condition of CASE the clock decides which rows count. A statement that starts from history reads rows of a week within minutes, and all of them at a time at which the primary had dropped them, or not.`,
	Wrong: `CREATE TABLE orders (id STRING, ordered TIMESTAMP_LTZ(3), shipped TIMESTAMP_LTZ(3));
CREATE TABLE late (id STRING);
INSERT INTO late SELECT id FROM orders WHERE ordered < NOW() - INTERVAL '1' DAY;`,
	Right: `CREATE TABLE orders (id STRING, ordered TIMESTAMP_LTZ(3), shipped TIMESTAMP_LTZ(3));
CREATE TABLE late (id STRING);
INSERT INTO late SELECT id FROM orders WHERE ordered < shipped - INTERVAL '1' DAY;`,
}
