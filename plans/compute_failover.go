package plans

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// The phases that a run's time is told by.
const (
	phaseFence   = "fence"
	phaseDrain   = "drain"
	phasePromote = "promote"
	phaseStart   = "start"
	phaseProve   = "prove"
	phaseMirror  = "mirror"
)

// failover plans the move of the pipeline to the link's destination.
//
// Planned: writers are kept out, what they wrote is drained, and nothing is lost. Unplanned: the mirrors are promoted as they are.
// A mirror that is promoted already keeps its steps: a step is a goal, and the executor sees that it is reached.
func (c *computation) failover() (err error) {
	if c.plan.Objectives, err = c.objectives(); err != nil {
		return err
	}
	if err := c.wholeOnly(); err != nil {
		return err
	}
	if c.decl.Topology.OtherWay(c.link) != nil {
		return c.lose()
	}
	if c.link.Renames() {
		return &RenamedError{Link: c.link}
	}
	if err := c.howVerified(); err != nil {
		return err
	}
	c.topics()
	if err := c.share(); err != nil {
		return err
	}
	c.sameTopics()
	c.mirrorsThere()
	c.doneAlready()
	c.forecast()
	c.statements()
	c.registryMode()
	c.schemaIDs()
	c.changedTables()
	c.refusals()
	c.wayBack()
	if c.plan.Planned {
		c.plannedSteps()
	} else {
		c.unfenced()
		c.unplannedSteps()
	}
	c.withHooks()
	return nil
}

// mirrorsThere reports topics that could not be failed over to because nothing of them is in the destination.
func (c *computation) mirrorsThere() {
	for _, t := range c.plan.Topics {
		_, mirrored := c.mirrors[t.Name]
		switch {
		case !t.Exists:
			c.find(report.Block, "failover/topic-missing", t.Name, fmt.Sprintf("topic %s does not exist in %s", t.Name, c.link.To),
				"its records would be lost with "+c.link.From, "lifeboat link run")
		case !mirrored:
			c.find(report.Block, "failover/not-mirrored", t.Name, fmt.Sprintf("topic %s exists in %s, but link %s never mirrored it", t.Name, c.link.To, c.link.Name),
				"its records and offsets are not those of "+c.link.From, fmt.Sprintf("delete or rename topic %s in %s, then: lifeboat link run", t.Name, c.link.To))
		default:
			c.promotable(t.Name)
		}
	}
	c.activeGroups()
}

// activeGroups reports groups whose positions can not be brought over.
func (c *computation) activeGroups() {
	for _, g := range c.plan.Groups {
		if st := c.to.Groups[g]; st != nil && st.active() {
			c.find(report.High, "failover/group-active", g, fmt.Sprintf("group %s is %s in %s", g, st.State, c.link.To),
				"positions of an active group are never overwritten, so it goes on from its own", fmt.Sprintf("stop its members in %s", c.link.To))
		}
	}
}

// promotable reports a mirror whose state does not allow what the plan is to do with it. That one is FAILED is reported by itself, and
// whether the source is available is as the plan sees it, not as it was recorded.
func (c *computation) promotable(topic string) {
	verb, state := FailoverMirror, c.mirrors[topic].State
	if c.plan.Planned {
		verb = PromoteMirror
	}
	if state == MirrorFailed || state == MirrorSourceUnavailable {
		return
	}
	_, err := verb.From(topic, state)
	if refused, ok := errors.AsType[*TransitionError](err); ok {
		c.find(report.Block, "failover/mirror-state", topic, refused.Error(), "the failover would stop half-way", refused.Instead)
	}
}

