package dr

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// checkup is what a check looks at: the declared topology, both regions as observed, and the failovers that could be carried out now.
type checkup struct {
	world *World
	seen  *plans.Observed
	decl  *plans.Link
	plan  *plans.Plan // the unplanned failover; nil where none can be computed
	err   error       // why not

	cost     *plans.Cost        // of the statements
	planned  *plans.Plan        // the planned failover of now; nil where none can be computed
	journals map[string]journal // of the regions that answer, by region

	offline bool // the regions were looked at earlier and can not be asked now
}

// journal is what a region remembers of runs.
type journal struct {
	entries []Entry
	err     error // it could not be read
}

// check is one pre-flight question. It may answer with several lines, one per topic or statement, or with none where it does not apply. Questions
// are asked at the same time and share the checkup, which they only read. One ends when its context does.
type check struct {
	id   string
	run  func(context.Context, *checkup) []report.Check
	live bool // it asks the regions themselves
}

// checksAtOnce bounds how many questions are asked at the same time.
const checksAtOnce = 8

// checks are answered in this order; each is in a file of its own.
var checks = []check{
	{"region-reachable", checkRegions, true},
	{"runs", checkRuns, true},
	{"link-topics", checkTopics, false},
	{"link-mirrors", checkMirrors, false},
	{"link-overtaken", checkOvertaken, false},
	{"link-configs", checkConfigs, true},
	{"transactions", checkTransactions, true},
	{"group-idle", checkGroups, false},
	{"group-positions", checkPositions, true},
	{"grants", checkGrants, true},
	{"access", checkAccess, true},
	{"rights", checkRights, true},
	{"clocks", checkClocks, true},
	{"registry", checkRegistry, false},
	{"registration", checkRegistration, false},
	{"engine", checkEngine, false},
	{"retention", checkRetention, false},
	{"determinism", checkDeterminism, false},
	{"engine-capacity", checkCapacity, true},
	{"objectives", checkObjectives, false},
	{"cost", checkCost, false},
	{"forecast", checkForecast, true},
	{"drills", checkDrills, true},
}

// observeTimeouts is how long a check looks at each region before it asks its questions, in time-outs of a question: there is much to tell.
const observeTimeouts = 6

// Check asks every pre-flight question of both regions and reports the answers. Nothing is changed anywhere.
func Check(ctx context.Context, w *World, link string) (*report.Report, error) {
	seen, err := observe(ctx, w, observeTimeouts*w.opts.Timeout)
	if err != nil {
		return nil, err
	}
	if err := Measure(ctx, w, seen); err != nil {
		return nil, err
	}
	return CheckObserved(ctx, w, seen, link)
}

// CheckObserved is Check of regions that were looked at already.
func CheckObserved(ctx context.Context, w *World, seen *plans.Observed, link string) (*report.Report, error) {
	rep := &report.Report{Command: "check", Title: "pre-flight of " + w.Declared.Topology.Name, File: w.Declared.Path, Start: w.now()}
	c := &checkup{world: w, seen: seen}
	if err := c.ask(ctx, rep, link); err != nil {
		return nil, err
	}
	rep.End = w.now()
	rep.Figures = append(rep.Figures, readinessFigure(rep))
	conclude(rep)
	return rep, nil
}

// ask puts the answers of all questions, and what the statements mean, into rep.
func (c *checkup) ask(ctx context.Context, rep *report.Report, link string) (err error) {
	if c.decl, err = c.world.Link(link); err != nil {
		return err
	}
	c.compute()
	if !c.offline {
		c.readJournals(ctx)
	}
	in, where := c.world.Declared, c.decl.From
	if there := in.In(c.decl.To); there != in { // each region has names of its own
		in, where = there, c.decl.To
	}
	st := plans.StudyOf(in, c.seen)
	st.Findings = append(st.Findings, st.Unbacked(where, c.seen.Regions[where])...)
	c.cost = plans.CostOf(in, c.seen, c.decl)
	rep.Checks = append(rep.Checks, c.answers(ctx, checks)...)
	if ctx.Err() != nil {
		return context.Cause(ctx) // they are no answers
	}
	rep.Checks = append(rep.Checks, studyChecks(st, rep.Fails, studySyntax, studyDialect, studyEngine, studyNames, studyChangelog, studyLineage, studyHorizon)...)
	if c.plan != nil {
		rep.Findings = c.found()
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

// answers asks questions, and returns what they are answered in their order.
func (c *checkup) answers(ctx context.Context, questions []check) []report.Check {
	answers := make([][]report.Check, len(questions))
	var skipped []string
	var g errgroup.Group
	g.SetLimit(checksAtOnce)
	for i, k := range questions {
		if k.live && c.offline {
			skipped = append(skipped, k.id)
			continue
		}
		g.Go(func() error {
			answers[i] = c.answer(ctx, k)
			return nil
		})
	}
	_ = g.Wait() // what goes wrong is an answer
	if len(skipped) > 0 {
		answers = append(answers, []report.Check{{ID: "live", Name: "what only the regions themselves can tell", Outcome: report.Skipped, Detail: strings.Join(skipped, ", ") + " were not asked"}})
	}
	return slices.Concat(answers...)
}

// answer asks one question. What it could not find out because a region took too long is said as such.
func (c *checkup) answer(ctx context.Context, k check) []report.Check {
	late := fmt.Errorf("no answer within %s", c.world.opts.Timeout)
	within, cancel := context.WithTimeoutCause(ctx, c.world.opts.Timeout, late)
	defer cancel()
	lines := k.run(within, c)
	timedOut := context.Cause(within) == late
	for i := range lines {
		if lines[i].ID == "" {
			lines[i].ID = k.id
		}
		if timedOut && lines[i].Outcome == report.Unknown {
			lines[i].Detail = late.Error()
		}
	}
	if timedOut && len(lines) == 0 {
		lines = []report.Check{{ID: k.id, Name: k.id + " is known", Outcome: report.Unknown, Detail: late.Error()}}
	}
	return lines
}

// readJournals reads what the regions that answer remember of runs.
func (c *checkup) readJournals(ctx context.Context) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.world.opts.Timeout, fmt.Errorf("no answer within %s", c.world.opts.Timeout))
	defer cancel()
	c.journals = map[string]journal{}
	var mu sync.Mutex
	var g errgroup.Group
	for name := range c.world.Regions {
		g.Go(func() error {
			entries, err := c.world.entriesOf(ctx, name)
			if err != nil && ctx.Err() != nil {
				err = fmt.Errorf("%s: reading the journal: %w", name, context.Cause(ctx))
			}
			mu.Lock()
			defer mu.Unlock()
			c.journals[name] = journal{entries, err}
			return nil
		})
	}
	_ = g.Wait() // each journal has its own error
}

// CheckOffline reports what the files alone tell: the findings of loading and the analysis of the statements without a region.
func CheckOffline(d *plans.Declared, findings []report.Finding, now time.Time) *report.Report {
	rep := &report.Report{Command: "check", Title: "files of " + d.Topology.Name, File: d.Path, Start: now, End: now, Findings: findings}
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
