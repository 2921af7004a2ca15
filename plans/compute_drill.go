package plans

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// The phases that only drills have.
const (
	phasePrepare = "prepare"
	phaseCut     = "cut"
	phaseCompare = "compare"
	phaseClean   = "clean"
)

// drill plans a rehearsal of a failover along the link: its statements are started in the destination as a failover would start them, on mirrored
// input up to a point, with other names for what they write.
func (c *computation) drill() (err error) {
	o := c.opts.Drill
	if o == nil || o.ID == "" {
		return fmt.Errorf("a drill has no id")
	}
	d := &DrillPlan{ID: o.ID, Name: o.Name, Scenario: o.Scenario, At: o.At, Behind: o.Behind, Keep: o.Keep, Sinks: map[string]string{}}
	if d.Scenario == "" {
		d.Scenario = ScenarioRegionLoss
	}
	switch {
	case !slices.Contains(knownScenarios, d.Scenario):
		return fmt.Errorf("a drill has no scenario %q: %s", d.Scenario, suggest(d.Scenario, knownScenarios))
	case (d.Scenario == ScenarioLateLink) != (d.Behind > 0):
		return fmt.Errorf("how far the link is behind is told of scenario %s, and of no other", ScenarioLateLink)
	case d.Scenario != ScenarioRegionLoss && !d.At.IsZero():
		return fmt.Errorf("an instant is told of scenario %s, and of no other", ScenarioRegionLoss)
	case d.At.After(c.seen.At):
		return fmt.Errorf("the instant %s is still to come", clock(d.At))
	}
	c.plan.Drill = d
	if c.plan.Objectives, err = c.objectives(); err != nil {
		return err
	}
	other := c.decl.Topology.OtherWay(c.link)
	if c.plan.Writers = other != nil; c.link.Renames() && !c.plan.Writers {
		return &RenamedError{Link: c.link}
	}
	c.topics()
	c.sameTopics()
	c.mirrorsFlow()
	c.statements()
	if c.plan.Writers {
		c.ownInputs(other)
	}
	c.registryMode()
	c.schemaIDs()
	c.refusals()
	c.drillRefusals()
	c.isolate()
	c.drillSteps()
	return nil
}

// mirrorsFlow reports topics whose mirrors a drill can not read as a failover would.
func (c *computation) mirrorsFlow() {
	for _, t := range c.plan.Topics {
		m, mirrored := c.mirrors[t.Name]
		switch {
		case !t.Exists || !mirrored:
			c.find(report.Block, "drill/not-mirrored", t.Name, fmt.Sprintf("link %s has no mirror of %s in %s", c.link.Name, t.Name, c.link.To),
				"what is not mirrored is not there when "+c.link.From+" is lost", "lifeboat link run")
		case m.State == MirrorStopped:
			c.find(report.Block, "drill/promoted", t.Name, fmt.Sprintf("topic %s is promoted in %s", t.Name, c.link.To),
				"there is no failover to rehearse: it has been", "lifeboat runs list shows the run that did it")
		case m.State == MirrorPaused && c.plan.Writers:
			c.find(report.Block, "drill/held", t.Name, fmt.Sprintf("mirror %s in %s is PAUSED: by an operator, or because %s was lost or left", t.Name, c.link.To, c.link.From),
				"there is no loss to rehearse: what came last is not there", fmt.Sprintf("lifeboat link resume --link %[1]s, or lifeboat failback --link %[1]s where %[2]s was left", c.link.Name, c.link.From))
		case len(m.Translated) > 0 && c.plan.Drill.Scenario != ScenarioPlanned:
			c.find(report.Block, "drill/translated", t.Name, fmt.Sprintf("offsets of %s in %s are not those of %s", t.Name, c.link.To, c.link.From),
				"where the mirror stood at an instant can not be told in both regions", "rehearse it with --scenario "+ScenarioPlanned)
		}
	}
}

// ownInputs are the topics of the destination's own that statements read: in the source they are mirrors of the other link's, and so the same logs.
// What the source has computed is compared over the same offsets of these too.
func (c *computation) ownInputs(other *Link) {
	there := map[string]MirrorState{}
	for _, m := range c.seen.Mirrors[other.Name] {
		there[m.Topic] = m
	}
	derived := c.analysis.graph.Writers()
	c.plan.Drill.Own = map[string]string{}
	for _, s := range c.plan.Statements {
		for _, topic := range s.Reads {
			mirror, ok := other.Names().Mirror(topic)
			if _, known := c.plan.Drill.Own[topic]; known || !ok || c.moved(topic) || len(derived[topic]) > 0 || !other.Selects(topic) {
				continue
			}
			c.plan.Drill.Own[topic] = mirror
			why := fmt.Sprintf("what %s computes of %s is compared with what %s does, over the same offsets", c.link.To, topic, c.link.From)
			switch m, mirrored := there[mirror]; {
			case c.to.Topics[topic] == nil:
				c.find(report.Block, "drill/no-own-topic", topic, fmt.Sprintf("%s has no topic %s of its own", c.link.To, topic), "its statements have nothing to read there", "create it, with the rights that its writers have in "+c.link.From)
			case !mirrored:
				c.find(report.Block, "drill/not-mirrored", mirror, fmt.Sprintf("link %s has no mirror of %s in %s", other.Name, topic, c.link.From), why, "lifeboat link run --link "+other.Name)
			case m.State != MirrorActive:
				c.find(report.Block, "drill/other-way", mirror, fmt.Sprintf("mirror %s in %s is %s", mirror, c.link.From, m.State), why, "lifeboat link status --link "+other.Name)
			case len(m.Translated) > 0:
				c.find(report.Block, "drill/translated", mirror, fmt.Sprintf("offsets of %s in %s are not those of %s in %s", mirror, c.link.From, topic, c.link.To), why,
					"mirror it into a topic that is empty, with links[].offsets: identical")
			}
		}
	}
}