// doneAlready refuses to fail over once more: what is promoted has its own writers, and nothing is left to start.
func (c *computation) doneAlready() {
	if len(c.plan.Topics) == 0 || slices.ContainsFunc(c.plan.Topics, func(t TopicPlan) bool { return c.mirrors[t.Name].State != "STOPPED" }) {
		return
	}
	for _, s := range c.inOrder() {
		if st := c.to.Statements[s.Name]; st.Phase != "RUNNING" && st.Phase != "COMPLETED" {
			return
		}
	}
	of := "link " + c.link.Name
	if c.plan.Share != nil {
		of = c.plan.Share.String()
	}
	c.find(report.Block, "failover/done", c.link.To, fmt.Sprintf("%s is the primary already: every topic of %s is promoted, and every statement runs there", c.link.To, of),
		"nothing is left to fail over, and the logs of both regions go their own ways", "lifeboat runs list shows the run that did it; where it is unfinished: lifeboat resume")
}

// refusals name what is declared and can not be carried out yet.
func (c *computation) refusals() {
	fence := c.decl.Topology.Regions[c.link.From].Fence
	switch {
	case !c.plan.Planned:
	case fence == nil:
		c.find(report.Medium, "failover/no-fence", c.link.From, fmt.Sprintf("%s declares no fence: a person has to say that its writers are stopped", c.link.From),
			"a forgotten writer is seen by verify-fence only while it writes", fmt.Sprintf("declare regions.%s.fence", c.link.From))
	case fence.By == "quota":
		c.find(report.Block, "failover/fence", c.link.From, "a fence by quota keeps nobody out: a broker appends what a throttled client sends, and delays its answer",
			"what is written after the drain would be lost", "use by: acl, or by: config where the brokers have no authorizer, or command, or manual")
	}
	if len(c.plan.Statements) == 0 {
		return
	}
	engine := c.decl.Topology.Regions[c.link.To].Engine
	switch {
	case engine == nil:
		c.find(report.Block, "engine/none", c.link.To, fmt.Sprintf("%s declares no engine, so %s can not be started there", c.link.To, counted(int64(len(c.plan.Statements)), "statement")),
			"the pipeline would stand still after the failover", fmt.Sprintf("declare regions.%s.engine", c.link.To))
	case engine.Backend == "flink":
		c.find(report.Block, "engine/backend", c.link.To, "the flink backend is not supported yet", "its statements could not be started", "use backend: bundled")
	case c.to.Engine != "ok":
		reason := c.to.Engine
		if reason == "" {
			reason = "it was not looked at"
		}
		c.find(report.Block, "engine/unreachable", c.link.To, fmt.Sprintf("the engine of %s does not answer: %s", c.link.To, reason),
			"the pipeline would stand still after the failover", "lifeboat engine serve --region "+c.link.To)
	}
}

// wayBack says what would keep a failback from bringing the pipeline home: it is better known before one leaves.
func (c *computation) wayBack() {
	find := func(subject, message, remedy string) {
		c.find(report.High, "failover/no-way-back", subject, message, fmt.Sprintf("after the failover the pipeline would have to stay in %s, or %s be built anew", c.link.To, c.link.From), remedy)
	}
	back, declared, err := Back(c.link, c.decl.Topology.Links)
	if err == nil && !declared {
		others := *c.decl.Topology
		others.Links = slices.DeleteFunc(slices.Clone(others.Links), func(l *Link) bool { return l.Name == c.link.Name })
		err = CheckLink(&others, back)
	}
	if err != nil {
		find(c.link.Name, fmt.Sprintf("no link could lead back from %s to %s: %v", c.link.To, c.link.From, err), "mend it while both regions are there: rename, or narrow, the link that stands in the way")
	}
	c.wouldLoop()
	var other []string
	for _, t := range c.plan.Topics {
		if len(c.mirrors[t.Name].Translated) > 0 {
			other = append(other, t.Name)
		}
	}
	if len(other) > 0 {
		find(c.link.Name, fmt.Sprintf("offsets of %s in %s are not those of %s, and a mirror back would have to stand where other records are", short(other, "topic"), c.link.To, c.link.From),
			"mirror them into topics that are empty, with links[].offsets: identical; or waive this, where nobody wants to come back")
	}
}

