package dr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// A migration is a run of batches, one behind the other. What a step is about is its batch's part of the plan. A batch has moved when its topics were
// seen to be the same in both regions: from then on the run believes its journal about it, because what it had looked at may be removed from the
// source. Before its promotion a batch can be rolled back, by the same run going on along the plan of its way back.

// movedBatch is what a run remembers of a batch that has moved, under "moved:" and its name.
type movedBatch struct {
	Took       float64            `json:"took"` // seconds from its fence to its last statement past the failover point
	Topics     []report.Topic     `json:"topics,omitempty"`
	Groups     []report.Group     `json:"groups,omitempty"`
	Statements []report.Statement `json:"statements,omitempty"`
	Checks     []report.Check     `json:"checks,omitempty"`
	Findings   []report.Finding   `json:"findings,omitempty"`
}

func movedFact(batch string) string   { return "moved:" + batch }
func stoppedFact(batch string) string { return "stopped:" + batch } // the statements that it has stopped in the source

// scoped is the name of a fact of which there is one a batch, or, where the step names one, a region.
func scoped(fact string, s plans.Step) string {
	switch {
	case s.Batch != "":
		return fact + ":" + s.Batch
	case s.Subject != "":
		return fact + ":" + s.Subject
	}
	return fact
}

// partial says that a step is about a part of what its link mirrors: whoever serves the link goes on with the rest.
func (r *run) partial(s plans.Step) bool { return s.Batch != "" || r.plan.Share != nil }

// topicsOf are the topics that a step is about.
func (r *run) topicsOf(s plans.Step) []string { return namesOf(r.plan.Part(s)) }

func namesOf(p *plans.Plan) []string {
	names := make([]string, len(p.Topics))
	for i, t := range p.Topics {
		names[i] = t.Name
	}
	return names
}

// believe takes the journal's word for the batches that have moved.
func (r *run) believe() error {
	m := r.plan.Migration
	if m == nil {
		return nil
	}
	for _, b := range m.Batches {
		var moved movedBatch
		known, err := r.recall(movedFact(b.Name), &moved)
		if err != nil {
			return err
		}
		if !known {
			continue
		}
		r.rep.Topics = append(r.rep.Topics, moved.Topics...)
		r.rep.Groups = append(r.rep.Groups, moved.Groups...)
		r.rep.Statements = append(r.rep.Statements, moved.Statements...)
		r.rep.Checks = append(r.rep.Checks, moved.Checks...)
		for _, f := range moved.Findings {
			if !slices.Contains(r.rep.Findings, f) {
				r.rep.Findings = append(r.rep.Findings, f)
			}
		}
	}
	return nil
}

// moved are the names of the batches that this run has moved.
func (r *run) moved() (names []string) {
	for _, b := range r.plan.Migration.Batches {
		if r.knows(movedFact(b.Name)) {
			names = append(names, b.Name)
		}
	}
	return names
}

// halfWay is the first batch that has not moved; nil where all have.
func halfWay(p *plans.Plan, knows func(fact string) bool) *plans.Batch {
	for i, b := range p.Migration.Batches {
		if !knows(movedFact(b.Name)) {
			return &p.Migration.Batches[i]
		}
	}
	return nil
}

// NotReturnableError says that a run has no batch that could be rolled back.
type NotReturnableError struct {
	Run, Why string
	Instead  string
}

func (e *NotReturnableError) Error() string { return fmt.Sprintf("run %s: %s", e.Run, e.Why) }

// RollBack plans the way back of the batch that an unfinished migration stopped in, and returns the run's id with the plan; ResumeAs carries it out. An
// empty id is the newest unfinished run. Errors: ErrNoRun, *NotReturnableError where the batch's promotion has begun, or nothing is left to roll back.
func RollBack(ctx context.Context, w *World, id string) (string, *plans.Plan, error) {
	past, _, err := findRun(ctx, w, id, false)
	if err != nil {
		return "", nil, err
	}
	switch {
	case past.plan == nil:
		return "", nil, fmt.Errorf("run %s: its plan is not in the journal: %w", past.id, ErrNoRun)
	case past.ended != nil:
		return "", nil, &NotReturnableError{past.id, fmt.Sprintf("it has ended (%s): what it has moved stays where it is", past.outcome()), "lifeboat failback, once everything has moved"}
	case past.plan.Migration == nil:
		return "", nil, &NotReturnableError{past.id, "it is a " + past.operation() + ": only a batch of a migration is rolled back", "lifeboat resume " + past.id}
	case past.plan.Migration.Back != "":
		return past.id, past.plan, nil
	}
	batch := halfWay(past.plan, func(fact string) bool { return past.facts[fact] != nil })
	if batch == nil {
		return "", nil, &NotReturnableError{past.id, "all its batches have moved", "lifeboat resume " + past.id + " ends it"}
	}
	if err := w.Errs[past.plan.From]; err != nil {
		return "", nil, err
	}
	r := &run{id: past.id, world: w, plan: past.plan, facts: past.facts}
	if r.decl, err = past.plan.LinkIn(w.Declared); err != nil {
		return "", nil, err
	}
	if r.link, err = w.OpenLink(r.decl); err != nil {
		return "", nil, err
	}
	if err := r.stillMirrors(ctx, batch); err != nil {
		return "", nil, err
	}
	var stopped []string
	if _, err := r.recall(stoppedFact(batch.Name), &stopped); err != nil {
		return "", nil, err
	}
	return past.id, past.plan.RollBack(batch.Name, stopped), nil
}

