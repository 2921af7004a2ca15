package plans

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// The phases that only failbacks have, before those of a planned failover.
const (
	phaseReturn = "return"
	phaseReseed = "reseed"
	phaseGuard  = "guard"
)

// failback plans the way back along the link that leads back: the region that comes back becomes a mirror of the one that took over, by the same
// offsets; then it is failed over to as planned; then the region that is left becomes the mirror again.
//
// The failover is planned as the region will be when it is a mirror: every topic there, statements with the state that they may keep.
func (c *computation) failback() (err error) {
	if c.plan.Objectives, err = c.objectives(); err != nil {
		return err
	}
	if err := c.wholeOnly(); err != nil {
		return err
	}
	if c.decl.Topology.OtherWay(c.forward) != nil {
		return c.comeBack()
	}
	if c.link.Renames() {
		return &RenamedError{Link: c.forward}
	}
	f := &FailbackPlan{Forward: c.forward.Name, Salvage: c.opts.Salvage, Discard: c.opts.Discard}
	c.plan.Failback = f
	if err := c.howVerified(); err != nil {
		return err
	}
	c.topics()
	if err := c.share(); err != nil {
		return err
	}
	c.failedOver()
	c.comesBack()
	c.rebuilt()
	c.salvaged()
	c.to = c.returned()
	c.mirrors = map[string]MirrorState{}
	for i := range c.plan.Topics {
		t := &c.plan.Topics[i]
		t.Exists = true
		c.mirrors[t.Name] = MirrorState{Topic: t.Name, State: MirrorActive, SourceID: t.ID}
	}
	c.forecast()
	c.statements()
	c.registryMode()
	c.schemaIDs()
	c.refusals()
	c.returnSteps()
	c.withHooks()
	return nil
}

// failedOver reports what is no failover that one could come back from.
func (c *computation) failedOver() {
	older, newer := c.link.To, c.link.From
	forward := c.seen.Mirrors[c.forward.Name]
	if len(forward) == 0 {
		c.find(report.Block, "failback/no-failover", c.forward.Name, fmt.Sprintf("link %s has no mirror in %s: nothing was ever failed over along it", c.forward.Name, newer),
			"there is nothing to come back from", "lifeboat link status")
		return
	}
	var part []string
	for _, m := range forward {
		if m.State == MirrorStopped {
			part = append(part, regexp.QuoteMeta(m.Topic))
		}
	}
	for _, m := range forward {
		switch {
		case c.plan.Share != nil && !c.moved(m.Topic):
		case m.State != MirrorStopped:
			remedy := fmt.Sprintf("lifeboat failover moves the pipeline to %s first; lifeboat runs list shows what was begun", newer)
			if len(part) > 0 {
				remedy = fmt.Sprintf("lifeboat failback --topics '%s' brings back what was failed over; or --pipeline its pipeline", strings.Join(part, "|"))
			}
			c.find(report.Block, "failback/no-failover", m.Topic, fmt.Sprintf("topic %s in %s is %s, a mirror of %s: it was not failed over", m.Topic, newer, m.State, older),
				"the primary has what the mirror has, and more", remedy)
		case len(m.Translated) > 0:
			c.find(report.Block, "failback/translated", m.Topic, fmt.Sprintf("offsets of %s in %s are not those of %s", m.Topic, newer, older),
				"a mirror back would have to stand where other records are", fmt.Sprintf("delete topic %s in %s, and mirror it there by a link of its own", m.Topic, older))
		case c.from.Topics[m.Topic] == nil:
			c.find(report.High, "failback/topic-gone", m.Topic, fmt.Sprintf("topic %s was failed over to %s, and is not there any more", m.Topic, newer),
				fmt.Sprintf("what %s has of it stays as it is, and is not moved", older), fmt.Sprintf("delete it in %s too, where it is not wanted", older))
		case !c.link.Mirrors(m.Topic):
			c.find(report.Block, "failback/not-selected", m.Topic, fmt.Sprintf("link %s, which leads back, does not select topic %s", c.link.Name, m.Topic),
				"the pipeline would come back without it", fmt.Sprintf("add it to links[%s].topics", c.link.Name))
		}
	}
	c.wouldLoop()
	done := len(c.plan.Topics) > 0
	for _, t := range c.plan.Topics {
		i := slices.IndexFunc(forward, func(m MirrorState) bool { return m.Topic == t.Name })
		back, was := c.mirrors[t.Name]
		done = done && was && back.State == MirrorStopped && i >= 0 && forward[i].State == MirrorStopped && back.At.After(forward[i].At)
	}
	if done {
		c.find(report.Block, "failback/done", older, fmt.Sprintf("%s is the primary already: every topic of link %s is promoted there, after those of link %s", older, c.link.Name, c.forward.Name),
			"there is nothing left to bring back", fmt.Sprintf("lifeboat link reverse --link %s makes %s the mirror again", c.link.Name, newer))
	}
	if len(c.forward.ACLs.Include)+len(c.forward.ACLs.Exclude) > 0 {
		c.find(report.Medium, "failback/acls", newer, fmt.Sprintf("grants that were given or taken in %s since the failover are not brought to %s", newer, older),
			"principals that came since would be refused there", fmt.Sprintf("compare the ACLs of both regions; declare a link %s with acls to have them mirrored", c.link.Name))
	}
}

