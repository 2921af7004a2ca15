package dr

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// checkup is what a check looks at: the declared topology, both regions as observed, and the unplanned failover that would be
// carried out now.
type checkup struct {
	world *World
	seen  *plans.Observed
	decl  *plans.Link
	plan  *plans.Plan // nil where none can be computed
	err   error       // why not
}

// check is one pre-flight question. It may answer with several lines, one per topic or statement, or with none where it does not apply.
type check struct {
	id  string
	run func(context.Context, *checkup) []report.Check
}

// checks are asked in this order; each is in a file of its own.
var checks = []check{
	{"region-reachable", checkRegions},
	{"link-topics", checkTopics},
	{"link-mirrors", checkMirrors},
	{"link-configs", checkConfigs},
	{"transactions", checkTransactions},
	{"group-idle", checkGroups},
	{"access", checkAccess},
	{"registry", checkRegistry},
	{"engine", checkEngine},
	{"retention", checkRetention},
	{"determinism", checkDeterminism},
	{"objectives", checkObjectives},
}

// Check asks every pre-flight question of both regions and reports the answers. Nothing is changed anywhere.
func Check(ctx context.Context, w *World, link string) (*report.Report, error) {
	rep := &report.Report{Command: "check", Title: "pre-flight of " + w.Declared.Topology.Name, Start: w.now()}
	decl, err := w.Link(link)
	if err != nil {
		return nil, err
	}
	c := &checkup{world: w, decl: decl}
	if c.seen, err = Observe(ctx, w); err != nil {
		return nil, err
	}
	if w.Errs[decl.To] != nil {
		c.err = w.Errs[decl.To]
	} else {
		c.plan, c.err = plans.Compute(plans.OpFailover, plans.Options{Link: decl.Name}, w.Declared, c.seen)
	}
	for _, k := range checks {
		for _, answer := range k.run(ctx, c) {
			if answer.ID == "" {
				answer.ID = k.id
			}
			rep.Checks = append(rep.Checks, answer)
		}
	}
	if c.plan != nil {
		rep.Findings = slices.DeleteFunc(slices.Clone(c.plan.Findings), func(f report.Finding) bool {
			return f.Rule == "failover/unfenced" || f.Rule == "failover/done" // nobody fails over now
		})
		for _, sp := range c.plan.Statements {
			rep.Statements = append(rep.Statements, statementLine(c.plan, sp))
		}
		rep.Topics = c.plan.Forecast
	}
	rep.End = w.now()
	conclude(rep)
	return rep, nil
}

// CheckOffline reports what the files alone tell: the findings of loading and the analysis of the statements without a region.
func CheckOffline(d *plans.Declared, findings []report.Finding, now time.Time) *report.Report {
	rep := &report.Report{Command: "check", Title: "files of " + d.Topology.Name, Start: now, End: now, Findings: findings}
	state := report.Passed
	if report.Blocked(findings) {
		state = report.Failed
	}
	rep.Checks = append(rep.Checks, report.Check{ID: "topology", Name: d.Path + " and its statements are well formed", Outcome: state,
		Detail: fmt.Sprintf("%s, %s, %s", counted(len(d.Topology.Regions), "region"), counted(len(d.Topology.Links), "link"), counted(len(d.Statements), "statement"))})
	st := plans.StudyOf(d)
	rep.Findings = append(rep.Findings, st.Findings...)
	rep.Checks = append(rep.Checks, studyChecks(st, rep.Fails)...)
	rep.Statements = studiedLines(st)
	rep.Graph, rep.Rules = st.Graph, rulesOf(rep.Findings)
	conclude(rep)
	return rep
}

func conclude(rep *report.Report) {
	count := map[report.Outcome]int{}
	for _, c := range rep.Checks {
		count[c.Outcome]++
	}
	rep.Outcome = report.Passed
	if rep.Failed() {
		rep.Outcome = report.Failed
	}
	rep.Summary = counted(count[report.Passed], "check") + " passed"
	for _, rest := range []struct {
		outcome report.Outcome
		text    string
	}{{report.Warned, "with a warning"}, {report.Failed, "failed"}, {report.Unknown, "could not be made"}} {
		if n := count[rest.outcome]; n > 0 {
			rep.Summary += fmt.Sprintf(", %d %s", n, rest.text)
		}
	}
	if rep.Outcome == report.Failed && len(rep.Next) == 0 {
		rep.Next = []string{"mend what failed above, then run `lifeboat check` again"}
	}
}

// noPlan is the answer of a check that needs a plan where none can be computed.
func noPlan(c *checkup, name string) []report.Check {
	return []report.Check{{Name: name, Outcome: report.Unknown, Detail: c.err.Error()}}
}