// unfenced says what it means that nothing keeps writers out of the old primary.
func (c *computation) unfenced() {
	if c.from.Reachable {
		c.find(report.Medium, "failover/unfenced", c.link.From, fmt.Sprintf("%s still answers, and an unplanned failover does not fence it", c.link.From),
			"what producers write there from now on stays there and is lost to "+c.link.To, "lifeboat failover --planned loses nothing while "+c.link.From+" answers")
		return
	}
	c.find(report.High, "failover/unfenced", c.link.From, fmt.Sprintf("%s could not be fenced: it does not answer (%s)", c.link.From, c.from.Error),
		"if it comes back, producers and statements that still know it write there, and the logs of both regions diverge",
		fmt.Sprintf("keep producers away from %s, and stop its brokers or cut it off, before it returns", c.link.From))
}

func (c *computation) plannedSteps(before ...string) {
	topics := "the " + counted(int64(len(c.plan.Topics)), "topic")
	if len(c.plan.Topics) == 1 {
		topics = "topic " + c.plan.Topics[0].Name
	}
	from, to := c.link.From, c.link.To
	fence := c.step(StepFence, phaseFence, "", fmt.Sprintf("no producer can write to %s in %s", topics, from), c.fenceReason(), false, before...)
	quiet := c.step(StepVerifyFence, phaseFence, "", fmt.Sprintf("the log ends of %s in %s stand still", topics, from),
		"a fence is believed only when nothing more arrives: a forgotten writer would be lost", false, fence)
	stop := quiet
	if !c.hot() && (c.batch == "" || len(c.plan.Statements) > 0) {
		stop = c.step(StepStopSource, phaseFence, "", fmt.Sprintf("no statement of the %s runs in %s", c.whole(), from), c.stopReason(), false, quiet)
	}
	drain := c.step(StepDrain, phaseDrain, "", fmt.Sprintf("lag zero on all %s of %s", counted(c.partitions(), "partition"), c.topicList()), c.drainReason(), false, stop)
	offsets := drain
	if c.batch == "" || len(c.plan.Groups) > 0 {
		offsets = c.step(StepOffsets, phaseDrain, "", fmt.Sprintf("the positions of %s in %s are those of %s", c.groupList(), to, from), c.offsetsReason(), false, drain)
	}
	same := offsets
	if c.batch == "" && c.plan.Verify != VerifyNone {
		same = c.step(StepVerify, phaseDrain, "", c.sameGoal(), c.verifyReason(), false, offsets)
	}
	c.restOfSteps(same)
	if c.hot() && c.plan.Failback == nil {
		c.protect(from, to, backName(c.link))
	}
}

// whole is what its steps are about.
func (c *computation) whole() string {
	if c.batch != "" {
		return "batch"
	}
	return "plan"
}

// hot says that both regions compute, whichever is written.
func (c *computation) hot() bool { return c.decl.Topology.Pattern == ActiveActive }

// protect makes the region that is left the mirror.
func (c *computation) protect(left, primary, link string) {
	reason := "without it the pipeline has one region"
	if c.hot() {
		reason = fmt.Sprintf("the statements in %s go on, with what is written in %s", left, primary)
	}
	c.step(StepProtect, phaseGuard, "", fmt.Sprintf("%s of %s, under link %s", areMirrors(c.moving(), left), primary, link), reason, false, c.plan.Steps[len(c.plan.Steps)-1].ID)
}

func (c *computation) unplannedSteps() {
	goal := fmt.Sprintf("the positions of %s in %s are the newest known and lie within what has arrived", c.groupList(), c.link.To)
	offsets := c.step(StepOffsets, phasePromote, "", goal, "before the promotion, while the end of a log is still the end of what was mirrored", false)
	c.restOfSteps(offsets)
}