// comesBack sorts the topics by what the region that comes back has of them.
func (c *computation) comesBack() {
	f, older, newer := c.plan.Failback, c.link.To, c.link.From
	for _, t := range c.plan.Topics {
		r := c.seen.Returning[t.Name]
		if r == nil {
			continue // a finding says why it was not looked at
		}
		why := r.Why(older, newer)
		if r.Mirrored || why == "" {
			f.On = append(f.On, t.Name)
			continue
		}
		anew := ReturningTopic{Name: t.Name, ID: r.ID, Why: why, Offsets: r.Tail(), From: map[int32]Offset{}}
		for p, part := range r.Parts {
			if part.Tail() > 0 {
				anew.From[int32(p)] = part.Point
			}
		}
		f.Anew = append(f.Anew, anew)
		if r.ID == "" {
			continue
		}
		var there int64
		for _, p := range c.from.Topics[t.Name].partitions() {
			there += max(0, int64(p.End-p.Start))
		}
		c.find(report.Medium, "failback/anew", t.Name, fmt.Sprintf("topic %s is deleted in %s and mirrored from its beginning, %s of %s: %s", t.Name, older, counted(there, "offset"), newer, why),
			"the same offsets would hold other records, and records can not be taken off a log's end", "")
	}
}

// rebuilt finds the statements that have read what is deleted, directly or through others, and what they have written.
func (c *computation) rebuilt() {
	f := c.plan.Failback
	lost := map[string]string{} // topic → why
	for _, t := range f.Anew {
		if c.to.Topics[t.Name] != nil {
			lost[t.Name] = fmt.Sprintf("what it reads of %s is not in %s", t.Name, c.link.From)
		}
	}
	list := c.inOrder()
	for _, s := range list {
		if st := c.to.Statements[s.Name]; st.Phase == "FAILED" {
			c.find(report.Block, "failback/statement-failed", s.Name, fmt.Sprintf("statement %s in %s is FAILED: %s", s.Name, c.link.To, st.Detail),
				"it would not start there", fmt.Sprintf("lifeboat statement resume --region %[1]s %[2]s goes on with it; lifeboat statement delete --region %[1]s %[2]s gives its state up", c.link.To, s.Name))
		}
	}
	for again := true; again; {
		again = false
		for _, s := range list {
			st, there := c.to.Statements[s.Name]
			u := c.analysis.parsed[s.Name]
			if !there || st.Phase == "FAILED" || !sameText(st.SQL, s.SQL) || u == nil || u.Statement.Kind() != kindInsert || slices.Contains(f.Forgotten, s.Name) {
				continue
			}
			reads, writes := statements.Reads(u.Statement), statements.Writes(u.Statement)
			i := slices.IndexFunc(slices.Concat(reads, writes), func(topic string) bool { return lost[topic] != "" })
			if i < 0 {
				continue
			}
			again = true
			f.Forgotten = append(f.Forgotten, s.Name)
			for _, topic := range writes {
				if lost[topic] != "" || c.to.Topics[topic] == nil {
					continue
				}
				lost[topic] = fmt.Sprintf("what statement %s wrote there is not read any more", s.Name)
				out := ReturningTopic{Name: topic, ID: c.to.Topics[topic].ID, From: map[int32]Offset{},
					Why: fmt.Sprintf("statement %s wrote it, and had read records that are removed", s.Name)}
				for p, part := range c.to.Topics[topic].Partitions {
					if n := part.End - part.Start; n > 0 {
						out.From[int32(p)] = part.Start
						out.Offsets += int64(n)
					}
				}
				f.Emptied = append(f.Emptied, out)
			}
		}
	}
}

