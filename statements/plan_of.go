package statements

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// PlanNode is one node of a statement's plan, for people.
type PlanNode struct {
	Depth      int    // 0 is what writes; an input is one deeper than what reads it
	Operator   string // in the words of Flink's plans: StreamGroupAggregate
	Name       string
	Detail     string
	Changelog  string     // of the rows that it gives: append, or the kinds of change
	UpsertKeys [][]string // by which changes come in order; none where rows are never taken back
	State      string     // what it keeps between rows, "" where it keeps nothing
	StateSize  string     // low, medium or high; "" where it keeps nothing
	Note       string     // that a sink keeps all rows of a key, or why Flink refuses the plan
	At         Pos
}

// PlanOf lists the operators of what statements write, each writer first and every input behind what reads it. ttl is the time to live
// of the statements' state, 0 for none.
func PlanOf(ttl time.Duration, writes ...*Write) []PlanNode {
	var out []PlanNode
	for _, w := range writes {
		out = append(out, planBelow(w, OperatorsOf(w, ttl), 0, ttl)...)
	}
	return out
}

// planBelow is a node and what is below it. The first of the result is the node.
func planBelow(r Rel, o *OperatorNode, depth int, ttl time.Duration) []PlanNode {
	op := PlanNode{Depth: depth, Operator: o.Operator, At: r.At(), Changelog: o.Changelog, Note: o.Note}
	if o.State != "none" && o.Note == "" {
		op.State, op.StateSize = stateText(r, ttl), o.State
	}
	if op.Changelog == Inserts.String() {
		op.Changelog = string(Append)
	} else {
		op.UpsertKeys = o.UpsertKeys
	}
	var below []PlanNode
	for i, in := range Inputs(r) {
		from := o.Inputs[i]
		if p, ok := r.(*Projection); ok && passes(p) {
			if inner, ok := in.(*Projection); ok { // Flink runs the two as one
				in, from = inner.In, from.Inputs[0]
			}
		}
		below = append(below, planBelow(in, from, depth+1, ttl)...)
	}
	op.Name, op.Detail = described(r)
	return append([]PlanNode{op}, below...)
}

// passes reports whether a projection only passes columns on.
func passes(p *Projection) bool {
	return !slices.ContainsFunc(p.Exprs, func(x Scalar) bool {
		_, ref := x.(*ColumnRef)
		return !ref
	})
}

// described names an operator, and tells what it does.
func described(r Rel) (name, detail string) {
	switch n := r.(type) {
	case *Scan:
		switch {
		case n.Table.Open:
			return "scan", n.Table.Name + ", which no CREATE TABLE declares"
		case !n.Table.Topic():
			return "scan", n.Table.Name + ", connector " + n.Table.Connector()
		}
		return "scan", n.Table.Name + ", watermark on " + n.Table.TimeColumn()
	case *Windowing:
		return "window", fmt.Sprintf("%s of %s over %s", n.Kind, short(n.Size), columnAt(n.In, n.Time))
	case *Filter:
		return "filter", ""
	case *Aggregation:
		return aggregation(n)
	case *Projection:
		return "project", columnList(n.Row)
	case *Joining:
		return "join", fmt.Sprintf("%s, %s", strings.ToLower(string(n.Kind)), n.Form)
	case *Combining:
		name = strings.ToLower(string(n.Op))
		if n.All {
			name += " all"
		}
		return name, ""
	case *Ranking:
		switch {
		case n.Dedup && n.KeepLast:
			return "deduplicate", "the last row" + partitionedBy(n.In, n.Partition)
		case n.Dedup:
			return "deduplicate", "the first row" + partitionedBy(n.In, n.Partition)
		}
		return "rank", fmt.Sprintf("%d to %d%s, ordered by %s", n.From, n.To, partitionedBy(n.In, n.Partition), orderNames(n.Order))
	case *Over:
		return "over", aggregateNames(n.Calls) + partitionedBy(n.In, n.Partition)
	case *Sorting:
		detail = orderNames(sortedBy(n))
		if n.Limit >= 0 {
			detail = strings.TrimPrefix(fmt.Sprintf("%s, the first %d", detail, n.Limit), ", ")
		}
		return "sort", detail
	case *Calling:
		return "call", n.Func
	case *Matching:
		return "match", "MATCH_RECOGNIZE" + partitionedBy(n.In, n.Partition)
	case *Normalizing:
		return "normalize", "by " + columnsAt(n.In, n.Key)
	case *Listing:
		return "values", ""
	case *Write:
		detail = n.Table.Name
		if len(n.Table.PrimaryKey) > 0 {
			detail += ", key " + strings.Join(n.Table.PrimaryKey, ", ")
		}
		return "write", detail
	}
	return strings.ToLower(reflect.TypeOf(r).Elem().Name()), ""
}

