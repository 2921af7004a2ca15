package statements

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// PlanNode is one node of a statement's plan, for people.
type PlanNode struct {
	Depth     int // 0 is what writes; an input is one deeper than what reads it
	Name      string
	Detail    string
	Changelog string // of the rows that it gives: append, or the kinds of change
	State     string // what it keeps between rows, "" where it keeps nothing
	Note      string // that a sink keeps all rows of a key, or why Flink refuses the plan
	At        Pos
}

// PlanOf lists the operators of what statements write, each writer first and every input behind what reads it. ttl is the time to live
// of the statements' state, 0 for none.
func PlanOf(ttl time.Duration, writes ...*Write) []PlanNode {
	var out []PlanNode
	for _, w := range writes {
		out = append(out, planBelow(w, OperatorsOf(w, ttl), 0)...)
	}
	return out
}

// planBelow is a node and what is below it. The first of the result is the node.
func planBelow(r Rel, o *OperatorNode, depth int) []PlanNode {
	op := PlanNode{Depth: depth, At: r.At(), Changelog: o.Changelog, Note: o.Note}
	if o.State != "none" && o.Note == "" {
		op.State = o.Horizon
	}
	if op.Changelog == Inserts.String() {
		op.Changelog = string(Append)
	}
	var below []PlanNode
	for i, in := range Inputs(r) {
		below = append(below, planBelow(in, o.Inputs[i], depth+1)...)
	}
	switch n := r.(type) {
	case *Scan:
		op.Name, op.Detail = "scan", n.Table.Name+", watermark on "+n.Table.TimeColumn()
	case *Windowing:
		op.Name, op.Detail = "window", fmt.Sprintf("%s of %s over %s", n.Kind, short(n.Size), columnAt(n.In, n.Time))
	case *Filter:
		op.Name = "filter"
	case *Aggregation:
		op.Name, op.Detail, op.State = aggregation(n)
	case *Projection:
		op.Name, op.Detail = "project", strings.Join(columnNames(n.Row), ", ")
	case *Joining:
		op.Name, op.Detail = "join", fmt.Sprintf("%s, %s", strings.ToLower(string(n.Kind)), n.Form)
		op.State = joinState(n)
	case *Write:
		op.Name, op.Detail = "write", n.Table.Name
		if len(n.Table.PrimaryKey) > 0 {
			op.Detail += ", key " + strings.Join(n.Table.PrimaryKey, ", ")
		}
	default:
		op.Name, op.Detail = strings.ToLower(reflect.TypeOf(n).Elem().Name()), strings.Join(columnNames(n.Columns()), ", ")
	}
	return append([]PlanNode{op}, below...)
}

// joinState is what a join of each form keeps.
func joinState(n *Joining) string {
	switch n.Form {
	case RegularJoin:
		return "all rows of both sides"
	case IntervalJoin:
		if n.Bounds != nil {
			return fmt.Sprintf("rows of both sides for %s", short(max(-n.Bounds.Lower, n.Bounds.Upper, 0)))
		}
	case TemporalJoin:
		return "the versions of the right side, and rows of the left until the watermark passes them"
	case WindowJoin:
		return "the rows of both sides' open windows"
	}
	return ""
}

// aggregation describes what an aggregation computes and keeps.
func aggregation(n *Aggregation) (name, detail, state string) {
	var calls []string
	for _, a := range n.Aggregates {
		calls = append(calls, a.Func)
	}
	names := columnNames(n.Row)
	keys := names[:min(len(n.Keys), len(names))]
	detail = strings.Join(calls, ", ")
	if len(keys) > 0 {
		detail += " by " + strings.Join(keys, ", ")
	}
	if n.Window == nil {
		return "aggregate", detail, "a row for every key, for ever"
	}
	return "aggregate", detail, fmt.Sprintf("a row for every key of each open window of %s; dropped when the watermark passes its end", short(n.Window.Size))
}

func columnNames(row []Column) []string {
	var names []string
	for _, c := range row {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	return names
}

func columnAt(r Rel, i int) string {
	if row := r.Columns(); i >= 0 && i < len(row) {
		return row[i].Name
	}
	return "?"
}
