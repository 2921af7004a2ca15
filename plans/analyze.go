package plans

import (
	"slices"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// analysis is what the statements say by themselves.
type analysis struct {
	parsed   map[string]*statements.Parsed // by statement name; a statement that does not parse is absent
	tables   statements.Tables             // declared by CREATE TABLE
	graph    *statements.Graph
	findings []report.Finding
	dialect  statements.Dialect
}

// catalog is the tables with the defaults of their dialect.
func (a *analysis) catalog() statements.Catalog { return statements.InDialect(a.tables, a.dialect) }

// analyze relates the declared statements. Those that Load did not parse are parsed here, where they stand, so that findings have their
// place in the file.
func analyze(d *Declared) *analysis {
	a := &analysis{parsed: map[string]*statements.Parsed{}, tables: statements.Tables{}, dialect: d.Topology.Dialect}
	var nodes []statements.Named
	for _, s := range d.Statements {
		u := d.parsed[s.Name]
		if u == nil || u.Text != s.SQL {
			script, found := statements.ParseAt(s.File, s.Line, s.SQL)
			for i := range found {
				found[i].Subject = s.Name
			}
			a.findings = append(a.findings, found...)
			if len(script.Statements) != 1 {
				continue
			}
			u = script.Statements[0]
		}
		if u.Statement == nil {
			continue
		}
		a.parsed[s.Name] = u
		unfit := statements.Refused(u, d.Topology.Dialect)
		unfit = append(unfit, notAt(unfit, statements.Supported(u))...)
		for i := range unfit {
			unfit[i].Subject = s.Name
		}
		a.findings = append(a.findings, unfit...)
		nodes = append(nodes, statements.Named{Name: s.Name, Parsed: u})
		if u.Statement.Kind() == kindCreateTable {
			t, found := statements.TableOf(u)
			a.findings = append(a.findings, found...)
			if t != nil {
				a.tables[t.Name] = t
			}
		}
	}
	var found []report.Finding
	a.graph, found = statements.NewGraph(nodes)
	a.findings = append(a.findings, found...)
	return a
}

// notAt are those of more that stand in no place of which something is told already.
func notAt(told, more []report.Finding) []report.Finding {
	return slices.DeleteFunc(more, func(f report.Finding) bool {
		return slices.ContainsFunc(told, func(t report.Finding) bool { return t.Place == f.Place })
	})
}

// Kinds of statement, in the words of the statements API.
const (
	kindCreateTable = "CREATE_TABLE"
	kindInsert      = "INSERT_INTO"
)

// Analyze judges the declared statements by what the files alone tell: which rules of determinism their SQL breaks. What needs a
// region (retention, data in an output topic) is not in it.
func Analyze(d *Declared) []report.Finding { return StudyOf(d).Findings }