// drillRefusals name what stands against a drill alone.
func (c *computation) drillRefusals() {
	e := c.decl.Topology.Regions[c.link.To].Engine
	switch {
	case len(c.plan.Statements) == 0:
		c.find(report.Block, "drill/no-statements", c.link.Name, "there is no statement to start", "a drill without one would show nothing that `lifeboat link verify` does not", "lifeboat link verify")
	case e != nil && e.Backend == "confluent":
		c.find(report.Block, "drill/engine", c.link.To, "a drill on a Confluent engine is not supported yet", "it has no sandbox, so its tables would be the region's own", "use backend: bundled")
	}
	kept := map[string]bool{}
	for _, t := range c.plan.Topics {
		kept[t.Name] = true
	}
	for _, r := range c.decl.Registrations(c.link, c.seen) {
		if kept[r.Table] && !r.There {
			c.find(report.Block, "drill/would-register", r.Table, fmt.Sprintf("declaring table %s in %s would register a schema of %s", r.Table, c.link.To, r.Subject),
				"a drill leaves the region's own subjects as they are", fmt.Sprintf("mirror subject %s, or declare the table without that part", r.Subject))
		}
	}
}

// isolate gives other names to all that the statements would make or write.
func (c *computation) isolate() {
	d := c.plan.Drill
	for _, s := range c.plan.Statements {
		names := slices.Clone(s.Writes)
		if table, ok := c.analysis.parsed[s.Name].Statement.(*statements.CreateTable); ok {
			names = append(names, table.Name.Last())
		}
		for _, name := range names {
			if !c.moved(name) {
				d.Sinks[name] = d.Prefix() + "out." + name
			}
		}
	}
	other := func(names []string) []string {
		names = slices.Clone(names)
		for i, name := range names {
			if isolated, ok := d.Sinks[name]; ok {
				names[i] = isolated
			}
		}
		return names
	}
	for i := range c.plan.Statements {
		s := &c.plan.Statements[i]
		sql, err := statements.RenameTables(s.SQL, d.Sinks)
		if err != nil { // it was parsed a moment ago
			c.find(report.Block, "drill/rename", s.Name, fmt.Sprintf("statement %s can not be written with other tables: %v", s.Name, err), "it would write the region's own", "")
			continue
		}
		s.SQL, s.Reads, s.Writes = sql, other(s.Reads), other(s.Writes)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Sinks)) {
		if len(d.Sinks[name]) > maxTopicName {
			c.find(report.Block, "drill/name", name, fmt.Sprintf("the isolated name of %s has %d characters, and a topic's at most %d", name, len(d.Sinks[name]), maxTopicName), "it could not be created", "")
		}
	}
}

// maxTopicName is how long a topic's name may be (org.apache.kafka.common.internals.Topic).
const maxTopicName = 249

func (c *computation) drillSteps() {
	from, to, d := c.link.From, c.link.To, c.plan.Drill
	inventory := c.step(StepInventory, phasePrepare, "", fmt.Sprintf("what %s and %s hold is written down", from, to), "so that it can be shown afterwards that nothing else has changed", false)
	goal := fmt.Sprintf("it is known what of %s had arrived in %s at the instant", c.topicList(), to)
	reason := "that is all that there would be, and what is not among it would be lost"
	if d.Scenario == ScenarioPlanned {
		goal = fmt.Sprintf("what %s holds of %s now has arrived in %s", from, c.topicList(), to)
		reason = "nothing was behind when planned"
		if behind := c.drainReason(); strings.HasPrefix(behind, "mirror ") {
			reason = behind
		}
	}
	cut := c.step(StepCut, phaseCut, "", goal, reason, false, inventory)
	for _, s := range c.plan.Statements {
		needs := []string{cut}
		for _, n := range s.Needs {
			needs = append(needs, "start:"+n)
		}
		goal := fmt.Sprintf("statement %s runs in a sandbox of %s", s.Name, to)
		if s.Kind == kindCreateTable {
			goal = fmt.Sprintf("the table of statement %s is declared in a sandbox of %s", s.Name, to)
		}
		c.step(StepStart, phaseStart, s.Name, goal, s.Reason, false, needs...)
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
		c.step(StepWatermark, phaseProve, s.Name, fmt.Sprintf("%s has read everything up to the cut", s.Name), "until then its output is not whole", false, needs...)
	}
	var compared []string
	for _, s := range c.plan.Statements {
		if s.Kind != kindInsert {
			continue
		}
		var after []string
		for _, o := range c.plan.Statements { // what is compared is the topic, whoever writes it
			if o.Kind == kindInsert && (o.Name == s.Name || slices.ContainsFunc(o.Writes, func(topic string) bool { return slices.Contains(s.Writes, topic) })) {
				after = append(after, "watermark:"+o.Name)
			}
		}
		for _, n := range s.Needs {
			if c.kind(n) == kindInsert {
				after = append(after, "compare:"+n)
			}
		}
		compared = append(compared, c.step(StepCompare, phaseCompare, s.Name, fmt.Sprintf("the output of %s is compared with that of %s", s.Name, from),
			"a statement that runs is not yet one that computes the same", false, after...))
	}
	if d.Keep {
		return
	}
	clean := c.step(StepClean, phaseClean, "", fmt.Sprintf("nothing of the drill is left in %s", to), "a drill leaves no trace but its report", false, compared...)
	c.step(StepResidue, phaseClean, "", fmt.Sprintf("%s and %s hold what they held before", from, to), "what is left behind would be taken for something", false, clean)
}
