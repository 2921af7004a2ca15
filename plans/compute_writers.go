package plans

import (
	"fmt"
	"slices"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// Where both regions write topics of their own and mirror each other's under a prefix, hardly anything moves when one is lost. The other one writes
// and computes already. Its mirrors of the lost region are held: they stay what they are, PAUSED, because a promotion would put a marker where
// the lost region's next record belongs. So they go on from where they stood when the region returns, by the same offsets, and nothing diverges: each
// topic has one writer all the time.

// lose plans what has to be done when the link's source is lost, or is to be left.
func (c *computation) lose() error {
	c.plan.Writers = true
	c.topics()
	c.sameTopics()
	c.held()
	c.ownTopics()
	c.forecast()
	c.statements()
	c.misses()
	c.registryMode()
	c.schemaIDs()
	c.refusals()
	from, to := c.link.From, c.link.To
	var last string
	if c.plan.Planned {
		topics := c.sourceList()
		fence := c.step(StepFence, phaseFence, "", fmt.Sprintf("no producer can write to %s in %s", topics, from), c.fenceReason(), false)
		quiet := c.step(StepVerifyFence, phaseFence, "", fmt.Sprintf("the log ends of %s in %s stand still", topics, from),
			"a fence is believed only when nothing more arrives: a forgotten writer would be missed", false, fence)
		last = c.step(StepDrain, phaseDrain, "", fmt.Sprintf("lag zero on all %s of %s", counted(c.partitions(), "partition"), c.topicList()), c.drainReason(), false, quiet)
	} else {
		c.stillThere()
	}
	phase := phaseDrain
	if !c.plan.Planned {
		phase = phasePromote
	}
	offsets := c.step(StepOffsets, phase, "", fmt.Sprintf("the positions of %s in %s are the newest known and lie within what has arrived", c.groupList(), to),
		c.offsetsReason(), false, needs(last)...)
	hold := c.step(StepHold, phasePromote, "", fmt.Sprintf("%s in %s %s final: PAUSED, and where %s is known", c.topicList(), to, verb(len(c.plan.Topics), "is", "are"), verb(len(c.plan.Topics), "it ends", "they end")),
		fmt.Sprintf("nothing more of %s is expected; %s writes on to topics of its own, and when %s returns it is mirrored on from there", from, to, from), false, offsets)
	c.bringUp(hold)
	proved := []string{hold}
	for _, s := range c.plan.Statements {
		if s.Kind != kindInsert || !c.readsMoved(s.Name) {
			continue
		}
		before := []string{hold}
		for _, n := range append([]string{s.Name}, s.Needs...) {
			for _, id := range []string{"start:" + n, "watermark:" + n} {
				if id != "watermark:"+s.Name && c.planned(id) {
					before = append(before, id)
				}
			}
		}
		proved = append(proved, c.step(StepWatermark, phaseProve, s.Name, fmt.Sprintf("%s has passed the end of %s", s.Name, c.topicList()),
			fmt.Sprintf("until it has read all that %s has of %s, its output is not what it will be", to, from), false, before...))
	}
	c.step(StepMeasure, phaseProve, "", fmt.Sprintf("every record of %s that is not in %s is counted", from, to), c.measureReason(), false, proved...)
	c.withHooks()
	return nil
}

// bringUp starts the statements that do not run in the destination. Those that do are left alone.
func (c *computation) bringUp(before string) {
	runs := func(name string) bool {
		phase := c.to.Statements[name].Phase
		return phase == "RUNNING" || phase == "COMPLETED"
	}
	for _, s := range c.plan.Statements {
		if runs(s.Name) {
			continue
		}
		behind := []string{before}
		for _, n := range s.Needs {
			if c.planned("start:" + n) {
				behind = append(behind, "start:"+n)
			}
		}
		c.step(StepStart, phaseStart, s.Name, fmt.Sprintf("statement %s runs in %s", s.Name, c.link.To), fmt.Sprintf("it is to run in both regions, and does not in %s: %s", c.link.To, s.Reason), s.Kind == kindInsert, behind...)
	}
}

// held reports mirrors that can not be held, and groups that go on by themselves.
func (c *computation) held() {
	for _, t := range c.plan.Topics {
		m, mirrored := c.mirrors[t.Name]
		switch {
		case !t.Exists || !mirrored:
			c.find(report.Block, "failover/not-mirrored", t.Name, fmt.Sprintf("topic %s is not in %s, or link %s never mirrored it", t.Name, c.link.To, c.link.Name),
				"its records would be lost with "+c.link.From, "lifeboat link run --link "+c.link.Name)
		case m.State == MirrorStopped, m.State == MirrorPendingStopped:
			c.find(report.Block, "failover/promoted", t.Name, fmt.Sprintf("mirror %s in %s is %s: it was promoted by hand", t.Name, c.link.To, m.State),
				"it is final already, and can not be mirrored on by the same offsets: its promotion wrote a marker at its end",
				fmt.Sprintf("delete topic %s in %s, and lifeboat link run --link %s mirrors it from its beginning", t.Name, c.link.To, c.link.Name))
		case m.State == MirrorPaused && c.plan.Planned:
			c.find(report.Block, "failover/mirror-state", t.Name, fmt.Sprintf("mirror %s in %s is PAUSED already: by an operator, or because %s was left", t.Name, c.link.To, c.link.From),
				"what is written last would not be drained", fmt.Sprintf("lifeboat link resume --link %[1]s, or lifeboat failback --link %[1]s where %[2]s was left", c.link.Name, c.link.From))
		}
	}
	for _, g := range c.plan.Groups {
		if st := c.to.Groups[g]; st != nil && st.State != "" && st.State != "Empty" && st.State != "Dead" {
			c.find(report.Low, "failover/group-active", g, fmt.Sprintf("group %s is %s in %s: it goes on from its own positions there", g, st.State, c.link.To),
				"positions of an active group are never overwritten", "")
		}
	}
}

// ownTopics reports topics that the lost region's writers find no counterpart of.
func (c *computation) ownTopics() {
	for _, t := range c.plan.Topics {
		source, ok := c.link.Names().Source(t.Name)
		if ok && c.to.Topics[source] == nil {
			c.find(report.High, "failover/no-own-topic", source, fmt.Sprintf("%s has no topic %s of its own", c.link.To, source),
				fmt.Sprintf("writers of %s in %s have nowhere to go on", source, c.link.From), fmt.Sprintf("create topic %s in %s, with the rights that its writers have in %s", source, c.link.To, c.link.From))
		}
	}
}

// stillThere says what it means that nothing keeps the writers of the region that is left out of it.
func (c *computation) stillThere() {
	if c.from.Reachable {
		c.find(report.Medium, "failover/unfenced", c.link.From, fmt.Sprintf("%s still answers, and an unplanned failover does not fence it", c.link.From),
			fmt.Sprintf("what is written there from now on is not seen in %s until it returns", c.link.To), "lifeboat failover --planned leaves nothing behind while "+c.link.From+" answers")
	}
}

// misses tells of every statement what it will not read.
func (c *computation) misses() {
	lost := map[string]string{}
	for _, t := range c.plan.Forecast {
		switch {
		case t.LostRecords > 0:
			lost[t.Name] = topicLoss(t)
		case t.LostRecords < 0:
			lost[t.Name] = fmt.Sprintf("how much of %s is not known", t.Name)
		}
	}
	for i := range c.plan.Statements {
		s := &c.plan.Statements[i]
		if s.Kind != kindInsert || !c.readsMoved(s.Name) {
			continue
		}
		told := false
		for _, topic := range s.Reads {
			if text := lost[topic]; text != "" {
				told = true
				s.Reason += "; it misses, until " + c.link.From + " returns, " + text
			}
		}
		if !told {
			s.Reason += fmt.Sprintf("; it goes on without what %s has not written yet", c.link.From)
		}
	}
}

// readsMoved says whether a statement reads what the link brings, directly or through others.
func (c *computation) readsMoved(name string) bool {
	u := c.analysis.parsed[name]
	if u == nil {
		return false
	}
	return slices.ContainsFunc(statements.Reads(u.Statement), c.moved) || slices.ContainsFunc(c.analysis.graph.Needs(name), c.readsMoved)
}

func (c *computation) planned(step string) bool {
	return slices.ContainsFunc(c.plan.Steps, func(s Step) bool { return s.ID == step })
}

// sourceList names the plan's topics as they are called in the source.
func (c *computation) sourceList() string {
	var all []string
	for _, t := range c.plan.Topics {
		if source, ok := c.link.Names().Source(t.Name); ok {
			all = append(all, source)
		}
	}
	return short(all, "topic")
}

// comeBack plans the return of a region that was lost or left: c.forward is the link that leads out of it, c.link the one that leads there.
func (c *computation) comeBack() error {
	older, newer := c.link.To, c.link.From
	c.plan.Writers = true
	f := &FailbackPlan{Forward: c.forward.Name}
	c.plan.Failback = f
	c.topics()
	c.sameTopics()
	c.returnable(f)
	c.statements()
	c.registryMode()
	c.schemaIDs()
	c.refusals()
	c.plan.Findings = slices.DeleteFunc(c.plan.Findings, func(x report.Finding) bool { return x.Rule == "failover/no-fence" }) // nobody is fenced
	seen := c.step(StepCatchUp, phaseReturn, "", fmt.Sprintf("%s of %s has all that %s had when this began", c.topicList(), older, newer),
		"what was written while it was away comes first", false)
	on := c.step(StepMirrorOn, phaseReturn, "", fmt.Sprintf("%s in %s %s mirrored again, and %s all that %s has", short(f.On, "topic"), newer, verb(len(f.On), "is", "are"), verb(len(f.On), "has", "have"), older),
		"from where the mirrors stood, by the same offsets: what never arrived comes now, and nobody else has written there", false)
	c.bringUp(seen)
	started := []string{seen, on}
	for _, s := range c.plan.Steps {
		if s.Kind == StepStart {
			started = append(started, s.ID)
		}
	}
	var same []string
	for _, o := range outputsOf(c.plan.Statements) {
		same = append(same, c.outputStep(phaseCompare, o, started...))
	}
	why := "its writers may return"
	if len(c.to.Fences) > 0 {
		why = fmt.Sprintf("run %s has raised one there, and its writers may return", listed(c.to.Fences))
	}
	c.step(StepLift, phaseGuard, older, fmt.Sprintf("no fence stands on %s", older), why, false, append(same, started...)...)
	return nil
}

// returnable reports what keeps mirrors from going on, of both links, and fills in which go on.
func (c *computation) returnable(f *FailbackPlan) {
	older, newer := c.link.To, c.link.From
	for _, t := range c.plan.Topics {
		if m, mirrored := c.mirrors[t.Name]; !mirrored || !t.Exists {
			c.find(report.Block, "failback/not-mirrored", t.Name, fmt.Sprintf("topic %s is not in %s, or link %s never mirrored it", t.Name, older, c.link.Name),
				"statements there would miss it", "lifeboat link run --link "+c.link.Name)
		} else if _, err := PromoteMirror.From(t.Name, m.State); err != nil && m.State != MirrorFailed && m.State != MirrorSourceUnavailable || m.State == MirrorStopped {
			c.find(report.Block, "failback/mirror-state", t.Name, fmt.Sprintf("mirror %s in %s is %s", t.Name, older, m.State),
				fmt.Sprintf("it does not catch up with %s", newer), "lifeboat link resume --link "+c.link.Name+", or lifeboat link status")
		}
	}
	waits := false
	for _, m := range c.seen.Mirrors[c.forward.Name] {
		switch {
		case m.State == MirrorStopped, m.State == MirrorPendingStopped:
			c.find(report.Block, "failback/promoted", m.Topic, fmt.Sprintf("mirror %s in %s is %s: it was promoted by hand", m.Topic, newer, m.State),
				fmt.Sprintf("its promotion wrote a marker where the next record of %s belongs, so it can not go on by the same offsets", older),
				fmt.Sprintf("delete topic %s in %s, and lifeboat link run --link %s mirrors it from its beginning", m.Topic, newer, c.forward.Name))
			continue
		case m.State == MirrorFailed:
			c.find(report.Block, "failback/mirror-failed", m.Topic, fmt.Sprintf("mirror %s in %s is FAILED: %s", m.Topic, newer, m.Error),
				"it can not be mirrored on", fmt.Sprintf("lifeboat link repair --link %s --salvage DIR %s", c.forward.Name, m.Topic))
			continue
		}
		waits = waits || m.State == MirrorPaused
		if why := c.seen.Foreign[m.Topic]; why != "" {
			c.find(report.Block, "failback/written", m.Topic, fmt.Sprintf("somebody has written to mirror %s in %s: %s", m.Topic, newer, why),
				fmt.Sprintf("the next records of %s belong there", older), fmt.Sprintf("lifeboat link resume --link %[1]s %[2]s, then lifeboat link repair --link %[1]s --salvage DIR %[2]s exports it and mirrors the topic from its beginning", c.forward.Name, m.Topic))
		}
		f.On = append(f.On, m.Topic)
	}
	if !waits && len(c.to.Fences) == 0 {
		c.find(report.Block, "failback/no-failover", c.forward.Name, fmt.Sprintf("no mirror of link %s in %s is held: %s was neither lost nor left", c.forward.Name, newer, older),
			"there is nothing to come back from", "lifeboat verify compares what both regions put out; lifeboat runs list shows what was done")
	}
}

func needs(step string) []string {
	if step == "" {
		return nil
	}
	return []string{step}
}
