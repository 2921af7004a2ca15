package plans

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// Options narrow an operation.
type Options struct {
	Planned  bool          // failover: the old primary is alive and is drained
	Verify   string        // planned failover, failback: VerifySample (default), VerifyAll or VerifyNone
	Link     string        // "" = the one from the primary region
	Pipeline string        // failover: move only this pipeline's lineage; drill: rehearse only its statements; "" = all
	Drill    *DrillOptions // drill: what is rehearsed
	Salvage  string        // failback: the directory that what is removed is exported to first; "" = none was named
	Discard  bool          // failback: what is removed is not wanted
	Topics   []string      // link: mirror only these of the link's topics; failover: move only those that these patterns match; nil = all
	Sample   float64       // migrate: the share of every log that is compared, in (0, 1]; 0 = all of it
	Batch    string        // migrate: only this batch, by its name, or by something in it; "" = all that have not moved
}

// UnreachableError says that an operation needs a region that was observed not to answer.
type UnreachableError struct {
	Region, Reason string
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("%s is not reachable: %s", e.Region, e.Reason)
}

// Compute makes the plan of an operation. The same arguments give the same plan. What stands against carrying it out are blocking
// findings of the plan; the error is for what no plan can be made of: an unknown link or pipeline, or an *UnreachableError for the
// destination, and for the source of all but an unplanned failover.
func Compute(op Operation, opts Options, d *Declared, o *Observed) (*Plan, error) {
	link, err := findLink(d, opts.Link)
	var forward *Link
	if err == nil && op == OpFailback {
		forward = link
		link, err = d.Topology.returning(forward)
	}
	if err != nil {
		return nil, err
	}
	if forward != nil && d.Created[link.Name] { // it is made to select what comes back
		wide := *link
		wide.Topics, wide.Groups, wide.Subjects = forward.Topics, forward.Groups, forward.Subjects
		link = &wide
	}
	there := d.In(link.To)
	carried := map[string]bool{}
	if op == OpFailover && d.Topology.Pattern != ActiveActive { // where both compute, each is told by itself
		declared := len(there.Statements)
		there = there.carryChanges(link.From, link.To, o)
		for _, s := range there.Statements[declared:] {
			carried[s.Name] = true
		}
	}
	c := &computation{opts: opts, carried: carried, decl: there, seen: o, link: link, forward: forward, from: o.Regions[link.From], to: o.Regions[link.To],
		mirrors: map[string]MirrorState{}, analysis: analyze(there, o)}
	for _, m := range o.Mirrors[link.Name] {
		c.mirrors[m.Topic] = m
	}
	sourceNeeded := opts.Planned || op != OpFailover
	for _, r := range []struct {
		name   string
		state  **RegionState
		needed bool
	}{{link.To, &c.to, true}, {link.From, &c.from, sourceNeeded}} {
		if *r.state == nil {
			*r.state = &RegionState{Error: "it was not looked at"}
		}
		if s := *r.state; !s.Reachable && r.needed {
			return nil, &UnreachableError{Region: r.name, Reason: s.Error}
		}
	}
	c.from = link.View(c.from)
	c.plan = &Plan{APIVersion: "lifeboat/v1", Kind: "Plan", Operation: op, Topology: d.Topology.Name, Link: link.Name, From: link.From, To: link.To,
		Observed: o.At}
	switch op {
	case OpFailover:
		c.plan.Planned = opts.Planned
		err = c.failover()
	case OpLink:
		err = c.mirroring()
	case OpDrill:
		err = c.drill()
	case OpFailback:
		c.plan.Planned = true
		err = c.failback()
	case OpMigrate:
		c.plan.Planned = true
		err = c.migrate()
	default:
		err = fmt.Errorf("a plan for %q is not known: use failover, failback, migrate, drill or link", op)
	}
	if err != nil {
		return nil, err
	}
	c.waive()
	SortFindings(c.plan.Findings)
	c.plan.Parts = parts(c.plan, d, o)
	c.plan.Declared, c.plan.Structure = digestsOf(c.plan.Parts)
	return c.plan, nil
}

// computation is what the parts of one Compute share.
type computation struct {
	opts     Options
	decl     *Declared
	seen     *Observed
	link     *Link
	forward  *Link // of a failback: the link that the failover went along
	from, to *RegionState
	mirrors  map[string]MirrorState // of the link, by topic
	analysis *analysis
	plan     *Plan
	batch    string          // of a migration: the one whose steps are planned; plan has its part only
	apart    map[string]bool // of a migration: statements that are not in the plan
	carried  map[string]bool // of a failover: statements that no file declares and the source's engine has
}

func findLink(d *Declared, name string) (*Link, error) { return d.Link(name) }