// stillMirrors says why a batch can not be rolled back any more.
func (r *run) stillMirrors(ctx context.Context, b *plans.Batch) error {
	states, err := mirrorStates(ctx, r.link)
	if err != nil {
		return err
	}
	var past []string
	for _, topic := range b.Topics {
		if st := states[topic]; st == plans.MirrorStopped || st == plans.MirrorPendingStopped {
			past = append(past, topic+" is "+st)
		}
	}
	if len(past) > 0 {
		return &NotReturnableError{r.id, fmt.Sprintf("batch %s is past its point of no return: in %s %s, and what is written there would be lost", b.Name, r.plan.To, strings.Join(past, ", ")),
			"lifeboat resume " + r.id + " takes it to its end; when everything has moved, lifeboat failback brings it back"}
	}
	return nil
}

// turnsBack makes sure, before a run goes on along the plan of a batch's way back, that no process from before promotes the batch after all.
func (r *run) turnsBack(ctx context.Context) error {
	if err := r.link.ShutOut(ctx, "run "+r.id+" by "+r.world.opts.Who); err != nil {
		return err
	}
	return r.stillMirrors(ctx, r.plan.Migration.Batch(r.plan.Migration.Back))
}

// nextOfMigration is what can be done, beside resuming, with a migration that has stopped, and whether that is rolling a batch back.
func (r *run) nextOfMigration(ctx context.Context) (next []string, returnable bool) {
	b := halfWay(r.plan, r.knows)
	if r.plan.Migration.Back != "" || b == nil {
		return nil, false
	}
	past, ok := errors.AsType[*NotReturnableError](r.stillMirrors(ctx, b))
	if ok {
		return []string{past.Why + ": it can only be gone on with"}, false
	}
	return []string{fmt.Sprintf("lifeboat migrate rollback %s  (batch %s as it was: its writers and statements go on in %s)", r.id, b.Name, r.plan.From)}, true
}

// migrated is what an SRE reads aloud at the end.
func (r *run) migrated() string {
	m, names := r.plan.Migration, r.moved()
	stays := ""
	if len(names) > 0 {
		stays = fmt.Sprintf("; %s in %s, and stays there", areIn(names), r.plan.To)
	}
	if m.Back != "" {
		return fmt.Sprintf("batch %s is rolled back: %s may be written in %s again, and its statements go on there%s", m.Back, short(m.Batch(m.Back).Topics), r.plan.From, stays)
	}
	text := fmt.Sprintf("%s in %s: %s promoted, %s running", areIn(names), r.plan.To, counted(len(r.plan.Topics), "topic"), counted(len(r.rep.Statements), "statement"))
	if n := len(m.Later); n > 0 {
		text += fmt.Sprintf("; %s left in %s", countedBatches(n), r.plan.From)
	}
	return text + "." + r.lossWords()
}

// decommission lists what the source still has, as it is now; that it can not be told stops nothing.
func (r *run) decommission(ctx context.Context) {
	if r.plan.Migration == nil || len(r.moved()) == 0 {
		return
	}
	p, err := Plan(ctx, r.world, plans.OpMigrate, plans.Options{Link: r.plan.Link})
	if err != nil {
		r.rep.Findings = append(r.rep.Findings, report.Finding{Rule: "migrate/left", Severity: report.Medium, Subject: r.plan.From, Message: "what is left to be removed could not be listed: " + err.Error(),
			Why: r.plan.From + " still has what was moved", Remedy: "lifeboat plan migrate lists it"})
		return
	}
	r.rep.Left = p.Migration.Left
}

// afterMigration is what is to be done when a migration has ended.
func (r *run) afterMigration() []string {
	m := r.plan.Migration
	if m.Back != "" {
		return r.afterRollBack()
	}
	next := []string{fmt.Sprintf("point producers and consumers of %s at %s", short(r.topicNames()), r.plan.To)}
	if len(m.Later) > 0 {
		next = append(next, "lifeboat migrate  (goes on with what is left)")
	} else {
		next = append(next, fmt.Sprintf("remove what is left in %s, as listed; then declare primary: %s", r.plan.From, r.plan.To))
	}
	return append(next, "lifeboat runs report "+r.id+" --report report.html")
}

// afterRollBack names what nobody but a person takes back.
func (r *run) afterRollBack() (next []string) {
	back := plans.Step{Batch: r.plan.Migration.Back}
	if f := r.fence(r.plan.From); f.By == "manual" && r.knows(scoped(factFence, back)) {
		next = append(next, fmt.Sprintf("start what writes to %s in %s again", shortList(r.topicsOf(back)), r.plan.From))
	}
	var called []string
	for _, h := range r.world.Declared.Topology.Hooks {
		if r.knows(hookFact(plans.Step{Batch: back.Batch, Subject: h.Name})) {
			called = append(called, h.Name)
		}
	}
	if len(called) > 0 {
		next = append(next, "take back what these hooks have done for the batch, which are not called the other way: "+strings.Join(called, ", "))
	}
	return append(next, "lifeboat migrate  (once what stopped it is mended; what has moved is not moved again)")
}

func countedBatches(n int) string {
	if n == 1 {
		return "1 batch is"
	}
	return fmt.Sprintf("%d batches are", n)
}

func areIn(batches []string) string {
	if len(batches) == 1 {
		return "batch " + batches[0] + " is"
	}
	return "batches " + shortList(batches) + " are"
}