// salvaged reports what would be gone for good without anybody having said so.
func (c *computation) salvaged() {
	f := c.plan.Failback
	if n := f.Removes(); n > 0 && f.Salvage == "" && !f.Discard {
		c.find(report.Block, "failback/salvage", c.link.To, fmt.Sprintf("%s that only %s has would be removed there", counted(n, "offset"), c.link.To),
			"nothing is removed that was not exported, or given up by name", "lifeboat failback --salvage DIR exports them first; --discard gives them up")
	}
}

// returned is the region that comes back as it will be before the move: a mirror.
func (c *computation) returned() *RegionState {
	f := c.plan.Failback
	next := *c.to
	next.Topics, next.Statements = maps.Clone(c.to.Topics), maps.Clone(c.to.Statements)
	if next.Topics == nil {
		next.Topics = map[string]*TopicState{}
	}
	for _, t := range c.plan.Topics {
		src, old := c.from.Topics[t.Name], c.to.Topics[t.Name]
		if src == nil {
			continue
		}
		mirror := &TopicState{ID: t.ID, Partitions: slices.Clone(src.Partitions), Configs: maps.Clone(src.Configs)}
		if slices.Contains(f.On, t.Name) && old != nil {
			for p := range min(len(mirror.Partitions), len(old.Partitions)) {
				mirror.Partitions[p].Start, mirror.Partitions[p].Oldest = old.Partitions[p].Start, old.Partitions[p].Oldest
			}
		}
		next.Topics[t.Name] = mirror
	}
	for _, t := range f.Emptied {
		empty := *c.to.Topics[t.Name]
		empty.Partitions = slices.Clone(empty.Partitions)
		for p := range empty.Partitions {
			empty.Partitions[p].Start, empty.Partitions[p].Oldest, empty.Partitions[p].Newest = empty.Partitions[p].End, -1, -1
		}
		next.Topics[t.Name] = &empty
	}
	for _, name := range f.Forgotten {
		delete(next.Statements, name)
	}
	return &next
}

// kept says whether a statement goes on with the state that it has in the region that comes back.
func (c *computation) kept(name string) bool {
	if c.plan.Failback == nil {
		return false
	}
	_, there := c.to.Statements[name]
	return there
}

