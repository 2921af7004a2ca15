package plans

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// Study is what the declared statements mean for a move, as far as their files tell.
type Study struct {
	Statements []Studied // those that parse, in the order in which they are started
	Graph      *report.Graph
	Dialects   []statements.Dialect // that the statements are written in
	Engines    []string             // the backends that the declared regions run them by
	Beyond     []string             // the statements that the bundled engine does not run
	Findings   []report.Finding     // the worst first, waived as the topology says

	analysis *analysis
	ttl      func(statement string) time.Duration // of its state
}

// Studied is one statement of a Study.
type Studied struct {
	Name, File string
	Line       int
	Kind       string // CREATE_TABLE, INSERT_INTO …
	Reads      []string
	Writes     []string
	Resolved   bool                          // its names and types were checked: every table is declared
	Changelog  string                        // the mode of the table that it writes, "" where that is not declared; table by table where a set writes several
	Verdict    string                        // of what writes rows, along its chain
	VerdictWhy string                        // the reason
	Horizons   map[string]statements.Horizon // by the input at the root of its chain; inputs that need no history are left out
	Measured   map[string]string             // of those that depend on the data, how far they have reached in a region, and on a pause, how long that is; none where none was asked
}

// Moves reports whether the statement reads or writes records by itself: a view does where it is read.
func (s Studied) Moves() bool { return s.Kind != kindCreateView && len(s.Reads)+len(s.Writes) > 0 }

// Place is where the statement begins.
func (s Studied) Place() report.Place { return report.Place{File: s.File, Line: s.Line, Column: 1} }

// StudyOf judges the declared statements by the files, and by what the regions held where that is given: topics with schemas are tables too, which
// nobody has to declare. It looks at every statement that parses, whatever is wrong with others.
func StudyOf(d *Declared, o *Observed) *Study {
	d = d.somewhere()
	a := analyze(d, o)
	st := &Study{Findings: slices.Clone(a.findings), analysis: a, ttl: d.stateTTL(a), Dialects: []statements.Dialect{d.Topology.Dialect}, Engines: d.Topology.engines()}
	for _, f := range a.unsupported {
		if !slices.Contains(st.Beyond, f.Subject) {
			st.Beyond = append(st.Beyond, f.Subject)
		}
	}
	links := func(topic string) bool {
		return slices.ContainsFunc(d.Topology.Links, func(l *Link) bool { return l.Mirrors(topic) || l.Selects(topic) })
	}
	mirrored := map[string]bool{}
	for _, u := range a.parsed {
		for _, topic := range slices.Concat(statements.Reads(u.Statement), statements.Writes(u.Statement)) {
			mirrored[topic] = links(topic)
		}
	}
	facts := statements.Facts{Pattern: statements.Pattern(d.Topology.Pattern), Tables: a.catalog(), Writers: a.graph.Writers(), Mirrored: mirrored,
		Dialect: d.Topology.Dialect, Functions: d.functionFacts(o.regions(), a.funcs)}
	horizons := a.graph.Horizons(a.catalogOf, links, d.stateTTL(a))
	declared := map[string]Statement{}
	for _, s := range d.Statements {
		declared[s.Name] = s
	}
	along, creators := newVerdicts(a.graph, links), a.graph.Creators()
	told := map[string]bool{} // tables that are not declared, each told once
	for _, name := range a.graph.Order() {
		u := a.parsed[name]
		s := Studied{Name: name, File: declared[name].File, Line: declared[name].Line, Kind: u.Statement.Kind(),
			Reads: statements.Reads(u.Statement), Writes: statements.Writes(u.Statement), Horizons: map[string]statements.Horizon{}, Measured: map[string]string{}}
		unknown := statements.Undeclared(u, a.tablesOf(name), a.unread)
		allKnown := len(unknown) == 0
		unknown = slices.DeleteFunc(unknown, func(f report.Finding) bool { return len(creators[f.Subject]) > 0 }) // what is wrong with its CREATE TABLE is told there
		if !slices.ContainsFunc(a.findings, func(f report.Finding) bool {
			return f.Subject == name && f.Severity == report.Block && f.Rule != statements.RuleUnsupported && f.Rule != statements.RuleDialect
		}) {
			mistakes, understood := a.namesOf(name, u, allKnown)
			unknown, s.Resolved = append(unknown, mistakes...), understood
			if len(mistakes) == 0 {
				unknown = append(unknown, statements.Unplannable(u, a.catalogOf(name))...)
			}
		}
		unknown = notAt(a.findings, unknown)
		unknown = slices.DeleteFunc(unknown, func(f report.Finding) bool {
			again := f.Rule == statements.RuleUndeclared && told[f.Message]
			told[f.Message] = true
			return again
		})
		for i := range unknown {
			unknown[i].Subject = name
		}
		facts.Tables = a.catalogOf(name)
		facts.Properties, facts.Horizons = propertiesOf(d, a, name), horizons[name]
		found, judgement := statements.Judge(name, u, facts)
		st.Findings = append(append(st.Findings, unknown...), found...)
		if len(s.Writes) > 0 {
			judgement = along.of(name, s.Reads, judgement)
			s.Verdict, s.VerdictWhy = string(judgement.Verdict), judgement.Reason
		}
		s.Changelog = a.changelog(s.Writes)
		for _, topic := range slices.Sorted(maps.Keys(horizons[name])) {
			h := horizons[name][topic]
			if h.Unknown == "" && h.Duration() == 0 && h.Assumed == "" {
				continue
			}
			s.Horizons[topic] = h
			text, _, _ := o.measure(h, d.LookFirst())
			if text = cmp.Or(text, a.pauseText(o, h, d.LookFirst())); text != "" {
				s.Measured[topic] = text
			}
		}
		st.Statements = append(st.Statements, s)
	}
	today := ""
	if !d.AsOf.IsZero() {
		today = d.AsOf.UTC().Format(time.DateOnly)
	}
	st.Findings = append(st.Findings, applyWaivers(st.Findings, d, a.parsed, today, false)...)
	SortFindings(st.Findings)
	st.Graph = graphOf(st, a)
	return st
}

