package dr

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// run is one plan being carried out by this process.
type run struct {
	id      string
	world   *World
	plan    *plans.Plan
	decl    *plans.Link
	link    *linking.Link
	forward *linking.Link   // of a failback: the link that the failover went along
	from    *linking.Region // nil: not reachable
	to      *linking.Region
	journal *Journal
	begun   time.Time // of the run, by its first entry
	still   []pause   // when no process carried it out

	gates gates
	drill *rehearsal // of a drill

	mu    sync.Mutex // guards what steps that run at the same time share
	facts map[string]json.RawMessage
	rep   *report.Report

	underWay []*underWay

	// seen holds what this process itself has established and would not believe from a journal: that a fence stands, that
	// offsets were synced. It dies with the process on purpose.
	seen map[string]bool
}

// action is how one kind of step sees and reaches its goal. Both are safe to repeat after a crash at any point.
type action struct {
	// done says whether the goal holds now, and what was seen.
	done func(context.Context, *run, plans.Step) (bool, string, error)
	// apply works towards the goal and returns when it believes to have reached it.
	apply func(context.Context, *run, plans.Step) error
}

var actions = map[plans.StepKind]action{
	plans.StepFence:       {returned(fenceDone), fenceApply},
	plans.StepVerifyFence: {returned(verifyFenceDone), verifyFenceApply},
	plans.StepStopSource:  {returned(stopSourceDone), stopSourceApply},
	plans.StepDrain:       {returned(drainDone), drainApply},
	plans.StepOffsets:     {offsetsDone, offsetsApply},
	plans.StepVerify:      {verifyDone, verifyApply},
	plans.StepPromote:     {promoteDone, promoteApply},
	plans.StepRegistry:    {registryDone, registryApply},
	plans.StepCanary:      {canaryDone, canaryApply},
	plans.StepStart:       {startDone, startApply},
	plans.StepWatermark:   {watermarkDone, watermarkApply},
	plans.StepMeasure:     {measureDone, measureApply},
	plans.StepHook:        {hookDone, hookApply},
	plans.StepInventory:   {inventoryDone, inventoryApply},
	plans.StepCut:         {cutDone, cutApply},
	plans.StepCompare:     {compareDone, compareApply},
	plans.StepClean:       {cleanDone, cleanApply},
	plans.StepResidue:     {residueDone, residueApply},
	plans.StepDiverge:     {returned(divergeDone), divergeApply},
	plans.StepSalvage:     {returned(salvageDone), salvageApply},
	plans.StepForget:      {returned(forgetDone), forgetApply},
	plans.StepEmpty:       {returned(emptyDone), emptyApply},
	plans.StepRecreate:    {returned(recreateDone), recreateApply},
	plans.StepReverse:     {returned(reverseDone), reverseApply},
	plans.StepCatchUp:     {catchUpDone, catchUpApply},
	plans.StepOutputs:     {sameOutputDone, sameOutputApply},
	plans.StepHold:        {holdDone, holdApply},
	plans.StepMirrorOn:    {mirrorOnDone, mirrorOnApply},
	plans.StepLift:        {liftDone, liftApply},
	plans.StepProtect:     {protectDone, protectApply},
	plans.StepIdentical:   {identicalDone, identicalApply},
	plans.StepRestart:     {restartDone, restartApply},
}

// atTheSource are the steps that look at the old primary, or change it.
var atTheSource = map[plans.StepKind]bool{plans.StepFence: true, plans.StepVerifyFence: true, plans.StepDrain: true, plans.StepVerify: true,
	plans.StepInventory: true, plans.StepCut: true, plans.StepCompare: true, plans.StepResidue: true, plans.StepCatchUp: true, plans.StepIdentical: true,
	plans.StepRestart: true}

// StepError is a step that did not reach its goal. The run has let go of its lease; resuming goes on at this step.
type StepError struct {
	Run        string
	Step       plans.Step
	Err        error
	Returnable bool // of a migration: its batch is not promoted, and can be rolled back too
}

func (e *StepError) Error() string {
	return fmt.Sprintf("run %s: step %s: %v", e.Run, e.Step.ID, e.Err)
}
func (e *StepError) Unwrap() error { return e.Err }

// ErrOver refuses a plan that has its run's id, and was carried out already.
var ErrOver = errors.New("its plan was carried out")

