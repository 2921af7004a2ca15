package statements

import (
	"fmt"
	"maps"
	"slices"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d22 = Rule{
	ID:           "D22",
	Title:        "the entries of a map as a list",
	Why:          "a map has no order: the list depends on how the map was built, and on the version of the engine",
	Remedy:       "sort the list: ARRAY_SORT(MAP_KEYS(m))",
	ActiveActive: report.Medium, ActivePassive: report.Medium,
	Leaves: NonDeterministic,
	check:  checkD22,
	Page: `MAP_KEYS, MAP_VALUES and MAP_ENTRIES give the entries as the map happens to hold them. Nothing is found where the order does not show, because the list is sorted, counted or searched.

UNNEST of a map or multiset gives the same rows in another order, which only their numbers (WITH ORDINALITY) would show. JSON_OBJECT and JSON_OBJECTAGG sort their keys.`,
	Wrong: `CREATE TABLE orders (id STRING, tags MAP<STRING, STRING>);
CREATE TABLE tagged (id STRING, tags ARRAY<STRING>);
INSERT INTO tagged SELECT id, MAP_KEYS(tags) FROM orders;`,
	Right: `CREATE TABLE orders (id STRING, tags MAP<STRING, STRING>);
CREATE TABLE tagged (id STRING, tags ARRAY<STRING>);
INSERT INTO tagged SELECT id, ARRAY_SORT(MAP_KEYS(tags)) FROM orders;`,
}

func checkD22(in *judged) []hit {
	calls := map[Pos]string{}
	u := &unsorted{shows: map[Pos]bool{}, scalar: func(op *Op) bool {
		switch op.Name {
		case "MAP_ENTRIES", "MAP_KEYS", "MAP_VALUES":
			calls[op.Pos] = op.Name
			return true
		}
		return false
	}}
	for _, w := range in.related() {
		u.write(w)
	}
	var out []hit
	for _, at := range slices.SortedFunc(maps.Keys(u.shows), Pos.compare) {
		h := hit{at: at, message: calls[at] + " gives the entries in the order in which the map holds them"}
		if c, ok := in.callAt(at).(*Call); ok && c.Func != "MAP_ENTRIES" { // rows can not be sorted
			h.remedy = fmt.Sprintf("write ARRAY_SORT(%s)", c.SQL())
		}
		out = append(out, h)
	}
	return out
}