// Link is the link of a name, or, without one, that from the primary region. In an active-active topology, which has no primary, it is the only one
// between two regions that is declared.
func (d *Declared) Link(name string) (*Link, error) {
	var names []string
	for _, l := range d.Topology.Links {
		if l.Name == name || name == "" && d.Topology.Primary != "" && l.From == d.Topology.Primary {
			return l, nil
		}
		names = append(names, l.Name)
	}
	switch {
	case name != "":
	case d.Topology.Primary != "":
		return nil, fmt.Errorf("%s declares no link from the primary region %q", d.Path, d.Topology.Primary)
	case len(names) == 1:
		return d.Topology.Links[0], nil
	case len(names) == 2 && leadsBack(d.Topology.Links[0], d.Topology.Links[1]):
		return d.Topology.Links[0], nil // the second was made by a failover or a failback
	case len(names) == 0:
		return nil, fmt.Errorf("%s declares no link", d.Path)
	default:
		return nil, fmt.Errorf("%s declares no primary region and %d links: say with --link which one leads out of the region that it is about: %s", d.Path, len(names), strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("%s declares no link %q: %s", d.Path, name, suggest(name, names))
}

// LinkIn finds the plan's link in a declaration: that of a failback may be none of it yet.
func (p *Plan) LinkIn(d *Declared) (*Link, error) {
	if p.Failback == nil {
		return findLink(d, p.Link)
	}
	forward, err := findLink(d, p.Failback.Forward)
	if err != nil {
		return nil, err
	}
	back, err := d.Topology.returning(forward)
	if err != nil || p.Share == nil {
		return back, err
	}
	return back.only(p), nil
}

// returning is the link along which a region comes back that was failed over from along another one.
func (t *Topology) returning(forward *Link) (*Link, error) {
	if other := t.OtherWay(forward); other != nil {
		return other, nil
	}
	back, _, err := Back(forward, t.Links)
	return back, err
}

// find adds a finding; the rule's area is the text before its slash.
func (c *computation) find(severity report.Severity, rule, subject, message, why, remedy string) {
	c.plan.Findings = append(c.plan.Findings, report.Finding{Rule: rule, Severity: severity, Subject: subject, Message: message, Why: why, Remedy: remedy})
}

// step adds a step that needs the steps of these ids.
func (c *computation) step(kind StepKind, phase, subject, goal, reason string, irreversible bool, needs ...string) string {
	id := string(kind)
	switch kind {
	case StepStart:
		id = "start:" + subject
	case StepWatermark:
		id = "watermark:" + subject
	case StepCreateTopic:
		id = "create:" + subject
	case StepCompare:
		id = "compare:" + subject
	default:
		if subject != "" {
			id += ":" + subject
		}
		if c.batch != "" {
			id += ":" + c.batch
		}
	}
	c.plan.Steps = append(c.plan.Steps, Step{ID: id, Kind: kind, Phase: phase, Batch: c.batch, Subject: subject, Needs: needs, Goal: goal, Reason: reason, Irreversible: irreversible})
	return id
}

// waive marks the findings that a waiver accepts on the day of the observation.
func (c *computation) waive() {
	judged := map[string]*statements.Parsed{}
	for _, s := range c.plan.Statements {
		judged[s.Name] = c.analysis.parsed[s.Name]
	}
	c.plan.Findings = append(c.plan.Findings, applyWaivers(c.plan.Findings, c.decl, judged, c.seen.At.UTC().Format(time.DateOnly), true)...)
}

// SortFindings orders the worst first, then by what they are about.
func SortFindings(fs []report.Finding) {
	slices.SortStableFunc(fs, func(a, b report.Finding) int {
		switch {
		case a.Severity.Worse(b.Severity):
			return -1
		case b.Severity.Worse(a.Severity):
			return 1
		}
		return strings.Compare(a.Rule+"\x00"+a.Subject, b.Rule+"\x00"+b.Subject)
	})
}

// selected returns the names of a map that the rule selects, sorted.
func selected[V any](match func(string) bool, m map[string]V) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(m)), func(name string) bool { return !match(name) })
}

// objectives are the pipeline's, or the strictest of all pipelines'.
func (c *computation) objectives() (Objectives, error) {
	var all Objectives
	found := c.opts.Pipeline == ""
	for _, p := range c.decl.Topology.Pipelines {
		if c.opts.Pipeline != "" && p.Name != c.opts.Pipeline {
			continue
		}
		found = true
		all.RPO, all.RTO = stricter(all.RPO, p.Objectives.RPO), stricter(all.RTO, p.Objectives.RTO)
		if all.Semantics == "" || p.Objectives.Semantics == "exactly-once" {
			all.Semantics = p.Objectives.Semantics
		}
	}
	if !found {
		return all, fmt.Errorf("%s declares no pipeline %q", c.decl.Path, c.opts.Pipeline)
	}
	return all, nil
}

func stricter(a, b Duration) Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// StaleError says that a plan does not fit any more what it was computed from.
type StaleError struct {
	Changed []string // parts, such as "statement delays-by-hour" or "west: topic flights"
}

func (e *StaleError) Error() string {
	return "the plan is stale: changed since: " + strings.Join(e.Changed, ", ")
}

// Stale returns a *StaleError when what the plan depends on has changed: the declaration, or the structure of what it acts on.
// Positions and lags move all the time and make no plan stale; neither does an old primary that comes and goes during an unplanned
// failover.
func (p *Plan) Stale(d *Declared, o *Observed) error {
	link, err := p.LinkIn(d)
	if err != nil {
		return &StaleError{Changed: []string{"link " + p.Link}}
	}
	if r := o.Regions[link.To]; r == nil || !r.Reachable {
		return &UnreachableError{Region: link.To, Reason: "it was not looked at"}
	}
	now := parts(p, d, o)
	var changed []string
	for _, part := range slices.Sorted(maps.Keys(p.Parts)) {
		if now[part] != p.Parts[part] {
			changed = append(changed, part)
		}
	}
	for _, part := range slices.Sorted(maps.Keys(now)) {
		if _, ok := p.Parts[part]; !ok {
			changed = append(changed, part)
		}
	}
	if len(changed) > 0 {
		slices.Sort(changed)
		return &StaleError{Changed: changed}
	}
	if declared, structure := digestsOf(p.Parts); declared != p.Declared || structure != p.Structure {
		return errors.New("the plan was changed by hand: its digests do not fit its parts")
	}
	return nil
}
