package statements

import (
	"slices"
	"strings"
)

// Rows of one partition come in the order of their offsets in every region; rows of different partitions interleave in another
// order each time. So what depends on the order of rows is the same where those in question are all in one partition, or where
// the order that the query asks for has no ties.

// onePartition reports whether all rows of r with equal values of keys come from one partition, in its order.
func (in *judged) onePartition(r Rel, keys []Scalar) bool {
	columns := map[int]bool{}
	for _, k := range keys {
		if ref, ok := k.(*ColumnRef); ok {
			columns[ref.Index] = true
		}
	}
	for {
		switch n := r.(type) {
		case *Scan:
			if n.Table.Buckets == 1 || in.facts.Topics[n.Table.Name].Partitions == 1 {
				return true
			}
			by := bucketKey(n.Table)
			return len(by) > 0 && !slices.ContainsFunc(by, func(name string) bool {
				i := slices.IndexFunc(n.Row, func(c Column) bool { return c.Name == name })
				return !columns[i]
			})
		case *Projection:
			below := map[int]bool{}
			for i := range columns {
				if ref, ok := n.Exprs[i].(*ColumnRef); ok {
					below[ref.Index] = true
				}
			}
			columns = below
		case *Filter, *Windowing, *Normalizing:
		case *Calling:
			if n.Func != "UNNEST" || n.In == nil {
				return false
			}
		default:
			return false
		}
		r = r.Input()
	}
}

// bucketKey are the columns that choose a record's partition, none where nothing says so.
func bucketKey(t *Table) []string {
	if len(t.Distribution) > 0 {
		return t.Distribution
	}
	if t.Mode() == Upsert {
		return t.PrimaryKey
	}
	return nil
}

// ties says of an order within a partition whether rows may be equal in it that are not equal in what is used of them. A second
// column is taken for the tie-breaker that it is meant to be where no key of the rows is known.
func (in *judged) ties(r Rel, partition []Scalar, order []SortKey, need map[int]bool) bool {
	given := map[int]bool{}
	for _, x := range partition {
		if ref, ok := x.(*ColumnRef); ok {
			given[ref.Index] = true
		}
	}
	for _, k := range order {
		if ref, ok := k.Value.(*ColumnRef); ok {
			given[ref.Index] = true
			if r.Columns()[ref.Index].Clock {
				return false // no order of the data at all: D01 is about it
			}
		}
	}
	covers := true
	for i := range need {
		covers = covers && (given[i] || i >= len(r.Columns()))
	}
	if covers || in.onePartition(r, partition) {
		return false
	}
	keys := UniqueKeys(r)
	for _, key := range keys {
		if !slices.ContainsFunc(key, func(i int) bool { return !given[i] }) {
			return false
		}
	}
	return len(keys) > 0 || len(order) < 2
}

// orderText writes an order as SQL, with the columns that would make it one without ties.
func orderText(r Rel, partition []Scalar, order []SortKey) string {
	var parts []string
	given := map[int]bool{}
	for _, x := range partition {
		refs(x, func(i int) { given[i] = true })
	}
	for _, k := range order {
		text := "…"
		if ref, ok := k.Value.(*ColumnRef); ok {
			text = quoteName(clip(ref.Name))
			given[ref.Index] = true
		}
		if k.Descending {
			text += " DESC"
		}
		parts = append(parts, text)
	}
	row := r.Columns()
	breaker := "<a unique column>"
	if keys := UniqueKeys(r); len(keys) > 0 {
		var names []string
		for _, i := range keys[0] {
			if !given[i] {
				names = append(names, quoteName(clip(row[i].Name)))
			}
		}
		breaker = strings.Join(names, ", ")
	}
	return "ORDER BY " + strings.Join(append(parts, breaker), ", ")
}

// orderNames names the columns of an order for a message.
func orderNames(order []SortKey) string {
	var out []string
	for _, k := range order {
		if ref, ok := k.Value.(*ColumnRef); ok && ref.Name != "" {
			out = append(out, quoteName(clip(ref.Name)))
		} else {
			out = append(out, "the expression that orders them")
		}
	}
	return strings.Join(out, ", ")
}