func (c *computation) returnSteps() {
	f, older, newer := c.plan.Failback, c.link.To, c.link.From
	on := func(topics []string) string { return short(topics, "topic") }
	last := c.step(StepFence, phaseReturn, older, fmt.Sprintf("no producer can write to %s in %s", c.topicList(), older),
		"what is written there now belongs to no pipeline, and stands in the way of the mirror", false)
	last = c.step(StepStopSource, phaseReturn, older, fmt.Sprintf("no statement of the plan runs in %s", older), "what it would read and write is about to change", false, last)
	last = c.step(StepVerifyFence, phaseReturn, older, fmt.Sprintf("the log ends of %s in %s stand still", c.topicList(), older),
		"where the logs part can be told only when nothing more arrives", false, last)
	last = c.step(StepDiverge, phaseReturn, "", fmt.Sprintf("the logs of both regions part where they did when planned: %s as far as %s has them, %s not", on(f.On), older, on(names(f.Anew))),
		"compared record by record from the failover point backwards, until both are the same", false, last)
	if len(f.Anew) == 0 {
		c.plan.Steps[len(c.plan.Steps)-1].Goal = fmt.Sprintf("the logs of both regions are the same as far as %s has them", older)
	}
	removed := []string{last}
	for _, t := range slices.Concat(f.Anew, f.Emptied) {
		if t.Offsets > 0 && f.Salvage != "" {
			removed = append(removed, c.step(StepSalvage, phaseReturn, t.Name, fmt.Sprintf("what only %s has of %s is in %s", older, t.Name, f.Salvage), t.Why, false, last))
		}
	}
	seeded := slices.Clone(removed)
	for _, name := range f.Forgotten {
		seeded = append(seeded, c.step(StepForget, phaseReseed, name, fmt.Sprintf("statement %s is not in %s", name, older), "its state is of records that are removed: it is created again after the move", true, removed...))
	}
	forgotten := slices.Clone(seeded)
	for _, t := range f.Emptied {
		seeded = append(seeded, c.step(StepEmpty, phaseReseed, t.Name, fmt.Sprintf("topic %s in %s is empty", t.Name, older), t.Why, true, forgotten...))
	}
	ready := forgotten
	for _, t := range f.Anew { // one after the other: each takes the link over
		id := c.step(StepRecreate, phaseReseed, t.Name, fmt.Sprintf("topic %s in %s is a mirror of %s, from its beginning", t.Name, older, newer), t.Why, t.ID != "", ready...)
		seeded, ready = append(seeded, id), append(slices.Clone(ready), id)
	}
	mirrors := c.step(StepReverse, phaseReseed, "", fmt.Sprintf("%s of %s, under link %s", areMirrors(f.On, older), newer, c.link.Name),
		"their logs are the same as far as they go: the mirror goes on where they end", false, seeded...)
	if len(f.On) == 0 {
		c.plan.Steps[len(c.plan.Steps)-1].Goal = fmt.Sprintf("link %s leads back", c.link.Name)
		c.plan.Steps[len(c.plan.Steps)-1].Reason = "what it mirrors begins anew"
	}
	seen := c.step(StepCatchUp, phaseReseed, "", fmt.Sprintf("%s has all that %s had when this began", older, newer), c.drainReason(), false, mirrors)
	before := []string{seen}
	if c.hot() {
		before = c.comparedSteps(seen)
	}
	c.plannedSteps(before...)
	c.protect(newer, older, f.Forward)
}

// moving are the plan's topics.
func (c *computation) moving() []string {
	var all []string
	for _, t := range c.plan.Topics {
		all = append(all, t.Name)
	}
	return all
}

func areMirrors(topics []string, in string) string {
	if len(topics) == 1 {
		return fmt.Sprintf("topic %s in %s is a mirror", topics[0], in)
	}
	return fmt.Sprintf("%s in %s are mirrors", short(topics, "topic"), in)
}

// comparedSteps start the statements in the region that comes back, while it is a mirror, and compare what they put out before it counts.
func (c *computation) comparedSteps(before string) (same []string) {
	c.startSteps(before)
	started := []string{before}
	for _, s := range c.plan.Statements {
		started = append(started, "start:"+s.Name)
	}
	for _, o := range outputsOf(c.plan.Statements) {
		same = append(same, c.outputStep(phaseReseed, o, started...))
	}
	return append(same, before)
}

// outputStep compares what statements put out in both regions.
func (c *computation) outputStep(phase string, o Output, before ...string) string {
	return c.step(StepOutputs, phase, o.Topic, fmt.Sprintf("%s %s the same in %s and in %s", listed(o.Statements), verb(len(o.Statements), "puts out", "put out"), c.link.To, c.link.From),
		"a region that computes something else does not count as one", false, before...)
}

func names(list []ReturningTopic) []string {
	var all []string
	for _, t := range list {
		all = append(all, t.Name)
	}
	return all
}
