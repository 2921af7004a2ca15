package statements

import (
	"slices"
	"strings"
	"time"
)

// Dependence is what of an input's rows tells how far back a horizon goes that depends on the data. One of Chain, Rows and Last is set.
type Dependence struct {
	Topic  string        // whose rows they are; "" where other operators stand between them and a table, so that no log tells
	Chain  time.Duration // back to where a key paused for longer than this
	Rows   int64         // so many rows of every key
	Last   bool          // the last row of every key, however old: all of a compacted log
	InTime bool          // with Last: the last one in time. Compaction leaves the last one in place, which is another where a key's rows come out of order
	Keyed  bool          // the key is that of the topic's records; else all rows are taken together, which is no less for a Chain
}

// Logged is a row of a log, as far as its record tells without being decoded.
type Logged struct {
	Key uint64 // of a hash of the record's key
	At  int64  // ms since the epoch
}

// Reach is how far back a log has had to go by its rows, which come in the order of their times: the longest chain with the pause behind it, or the
// longest time in which a key had so many rows. more is that it may go further: what was read does not begin with the log, and may begin in the
// middle of it.
func (d Dependence) Reach(rows []Logged, whole bool) (reach time.Duration, more bool) {
	keys := map[uint64][]int64{}
	for _, r := range rows {
		if !d.Keyed {
			r.Key = 0
		}
		keys[r.Key] = append(keys[r.Key], r.At)
	}
	if len(rows) == 0 {
		return 0, !whole
	}
	first, last := rows[0].At, rows[len(rows)-1].At
	for _, times := range keys {
		longest, open := d.reachOf(times, first, last)
		reach, more = max(reach, time.Duration(longest)*time.Millisecond), more || open
	}
	if d.Rows > 0 {
		more = true // a key may have paused for longer than was read
	}
	return reach, more && !whole
}

// reachOf is Reach of one key, in ms. open is that its first rows may belong to others before them.
func (d Dependence) reachOf(times []int64, first, last int64) (longest int64, open bool) {
	if d.Rows > 0 {
		for i := range len(times) + 1 {
			at, from := last, max(0, i-int(d.Rows))
			if i < len(times) {
				at = times[i]
			}
			longest = max(longest, at-times[min(from, len(times)-1)])
		}
		return longest, true
	}
	pause := d.Chain.Milliseconds()
	begin := times[0]
	open = begin-first <= pause
	for i, at := range times {
		if i > 0 && at-times[i-1] > pause {
			begin = at
		}
		longest = max(longest, at-begin+pause)
	}
	return longest, open
}

// chainOf depends on pauses of the keys by which an operator parts its input. Rows of one record key are no chain of their own where the operator
// takes several keys together, and then all rows count as one.
func chainOf(pause time.Duration, in Rel, by []Scalar) Dependence {
	d := Dependence{Chain: pause}
	sc, columns, _ := origin(in, by)
	if sc != nil {
		key := bucketKey(sc.Table)
		d.Topic = sc.Table.Name
		d.Keyed = len(key) > 0 && !slices.ContainsFunc(key, func(name string) bool { return !slices.Contains(columns, name) })
	}
	return d
}

// lastOf depends on the last n rows of every key: a log tells only where the keys are its records' own, or there are none, and nothing is filtered out.
func lastOf(n int64, in Rel, by []Scalar) Dependence {
	d := Dependence{Rows: n}
	sc, columns, filtered := origin(in, by)
	if sc == nil || filtered {
		return d
	}
	key := slices.Sorted(slices.Values(bucketKey(sc.Table)))
	slices.Sort(columns)
	if d.Keyed = len(columns) > 0; !d.Keyed && len(by) == 0 || slices.Equal(columns, key) {
		d.Topic = sc.Table.Name
	}
	return d
}

// origin follows columns to the table whose rows they are of; nil where its rows are not those of r, or fewer.
func origin(r Rel, by []Scalar) (sc *Scan, columns []string, filtered bool) {
	for {
		switch n := r.(type) {
		case *Scan:
			for _, x := range by {
				name := "" // of none that is the table's
				if ref, ok := x.(*ColumnRef); ok && ref.Index < len(n.Row) {
					name = n.Row[ref.Index].Name
				}
				columns = append(columns, name)
			}
			return n, columns, filtered
		case *Projection:
			below := make([]Scalar, len(by))
			for i, x := range by {
				if ref, ok := x.(*ColumnRef); ok {
					below[i] = stripCast(n.Exprs[ref.Index])
				}
			}
			by = below
		case *Filter:
			filtered = true
		case *Windowing:
		default:
			return nil, nil, false
		}
		r = r.Input()
	}
}

func columnRefs(columns []int) []Scalar {
	out := make([]Scalar, len(columns))
	for i, c := range columns {
		out[i] = &ColumnRef{Index: c}
	}
	return out
}

// Versions is how far back every version of a row counts, where otherwise the last one does: as far as time bounds what is joined with them.
func (h Horizon) Versions() time.Duration {
	last := slices.ContainsFunc(h.Depends, func(d Dependence) bool { return d.Last })
	timed := slices.ContainsFunc(h.Terms, func(t Term) bool { return t.Delay })
	if !last || !timed {
		return 0
	}
	return h.Duration()
}

// InTime reports whether the last row of a key that counts is the last one in time, which compaction leaves only where records come in order.
func (h Horizon) InTime() bool {
	return slices.ContainsFunc(h.Depends, func(d Dependence) bool { return d.Last && d.InTime })
}

// Remedy is what can be done about a horizon that has no bound, or that the data alone tell.
func (h Horizon) Remedy() string {
	switch {
	case !h.Data && strings.HasPrefix(h.Unknown, inLoop):
		return loopRemedy
	case !h.Data:
		return "keep the whole input (retention without limit, or the compacted topic of an upsert table), say in event time what may be forgotten (a window, an interval join), or carry its checkpoints over"
	case slices.ContainsFunc(h.Depends, func(d Dependence) bool { return !d.Last }):
		return "keep the topic for much longer than that has been (check measures it), or all of it"
	}
	if h.InTime() {
		return "keep all of the topic; where every key's records come in the order of their event time, the last one of each is enough (cleanup.policy=compact)"
	}
	return "keep the last record of every key (cleanup.policy=compact), or all of the topic"
}

// Why a statement in a loop has no bound, and what can be done about loops.
const (
	inLoop     = "the statements read each other's output"
	loopRemedy = "read the input from before the loop, or write to another table"
)