// ErrInterrupted ends a run at the operator's wish, between two steps.
var ErrInterrupted = errors.New("interrupted")

// Execute carries out a plan as a new run and returns its report. The plan must still fit what is declared and observed
// (*plans.StaleError). The report is returned with every error that happens after the run has begun.
func Execute(ctx context.Context, w *World, p *plans.Plan) (*report.Report, error) {
	if report.Blocked(p.Findings) {
		return nil, &BlockedError{Findings: p.Findings}
	}
	id := newRunID(w.now())
	if p.Drill != nil {
		id = p.Drill.ID
	}
	return execute(ctx, w, p, id, false)
}

// Resume goes on with a run that stopped part-way: the one with the given id, or the newest unfinished one.
func Resume(ctx context.Context, w *World, id string) (*report.Report, error) {
	past, _, err := findRun(ctx, w, id, false)
	if err != nil {
		return nil, err
	}
	if past.ended != nil {
		return past.ended, nil
	}
	if past.plan == nil {
		return nil, fmt.Errorf("run %s: its plan is not in the journal: %w", past.id, ErrNoRun)
	}
	return execute(ctx, w, past.plan, past.id, false)
}

// BlockedError says that a plan must not be carried out.
type BlockedError struct{ Findings []report.Finding }

func (e *BlockedError) Error() string {
	for _, f := range e.Findings {
		if f.Severity == report.Block && f.Waived == "" {
			return fmt.Sprintf("the plan is blocked: %s: %s", f.Rule, f.Message)
		}
	}
	return "the plan is blocked"
}

func newRunID(now time.Time) string {
	b := make([]byte, 2)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return now.UTC().Format("20060102-150405") + "-" + hex.EncodeToString(b)
}

// execute carries a plan out under a run's id. With switched, the run goes on along this plan instead of the one that it had.
func execute(ctx context.Context, w *World, p *plans.Plan, id string, switched bool) (*report.Report, error) {
	if _, err := upTo(p.Steps, w.opts.Until); err != nil {
		return nil, err
	}
	decl, err := p.LinkIn(w.Declared)
	if err != nil {
		return nil, err
	}
	link, err := w.OpenLink(decl)
	if err != nil {
		return nil, err
	}
	var forward *linking.Link
	if p.Failback != nil {
		if forward, err = openForward(w, p); err != nil {
			return nil, err
		}
	}
	if err := alone(ctx, w, p, id); err != nil {
		return nil, err
	}
	to := w.Regions[p.To]
	j, entries, err := acquire(ctx, to, id, &w.opts)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	r := &run{id: id, world: w, plan: p, decl: decl, link: link, forward: forward, from: w.Regions[p.From], to: to, journal: j,
		facts: map[string]json.RawMessage{}, seen: map[string]bool{}, begun: w.now()}
	r.rep = newRunReport(id, p, r.begun)
	if p.Drill != nil {
		if err := r.newRehearsal(entries); err != nil {
			return nil, err
		}
	}
	known := false
	for _, past := range foldRuns(entries) {
		if past.id == id && past.ended != nil {
			return nil, fmt.Errorf("run %s is over: %w", id, ErrOver)
		}
		if past.id == id && past.plan != nil {
			r.facts, r.begun, known = past.facts, past.began, true
			r.rep.Start = past.began
			past.soFar(r.rep)
			r.still = past.stoodStill(w.opts.LeaseTTL, w.now())
			r.gates.pass(p.Steps, past.steps)
			if err := r.believe(); err != nil {
				return nil, err
			}
		}
	}
	if j.rewritten != nil {
		r.rep.Findings = append(slices.Clone(r.rep.Findings), report.Finding{Rule: "run/journal-rewritten", Severity: report.Medium, Subject: to.Name, Message: to.Name + ": " + j.rewritten.String(),
			Why: "what another machine wrote there afterwards is not known any more; every goal is looked up again", Remedy: "find out who deletes topics whose names begin with _lifeboat"})
	}
	if known && r.drill != nil {
		r.drill.cutShort = true
	}
	if switched && p.Migration != nil {
		if err := r.turnsBack(ctx); err != nil {
			return nil, errors.Join(err, j.Write(context.WithoutCancel(ctx), EntryRelease, "", err.Error(), nil))
		}
	}
	if !known || switched {
		if err := j.Write(ctx, EntryPlan, "", operationName(p), p); err != nil {
			return nil, err
		}
	}
	err = r.hold(ctx)
	return r.finish(ctx, err)
}

