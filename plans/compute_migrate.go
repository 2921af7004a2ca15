package plans

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// phaseBack is that of a batch's way back.
const phaseBack = "roll back"

// migrate plans the move of the pipeline to the link's destination for good. Each batch is planned as a planned failover of its own, one after the
// other, and ends when its topics were seen to be the same in both regions.
func (c *computation) migrate() (err error) {
	if c.plan.Objectives, err = c.objectives(); err != nil {
		return err
	}
	switch {
	case c.hot():
		return fmt.Errorf("pattern %s has both regions compute all the time: it is a failover that moves what is written", ActiveActive)
	case c.link.Renames():
		return &RenamedError{Link: c.link}
	}
	m := &MigrationPlan{Sample: c.opts.Sample}
	c.plan.Migration = m
	c.topics()
	units := c.units()
	m.Moved = slices.DeleteFunc(slices.Clone(units), func(b Batch) bool { return !c.hasMoved(b) })
	m.Batches = batches(slices.DeleteFunc(units, c.hasMoved))
	c.subjectsOf(m)
	if err := c.only(m); err != nil {
		return err
	}
	if len(m.Batches) == 0 {
		c.nothingLeft(m)
	}
	c.narrow(m)
	c.sameTopics()
	c.comeOver()
	c.activeGroups()
	c.forecast()
	c.statements()
	c.registryMode()
	c.schemaIDs()
	c.changedTables()
	c.refusals()
	c.staysBehind()
	m.Left = c.left()
	last := []string{}
	for _, b := range m.Batches {
		last = c.batchSteps(b, last)
	}
	return nil
}

// units sorts what the link selects and the pipelines run into what has to move together.
func (c *computation) units() []Batch {
	var loads []load
	selectedTopics, open := map[string]bool{}, map[string]bool{}
	add := func(name string, t *TopicState) {
		l := load{topic: name, partitions: len(t.partitions())}
		for _, p := range t.partitions() {
			l.offsets, l.bytes = l.offsets+max(0, int64(p.End-p.Start)), l.bytes+p.Bytes
		}
		loads = append(loads, l)
		selectedTopics[name], open[name] = true, c.mirrors[name].State != MirrorStopped
	}
	for _, t := range c.plan.Topics {
		add(t.Name, c.from.Topics[t.Name])
	}
	for _, name := range selected(c.link.Mirrors, c.mirrors) { // that are gone from the source since they have moved
		if !selectedTopics[name] {
			add(name, nil)
		}
	}
	groups := map[string][]string{}
	for _, g := range c.plan.Groups {
		for topic := range c.from.Groups[g].Positions {
			if open[topic] { // what has moved joins nothing any more
				groups[g] = append(groups[g], topic)
			}
		}
	}
	return together(loads, c.touches(), groups)
}

// hasMoved says that a unit is in the destination: its topics are promoted, and its statements run there.
func (c *computation) hasMoved(b Batch) bool {
	for _, t := range b.Topics {
		if c.mirrors[t].State != MirrorStopped {
			return false
		}
	}
	for _, s := range b.Statements {
		if phase := c.to.Statements[s].Phase; phase != "RUNNING" && phase != "COMPLETED" {
			return false
		}
	}
	return true
}

// subjectsOf gives each batch the subjects that are named after its topics, and the last one those that are named after none: as long as one of their
// topics may be a mirror, their schemas are imported.
func (c *computation) subjectsOf(m *MigrationPlan) {
	var unnamed []string
	for _, subject := range c.plan.Subjects {
		var of *Batch
		longest := ""
		look := func(b *Batch) {
			for _, topic := range slices.Concat(b.Topics, b.Derived) {
				if strings.HasPrefix(subject, topic+"-") && len(topic) > len(longest) {
					of, longest = b, topic
				}
			}
		}
		for i := range m.Moved {
			look(&m.Moved[i])
		}
		for i := range m.Batches {
			look(&m.Batches[i])
		}
		if of != nil {
			of.Subjects = append(of.Subjects, subject)
		} else {
			unnamed = append(unnamed, subject)
		}
	}
	n := len(m.Batches)
	if n == 0 || len(unnamed) == 0 {
		return
	}
	m.Batches[n-1].Subjects = sortedBoth(m.Batches[n-1].Subjects, unnamed)
	if n > 1 {
		c.find(report.Medium, "migrate/subjects", "", fmt.Sprintf("%s named after no topic: IMPORT mode ends with the last batch, %s", areNamed(unnamed), m.Batches[n-1].Name),
			"until then producers in "+c.link.To+" can not register another version of them", "have new versions registered in "+c.link.From+" until then: the link brings them")
	}
}

func areNamed(subjects []string) string {
	if len(subjects) == 1 {
		return "subject " + subjects[0] + " is"
	}
	return short(subjects, "subject") + " are"
}

// only leaves the batch that was asked for; the others are for later.
func (c *computation) only(m *MigrationPlan) error {
	want := c.opts.Batch
	if want == "" {
		return nil
	}
	i := slices.IndexFunc(m.Batches, func(b Batch) bool { return b.has(want) })
	if n, err := strconv.Atoi(want); i < 0 && err == nil && n > 0 && n <= len(m.Batches) {
		i = n - 1
	}
	if i < 0 {
		if slices.ContainsFunc(m.Moved, func(b Batch) bool { return b.has(want) }) {
			return fmt.Errorf("%s has moved to %s already", want, c.link.To)
		}
		var names []string
		for _, b := range m.Batches {
			names = append(names, b.Name)
		}
		if len(names) == 0 {
			return errors.New("no batch is left to move")
		}
		return fmt.Errorf("no batch holds %q: %s", want, suggest(want, names))
	}
	m.Later = slices.Delete(slices.Clone(m.Batches), i, i+1)
	m.Batches = m.Batches[i : i+1]
	return nil
}

