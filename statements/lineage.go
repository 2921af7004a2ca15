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

// Writes returns the tables whose records a statement writes. CREATE TABLE writes none.
func Writes(s Statement) []string {
	if n, ok := s.(*Insert); ok {
		return []string{n.Table.Last()}
	}
	return nil
}

// readTables are the places where a statement reads a table, in the order of the text.
func readTables(s Statement) []*TableRef {
	n, ok := s.(*Insert)
	if !ok {
		return nil
	}
	var out []*TableRef
	for _, sel := range selects(n.Query) {
		switch t := sel.From.(type) {
		case *TableRef:
			out = append(out, t)
		case *WindowTable:
			out = append(out, t.Table)
		}
	}
	return out
}

// selects are the SELECTs of a query, the outer before those in FROM.
func selects(q *Query) []*Select {
	var out []*Select
	for q != nil {
		s, ok := q.Body.(*Select)
		if !ok {
			break
		}
		out = append(out, s)
		q = nil
		if d, ok := s.From.(*Derived); ok {
			q = d.Query
		}
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
	order   []string
}

// NewGraph relates the statements. It finds cycles and tables that two statements write or create; where there is a cycle, the
// order is that of the list for the statements on it.
func NewGraph(nodes []Named) (*Graph, []report.Finding) {
	g := &Graph{index: map[string]int{}, creates: map[string][]int{}, writes: map[string][]int{}}
	var findings []report.Finding
	for _, n := range nodes {
		if n.Parsed == nil || n.Parsed.Statement == nil {
			continue
		}
		i := len(g.nodes)
		g.nodes = append(g.nodes, n)
		g.index[n.Name] = i
		switch s := n.Parsed.Statement.(type) {
		case *CreateTable:
			g.creates[s.Name.Last()] = append(g.creates[s.Name.Last()], i)
		case *Insert:
			g.writes[s.Table.Last()] = append(g.writes[s.Table.Last()], i)
		}
	}
	findings = append(findings, g.twice()...)
	return g, append(findings, g.sort()...)
}

// twice finds tables that more than one statement creates or writes.
func (g *Graph) twice() []report.Finding {
	var out []report.Finding
	for i, n := range g.nodes {
		switch s := n.Parsed.Statement.(type) {
		case *CreateTable:
			if all := g.creates[s.Name.Last()]; all[0] != i {
				f := n.Parsed.src.finding("sql/two-creators", s.Name.Pos, fmt.Sprintf("table %s is created by %s already", s.Name.Last(), g.nodes[all[0]].Name), "keep one of them")
				f.Subject, f.Severity = n.Name, report.High
				f.Why = "which of the two declarations holds depends on which runs first"
				out = append(out, f)
			}
		case *Insert:
			if all := g.writes[s.Table.Last()]; all[0] != i {
				f := n.Parsed.src.finding("sql/two-writers", s.Table.Pos, fmt.Sprintf("%s writes table %s too", g.nodes[all[0]].Name, s.Table.Last()), "write each topic by one statement, or accept that the order of rows differs between regions")
				f.Subject, f.Severity = n.Name, report.Medium
				f.Why = "the rows of two statements mix in another order in each region"
				out = append(out, f)
			}
		}
	}
	return out
}

// needs are the statements that must be there before node i, by index, sorted: what creates its tables and what writes its inputs.
func (g *Graph) needs(i int) []int {
	s, ok := g.nodes[i].Parsed.Statement.(*Insert)
	if !ok {
		return nil
	}
	out := slices.Clone(g.creates[s.Table.Last()])
	for _, t := range Reads(s) {
		out = append(append(out, g.creates[t]...), g.writes[t]...)
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
		message = "the statements read each other's output: " + strings.Join(names, " → ")
	}
	f := first.Parsed.src.finding("sql/cycle", first.Parsed.Pos, message, "read the input from before the loop, or write to another table")
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
