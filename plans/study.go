package plans

import (
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
	Resolved   bool              // its names and types were checked: every table is declared
	Changelog  string            // the mode of the table that it writes, "" where that is not declared
	Verdict    string            // of an INSERT
	VerdictWhy string            // the reason
	Horizons   map[string]string // by the input at the root of its chain, as a formula; inputs that need no history are left out
	Unbounded  []string          // the inputs all of whose history counts
}

// StudyOf judges the declared statements by the files, and by what the regions held where that is given: topics with schemas are tables too, which
// nobody has to declare. It looks at every statement that parses, whatever is wrong with others.
func StudyOf(d *Declared, o *Observed) *Study {
	a := analyze(d, o)
	st := &Study{Findings: slices.Clone(a.findings), analysis: a, ttl: d.stateTTL(a), Dialects: []statements.Dialect{d.Topology.Dialect}}
	links := func(topic string) bool {
		return slices.ContainsFunc(d.Topology.Links, func(l *Link) bool { return l.Mirrors(topic) || l.Selects(topic) })
	}
	mirrored := map[string]bool{}
	for _, u := range a.parsed {
		for _, topic := range slices.Concat(statements.Reads(u.Statement), statements.Writes(u.Statement)) {
			mirrored[topic] = links(topic)
		}
	}
	facts := statements.Facts{Pattern: statements.Pattern(d.Topology.Pattern), Tables: a.tables, Writers: a.graph.Writers(), Mirrored: mirrored,
		Dialect: d.Topology.Dialect, Functions: d.functionFacts(o.regions())}
	horizons := a.graph.Horizons(a.catalog(), links, d.stateTTL(a))
	declared := map[string]Statement{}
	for _, s := range d.Statements {
		declared[s.Name] = s
	}
	told := map[string]bool{} // tables that are not declared, each told once
	for _, name := range a.graph.Order() {
		u := a.parsed[name]
		s := Studied{Name: name, File: declared[name].File, Line: declared[name].Line, Kind: u.Statement.Kind(),
			Reads: statements.Reads(u.Statement), Writes: statements.Writes(u.Statement), Horizons: map[string]string{}}
		unknown := statements.Undeclared(u, a.tables, a.unread)
		if len(unknown) == 0 && !slices.ContainsFunc(a.findings, func(f report.Finding) bool {
			return f.Subject == name && f.Severity == report.Block && f.Rule != statements.RuleUnsupported && f.Rule != statements.RuleDialect
		}) {
			unknown, s.Resolved = a.namesOf(name, u)
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
		facts.Properties = propertiesOf(d, a, name)
		found, judgement := statements.Judge(name, u, facts)
		st.Findings = append(append(st.Findings, unknown...), found...)
		if s.Kind == kindInsert {
			s.Verdict, s.VerdictWhy = string(judgement.Verdict), judgement.Reason
		}
		for _, topic := range s.Writes {
			if t, ok := a.tables.Table(topic); ok {
				s.Changelog = string(t.Mode())
			}
		}
		for _, topic := range slices.Sorted(maps.Keys(horizons[name])) {
			h := horizons[name][topic]
			if len(h.Windows) == 0 && h.Unknown == "" && h.Duration() == 0 {
				continue
			}
			s.Horizons[topic] = h.String()
			if h.Unbounded {
				s.Unbounded = append(s.Unbounded, topic)
			}
		}
		st.Statements = append(st.Statements, s)
	}
	if len(d.Topology.Regions) == 0 {
		leaveToEngine(st.Findings)
	}
	today := ""
	if !d.AsOf.IsZero() {
		today = d.AsOf.UTC().Format(time.DateOnly)
	}
	st.Findings = append(st.Findings, applyWaivers(st.Findings, d, a.parsed, today, false)...)
	sortFindings(st.Findings)
	st.Graph = graphOf(st, a)
	return st
}

// namesOf checks the names and types of a statement whose tables are all known; ok is false where something of it is not understood.
func (a *analysis) namesOf(name string, u *statements.Parsed) (found []report.Finding, ok bool) {
	var mistakes []report.Finding
	if statements.Typed(u, a.tables) {
		if _, mistakes = statements.Resolve(u, a.tables); len(mistakes) == 0 {
			return nil, true
		}
	}
	if len(mistakes) > 0 && mistakes[0].Rule != statements.RuleName && mistakes[0].Rule != statements.RuleUnsupported {
		return mistakes, false
	}
	// Relating does not end at the first name, and knows what the bundled engine does not run.
	_, more := statements.Relate(u, a.tables)
	if len(mistakes) > 0 && mistakes[0].Rule == statements.RuleName {
		return append(mistakes, slices.DeleteFunc(notAt(mistakes, more), func(f report.Finding) bool { return f.Rule != statements.RuleName })...), false
	}
	if slices.ContainsFunc(a.findings, func(f report.Finding) bool { return f.Subject == name && f.Rule == statements.RuleUnsupported }) {
		mistakes = nil // told already
	}
	for i := range more {
		if strings.HasPrefix(more[i].Message, "there is no table ") { // made by a statement whose columns are not known here
			more[i].Rule, more[i].Severity = statements.RuleUndeclared, report.Low
		}
	}
	return append(mistakes, more...), len(more) == 0
}

// Plan is the operators of a statement, none where its tables are not declared or it computes nothing.
func (st *Study) Plan(name string) []statements.PlanNode {
	u := st.analysis.parsed[name]
	if u == nil {
		return nil
	}
	if r, _ := statements.Resolve(u, st.analysis.tables); r != nil && r.Write != nil {
		return statements.PlanOf(st.ttl(name), r.Write)
	}
	writes, _ := statements.Relate(u, st.analysis.tables)
	return statements.PlanOf(st.ttl(name), writes...)
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
			return r.Topics[table] != nil || len(writers[table]) > 0
		})
		for i := range unbacked {
			unbacked[i].Subject = s.Name
		}
		found = append(found, unbacked...)
	}
	return found
}

// leaveToEngine lowers what only the bundled engine refuses, where no topology says which engine runs the statements.
func leaveToEngine(found []report.Finding) {
	for i := range found {
		if f := &found[i]; f.Rule == statements.RuleUnsupported {
			f.Severity = report.Low
			f.Why = "lifeboat's bundled engine refuses the statement; where another engine runs it, only what is told here about it is less"
		}
	}
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
				n.Place = report.Place{File: s.File, Line: s.Line, Column: 1}
			} else {
				n.Detail = "not declared here"
			}
			g.Nodes = append(g.Nodes, n)
		}
		return id
	}
	for _, s := range st.Statements {
		if len(s.Reads) == 0 && len(s.Writes) == 0 {
			continue
		}
		id := "statement:" + s.Name
		for _, t := range s.Reads {
			g.Edges = append(g.Edges, report.Edge{From: topic(t), To: id})
		}
		g.Nodes = append(g.Nodes, report.Node{ID: id, Kind: report.StatementNode, Name: s.Name, Outcome: worstOf(st.Findings, s.Name), Detail: s.Verdict,
			Place: report.Place{File: s.File, Line: s.Line, Column: 1}})
		for _, t := range s.Writes {
			g.Edges = append(g.Edges, report.Edge{From: id, To: topic(t)})
		}
	}
	return g
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
		text := s.Horizons[topic]
		if len(s.Horizons) > 1 {
			text = topic + ": " + text
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}
