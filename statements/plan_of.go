package statements

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// PlanNode is one node of a statement's plan, for people.
type PlanNode struct {
	Depth  int // 0 is what writes; an input is one deeper than what reads it
	Name   string
	Detail string
	Mode   ChangelogMode // of the rows that it gives
	State  string        // what it keeps between rows, "" where it keeps nothing
	At     Pos
}

// PlanOf lists the operators of a resolved INSERT, what writes first. It is empty for other statements.
func PlanOf(r *Resolved) []PlanNode {
	if r == nil || r.Write == nil {
		return nil
	}
	var nodes []Rel
	for n := Rel(r.Write); n != nil; n = n.Input() {
		nodes = append(nodes, n)
	}
	out := make([]PlanNode, len(nodes))
	mode := Append
	for i, n := range slices.Backward(nodes) {
		op := PlanNode{Depth: i, At: n.At()}
		switch n := n.(type) {
		case *Scan:
			mode = n.Table.Mode()
			op.Name, op.Detail = "scan", n.Table.Name+", watermark on "+n.Table.TimeColumn()
		case *Windowing:
			op.Name, op.Detail = "window", fmt.Sprintf("%s of %s over %s", n.Kind, short(n.Size), columnAt(n.In, n.Time))
		case *Filter:
			op.Name = "filter"
		case *Aggregation:
			op.Name, op.Detail, op.State = aggregation(n)
			if n.Window == nil {
				mode = Upsert
			}
		case *Projection:
			op.Name, op.Detail = "project", strings.Join(columnNames(n.Row), ", ")
		case *Write:
			mode = n.Mode
			op.Name, op.Detail = "write", n.Table.Name
			if len(n.Table.PrimaryKey) > 0 {
				op.Detail += ", key " + strings.Join(n.Table.PrimaryKey, ", ")
			}
		default:
			op.Name, op.Detail = strings.ToLower(reflect.TypeOf(n).Elem().Name()), strings.Join(columnNames(n.Columns()), ", ")
		}
		op.Mode = mode
		out[i] = op
	}
	return out
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
