package statements

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// Reads returns the tables that a statement reads, by their unqualified names, which are their topics, sorted.
func Reads(s Statement) []string {
	var out []string
	for _, t := range readTables(s) {
		out = append(out, t.Name.Last())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Writes returns the tables whose records a statement writes, sorted. CREATE TABLE without AS writes none.
func Writes(s Statement) []string {
	switch n := s.(type) {
	case *Insert:
		return []string{n.Table.Last()}
	case *CreateTable:
		if n.Query != nil {
			return []string{n.Name.Last()}
		}
	case *CreateMaterialized:
		return []string{n.Name.Last()}
	case *StatementSet:
		var out []string
		for _, i := range n.Inserts {
			out = append(out, i.Table.Last())
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	return nil
}

// Created returns the table or view that a statement creates, by its unqualified name.
func Created(s Statement) (string, bool) {
	name, ok := created(s)
	if !ok {
		return "", false
	}
	return name.Last(), true
}

// readTables are the places where a statement reads a table, in the order of the text. Common table expressions are none.
func readTables(s Statement) []*TableRef {
	if e, ok := s.(*Explain); ok && e != nil {
		return nil // it runs nothing
	}
	var out []*TableRef
	v := queryVisitor{name: func(t *TableRef) { out = append(out, t) }}
	for _, q := range queriesOf(s) {
		v.walkQuery(q, nil)
	}
	return out
}

// Named is a statement with the name that its pipeline gives it.
type Named struct {
	Name   string
	Parsed *Parsed
}

// Graph relates statements by the tables that they create, write and read.
type Graph struct {
	nodes   []Named
	index   map[string]int
	creates map[string][]int // table → statements that create it
	writes  map[string][]int // table → statements that write it
	alters  map[string][]int // table → statements that alter it
	order   []string
}

// NewGraph relates the statements. It finds cycles and tables that two statements write or create; where there is a cycle, the
// order is that of the list for the statements on it.
func NewGraph(nodes []Named) (*Graph, []report.Finding) {
	g := &Graph{index: map[string]int{}, creates: map[string][]int{}, writes: map[string][]int{}, alters: map[string][]int{}}
	var findings []report.Finding
	for _, n := range nodes {
		if n.Parsed == nil || n.Parsed.Statement == nil {
			continue
		}
		i := len(g.nodes)
		g.nodes = append(g.nodes, n)
		g.index[n.Name] = i
		if name, ok := created(n.Parsed.Statement); ok {
			g.creates[name.Last()] = append(g.creates[name.Last()], i)
		}
		for _, t := range Writes(n.Parsed.Statement) {
			g.writes[t] = append(g.writes[t], i)
		}
		if name, ok := Alters(n.Parsed.Statement); ok {
			g.alters[name.Last()] = append(g.alters[name.Last()], i)
		}
	}
	findings = append(findings, g.twice()...)
	return g, append(findings, g.sort()...)
}

// twice finds tables that more than one statement creates or writes.
func (g *Graph) twice() []report.Finding {
	var out []report.Finding
	for i, n := range g.nodes {
		if name, ok := created(n.Parsed.Statement); ok {
			if all := g.creates[name.Last()]; all[0] != i {
				f := n.Parsed.src.finding("sql/two-creators", name.Pos, fmt.Sprintf("table %s is created by %s already", name.Last(), g.nodes[all[0]].Name), "keep one of them")
				f.Subject, f.Severity = n.Name, report.High
				f.Why = "which of the two declarations holds depends on which runs first"
				out = append(out, f)
			}
		}
		for _, t := range Writes(n.Parsed.Statement) {
			if all := g.writes[t]; all[0] != i {
				f := n.Parsed.src.finding("sql/two-writers", written(n.Parsed.Statement, t), fmt.Sprintf("%s writes table %s too", g.nodes[all[0]].Name, t), "write each topic by one statement, or accept that the order of rows differs between regions")
				f.Subject, f.Severity = n.Name, report.Medium
				f.Why = "the rows of two statements mix in another order in each region"
				out = append(out, f)
			}
		}
	}
	return out
}

// created is the table or view that a statement creates.
func created(s Statement) (Name, bool) {
	switch n := s.(type) {
	case *CreateTable:
		return n.Name, true
	case *CreateMaterialized:
		return n.Name, true
	case *CreateView:
		return n.Name, true
	}
	return Name{}, false
}

// written is where a statement names a table that it writes.
func written(s Statement, table string) Pos {
	switch n := s.(type) {
	case *Insert:
		return n.Table.Pos
	case *StatementSet:
		for _, i := range n.Inserts {
			if i.Table.Last() == table {
				return i.Table.Pos
			}
		}
	}
	if name, ok := created(s); ok {
		return name.Pos
	}
	return s.At()
}

// like is the table of which a statement makes another one.
func like(s Statement) (Name, bool) {
	if n, ok := s.(*CreateTable); ok && n.Like != nil {
		return n.Like.Table, true
	}
	return Name{}, false
}

// needs are the statements that must be there before node i, by index, sorted: what creates its tables, what alters them, unless it stands behind i in
// its file, and what writes its inputs.
func (g *Graph) needs(i int) []int {
	s := g.nodes[i].Parsed.Statement
	var out []int
	for _, t := range Writes(s) {
		for _, c := range g.creates[t] {
			if c != i {
				out = append(out, c)
			}
		}
	}
	for _, t := range Reads(s) {
		out = append(append(out, g.creates[t]...), g.writes[t]...)
	}
	for _, v := range g.nodes[i].Parsed.views {
		out = append(out, g.creates[v]...)
	}
	if base, ok := like(s); ok {
		out = append(out, g.creates[base.Last()]...)
	}
	name, alters := Alters(s)
	if alters {
		out = append(out, g.creates[name.Last()]...)
	}
	for _, t := range NamedTables(g.nodes[i].Parsed) {
		for _, a := range g.alters[t] {
			if a < i || !alters && g.nodes[a].Parsed.src.file != g.nodes[i].Parsed.src.file {
				out = append(out, a)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// sort orders the statements so that each comes after what it needs, and otherwise as they were listed.
func (g *Graph) sort() []report.Finding {
	const (
		fresh = iota
		open
		done
	)
	var findings []report.Finding
	state := make([]int, len(g.nodes))
	var path []int
	var visit func(int)
	visit = func(i int) {
		state[i] = open
		path = append(path, i)
		for _, need := range g.needs(i) {
			switch state[need] {
			case fresh:
				visit(need)
			case open:
				findings = append(findings, g.cycle(path[slices.Index(path, need):]))
			}
		}
		path = path[:len(path)-1]
		state[i] = done
		g.order = append(g.order, g.nodes[i].Name)
	}
	for i := range g.nodes {
		if state[i] == fresh {
			visit(i)
		}
	}
	return findings
}

func (g *Graph) cycle(path []int) report.Finding {
	first := g.nodes[path[0]]
	names := []string{}
	for _, i := range slices.Backward(path) {
		names = append(names, g.nodes[i].Name)
	}
	message := fmt.Sprintf("%s reads the table that it writes", first.Name)
	if len(names) > 1 {
		names = append(names, names[0])
		message = inLoop + ": " + strings.Join(names, " → ")
	}
	f := first.Parsed.src.finding("sql/cycle", first.Parsed.Pos, message, loopRemedy)
	f.Subject = first.Name
	f.Why = "no order of starting them, and no start position, gives the same result again"
	return f
}

// Order returns the names of the statements, each after what it needs.
func (g *Graph) Order() []string { return slices.Clone(g.order) }

// Needs returns the names of the statements that must be started before this one, in Order's order.
func (g *Graph) Needs(name string) []string {
	i, ok := g.index[name]
	if !ok {
		return nil
	}
	need := map[string]bool{}
	for _, j := range g.needs(i) {
		need[g.nodes[j].Name] = j != i
	}
	var out []string
	for _, n := range g.order {
		if need[n] {
			out = append(out, n)
		}
	}
	return out
}

// Creators returns the statements that create each table or view, in the order in which they were listed.
func (g *Graph) Creators() map[string][]string {
	out := map[string][]string{}
	for t, is := range g.creates {
		for _, i := range is {
			out[t] = append(out[t], g.nodes[i].Name)
		}
	}
	return out
}

// Writers returns the statements that write each topic, in the order in which they were listed.
func (g *Graph) Writers() map[string][]string {
	out := map[string][]string{}
	for t, is := range g.writes {
		for _, i := range is {
			out[t] = append(out[t], g.nodes[i].Name)
		}
	}
	return out
}
