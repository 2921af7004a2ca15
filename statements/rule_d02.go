package statements

import "github.com/lifeboat-dr/lifeboat/dr/report"

var d02 = Rule{
	ID:           "D02",
	Title:        "the clock in the output",
	Why:          "each region, and each replay, writes another value",
	Remedy:       "use $rowtime or a time column of the data, or leave the column out of what is compared",
	ActiveActive: report.High, ActivePassive: report.High,
	Leaves: NonDeterministic,
	check: func(in *judged) []hit {
		return clockHits(in, false, "is written to the output, and is the time of processing")
	},
	Page: `CURRENT_TIMESTAMP, NOW(), LOCALTIMESTAMP, CURRENT_DATE, CURRENT_TIME, CURRENT_ROW_TIMESTAMP() and UNIX_TIMESTAMP() are asked for each row as it is processed, in streaming. A column that is meant to tell when a row was processed may stay: say so in a waiver, and leave it out of what is compared.`,
	Wrong: `CREATE TABLE orders (id STRING, price DECIMAL(10, 2));
CREATE TABLE priced (id STRING, price DECIMAL(10, 2), at_time TIMESTAMP_LTZ(3));
INSERT INTO priced SELECT id, price, CURRENT_TIMESTAMP FROM orders;`,
	Right: `CREATE TABLE orders (id STRING, price DECIMAL(10, 2));
CREATE TABLE priced (id STRING, price DECIMAL(10, 2), at_time TIMESTAMP_LTZ(3));
INSERT INTO priced SELECT id, price, $rowtime FROM orders;`,
}

// clock are the functions that tell the time of the machine.
var clock = wordSet(`CURRENT_DATE CURRENT_ROW_TIMESTAMP CURRENT_TIME CURRENT_TIMESTAMP LOCALTIME LOCALTIMESTAMP NOW UNIX_TIMESTAMP`)

// clockHits are the calls that ask the clock, in a condition or in an output.
func clockHits(in *judged, condition bool, message string) []hit {
	var out []hit
	for _, s := range in.calls {
		// UNIX_TIMESTAMP(text) converts; only without an argument it is the clock.
		if clock[s.call.Func] && len(s.call.Args) == 0 && s.condition == condition {
			out = append(out, hit{at: s.Pos, message: s.what() + " " + message})
		}
	}
	return out
}
