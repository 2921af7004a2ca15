package statements

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// Rule is one reason why two regions may compute different results from the same logs, or a move may spoil them. The ids are
// those of the reference's table of determinism rules.
type Rule struct {
	ID     string
	Title  string
	Why    string // why it matters in disaster recovery
	Remedy string
	// Page says more, in paragraphs; Wrong is SQL in which the rule finds something, Right SQL of the same purpose in which it does not.
	Page, Wrong, Right string
	// Severities by pattern: both regions run the statement all the time, or DR starts it at failover. "" = does not apply.
	ActiveActive, ActivePassive report.Severity
	// Leaves is the strongest verdict that still holds where the rule finds something; "" where it says nothing of the result.
	Leaves Verdict

	check func(*judged) []hit
}

// hit is one place where a rule finds something.
type hit struct {
	at      Pos
	message string
	remedy  string // instead of the rule's, where not empty

	active, passive report.Severity // instead of the rule's, where not empty
	leaves          Verdict         // instead of the rule's, where not empty
}

// judged is what a rule looks at.
type judged struct {
	name  string
	stmt  Statement
	facts Facts
	calls []site
	rels  *Resolved // nil where a table is not known or something is not supported yet

	writes  []*Write   // see related
	bad     []*problem // why something of the statement is in none of them
	relates bool
}

// related are the relational trees of the statement, of the whole dialect: one for each INSERT that has no mistake. The row of a table that the catalog
// does not know is open.
func (in *judged) related() []*Write {
	if !in.relates {
		in.writes, in.bad = relateStatement(in.stmt, Opened(in.facts.Tables))
	}
	in.relates = true
	return in.writes
}

// operators calls visit for each operator of the statement, a sink before what it writes.
func (in *judged) operators(visit func(Rel)) {
	var walk func(Rel)
	walk = func(r Rel) {
		visit(r)
		for _, below := range Inputs(r) {
			walk(below)
		}
	}
	for _, w := range in.related() {
		walk(w)
	}
}

// rules in the order of their ids.
var rules = []Rule{d01, d02, d03, d04, d05, d06, d07, d08, d09, d10, d11, d12, d13, d14, d15, d16, d17, d18, d19, d20, d21, d22, d23, d24, d25, d26, d27, d28, d29, d30, d31, d32, d33, d34, d35, d36, d37, d38, d39, d40}

// Rules returns all rules, in the order of their ids.
func Rules() []Rule { return slices.Clone(rules) }

func (r Rule) severity(p Pattern, h hit) report.Severity {
	if p == ActiveActive {
		if h.active != "" {
			return h.active
		}
		return r.ActiveActive
	}
	if h.passive != "" {
		return h.passive
	}
	return r.ActivePassive
}

// Judge applies the rules to a statement and says how far two regions agree on its result. Findings stand in the order of the
// rules and of the text, with the statement's name as their subject.
func Judge(name string, p *Parsed, f Facts) ([]report.Finding, Judgement) {
	if p.Statement == nil {
		return nil, Judgement{NonDeterministic, "the statement was not understood"}
	}
	in := &judged{name: name, stmt: p.Statement, facts: f, calls: sites(p.Statement)}
	if f.Tables != nil {
		in.rels, _ = Resolve(p, f.Tables)
	}
	verdict := in.shape()
	var out []report.Finding
	type told struct {
		rule, message string
		at            Pos
	}
	once := map[told]bool{} // a common table expression that is read twice stands twice in the tree
	for _, r := range rules {
		for _, h := range r.check(in) {
			this := told{r.ID, h.message, h.at}
			if once[this] {
				continue
			}
			once[this] = true
			sev := r.severity(f.Pattern, h)
			if sev == "" {
				continue
			}
			finding := p.src.finding(r.ID, h.at, h.message, r.Remedy)
			finding.Severity, finding.Subject, finding.Why = sev, name, r.Why
			if h.remedy != "" {
				finding.Remedy = h.remedy
			}
			out = append(out, finding)
			leaves := cmp.Or(h.leaves, r.Leaves)
			if leaves != "" && leaves.weaker(verdict.Verdict) {
				verdict = Judgement{leaves, fmt.Sprintf("%s: %s", r.ID, h.message)}
			}
		}
	}
	return out, verdict
}

var verdicts = []Verdict{DeterministicChangelog, DeterministicMultiset, DeterministicFinalState, DeterministicIfNoLate, NonDeterministic}

// weaker reports whether v promises less than w.
func (v Verdict) weaker(w Verdict) bool { return slices.Index(verdicts, v) > slices.Index(verdicts, w) }

// Weakest returns the weaker of two judgements, for a chain of statements.
func Weakest(a, b Judgement) Judgement {
	if b.Verdict.weaker(a.Verdict) {
		return b
	}
	return a
}

// shape is the verdict that the kind of query allows, before any rule.
func (in *judged) shape() Judgement {
	out := Judgement{DeterministicChangelog, "nothing is computed"}
	for _, w := range in.related() {
		out = Weakest(out, in.shapeOf(w))
	}
	if len(in.bad) > 0 {
		out = Judgement{NonDeterministic, "how far it is deterministic is not known: " + in.bad[0].message}
	}
	return out
}

// shapeOf is the verdict that the operators of a related query allow.
func (in *judged) shapeOf(w *Write) Judgement {
	var waits string
	var find func(Rel)
	find = func(r Rel) {
		if what := waiting(r); what != "" && waits == "" {
			waits = what
			if a, ok := r.(*Aggregation); ok && a.Window != nil {
				waits = "a window"
			}
		}
		for _, below := range Inputs(r) {
			find(below)
		}
	}
	find(w)
	switch {
	case waits == "a window":
		return Judgement{DeterministicIfNoLate, "a row that comes after its window has fired is dropped, and which rows are late depends on how the partitions interleave"}
	case waits != "":
		return Judgement{DeterministicIfNoLate, waits + " leaves out rows behind the watermark, and which rows those are depends on how the partitions interleave"}
	case !newAnalysis().kinds(w.In).InsertOnly():
		return Judgement{DeterministicFinalState, "what is updated on the way may differ; the last row of every key is the same once all rows have come"}
	case w.Mode == Upsert:
		return Judgement{DeterministicFinalState, "the last row of a key counts: it is the same where all rows of a key are in one partition of the input"}
	}
	return Judgement{DeterministicMultiset, "every input row gives its output row; rows of different partitions may stand in another order"}
}

// table is a table by its name, as the facts have it.
func (in *judged) table(name string) (*Table, bool) {
	if in.facts.Tables == nil {
		return nil, false
	}
	return in.facts.Tables.Table(name)
}

// insert is the statement where it is an INSERT, else nil.
func (in *judged) insert() *Insert {
	n, _ := in.stmt.(*Insert)
	return n
}

// keyColumn returns the name of the sink's key or distribution column that the i-th output of the query goes to, "" where it
// goes to none or the sink is not known.
func (in *judged) keyColumn(i int) string {
	n := in.insert()
	if n == nil || i < 0 {
		return ""
	}
	sink, ok := in.table(n.Table.Last())
	if !ok {
		return ""
	}
	var targets []string
	for _, c := range n.Columns {
		targets = append(targets, c.Name)
	}
	if len(n.Columns) == 0 {
		for _, c := range sink.Columns {
			if c.Persisted() {
				targets = append(targets, c.Name)
			}
		}
	}
	if i < len(targets) && (slices.Contains(sink.PrimaryKey, targets[i]) || slices.Contains(sink.Distribution, targets[i])) {
		return targets[i]
	}
	return ""
}