// hold executes the steps while a second goroutine keeps the lease alive; losing the lease ends the steps.
func (r *run) hold(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	renewing, stop := context.WithCancel(gctx)
	g.Go(func() error { return renew(renewing, r.journal, r.world.opts.Renewal) })
	g.Go(func() error { r.tellOfWaits(renewing); return nil })
	g.Go(func() error {
		defer stop()
		if r.drill != nil {
			return r.rehearse(gctx)
		}
		if err := r.steps(gctx); err != nil {
			return err
		}
		r.decommission(gctx)
		return nil
	})
	return g.Wait()
}

// steps runs every step as soon as those that it needs are done.
func (r *run) steps(ctx context.Context) error {
	steps, err := upTo(r.plan.Steps, r.world.opts.Until)
	if err != nil {
		return err
	}
	lines := map[string]*report.Step{}
	for i := range r.rep.Steps {
		lines[r.rep.Steps[i].ID] = &r.rep.Steps[i]
	}
	err = inOrder(steps, func() error { return r.mayGoOn(ctx) }, func(i int) error { return r.step(ctx, steps[i], lines[steps[i].ID]) })
	if err == nil && len(steps) < len(r.plan.Steps) {
		err = &PausedError{r.id, "behind step " + r.world.opts.Until}
	}
	return err
}