// restOfSteps is what both kinds of failover have in common, from the promotion on.
func (c *computation) restOfSteps(before string) {
	topics, to := counted(int64(len(c.plan.Topics)), "topic"), c.link.To
	goal := fmt.Sprintf("all %s are STOPPED as mirrors and writable in %s", topics, to)
	if len(c.plan.Topics) == 1 {
		goal = fmt.Sprintf("topic %s is STOPPED as a mirror and writable in %s", c.plan.Topics[0].Name, to)
	}
	promote := c.step(StepPromote, phasePromote, "", goal, c.promoteReason(), true, before)
	if len(c.to.Fences) > 0 || c.plan.Failback != nil {
		promote = c.step(StepLift, phasePromote, to, fmt.Sprintf("no fence stands on %s", to), c.liftReason(), false, promote)
	}
	registry := promote
	if c.batch == "" || len(c.plan.Subjects) > 0 {
		registry = c.step(StepRegistry, phasePromote, "", fmt.Sprintf("no mirrored subject in %s is in IMPORT mode", to), c.registryReason(), true, promote)
	}
	canary := c.step(StepCanary, phasePromote, "", fmt.Sprintf("an idempotent and a transactional write to %s are read back", to),
		"a promoted cluster that answers is not yet one that keeps what it is given", false, registry)
	proved := []string{canary}
	if !c.hot() || c.plan.Failback == nil { // else they are started
		c.startSteps(canary)
	}
	for _, s := range c.plan.Statements {
		if s.Kind != kindInsert {
			continue
		}
		needs := []string{"start:" + s.Name}
		for _, n := range s.Needs {
			if c.kind(n) == kindInsert {
				needs = append(needs, "watermark:"+n)
			}
		}
		reason := fmt.Sprintf("until it has read everything of %s that it reads, its output is not whole", c.link.From)
		if s.Rebuild != "" {
			reason += ": " + s.Rebuild
		}
		proved = append(proved, c.step(StepWatermark, phaseProve, s.Name, fmt.Sprintf("%s has passed the failover point of every topic it reads", s.Name), reason, false, needs...))
	}
	c.step(StepMeasure, phaseProve, "", fmt.Sprintf("every record of %s that is not in %s is counted", c.link.From, to), c.measureReason(), false, proved...)
}

// startSteps start the plan's statements, each behind those that it needs.
func (c *computation) startSteps(before string) {
	for _, s := range c.plan.Statements {
		needs := []string{before}
		for _, n := range s.Needs {
			needs = append(needs, "start:"+n)
		}
		goal := fmt.Sprintf("statement %s runs in %s", s.Name, c.link.To)
		if s.Kind == kindCreateTable {
			goal = fmt.Sprintf("the table of statement %s is declared in %s", s.Name, c.link.To)
		}
		c.step(StepStart, phaseStart, s.Name, goal, s.Reason, s.Kind == kindInsert, needs...)
	}
}

func (c *computation) kind(statement string) string {
	i := slices.IndexFunc(c.plan.Statements, func(s StatementPlan) bool { return s.Name == statement })
	if i < 0 {
		return ""
	}
	return c.plan.Statements[i].Kind
}

func (c *computation) partitions() (n int64) {
	for _, t := range c.plan.Topics {
		n += int64(t.Partitions)
	}
	return n
}

func (c *computation) topicList() string {
	names := make([]string, len(c.plan.Topics))
	for i, t := range c.plan.Topics {
		names[i] = t.Name
	}
	return short(names, "topic")
}

func (c *computation) groupList() string {
	if len(c.plan.Groups) == 0 {
		return "no group"
	}
	return short(c.plan.Groups, "group")
}

// short lists a few names, and counts many.
func short(names []string, noun string) string {
	if len(names) > 4 {
		return counted(int64(len(names)), noun)
	}
	return listed(names)
}

func (c *computation) fenceReason() string {
	f := c.decl.Topology.Regions[c.link.From].Fence
	switch {
	case f == nil:
		return fmt.Sprintf("%s declares no fence: a person stops its writers and says so", c.link.From)
	case f.By == "acl":
		return fmt.Sprintf("WRITE is denied to %s: what is written after the drain would be lost", short(f.Principals, "principal"))
	case f.By == "config":
		return "the topics take no record, whoever sends it: what is written after the drain would be lost"
	case f.By == "command":
		return fmt.Sprintf("%s keeps writers out: what is written after the drain would be lost", f.Command[0])
	default:
		return "a person stops the writers and says so: what is written after the drain would be lost"
	}
}

