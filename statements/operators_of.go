package statements

import (
	"cmp"
	"time"
)

// OperatorNode is one operator of a statement's plan, as plain data.
type OperatorNode struct {
	ID         int    // the inputs have smaller ones
	Operator   string // in the words of Flink's plans
	Table      string // of a scan and a sink
	At         Pos
	Changelog  string // the kinds of row given: I, U, D
	PrimaryKey []string
	UpsertKeys [][]string // by which changes come in order
	State      string     // none, low, medium or high
	Horizon    string     // what the operator adds for its inputs; "" where it adds nothing
	Note       string     // an upsert-materialize, or why Flink refuses the plan
	Inputs     []*OperatorNode
}

// OperatorsOf gives the plan of a related query: changelog kinds, keys, state and horizon of every operator. ttl is the statement's
// sql.state-ttl, 0 for none.
func OperatorsOf(w *Write, ttl time.Duration) *OperatorNode {
	e := &explainer{a: newAnalysis(), ttl: ttl}
	return e.node(w)
}

type explainer struct {
	a    *analysis
	ttl  time.Duration
	last int
}

func (e *explainer) node(r Rel) *OperatorNode {
	n := &OperatorNode{Operator: OperatorName(r), At: r.At(), State: "none"}
	for i, in := range Inputs(r) {
		n.Inputs = append(n.Inputs, e.node(in))
		var h Horizon
		if _, stateful := add(r, i, e.ttl, nil, &h); stateful {
			n.State = stateSize(r, h)
			if text := h.String(); n.Horizon == "" || len(text) > len(n.Horizon) {
				n.Horizon = text
			}
		}
	}
	e.last++
	n.ID = e.last
	if w, ok := r.(*Write); ok {
		sink := e.a.sink(w)
		n.Table, n.PrimaryKey, n.Changelog, n.UpsertKeys = w.Table.Name, w.Table.PrimaryKey, string(w.Mode), sink.UpsertKeys
		switch {
		case sink.Refused != "":
			n.Note = sink.Refused
		case sink.Materialize:
			n.Note, n.State = "upsert-materialize: the query's changes are not in order by the sink's primary key, so all rows of each key are kept", "high"
			n.Horizon = "unbounded: upsert-materialize keeps all rows of every key"
		}
		return n
	}
	if sc, ok := r.(*Scan); ok {
		n.Table, n.PrimaryKey = sc.Table.Name, sc.Table.PrimaryKey
	}
	n.Changelog = e.a.kinds(r).String()
	row := r.Columns()
	for _, k := range e.a.upsertKeys(r) {
		var names []string
		for _, c := range k.columns() {
			names = append(names, cmp.Or(row[c].Name, "rank")) // the only column of a key that may have no name
		}
		n.UpsertKeys = append(n.UpsertKeys, names)
	}
	return n
}

// stateSize is a class, as the dialect's EXPLAIN gives it: high for what grows with the history, medium for what a window or an
// interval bounds row by row, low for one accumulator a key and window.
func stateSize(r Rel, h Horizon) string {
	if a, ok := r.(*Aggregation); ok {
		if a.Window != nil {
			return "low"
		}
		return "medium"
	}
	if h.Unbounded {
		return "high"
	}
	return "medium"
}