// narrow leaves of the plan what its batches hold.
func (c *computation) narrow(m *MigrationPlan) {
	var topics, groups, subjects, run []string
	for _, b := range m.Batches {
		topics, groups, subjects, run = append(topics, b.Topics...), append(groups, b.Groups...), append(subjects, b.Subjects...), append(run, b.Statements...)
	}
	c.apart = map[string]bool{}
	for _, s := range c.decl.Statements {
		c.apart[s.Name] = !slices.Contains(run, s.Name)
	}
	for _, t := range topics { // of a batch that was left half-way, and is gone from the source
		if !c.moved(t) {
			c.plan.Topics = append(c.plan.Topics, TopicPlan{Name: t, ID: c.mirrors[t].SourceID, Partitions: len(c.to.Topics[t].partitions()), Exists: c.to.Topics[t] != nil})
		}
	}
	c.plan.Topics = slices.DeleteFunc(c.plan.Topics, func(t TopicPlan) bool { return !slices.Contains(topics, t.Name) })
	c.plan.Groups, c.plan.Subjects = slices.Sorted(slices.Values(groups)), slices.Sorted(slices.Values(subjects))
}

// nothingLeft refuses to migrate once more.
func (c *computation) nothingLeft(m *MigrationPlan) {
	if len(m.Moved) == 0 {
		return // a finding says that the link selects nothing
	}
	c.find(report.Block, "migrate/done", c.link.To, fmt.Sprintf("everything that link %s selects has moved to %s", c.link.Name, c.link.To),
		"nothing is left to migrate", fmt.Sprintf("remove what is left in %s, as listed; then declare primary: %s", c.link.From, c.link.To))
}

// comeOver reports topics that are not there to be promoted.
func (c *computation) comeOver() {
	for _, t := range c.plan.Topics {
		m, mirrored := c.mirrors[t.Name]
		switch {
		case !t.Exists && !mirrored:
			c.find(report.Block, "migrate/topic-missing", t.Name, fmt.Sprintf("topic %s is not mirrored to %s yet", t.Name, c.link.To),
				"a batch is cut over when its mirrors have caught up", "lifeboat link run")
		case !t.Exists:
			c.find(report.Block, "migrate/topic-missing", t.Name, fmt.Sprintf("topic %s is %s as a mirror, and does not exist in %s", t.Name, m.State, c.link.To),
				"somebody has deleted it there", "lifeboat link status; lifeboat link repair")
		case !mirrored:
			var held int64
			for _, p := range c.to.Topics[t.Name].partitions() {
				held += max(0, int64(p.End-p.Start))
			}
			c.find(report.Block, "migrate/not-mirrored", t.Name, fmt.Sprintf("topic %s exists in %s already (%s, %s), and link %s has never mirrored it", t.Name, c.link.To,
				counted(int64(t.Partitions), "partition"), counted(held, "offset"), c.link.Name), "its records and offsets are not those of "+c.link.From,
				fmt.Sprintf("delete or rename topic %s in %s, then: lifeboat link run; or leave it out of links[%s].topics", t.Name, c.link.To, c.link.Name))
		case m.State != MirrorFailed: // which is reported by itself
			state := m.State
			if state == MirrorSourceUnavailable {
				state = MirrorActive // as the plan sees it
			}
			_, err := PromoteMirror.From(t.Name, state)
			if refused, ok := errors.AsType[*TransitionError](err); ok {
				c.find(report.Block, "migrate/mirror-state", t.Name, refused.Error(), "its batch would stop half-way", refused.Instead)
			}
		}
	}
}

// batchSteps plans a batch as a planned failover of its own, behind the steps given, and returns its last.
func (c *computation) batchSteps(b Batch, before []string) []string {
	part := *c
	part.batch = b.Name
	part.plan = c.plan.Part(Step{Batch: b.Name})
	part.plan.Steps = nil
	topics := part.topicList()
	reason := "the less is left to drain, the shorter writers wait"
	if behind := part.behindNow(); behind != "" {
		reason = behind + "; " + reason
	}
	caught := part.step(StepCatchUp, phaseFence, "", fmt.Sprintf("%s has all of %s that %s had when this began", c.link.To, topics, c.link.From), reason, false, before...)
	part.plannedSteps(caught)
	part.withHooks()
	var loose []string // that no other step of the batch waits for
	for _, s := range part.plan.Steps {
		if !slices.ContainsFunc(part.plan.Steps, func(o Step) bool { return slices.Contains(o.Needs, s.ID) }) {
			loose = append(loose, s.ID)
		}
	}
	how := "by offset, timestamp, key, value and headers"
	if s := c.opts.Sample; s > 0 && s < 1 {
		how += fmt.Sprintf(", of a sample of %g %%", 100*s)
	}
	last := part.step(StepIdentical, phaseCompare, "", fmt.Sprintf("%s %s the same records in both regions, up to the promotion", topics, holdOrHolds(b.Topics)),
		how+": only then the batch has moved", false, loose...)
	c.plan.Steps = append(c.plan.Steps, part.plan.Steps...)
	return []string{last}
}

func holdOrHolds(topics []string) string {
	if len(topics) == 1 {
		return "holds"
	}
	return "hold"
}