func (c *computation) liftReason() string {
	if len(c.to.Fences) == 0 {
		return "the one that this run raises there is of no use any more"
	}
	return fmt.Sprintf("run %s has raised one there, and its writers are to come back", listed(c.to.Fences))
}

func (c *computation) stopReason() string {
	var running []string
	for _, s := range c.plan.Statements {
		if st, ok := c.from.Statements[s.Name]; ok && s.Kind == kindInsert && st.Phase == "RUNNING" {
			running = append(running, s.Name)
		}
	}
	if len(running) == 0 {
		return fmt.Sprintf("none was seen running in %s; this makes sure of it", c.link.From)
	}
	return fmt.Sprintf("%s would go on writing output that nobody reads; what stops keeps its state", short(running, "statement"))
}

// behindNow tells which mirrors are behind, "" where none is known to be.
func (c *computation) behindNow() string {
	var parts []string
	for _, t := range c.plan.Topics {
		if l := c.lagOf(t); l.records > 0 {
			parts = append(parts, fmt.Sprintf("mirror %s of %s to lag zero: %s behind", counted(int64(l.partitions), "partition"), t.Name, counted(l.records, "record")))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, "; ") + " when planned"
}

func (c *computation) drainReason() string {
	known := !slices.ContainsFunc(c.plan.Topics, func(t TopicPlan) bool { return c.lagOf(t).records < 0 })
	behind := c.behindNow()
	switch {
	case behind != "":
		return behind
	case !known:
		return "how far the mirrors are behind is not known; this makes it zero"
	default:
		return "nothing was behind when planned; what arrives before the fence is mirrored here"
	}
}

func (c *computation) offsetsReason() string {
	if len(c.plan.Groups) == 0 {
		return fmt.Sprintf("link %s selects no group that exists", c.link.Name)
	}
	return "offsets mean the same record in both regions, so groups go on where they were"
}

// howVerified takes over how much is compared in front of the promotion.
func (c *computation) howVerified() error {
	if c.plan.Planned {
		c.plan.Verify = cmp.Or(c.opts.Verify, VerifySample)
	}
	if known := []string{"", VerifySample, VerifyAll, VerifyNone}; !slices.Contains(known, c.opts.Verify) {
		return fmt.Errorf("--verify %q is not known: use %s, %s or %s", c.opts.Verify, VerifySample, VerifyAll, VerifyNone)
	}
	return nil
}

func (c *computation) sameGoal() string {
	what := []string{"the records of " + c.topicList()}
	if len(c.plan.Groups) > 0 {
		what = append(what, "the positions of "+c.groupList())
	}
	if len(c.plan.Subjects) > 0 {
		what = append(what, "the schemas of "+short(c.plan.Subjects, "subject"))
	}
	return listed(what) + " are the same in both regions"
}

func (c *computation) verifyReason() string {
	if c.plan.Verify == VerifyAll {
		return "every record, while writers wait: behind the promotion the logs go their own ways"
	}
	return "a sample of every log and its end, in a few seconds, while writers wait: behind the promotion the logs go their own ways; --verify all compares every record"
}

func (c *computation) promoteReason() string {
	switch {
	case c.batch != "":
		return "everything has arrived: from here on producers write to " + c.link.To + ", and this batch can not be rolled back"
	case c.plan.Planned:
		return "everything has arrived: from here on producers write to " + c.link.To + ", and the logs diverge"
	}
	return "now: what has arrived is what there is, and lost is " + forecastLine(c.plan.Forecast, c.plan.Planned) + ". From here on the logs diverge"
}

func (c *computation) registryReason() string {
	if len(c.plan.Subjects) == 0 {
		return fmt.Sprintf("link %s selects no subject that exists", c.link.Name)
	}
	return fmt.Sprintf("producers and statements in %s register schemas of %s", c.link.To, short(c.plan.Subjects, "subject"))
}

func (c *computation) measureReason() string {
	if c.from.Reachable {
		return fmt.Sprintf("%s can be read, so the loss is measured, not guessed", c.link.From)
	}
	return fmt.Sprintf("where %s can not be read the forecast stands, until `lifeboat verify` can", c.link.From)
}
