package dr

import (
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// ExplainStatements reports the plans of the declared statements that are wanted, and what is found of them.
func ExplainStatements(title string, d *plans.Declared, found []report.Finding, wanted func(plans.Statement) bool) *report.Report {
	rep := &report.Report{Command: "statement explain", Title: title, Outcome: report.Passed, Findings: found}
	st := plans.StudyOf(d, nil)
	names := map[string]bool{}
	for _, s := range d.Statements {
		names[s.Name] = wanted(s)
	}
	for _, s := range st.Statements {
		if !names[s.Name] || len(s.Reads)+len(s.Writes) == 0 {
			continue
		}
		line := studiedLine(s)
		for _, op := range st.Plan(s.Name) {
			line.Plan = append(line.Plan, report.Operator{Depth: op.Depth, Name: op.Name, Detail: op.Detail, Changelog: op.Changelog, State: op.State, Note: op.Note,
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
