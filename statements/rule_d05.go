package statements

import (
	"fmt"
	"maps"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d05 = Rule{
	ID:            "D05",
	Title:         "an update depends on a value that differs each time it is computed",
	Why:           "when the row is taken back, the value is computed anew and no longer equals the one that was written: rows stay that should be gone",
	Remedy:        "leave the column out, or write it to an append table first and read that",
	ActiveActive:  report.Block,
	ActivePassive: report.Block,
	Leaves:        NonDeterministic,
	check:         checkD05,
	Page: `An updating query takes rows back before it gives them anew. Flink's own check (table.optimizer.non-deterministic-update.strategy) is followed here: the columns that must be the same both times are pushed from the sink, which needs its primary key, or all columns where it has none, down to the sources. Rows that are never taken back require nothing.

Confluent Cloud refuses such a statement: "can not satisfy the determinism requirement for correctly processing update message".`,
	Wrong: `CREATE TABLE orders (customer STRING, item STRING);
CREATE TABLE counts (id STRING, n BIGINT, PRIMARY KEY (id) NOT ENFORCED);
INSERT INTO counts SELECT CONCAT(customer, UUID()), COUNT(*) FROM orders GROUP BY customer;`,
	Right: `CREATE TABLE orders (customer STRING, item STRING);
CREATE TABLE counts (id STRING, n BIGINT, PRIMARY KEY (id) NOT ENFORCED);
INSERT INTO counts SELECT customer, COUNT(*) FROM orders GROUP BY customer;`,
}

// checkD05 follows Flink's StreamNonDeterministicUpdatePlanVisitor: the columns that must be the same when an update is taken
// back are pushed from the sink to the sources. Nothing is required of rows that are never taken back. A condition is stricter here: Flink lets it
// pass where nothing but the changes' own key is required above it, which it calls a fault of its own (FLINK-28737).
func checkD05(in *judged) []hit {
	v := &updates{a: newAnalysis()}
	for _, w := range in.related() {
		if w.Table.Open {
			continue // what it requires is not known
		}
		row := w.In.Columns()
		need := map[int]bool{}
		sink := v.a.sink(w)
		for i, c := range row {
			key := len(w.Table.PrimaryKey) == 0 || sink.Materialize
			for _, k := range w.Table.PrimaryKey {
				key = key || k == c.Name
			}
			if key {
				need[i] = true
			}
		}
		v.visit(w.In, need)
	}
	return v.out
}

type updates struct {
	a   *analysis
	out []hit
}

// visit requires columns of r's row to be deterministic.
func (v *updates) visit(r Rel, need map[int]bool) {
	switch n := r.(type) {
	case *Scan:
		if !v.a.kinds(r).InsertOnly() {
			v.metadata(n, need)
		}
	case *Projection:
		below := map[int]bool{}
		for i := range need {
			v.require(n.In, n.Exprs[i], below, n.Row[i].Name)
		}
		v.visit(n.In, below)
	case *Filter:
		v.require(n.In, n.Cond, need, "")
		v.visit(n.In, need)
	case *Aggregation:
		below := map[int]bool{}
		for _, k := range n.Keys {
			v.require(n.In, k, below, "")
		}
		for _, a := range n.Aggregates {
			for _, x := range a.Args {
				v.require(n.In, x, below, "")
			}
			if a.Filter != nil {
				v.require(n.In, a.Filter, below, "")
			}
		}
		v.visit(n.In, below)
	case *Joining:
		v.join(n, need)
	case *Ranking: // rows that leave it are taken back by the whole row that came in
		if v.a.kinds(n.In).InsertOnly() {
			v.visit(n.In, nil)
			return
		}
		v.visit(n.In, every(n.In))
	case *Over:
		below := map[int]bool{}
		for i := range need {
			if i < len(n.In.Columns()) {
				below[i] = true
			}
		}
		for _, x := range n.Partition {
			v.require(n.In, x, below, "")
		}
		for _, k := range n.Order {
			v.require(n.In, k.Value, below, "")
		}
		v.visit(n.In, below)
	case *Combining:
		v.visit(n.Left, maps.Clone(need))
		v.visit(n.Right, maps.Clone(need))
	default:
		for _, in := range Inputs(r) {
			below := map[int]bool{}
			for i := range need {
				if i < len(in.Columns()) {
					below[i] = true
				}
			}
			if _, ok := r.(*Normalizing); ok {
				continue // it takes back what it remembers
			}
			if _, ok := r.(*Calling); !ok && len(v.a.upsertKeys(in)) == 0 {
				for i := range in.Columns() {
					below[i] = true
				}
			}
			v.visit(in, below)
		}
	}
}

// every is all columns of a row.
func every(r Rel) map[int]bool {
	all := map[int]bool{}
	for i := range r.Columns() {
		all[i] = true
	}
	return all
}

// join requires of each side its columns among those needed, and those of the condition. A side whose changes have no key is
// found again by its whole row.
func (v *updates) join(n *Joining, need map[int]bool) {
	width := len(n.Left.Columns())
	for side, in := range []Rel{n.Left, n.Right} {
		if side == 1 && n.Form == LookupJoin {
			continue
		}
		below := map[int]bool{}
		for i := range need {
			if (i < width) == (side == 0) {
				below[i-side*width] = true
			}
		}
		for _, x := range n.On {
			refs(x, func(i int) {
				if (i < width) == (side == 0) {
					below[i-side*width] = true
				}
			})
		}
		if len(v.a.upsertKeys(in)) == 0 {
			for i := range in.Columns() {
				below[i] = true
			}
		}
		v.visit(in, below)
	}
	if n.Form != LookupJoin || v.a.kinds(n.Left).InsertOnly() {
		return
	}
	for i := range need {
		if i >= width {
			v.out = append(v.out, hit{at: n.Pos, message: "an update needs " + quoteName(clip(n.Row[i].Name)) + ", which a lookup may answer differently when the row is taken back"})
			return
		}
	}
}

// require notes the columns of in that x uses, and finds a call in x whose value differs each time, where rows of in are taken
// back. column is the output that x computes, "" for a condition or an argument.
func (v *updates) require(in Rel, x Scalar, below map[int]bool, column string) {
	refs(x, func(i int) { below[i] = true })
	if v.a.kinds(in).InsertOnly() {
		return
	}
	if call := clockOrChance(x); call != nil {
		what := "a condition or key of an update"
		if column != "" {
			what = "the column " + quoteName(clip(column)) + ", which an update needs,"
		}
		v.out = append(v.out, hit{at: call.Pos, message: fmt.Sprintf("%s is computed by %s", what, call.Name)})
	}
}

// metadata finds columns of a changing source that a record's place gives: they differ between an update and its retraction.
func (v *updates) metadata(n *Scan, need map[int]bool) {
	for i, c := range n.Table.Row() {
		if need[i] && c.Kind == Metadata {
			v.out = append(v.out, hit{at: n.Pos, message: fmt.Sprintf("an update needs the metadata column %s of %s, which differs in the record that takes it back", quoteName(clip(c.Name)), n.Table.Name)})
		}
	}
}

// clockOrChance is a call within x that gives another value each time.
func clockOrChance(x Scalar) *Op {
	op, ok := x.(*Op)
	if !ok {
		return nil
	}
	switch op.Name {
	case "UUID", "RAND", "RAND_INTEGER", "UNIX_TIMESTAMP", "CURRENT_ROW_TIMESTAMP", "CURRENT_WATERMARK", "CURRENT_DATABASE",
		"CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP", "PROCTIME":
		if op.Name != "UNIX_TIMESTAMP" || len(op.Args) == 0 {
			return op
		}
	}
	for _, a := range op.Args {
		if found := clockOrChance(a); found != nil {
			return found
		}
	}
	return nil
}
