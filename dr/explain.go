package dr

import (
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// ExplainStatements reports the plans of the declared statements that are wanted, and what is found of them; by what was seen of the regions, too, where that
// is not nil.
func ExplainStatements(title string, d *plans.Declared, seen *plans.Observed, found []report.Finding, wanted func(plans.Statement) bool) *report.Report {
	rep := &report.Report{Command: "statement explain", Title: title, Outcome: report.Passed, Findings: found}
	st := plans.StudyOf(d, seen)
	names := map[string]bool{}
	for _, s := range d.Statements {
		names[s.Name] = wanted(s)
	}
	for _, s := range st.Statements {
		if !names[s.Name] || len(s.Reads)+len(s.Writes) == 0 {
			continue
		}
		line := studiedLine(s)
		writes, ttl := st.Writes(s.Name)
		line.Paths, line.Columns = pathsOf(s, writes, ttl), originsOf(writes)
		for _, op := range statements.PlanOf(ttl, writes...) {
			line.Plan = append(line.Plan, report.Operator{Depth: op.Depth, Operator: op.Operator, Name: op.Name, Detail: op.Detail, Changelog: op.Changelog, UpsertKeys: op.UpsertKeys, State: op.State, StateSize: op.StateSize, Note: op.Note,
				Place: report.Place{File: s.File, Line: op.At.Line, Column: op.At.Column}})
		}
		if len(line.Plan) == 0 && !s.Resolved && len(s.Writes) > 0 {
			line.Detail = "no plan: see the findings"
		}
		rep.Statements = append(rep.Statements, line)
	}
	for _, f := range st.Findings {
		if names[f.Subject] {
			rep.Findings = append(rep.Findings, f)
		}
	}
	rep.Rules = rulesOf(rep.Findings)
	if rep.Failed() {
		rep.Outcome = report.Failed
	}
	return rep
}

// pathsOf are the ways from the inputs of a statement to its outputs.
func pathsOf(s plans.Studied, writes []*statements.Write, ttl time.Duration) []report.Path {
	var out []report.Path
	for _, w := range writes {
		to := ""
		if len(writes) > 1 {
			to = w.Table.Name
		}
		for _, p := range statements.PathsOf(w, ttl) {
			out = append(out, report.Path{Input: p.Topic, Output: to, Operators: p.Operators, Horizon: p.Horizon.String(),
				Place: report.Place{File: s.File, Line: p.At.Line, Column: p.At.Column}})
		}
	}
	return out
}

// originsOf are what the columns of the outputs come from.
func originsOf(writes []*statements.Write) []report.ColumnOrigin {
	var out []report.ColumnOrigin
	for _, w := range writes {
		for _, c := range statements.LineageOf(w).Columns {
			o := report.ColumnOrigin{Column: c.Column, Via: c.Via}
			if len(writes) > 1 {
				o.Column = w.Table.Name + "." + c.Column
			}
			for _, from := range c.From {
				o.From = append(o.From, from.Table+"."+from.Column)
			}
			out = append(out, o)
		}
	}
	return out
}
