package plans

import (
	"maps"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// analysis is what the statements say by themselves.
type analysis struct {
	parsed   map[string]*statements.Parsed // by statement name; a statement that does not parse is absent
	tables   statements.Tables             // declared by CREATE TABLE, or inferred from topics
	unread   map[string]string             // by table: why the topic that it is tells no columns
	models   map[string]*statements.CreateModel
	funcs    map[string]bool              // user-defined functions that are declared, by name in upper case
	before   map[string]statements.Tables // by statement: the tables as they are before an ALTER behind it in its file
	graph    *statements.Graph
	findings []report.Finding
	dialect  statements.Dialect

	unsupported []report.Finding // what the bundled engine refuses, also where another engine runs the statements
}

// catalog is the tables with the defaults of their dialect.
func (a *analysis) catalog() statements.Catalog {
	return statements.InDialect(a.tables, a.dialect, a.models)
}

// analyze relates the declared statements, with what the regions tell of the topics that no statement declares. Those that Load did not parse are parsed here, where they stand, so that findings have their
// place in the file.
func analyze(d *Declared, o *Observed) *analysis {
	a := &analysis{parsed: map[string]*statements.Parsed{}, tables: statements.Tables{}, unread: map[string]string{}, models: map[string]*statements.CreateModel{}, before: map[string]statements.Tables{}, dialect: d.Topology.Dialect}
	var nodes []statements.Named
	a.funcs = d.knownFunctions(o.regions())
	views := map[string]*statements.CreateView{}
	for _, s := range d.Statements {
		u := d.parsed[s.Name]
		if u == nil || u.Text != s.SQL {
			script, found := statements.ParseAt(s.File, s.Line, s.SQL)
			a.find(s.Name, found)
			if len(script.Statements) != 1 {
				continue
			}
			u = script.Statements[0]
		}
		if u.Statement == nil {
			continue
		}
		a.parsed[s.Name] = u
		a.find(s.Name, statements.Refused(u, d.Topology.Dialect))
		switch n := u.Statement.(type) {
		case *statements.CreateView:
			views[n.Name.Last()] = n
		case *statements.CreateFunction:
			a.funcs[strings.ToUpper(n.Name.Last())] = true
		case *statements.CreateModel:
			a.models[n.Name.Last()] = n
		case *statements.CreateTable:
			if n.Like == nil && n.Query == nil {
				a.declare(s.Name, u)
			}
		}
	}
	for _, u := range a.parsed {
		statements.DeclareFunctions(u, a.funcs)
	}
	a.beyond(d)
	for _, s := range d.Statements {
		if u := a.parsed[s.Name]; u != nil {
			a.parsed[s.Name] = statements.Expand(u, views)
			nodes = append(nodes, statements.Named{Name: s.Name, Parsed: a.parsed[s.Name]})
		}
	}
	var found []report.Finding
	a.graph, found = statements.NewGraph(nodes)
	a.findings = append(a.findings, found...)
	a.infer(d, o)
	for _, name := range a.graph.Order() { // what is made of another table or of a query comes after it
		u := a.parsed[name]
		switch n := u.Statement.(type) {
		case *statements.CreateTable:
			if n.Like == nil && n.Query == nil {
				continue
			}
		case *statements.CreateMaterialized:
		case *statements.Alter:
			a.alter(d, name, u)
			continue
		default:
			continue
		}
		if len(statements.Undeclared(u, a.tables, nil)) == 0 {
			a.declare(name, u)
		}
	}
	for _, s := range d.Statements {
		if u := a.parsed[s.Name]; u != nil {
			a.find(s.Name, notAt(a.findings, statements.ConnectorOptions(u, a.catalogOf(s.Name), a.dialect)))
			a.find(s.Name, notAt(a.findings, statements.Misset(u)))
		}
	}
	return a
}

// alter applies an ALTER TABLE. Statements before it in its file see the table as it was.
func (a *analysis) alter(d *Declared, name string, u *statements.Parsed) {
	n, ok := statements.Alters(u.Statement)
	old := a.tables[n.Last()]
	if !ok || old == nil {
		return
	}
	t, found := statements.Altered(old, u)
	a.find(name, notAt(a.findings, found))
	if t == nil {
		return
	}
	delete(a.tables, old.Name)
	a.tables[t.Name] = t
	var own Statement
	for _, s := range d.Statements {
		if s.Name == name {
			own = s
		}
	}
	for _, s := range d.Statements {
		p := a.parsed[s.Name]
		if s.File != own.File || s.Line >= own.Line || p == nil || !slices.Contains(statements.NamedTables(p), old.Name) {
			continue
		}
		if a.before[s.Name] == nil {
			a.before[s.Name] = statements.Tables{}
		}
		if a.before[s.Name][old.Name] == nil {
			a.before[s.Name][old.Name] = old
		}
	}
}

// tablesOf are the tables as a statement sees them.
func (a *analysis) tablesOf(name string) statements.Tables {
	before := a.before[name]
	if len(before) == 0 {
		return a.tables
	}
	out := maps.Clone(a.tables)
	maps.Copy(out, before)
	return out
}

// catalogOf is catalog as a statement sees it.
func (a *analysis) catalogOf(name string) statements.Catalog {
	return statements.InDialect(a.tablesOf(name), a.dialect, a.models)
}

// declare adds the table that a statement creates.
func (a *analysis) declare(name string, u *statements.Parsed) {
	t, found := statements.TableIn(u, a.catalog())
	a.find(name, notAt(a.findings, found))
	if t != nil {
		a.tables[t.Name] = t
	}
}

// find adds what is found of a statement.
func (a *analysis) find(name string, found []report.Finding) {
	for i := range found {
		found[i].Subject = name
	}
	a.findings = append(a.findings, found...)
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
	kindCreateView  = "CREATE_VIEW"
	kindInsert      = "INSERT_INTO"
)

// Analyze judges the declared statements by what the files alone tell: which rules of determinism their SQL breaks. What needs a
// region (retention, data in an output topic) is not in it.
func Analyze(d *Declared) []report.Finding { return StudyOf(d, nil).Findings }
