package statements

import (
	"cmp"
	"fmt"
	"slices"
)

// inTime are the rows of a table that are not late, by key and in the order of their times.
func inTime(m marks, table string) map[int][]event {
	out := map[int][]event{}
	for i, e := range m.log {
		if e.table == table && !m.late(i) {
			out[e.k] = append(out[e.k], e)
		}
	}
	for _, rows := range out {
		slices.SortStableFunc(rows, func(x, y event) int { return cmp.Compare(x.t, y.t) })
	}
	return out
}

func overRange(log []event, s shape) []result {
	var out []result
	m := watermarks(log, "a")
	for _, rows := range inTime(m, "a") {
		for _, e := range rows {
			var sum int64
			for _, o := range rows {
				if o.t <= e.t && o.t >= e.t-s.large*ms {
					sum += o.v
				}
			}
			out = append(out, result{m.when(e.t), e.t, e.t, fmt.Sprint(e, "=", sum)})
		}
	}
	return out
}

// overRows adds a row up with the three of its key in front of it.
func overRows(log []event, _ shape) []result {
	var out []result
	m := watermarks(log, "a")
	for _, rows := range inTime(m, "a") {
		for i, e := range rows {
			out = append(out, result{m.when(e.t), e.t, e.t, fmt.Sprint(e, "=", total(rows[max(0, i-3):i+1]))})
		}
	}
	return out
}

// matches finds two rows in a row of a key, both above 10 and the second above 20, within large. Past says that the next match begins behind the last.
func matches(past bool) func([]event, shape) []result {
	return func(log []event, s shape) []result {
		var out []result
		m := watermarks(log, "a")
		for _, rows := range inTime(m, "a") {
			for i := 0; i+1 < len(rows); i++ {
				x, y := rows[i], rows[i+1]
				if x.v > 10 && y.v > 20 && y.t-x.t < s.large*ms {
					out = append(out, result{m.when(y.t), y.t, y.t, fmt.Sprint(x, y)})
					if past {
						i++
					}
				}
			}
		}
		return out
	}
}

// filtered lets rows pass as they come.
func filtered(log []event, s shape) []result {
	var out []result
	for _, e := range log {
		if e.v > s.small {
			out = append(out, result{e.at, e.t, e.t, fmt.Sprint(e)})
		}
	}
	return out
}

// ttlFirst lets a key's first row pass, and the first one after that has expired.
func ttlFirst(log []event, s shape) []result {
	var out []result
	until := map[int]int64{}
	for _, e := range log {
		if at, seen := until[e.k]; !seen || e.t >= at {
			until[e.k] = e.t + s.large*ms
			out = append(out, result{e.at, e.t, e.t, fmt.Sprint(e)})
		}
	}
	return out
}

// ttlSums counts by key; a key is forgotten when it was not written for large.
func ttlSums(log []event, s shape) []result {
	var out []result
	sum, written := map[int]int64{}, map[int]int64{}
	for _, e := range log {
		if e.t-written[e.k] >= s.large*ms {
			sum[e.k] = 0
		}
		sum[e.k], written[e.k] = sum[e.k]+e.v, e.t
		out = append(out, result{e.at, e.t, e.t, fmt.Sprint(e.k, "=", sum[e.k])})
	}
	return out
}

// latest tells what every row changes for its key that is no older than the one that counts.
func latest(log []event, _ shape) []result {
	var out []result
	last := map[int]event{}
	for _, e := range log {
		if held, ok := last[e.k]; !ok || e.t >= held.t {
			out = append(out, result{e.at, e.t, e.t, fmt.Sprint(e.k, ": ", held.v, " to ", e.v)})
			last[e.k] = e
		}
	}
	return out
}

// changes tells what every row changes for its key.
func changes(log []event, _ shape) []result {
	var out []result
	last := map[int]int64{}
	for _, e := range log {
		out = append(out, result{e.at, e.t, e.t, fmt.Sprint(e.k, ": ", last[e.k], " to ", e.v)})
		last[e.k] = e.v
	}
	return out
}
