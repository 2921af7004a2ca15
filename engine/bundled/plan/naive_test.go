package plan_test

import (
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
)

const (
	eventsDDL = "CREATE TABLE events (k1 STRING, k2 BIGINT, i INT, d DECIMAL(10, 2), f DOUBLE, s STRING, b BOOLEAN, ts TIMESTAMP(3) NOT NULL, " +
		"WATERMARK FOR ts AS ts - INTERVAL '2' SECOND)"
	windowSize = 10_000
)

// event is a row of events; nil is NULL.
type event struct {
	k1 *string
	k2 *int64
	i  *int64
	d  *int64 // hundredths
	f  *float64
	s  *string
	b  *bool
	ts int64
}

// grouping is a GROUP BY of the test: its columns, as SQL and of an event.
type grouping struct {
	columns []string
	of      func(event) []string
}

var groupings = []grouping{
	{nil, func(event) []string { return nil }},
	{[]string{"k1"}, func(e event) []string { return []string{show(e.k1)} }},
	{[]string{"k2"}, func(e event) []string { return []string{show(e.k2)} }},
	{[]string{"k1", "k2"}, func(e event) []string { return []string{show(e.k1), show(e.k2)} }},
	{[]string{"b", "d", "f"}, func(e event) []string { return []string{show(e.b), hundredths(e.d), show(e.f)} }},
}

func show[T any](p *T) string {
	if p == nil {
		return "NULL"
	}
	return fmt.Sprint(*p)
}

func hundredths(p *int64) string {
	if p == nil {
		return "NULL"
	}
	return string(decimal.Append(nil, decimal.FromInt64(*p), 2))
}

// sql is the query of a grouping, and sinkDDL its table.
func (g grouping) sql() string {
	keys := strings.Join(append(slices.Clone(g.columns), "window_start", "window_end"), ", ")
	return "INSERT INTO results SELECT " + keys + ", COUNT(*), COUNT(i), SUM(i), MIN(i), MAX(i), AVG(i), SUM(d), AVG(d), MIN(d), MAX(d), SUM(f), AVG(f), MIN(f), MAX(f), " +
		"MIN(s), MAX(s), COUNT(DISTINCT s), COUNT(*) FILTER (WHERE b), MAX(ts), MIN(b) " +
		"FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY " + keys
}

func (g grouping) sinkDDL() string {
	types := map[string]string{"k1": "STRING", "k2": "BIGINT", "b": "BOOLEAN", "d": "DECIMAL(10, 2)", "f": "DOUBLE"}
	var cols []string
	for _, c := range g.columns {
		cols = append(cols, c+" "+types[c])
	}
	for i, t := range strings.Split("TIMESTAMP(3);TIMESTAMP(3);BIGINT;BIGINT;INT;INT;INT;INT;DECIMAL(38, 2);DECIMAL(38, 6);DECIMAL(10, 2);DECIMAL(10, 2);"+
		"DOUBLE;DOUBLE;DOUBLE;DOUBLE;STRING;STRING;BIGINT;BIGINT;TIMESTAMP(3);BOOLEAN", ";") {
		cols = append(cols, fmt.Sprintf("c%d %s", i, t))
	}
	return "CREATE TABLE results (" + strings.Join(cols, ", ") + ")"
}

// naive computes the query over groups that are just lists of events.
type naive struct {
	g      grouping
	groups map[string][]event
	mark   int64
	rows   []string
	late   int64
}

func (n *naive) add(e event) {
	start := e.ts - (e.ts%windowSize+windowSize)%windowSize
	if start+windowSize-1 <= n.mark {
		n.late++
		return
	}
	key := strings.Join(append(n.g.of(e), fmt.Sprint(start), fmt.Sprint(start+windowSize)), "|")
	n.groups[key] = append(n.groups[key], e)
}

func (n *naive) advance(mark int64) {
	n.mark = max(n.mark, mark)
	for _, key := range slices.Sorted(maps.Keys(n.groups)) {
		end, _ := strconv.ParseInt(key[strings.LastIndexByte(key, '|')+1:], 10, 64)
		if end-1 <= n.mark {
			n.rows = append(n.rows, key+"|"+strings.Join(result(n.groups[key]), "|"))
			delete(n.groups, key)
		}
	}
}

// result computes the aggregates of a list of events, each by itself.
func result(list []event) []string {
	var ints, cents []int64
	var floats []float64
	var texts []string
	filtered, last := 0, int64(math.MinInt64)
	var least *bool
	for _, e := range list {
		if e.i != nil {
			ints = append(ints, *e.i)
		}
		if e.d != nil {
			cents = append(cents, *e.d)
		}
		if e.f != nil {
			floats = append(floats, *e.f)
		}
		if e.s != nil {
			texts = append(texts, *e.s)
		}
		if e.b != nil && *e.b {
			filtered++
		}
		if e.b != nil && (least == nil || !*e.b) {
			least = e.b
		}
		last = max(last, e.ts)
	}
	out := []string{fmt.Sprint(len(list)), fmt.Sprint(len(ints))}
	if len(ints) == 0 {
		out = append(out, "NULL", "NULL", "NULL", "NULL")
	} else {
		sum := int64(0)
		for _, x := range ints {
			sum += x
		}
		out = append(out, fmt.Sprint(int32(sum)), fmt.Sprint(slices.Min(ints)), fmt.Sprint(slices.Max(ints)), fmt.Sprint(int32(sum/int64(len(ints)))))
	}
	if len(cents) == 0 {
		out = append(out, "NULL", "NULL", "NULL", "NULL")
	} else {
		sum := new(big.Rat)
		for _, x := range cents {
			sum.Add(sum, big.NewRat(x, 100))
		}
		mean := new(big.Rat).Quo(sum, big.NewRat(int64(len(cents)), 1))
		out = append(out, sum.FloatString(2), mean.FloatString(6), hundredths(ptr(slices.Min(cents))), hundredths(ptr(slices.Max(cents))))
	}
	if len(floats) == 0 {
		out = append(out, "NULL", "NULL", "NULL", "NULL")
	} else {
		sum := 0.0
		for _, x := range floats {
			sum += x
		}
		out = append(out, fmt.Sprint(sum), fmt.Sprint(sum/float64(len(floats))), fmt.Sprint(slices.Min(floats)), fmt.Sprint(slices.Max(floats)))
	}
	if len(texts) == 0 {
		out = append(out, "NULL", "NULL", "0")
	} else {
		out = append(out, slices.Min(texts), slices.Max(texts))
		slices.Sort(texts)
		out = append(out, fmt.Sprint(len(slices.Compact(texts))))
	}
	return append(out, fmt.Sprint(filtered), fmt.Sprint(last), show(least))
}

func ptr[T any](x T) *T { return &x }
