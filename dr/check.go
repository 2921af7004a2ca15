package dr

import (
	"context"
	"fmt"
	"slices"
	"strings"
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

	cost *plans.Cost // of the statements

	offline bool // the regions were looked at earlier and can not be asked now
}

// check is one pre-flight question. It may answer with several lines, one per topic or statement, or with none where it does not apply.
type check struct {
	id   string
	run  func(context.Context, *checkup) []report.Check
	live bool // it asks the regions themselves
}

// checks are asked in this order; each is in a file of its own.
var checks = []check{
	{"region-reachable", checkRegions, true},
	{"link-topics", checkTopics, false},
	{"link-mirrors", checkMirrors, false},
	{"link-configs", checkConfigs, true},
	{"transactions", checkTransactions, true},
	{"group-idle", checkGroups, false},
	{"grants", checkGrants, true},
	{"access", checkAccess, true},
	{"registry", checkRegistry, false},
	{"registration", checkRegistration, false},
	{"engine", checkEngine, false},
	{"retention", checkRetention, false},
	{"determinism", checkDeterminism, false},
	{"objectives", checkObjectives, false},
	{"cost", checkCost, false},
	{"drills", checkDrills, true},
}

// Check asks every pre-flight question of both regions and reports the answers. Nothing is changed anywhere.
func Check(ctx context.Context, w *World, link string) (*report.Report, error) {
	seen, err := Observe(ctx, w)
	if err != nil {
		return nil, err
	}
	return CheckObserved(ctx, w, seen, link)
}

// CheckObserved is Check of regions that were looked at already.
func CheckObserved(ctx context.Context, w *World, seen *plans.Observed, link string) (*report.Report, error) {
	rep := &report.Report{Command: "check", Title: "pre-flight of " + w.Declared.Topology.Name, Start: w.now()}
	c := &checkup{world: w, seen: seen}
	if err := c.ask(ctx, rep, link); err != nil {
		return nil, err
	}
	rep.End = w.now()
	conclude(rep)
	return rep, nil
}

// ask puts the answers of all questions, and what the statements mean, into rep.
func (c *checkup) ask(ctx context.Context, rep *report.Report, link string) (err error) {
	if c.decl, err = c.world.Link(link); err != nil {
		return err
	}
	if c.world.Errs[c.decl.To] != nil {
		c.err = c.world.Errs[c.decl.To]
	} else {
		op := plans.OpFailover
		if c.decl.Renames() && c.world.Declared.Topology.OtherWay(c.decl) == nil { // no pipeline fails over along it
			op = plans.OpLink
		}
		c.plan, c.err = plans.Compute(op, plans.Options{Link: c.decl.Name}, c.world.Declared, c.seen)
	}
	in, where := c.world.Declared, c.decl.From
	if there := in.In(c.decl.To); there != in { // each region has names of its own
		in, where = there, c.decl.To
	}
	st := plans.StudyOf(in, c.seen)
	st.Findings = append(st.Findings, st.Unbacked(where, c.seen.Regions[where])...)
	c.cost = plans.CostOf(in, c.seen, c.decl)
	var skipped []string
	for _, k := range checks {
		if k.live && c.offline {
			skipped = append(skipped, k.id)
			continue
		}
		for _, answer := range k.run(ctx, c) {
			if answer.ID == "" {
				answer.ID = k.id
			}
			rep.Checks = append(rep.Checks, answer)
		}
	}
	if len(skipped) > 0 {
		rep.Checks = append(rep.Checks, report.Check{ID: "live", Name: "what only the regions themselves can tell", Outcome: report.Skipped, Detail: strings.Join(skipped, ", ") + " were not asked"})
	}
	rep.Checks = append(rep.Checks, studyChecks(st, rep.Fails, studySyntax, studyDialect, studyEngine, studyNames, studyChangelog, studyLineage, studyHorizon)...)
	if c.plan != nil {
		rep.Findings = slices.DeleteFunc(slices.Clone(c.plan.Findings), func(f report.Finding) bool {
			return f.Rule == "failover/unfenced" || f.Rule == "failover/done" // nobody fails over now
		})
		for _, sp := range c.plan.Statements {
			rep.Statements = append(rep.Statements, statementLine(c.plan, sp))
		}
		rep.Topics = c.plan.Forecast
	}
	addCost(rep, c.cost)
	rep.Findings = merged(rep.Findings, st.Findings, c.plan != nil)
	rep.Graph, rep.Rules = st.Graph, rulesOf(rep.Findings)
	return nil
}

// merged adds what the statements' texts tell to what the plan found. The plan judges determinism with more knowledge, where there is one.
func merged(plan, study []report.Finding, planned bool) []report.Finding {
	told := map[string]bool{}
	key := func(f report.Finding) string { return fmt.Sprint(f.Rule, f.Place, f.Message) }
	for _, f := range plan {
		told[key(f)] = true
	}
	for _, f := range study {
		if !told[key(f)] && !(planned && (strings.HasPrefix(f.Rule, "D") || f.Rule == plans.RuleUnusedWaiver)) {
			plan = append(plan, f)
		}
	}
	return plan
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
	st := plans.StudyOf(d, nil)
	rep.Findings = append(rep.Findings, st.Findings...)
	rep.Checks = append(rep.Checks, studyChecks(st, rep.Fails, allOfStudy...)...)
	rep.Statements = studiedLines(st)
	cost := plans.CostOf(d, nil, nil)
	rep.Checks = append(rep.Checks, costLine(cost)...)
	addCost(rep, cost)
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