// mayGoOn says why no step may be begun any more.
func (r *run) mayGoOn(ctx context.Context) error {
	select {
	case <-r.world.opts.Interrupted:
		return ErrInterrupted
	default:
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// step runs one step's loop: done? → journal begin → apply → done! → journal done.
func (r *run) step(ctx context.Context, s plans.Step, out *report.Step) error {
	if s.Batch != "" && r.knows(movedFact(s.Batch)) { // its word is taken for it: what it has looked at may be gone
		out.Outcome, out.End = report.Done, later(out.End, out.Start)
		return nil
	}
	act, ok := actions[s.Kind]
	if !ok {
		return &StepError{Run: r.id, Step: s, Err: fmt.Errorf("this lifeboat does not know steps of kind %q: use the version that computed the plan", s.Kind)}
	}
	if out.Start.IsZero() { // by the process before
		out.Start = r.world.now()
	}
	stood := out.Outcome == report.Done
	fail := func(err error) error {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		out.Outcome, out.Detail, out.End = report.Failed, err.Error(), r.world.now()
		r.tell(s, EntryFailed, err.Error())
		if errors.Is(err, ErrLeaseLost) {
			return err
		}
		var lost *JournalLostError
		if errors.As(err, &lost) { // there is nothing to write it to
			return &StepError{Run: r.id, Step: s, Err: err}
		}
		if jerr := r.journal.Write(context.WithoutCancel(ctx), EntryFailed, s.ID, err.Error(), nil); jerr != nil {
			err = errors.Join(err, jerr)
		}
		return &StepError{Run: r.id, Step: s, Err: err}
	}
	if r.from == nil && atTheSource[s.Kind] {
		return fail(r.world.Errs[r.plan.From])
	}
	done, detail, err := act.done(ctx, r, s)
	if err != nil {
		return fail(err)
	}
	if !done {
		if err := r.gate(ctx, s); err != nil {
			return err
		}
		stood = false
		if err := r.journal.Write(ctx, EntryBegin, s.ID, "", nil); err != nil {
			return fail(err)
		}
		r.tell(s, EntryBegin, s.Goal)
		ends := r.begins(s)
		err := act.apply(ctx, r, s)
		ends()
		if err != nil {
			return fail(err)
		}
		if done, detail, err = act.done(ctx, r, s); err != nil {
			return fail(err)
		}
		if !done {
			return fail(fmt.Errorf("the goal was not seen afterwards: %s", detail))
		}
	}
	if err := r.journal.Write(ctx, EntryDone, s.ID, detail, nil); err != nil {
		return fail(err)
	}
	if !stood { // what was done by the process before was done then
		out.End = r.world.now()
	}
	out.Outcome, out.Detail = report.Done, detail
	r.tell(s, EntryDone, detail)
	return nil
}

// tell tells of one event at a time.
func (r *run) tell(s plans.Step, state EntryKind, detail string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.world.opts.Events(Event{Run: r.id, Step: s, State: state, Detail: detail, At: r.world.now()})
}

// learn journals a fact that a later step needs. A fact is written once; later ones under the same name replace it.
func (r *run) learn(ctx context.Context, name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := r.journal.Write(ctx, EntryFact, name, "", v); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.facts[name] = b
	return nil
}

// knows says whether a fact is journaled.
func (r *run) knows(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, known := r.facts[name]
	return known
}

// see notes what this process has established itself.
func (r *run) see(step string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[step] = true
}

func (r *run) saw(step string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[step]
}

// recall reads a journaled fact into v and says whether there is one.
func (r *run) recall(name string, v any) (bool, error) {
	r.mu.Lock()
	b, ok := r.facts[name]
	r.mu.Unlock()
	if !ok {
		return false, nil
	}
	if err := json.Unmarshal(b, v); err != nil {
		return false, fmt.Errorf("run %s: fact %q in the journal: %w", r.id, name, err)
	}
	return true, nil
}

// finish completes the report and the journal after the steps ended with err.
func (r *run) finish(ctx context.Context, err error) (*report.Report, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	r.rep.End = r.world.now()
	switch {
	case r.drill != nil:
		if over, err := r.finishDrill(ctx, err); over {
			return r.rep, err
		}
	case r.plan.Migration != nil:
		r.migrationFigures()
	default:
		r.figures()
	}
	switch {
	case err == nil:
		r.rep.Outcome = report.Done
		r.notCompared()
		r.rep.Summary = r.summary()
		r.rep.Next = r.next()
		if err := r.keepFences(ctx); err != nil {
			return r.rep, err
		}
		return r.rep, r.journal.Write(ctx, EntryEnd, "", r.rep.Summary, r.rep)
	case errors.Is(err, ErrLeaseLost):
		r.rep.Outcome = report.Stopped
		r.rep.Summary = "another process took this run over; it goes on there"
		r.rep.Next = []string{"lifeboat runs show " + r.id}
		return r.rep, err
	default:
		r.rep.Outcome = report.Stopped
		r.rep.Summary = "stopped part-way: " + err.Error()
		r.rep.Next = []string{"lifeboat resume " + r.id}
		var lost *JournalLostError
		journaled := !errors.As(err, &lost)
		if !journaled && lost.Copy != "" {
			r.rep.Next[0] += "  (on this machine: it has the copy)"
		}
		if r.plan.Migration != nil {
			next, returnable := r.nextOfMigration(ctx)
			r.rep.Next = append(r.rep.Next, next...)
			if step, ok := errors.AsType[*StepError](err); ok {
				step.Returnable = returnable
			}
		}
		if r.plan.Operation == plans.OpFailover && r.plan.Planned {
			r.rep.Next = append(r.rep.Next, fmt.Sprintf("lifeboat resume --unplanned %s  (if %s is lost: without it, with what has arrived)", r.id, r.plan.From))
		}
		if r.knows(factReturned) {
			r.rep.Next = append(r.rep.Next, fmt.Sprintf("lifeboat failover --unplanned --link %s  (if %s is lost: %s is its mirror; give this run up first)", r.plan.Link, r.plan.From, r.plan.To))
		}
		r.rep.Next = append(r.rep.Next, "lifeboat runs abandon "+r.id+"  (only if another way was chosen)")
		if journaled {
			err = errors.Join(err, r.journal.Write(ctx, EntryRelease, "", err.Error(), nil))
		}
		return r.rep, err
	}
}

// newRunReport lays out a run's report with every step pending.
func newRunReport(id string, p *plans.Plan, begun time.Time) *report.Report {
	rep := &report.Report{Command: string(p.Operation), Run: id, Title: operationName(p), Start: begun, Outcome: report.Pending,
		Findings: p.Findings}
	for _, s := range p.Steps {
		rep.Steps = append(rep.Steps, report.Step{ID: s.ID, Kind: string(s.Kind), Goal: s.Goal, Phase: s.Phase, Batch: s.Batch, Irreversible: s.Irreversible, Outcome: report.Pending})
	}
	return rep
}