// sortedBy is the order of a query in the columns that it is made of: some of them are only there for it.
func sortedBy(n *Sorting) []SortKey {
	out := slices.Clone(n.Order)
	p, ok := n.In.(*Projection)
	for i, k := range out {
		if ref, is := k.Value.(*ColumnRef); is && ok && ref.Name == orderColumn {
			out[i].Value = p.Exprs[ref.Index]
		}
	}
	return out
}

// stateText is what an operator keeps between rows. ttl is the statement's.
func stateText(r Rel, ttl time.Duration) string {
	until := func(hint time.Duration) string {
		if hint = cmp.Or(hint, ttl); hint > 0 {
			return fmt.Sprintf("until it was not changed for %s", short(hint))
		}
		return "for ever"
	}
	switch n := r.(type) {
	case *Aggregation:
		if n.Window != nil {
			return fmt.Sprintf("a row for every key of each open window of %s; dropped when the watermark passes its end", short(n.Window.Size))
		}
		return "a row for every key, " + until(n.TTL)
	case *Ranking:
		switch {
		case n.Window != nil:
			return fmt.Sprintf("the first rows of each open window of %s", short(n.Window.Size))
		case n.Dedup:
			return "a row for every key, " + until(0)
		}
		return "the first rows of every partition, or all of them where rows are taken back, " + until(0)
	case *Over:
		switch {
		case n.Preceding != nil && n.Range:
			return "the rows of the last " + short(*n.Preceding)
		case !n.Range && n.Rows >= 0:
			return fmt.Sprintf("the last %s of every partition, %s", counted(int(n.Rows), "row"), until(0))
		}
		return "a row for every partition, " + until(0)
	case *Joining:
		switch n.Form {
		case IntervalJoin:
			if n.Bounds != nil {
				return "rows of both sides for " + short(n.Bounds.reach())
			}
		case TemporalJoin:
			return "the versions of the right side, and rows of the left until the watermark passes them"
		case WindowJoin:
			return "the rows of both sides' open windows"
		}
		if l, r := cmp.Or(n.TTL[0], ttl), cmp.Or(n.TTL[1], ttl); l != r {
			return fmt.Sprintf("all rows of both sides, the left %s, the right %s", until(l), until(r))
		}
		return "all rows of both sides, " + until(n.TTL[0])
	case *Combining:
		return "every row, " + until(0)
	case *Sorting:
		if n.Limit < 0 {
			return "rows until the watermark passes them"
		}
		return "the first rows, " + until(0)
	case *Matching:
		if n.Within > 0 {
			return "matches that have begun, for " + short(n.Within)
		}
		return "matches that have begun, for ever"
	case *Normalizing:
		return "the last row of every key, " + until(0)
	}
	return ""
}

// aggregation describes what an aggregation computes.
func aggregation(n *Aggregation) (name, detail string) {
	keys := columnList(n.Row[:min(len(n.Keys), len(n.Row))])
	if len(n.Aggregates) == 0 && keys != "" {
		return "distinct", keys
	}
	detail = aggregateNames(n.Aggregates)
	if keys != "" {
		detail += " by " + keys
	}
	return "aggregate", detail
}

func aggregateNames(calls []*Aggregate) string {
	var names []string
	for _, a := range calls {
		names = append(names, a.Func)
	}
	return strings.Join(names, ", ")
}

func partitionedBy(in Rel, keys []Scalar) string {
	var names []string
	for _, k := range keys {
		name := "an expression"
		if ref, ok := k.(*ColumnRef); ok {
			name = columnAt(in, ref.Index)
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return ""
	}
	return " by " + strings.Join(names, ", ")
}

// columnList names the columns of a row that a query sees.
func columnList(row []Column) string {
	var names []string
	for _, c := range row {
		if !c.Hidden && c.Name != "" && c.Name != orderColumn {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ", ")
}

func columnsAt(r Rel, at []int) string {
	var names []string
	for _, i := range at {
		names = append(names, columnAt(r, i))
	}
	return strings.Join(names, ", ")
}

func columnAt(r Rel, i int) string {
	if row := r.Columns(); i >= 0 && i < len(row) {
		return row[i].Name
	}
	return "?"
}
