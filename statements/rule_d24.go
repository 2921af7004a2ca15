package statements

import (
	"fmt"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

const zoneProperty = "sql.local-time-zone"

var d24 = Rule{
	ID:           "D24",
	Title:        "a time zone that the statement does not say",
	Why:          "an instant is shown as a date and a clock time in the session's zone, which each region's session may set to another",
	Remedy:       "SET 'sql.local-time-zone' = 'UTC', in the properties of the pipeline in lifeboat.yaml",
	ActiveActive: report.Medium, ActivePassive: report.Medium,
	check: checkD24,
	Page:  `TIMESTAMP_LTZ is an instant, TIMESTAMP what a clock shows: a cast between them, to a text, a DATE or a TIME, and DATE_FORMAT, EXTRACT, FLOOR and CEIL of an instant ask the session's zone. Functions that take the zone as an argument, such as CONVERT_TZ, do not.`,
	Wrong: `CREATE TABLE orders (item STRING, sold TIMESTAMP_LTZ(3));
CREATE TABLE days (item STRING, sold_on STRING);
INSERT INTO days SELECT item, DATE_FORMAT(sold, 'yyyy-MM-dd') FROM orders;`,
	Right: `CREATE TABLE orders (item STRING, sold TIMESTAMP(3));
CREATE TABLE days (item STRING, sold_on STRING);
INSERT INTO days SELECT item, DATE_FORMAT(sold, 'yyyy-MM-dd') FROM orders;`,
}

func checkD24(in *judged) []hit {
	differ := in.settingsDiffer(zoneProperty)
	if differ == "" && in.facts.Properties[zoneProperty] != "" {
		return nil
	}
	var out []hit
	in.scalars(func(x Scalar) {
		op, ok := x.(*Op)
		if !ok || !zoned(op) {
			return
		}
		h := hit{at: op.Pos, message: fmt.Sprintf("%s of %s asks the session's time zone, which is not set", op.Name, op.Args[0].Type().Kind)}
		if differ != "" {
			h.message, h.leaves = fmt.Sprintf("%s of %s asks the session's time zone, and %s", op.Name, op.Args[0].Type().Kind, differ), NonDeterministic
		}
		out = append(out, h)
	})
	return out
}

// zoned reports whether what an operation gives depends on the session's time zone.
func zoned(op *Op) bool {
	if len(op.Args) == 0 {
		return false
	}
	from := op.Args[0].Type()
	instant := from.Kind == KindTimestampLTZ
	clock := from.Kind == KindTimestamp || from.Kind == KindDate || from.IsString()
	switch op.Name {
	case "CAST", "TRY_CAST":
		if _, null := op.Args[0].(*Constant); null && from.Kind == KindNull {
			return false
		}
		to := op.Of
		return instant && (to.is(KindTimestamp, KindDate, KindTime) || to.IsString()) || clock && to.Kind == KindTimestampLTZ
	case "DATE_FORMAT", "EXTRACT", "FLOOR", "CEIL":
		return instant
	}
	return false
}

// settingsDiffer says how the statement's properties of these names differ between the regions that run it, "" where they do
// not, or less than two are known.
func (in *judged) settingsDiffer(names ...string) string {
	for _, name := range names {
		firstIn, first := "", ""
		for _, region := range sortedKeys(in.facts.Regions) {
			have := in.facts.Regions[region].Properties
			if have == nil {
				continue
			}
			switch value := have[name]; {
			case firstIn == "":
				firstIn, first = region, value
			case value != first:
				return fmt.Sprintf("%s is %s in %s and %s in %s", name, orUnset(first), firstIn, orUnset(value), region)
			}
		}
	}
	return ""
}

func orUnset(s string) string {
	if strings.TrimSpace(s) == "" {
		return "not set"
	}
	return quoteString(s)
}

// scalars calls visit for each expression within the statement's outputs, conditions, keys and arguments.
func (in *judged) scalars(visit func(Scalar)) {
	var walk func(xs ...Scalar)
	walk = func(xs ...Scalar) {
		for _, x := range xs {
			if x == nil {
				continue
			}
			visit(x)
			if op, ok := x.(*Op); ok {
				walk(op.Args...)
			}
		}
	}
	calls := func(as []*Aggregate) {
		for _, a := range as {
			walk(a.Args...)
			walk(a.Filter)
		}
	}
	order := func(keys []SortKey) {
		for _, k := range keys {
			walk(k.Value)
		}
	}
	in.operators(func(r Rel) {
		switch n := r.(type) {
		case *Filter:
			walk(n.Cond)
		case *Projection:
			walk(n.Exprs...)
		case *Aggregation:
			walk(n.Keys...)
			calls(n.Aggregates)
		case *Joining:
			walk(n.On...)
		case *Over:
			walk(n.Partition...)
			order(n.Order)
			calls(n.Calls)
		case *Ranking:
			walk(n.Partition...)
			order(n.Order)
		case *Sorting:
			order(n.Order)
		case *Calling:
			walk(n.Args...)
		case *Matching:
			walk(n.Partition...)
			order(n.Order)
			walk(n.Measures...)
		case *Listing:
			for _, row := range n.Rows {
				walk(row...)
			}
		}
	})
}