// namesOf checks the names and types of a statement, as far as its tables are known; ok is false where something of it is not understood. Those that
// nothing declares have any column.
func (a *analysis) namesOf(name string, u *statements.Parsed, declared bool) (found []report.Finding, ok bool) {
	declared = declared && statements.Typed(u, a.tablesOf(name))
	if declared {
		// The bundled engine's own resolution finds more in what it runs, and ends at the first mistake.
		resolved, mistakes := statements.Resolve(u, a.tablesOf(name))
		if resolved != nil {
			return nil, true
		}
		found = slices.DeleteFunc(mistakes, func(f report.Finding) bool { return f.Rule != statements.RuleName && f.Rule != statements.RuleType })
	}
	_, more := statements.Relate(u, statements.Opened(a.catalogOf(name)))
	for _, f := range notAt(found, more) {
		if f.Rule != statements.RuleUnsupported || !slices.ContainsFunc(a.unsupported, func(t report.Finding) bool { return t.Place == f.Place }) {
			found = append(found, f)
		}
	}
	return found, declared && len(more) == 0 && len(found) == 0
}

// Writes are what a statement writes, as trees of operators, with the time to live of its state; none where it computes nothing or is not understood.
func (st *Study) Writes(name string) ([]*statements.Write, time.Duration) {
	u := st.analysis.parsed[name]
	if u == nil {
		return nil, 0
	}
	writes, _ := statements.Relate(u, statements.Opened(st.analysis.catalogOf(name)))
	return writes, st.ttl(name)
}

// Unbacked says which tables are read that neither a topic of a region nor a statement gives rows. A region that was not seen tells nothing.
func (st *Study) Unbacked(name string, r *RegionState) []report.Finding {
	if r == nil || !r.Reachable {
		return nil
	}
	writers := st.analysis.graph.Writers()
	var found []report.Finding
	for _, s := range st.Statements {
		unbacked := statements.Unbacked(st.analysis.parsed[s.Name], name, func(table string) bool {
			t, declared := st.analysis.tables.Table(table)
			return r.Topics[table] != nil || len(writers[table]) > 0 || declared && !t.Topic()
		})
		for i := range unbacked {
			unbacked[i].Subject = s.Name
		}
		found = append(found, unbacked...)
	}
	return found
}

// graphOf draws the statements that move records, and their topics.
func graphOf(st *Study, a *analysis) *report.Graph {
	g := &report.Graph{}
	placed := map[string]bool{}
	tables := map[string]Studied{}
	for _, s := range st.Statements {
		if s.Kind == kindCreateTable {
			tables[s.Name] = s
		}
	}
	creators := map[string]string{}
	for name, u := range a.parsed {
		if n, ok := u.Statement.(*statements.CreateTable); ok {
			creators[n.Name.Last()] = name
		}
	}
	topic := func(name string) string {
		id := "topic:" + name
		if !placed[id] {
			placed[id] = true
			n := report.Node{ID: id, Kind: report.TopicNode, Name: name}
			if by := creators[name]; by != "" {
				s := tables[by]
				n.Outcome = worstOf(st.Findings, by)
				n.Place = s.Place()
			} else {
				n.Detail = "not declared here"
			}
			g.Nodes = append(g.Nodes, n)
		}
		return id
	}
	for _, s := range st.Statements {
		if !s.Moves() {
			continue
		}
		id := "statement:" + s.Name
		for _, t := range s.Reads {
			g.Edges = append(g.Edges, report.Edge{From: topic(t), To: id})
		}
		g.Nodes = append(g.Nodes, report.Node{ID: id, Kind: report.StatementNode, Name: s.Name, Outcome: outcomeOf(st, s), Detail: s.Verdict,
			Place: s.Place()})
		for _, t := range s.Writes {
			g.Edges = append(g.Edges, report.Edge{From: id, To: topic(t)})
		}
	}
	return g
}

// outcomeOf is how a statement is drawn: by what is found of it, and by its verdict; one of which nothing can be judged is not known to be well.
func outcomeOf(st *Study, s Studied) report.Outcome {
	worst := worstOf(st.Findings, s.Name)
	switch {
	case worst != report.Passed:
		return worst
	case s.Verdict == "":
		return report.Unknown
	case s.Verdict == string(statements.NonDeterministic):
		return report.Warned
	}
	return worst
}

// worstOf is what the findings about a statement come to.
func worstOf(found []report.Finding, name string) report.Outcome {
	worst := report.Passed
	for _, f := range found {
		switch {
		case f.Subject != name || f.Waived != "":
		case f.Severity == report.Block:
			return report.Failed
		case f.Severity == report.High || f.Severity == report.Medium:
			worst = report.Warned
		}
	}
	return worst
}

// Horizon is the horizons of all inputs in one line, "" where none needs history.
func (s Studied) Horizon() string {
	var all []string
	for _, topic := range slices.Sorted(maps.Keys(s.Horizons)) {
		text := s.Horizons[topic].String()
		if m := s.Measured[topic]; m != "" {
			text += "; " + m
		}
		if len(s.Horizons) > 1 {
			text = topic + ": " + text
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}
