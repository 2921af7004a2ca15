package plans

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// A failover by pipeline moves the pipeline's lineage: its statements, those that feed them, and the mirrored topics that all of these read. One by topic
// pattern moves these topics and no others, with the statements that have to do with them and, through what these derive, all that hang on it.
//
// What does not move goes on in the source. So whatever has to do with both sides is torn apart, and named: nobody finds out later.

// wholeOnly refuses to move a part where that can not be.
func (c *computation) wholeOnly() error {
	if c.hot() && (c.opts.Pipeline != "" || len(c.opts.Topics) > 0) {
		return fmt.Errorf("pattern %s has both regions compute: what link %s mirrors moves as a whole, or not at all", ActiveActive, c.link.Name)
	}
	return nil
}

// share narrows the plan to what was asked for. It is behind topics, and in front of all that looks at them.
func (c *computation) share() error {
	if c.opts.Pipeline == "" && len(c.opts.Topics) == 0 {
		return nil
	}
	if c.opts.Pipeline != "" && len(c.opts.Topics) > 0 {
		return fmt.Errorf("--pipeline %s and --topics %s each say what is moved: say one of them", c.opts.Pipeline, strings.Join(c.opts.Topics, " "))
	}
	s := &Share{Pipeline: c.opts.Pipeline, Topics: c.opts.Topics}
	c.opts.Pipeline = "" // the lineage says which statements are the plan's, other pipelines' among them
	touches, linked := c.touches(), map[string]bool{}
	for _, t := range c.plan.Topics {
		linked[t.Name] = true
	}
	run := map[string]bool{} // by statement
	var moves func(topic string) bool
	if s.Pipeline != "" {
		reached := c.feeds(s.Pipeline, touches, run)
		moves = func(topic string) bool { return reached[topic] }
	} else {
		rule := Rule{Include: s.Topics}
		for _, p := range s.Topics {
			if _, err := regexp.Compile(p); err != nil {
				return fmt.Errorf("--topics %q is no pattern: %w", p, err)
			}
		}
		moves = rule.Match
		hangOn(touches, linked, moves, run)
	}
	var moved, names []string
	for _, t := range c.plan.Topics {
		names = append(names, t.Name)
		if moves(t.Name) {
			moved = append(moved, t.Name)
		} else {
			s.Stays = append(s.Stays, t.Name)
		}
	}
	if len(moved) == 0 && s.Pipeline != "" {
		return fmt.Errorf("link %s mirrors nothing that pipeline %s has to do with", c.link.Name, s.Pipeline)
	} else if len(moved) == 0 {
		return fmt.Errorf("no topic of link %s matches %s, as a whole: %s", c.link.Name, strings.Join(s.Topics, " or "), suggest(s.Topics[0], names))
	}
	if len(s.Stays) == 0 && !slices.ContainsFunc(touches, func(t touch) bool { return !run[t.statement] && len(t.tables) > 0 }) {
		return nil // it is all of it
	}
	c.plan.Share = s
	c.apart = map[string]bool{}
	for _, t := range touches {
		c.apart[t.statement] = !run[t.statement]
	}
	c.plan.Topics = slices.DeleteFunc(c.plan.Topics, func(t TopicPlan) bool { return !moves(t.Name) })
	for _, topic := range s.Stays { // in the region that is left; what has never left the other one is not torn off by coming back to it
		if c.forward != nil && !c.failedOverOnce(topic) {
			delete(linked, topic)
		}
	}
	c.torn(s, touches, linked)
	c.tornGroups(s)
	c.tornSubjects(s, touches)
	c.tornFence(s)
	return nil
}

// failedOverOnce says of a topic in the region that took over that it is no mirror there any more.
func (c *computation) failedOverOnce(topic string) bool {
	i := slices.IndexFunc(c.seen.Mirrors[c.forward.Name], func(m MirrorState) bool { return m.Topic == topic })
	return i < 0 || c.seen.Mirrors[c.forward.Name][i].State == MirrorStopped
}

// wouldLoop reports a link back that is there already and selects what has never been moved: whoever serves it would mirror mirrors.
func (c *computation) wouldLoop() {
	s := c.plan.Share
	back, there, err := Back(c.either(), c.decl.Topology.Links)
	if s == nil || err != nil || !there {
		return
	}
	var both []string
	for _, topic := range s.Stays {
		stopped := slices.ContainsFunc(c.seen.Mirrors[back.Name], func(m MirrorState) bool { return m.Topic == topic && m.State == MirrorStopped })
		if back.Mirrors(topic) && !stopped && (c.forward == nil || !c.failedOverOnce(topic)) {
			both = append(both, topic)
		}
	}
	if len(both) == 0 {
		return
	}
	severity := report.High
	if c.forward != nil {
		severity = report.Block
	}
	c.find(severity, "failback/part", back.Name, fmt.Sprintf("link %s is there already and selects %s, which %s never left %s: a failback of %s alone is refused", back.Name, short(both, "topic"),
		verb(len(both), "has", "have"), back.To, s), "whoever serves it would mirror mirrors back to their own source", fmt.Sprintf("let links[%s].topics select no more than what comes back", back.Name))
}

// either is the link that the failover goes along, or went.
func (c *computation) either() *Link {
	if c.forward != nil {
		return c.forward
	}
	return c.link
}

// touches are the statements that are started, each with what it has to do with, in the order in which they are.
func (c *computation) touches() []touch {
	var list []touch
	for _, s := range c.inOrder() {
		u := c.analysis.parsed[s.Name]
		if u == nil {
			continue
		}
		reads, writes := statements.Reads(u.Statement), statements.Writes(u.Statement)
		tables := slices.Concat(reads, writes)
		if name, creates := statements.Created(u.Statement); creates {
			tables = append(tables, name)
		}
		list = append(list, touch{statement: s.Name, pipeline: s.Pipeline, tables: tables, reads: reads, writes: writes, needs: c.analysis.graph.Needs(s.Name)})
	}
	return list
}

// feeds adds to run the statements of a pipeline and those that feed them, and returns the tables that these have to do with.
func (c *computation) feeds(pipeline string, touches []touch, run map[string]bool) map[string]bool {
	for _, t := range touches {
		run[t.statement] = t.pipeline == pipeline
	}
	for again := true; again; {
		again = false
		for _, t := range touches {
			for _, need := range t.needs {
				if run[t.statement] && !run[need] {
					run[need], again = true, true
				}
			}
		}
	}
	reached := map[string]bool{}
	for _, t := range touches {
		for _, table := range t.tables {
			reached[table] = reached[table] || run[t.statement]
		}
	}
	return reached
}

// hangOn adds to run the statements that have to do with topics that move, those that they need, and those that have to do with what all of these derive.
func hangOn(touches []touch, linked map[string]bool, moves func(string) bool, run map[string]bool) {
	for _, t := range touches {
		run[t.statement] = len(t.tables) == 0 // functions and the like: whoever wants them finds them
	}
	derived := map[string]bool{}
	with := func(table string) bool { return linked[table] && moves(table) || derived[table] }
	for again := true; again; {
		again = false
		for _, t := range touches {
			if !run[t.statement] && slices.ContainsFunc(t.tables, with) {
				run[t.statement], again = true, true
			}
			if !run[t.statement] {
				continue
			}
			for _, table := range t.writes {
				if !linked[table] && !derived[table] {
					derived[table], again = true, true
				}
			}
			for _, need := range t.needs {
				if !run[need] {
					run[need], again = true, true
				}
			}
		}
	}
}

// torn reports statements that have to do with what moves and with what stays, and pipelines that are left behind without their input.
func (c *computation) torn(s *Share, touches []touch, linked map[string]bool) {
	derivedThere := map[string]bool{} // in the destination
	for _, t := range touches {
		for _, table := range t.writes {
			derivedThere[table] = derivedThere[table] || !c.apart[t.statement] && !linked[table]
		}
	}
	left := map[string][]string{} // by pipeline
	for _, t := range touches {
		if len(t.writes) == 0 { // it declares something, and runs in no region
			continue
		}
		var moves, stays []string
		for _, table := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(t.reads, t.writes)))) {
			switch {
			case c.moved(table) || derivedThere[table]:
				moves = append(moves, table)
			case linked[table], c.apart[t.statement] && slices.Contains(t.reads, table):
				stays = append(stays, table)
			}
		}
		switch {
		case len(moves) > 0 && len(stays) > 0:
			c.find(report.Block, "failover/torn-statement", t.statement, fmt.Sprintf("statement %s has to do with %s, which %s to %s, and with %s, which %s in %s", t.statement,
				short(moves, "topic"), verb(len(moves), "moves", "move"), c.link.To, short(stays, "topic"), verb(len(stays), "stays", "stay"), c.link.From),
				"it would be whole in neither region", "move them together: "+c.wider(s, t, linked))
		case len(moves) > 0 && c.apart[t.statement] && (c.forward == nil || c.from.Statements[t.statement].Phase == "RUNNING"):
			left[t.pipeline] = append(left[t.pipeline], moves...)
		}
	}
	for _, p := range c.decl.Topology.Pipelines {
		if read := slices.Compact(slices.Sorted(slices.Values(left[p.Name]))); len(read) > 0 {
			c.find(report.High, "failover/other-pipeline", p.Name, fmt.Sprintf("pipeline %s has to do with %s too, which %s to %s, and its statements are not started there", p.Name, listed(read), verb(len(read), "moves", "move"), c.link.To),
				fmt.Sprintf("its input goes on in %s while it waits in %s", c.link.To, c.link.From), "fail over without --pipeline, or start it by hand; or give each pipeline topics and a link of its own")
		}
	}
}

// wider is what would have to be asked for so that nothing of t is torn off.
func (c *computation) wider(s *Share, t touch, linked map[string]bool) string {
	if s.Pipeline != "" {
		return "without --pipeline"
	}
	more := slices.Clone(s.Topics)
	for _, table := range t.tables {
		if linked[table] && !c.moved(table) && !slices.Contains(more, regexp.QuoteMeta(table)) {
			more = append(more, regexp.QuoteMeta(table))
		}
	}
	return fmt.Sprintf("with --topics '%s'", strings.Join(more, "|"))
}

// tornGroups leaves the groups that read what moves, and reports those that read what stays too.
func (c *computation) tornGroups(s *Share) {
	in := c.from
	if !in.Reachable {
		in = c.to
	}
	var groups []string
	for _, g := range c.plan.Groups {
		var moves, stays []string
		for topic := range in.Groups[g].Positions {
			switch {
			case c.moved(topic):
				moves = append(moves, topic)
			case slices.Contains(s.Stays, topic):
				stays = append(stays, topic)
			}
		}
		if len(moves) == 0 {
			continue
		}
		groups = append(groups, g)
		if len(stays) > 0 {
			slices.Sort(moves)
			slices.Sort(stays)
			c.find(report.Medium, "failover/torn-group", g, fmt.Sprintf("group %s reads %s, which %s to %s, and %s, which %s in %s", g, short(moves, "topic"), verb(len(moves), "moves", "move"), c.link.To,
				short(stays, "topic"), verb(len(stays), "stays", "stay"), c.link.From),
				fmt.Sprintf("its members would be in both regions, and while they are active in %s its positions in %s do not follow there", c.link.To, short(stays, "topic")), "give it a group for each, or move both")
		}
	}
	c.plan.Groups = groups
}

// tornSubjects leaves the subjects that are named after what moves or is derived from it.
func (c *computation) tornSubjects(s *Share, touches []touch) {
	owners := map[string]bool{} // topic → it moves
	for _, t := range c.plan.Topics {
		owners[t.Name] = true
	}
	for _, topic := range s.Stays {
		owners[topic] = false
	}
	for _, t := range touches {
		for _, table := range t.writes {
			if _, known := owners[table]; !known || !c.apart[t.statement] {
				owners[table] = !c.apart[t.statement]
			}
		}
	}
	var subjects, unnamed []string
	for _, subject := range c.plan.Subjects {
		owner := ""
		for topic := range owners {
			if strings.HasPrefix(subject, topic+"-") && len(topic) > len(owner) {
				owner = topic
			}
		}
		switch {
		case owner == "":
			unnamed = append(unnamed, subject)
		case owners[owner]:
			subjects = append(subjects, subject)
		}
	}
	c.plan.Subjects = subjects
	if len(unnamed) > 0 {
		c.find(report.Medium, "failover/subjects", "", fmt.Sprintf("%s named after no topic, and %s with the mirrors", areNamed(unnamed), verb(len(unnamed), "stays", "stay")),
			"producers in "+c.link.To+" can not register another version of them while they are imported", "have new versions registered in "+c.link.From+": the link brings them")
	}
}

// tornFence reports a fence that could keep out writers of what stays.
func (c *computation) tornFence(s *Share) {
	f := c.decl.Topology.Regions[c.link.From].Fence
	if !c.plan.Planned || len(s.Stays) == 0 {
		return
	}
	switch {
	case f == nil || f.By == "manual":
		c.find(report.Medium, "failover/torn-fence", c.link.From, fmt.Sprintf("only writers of %s are to be stopped: those of %s go on", c.topicList(), short(s.Stays, "topic")),
			"a person who stops all of them stops more than is moved", fmt.Sprintf("declare regions.%s.fence: by: acl or by: config closes single topics", c.link.From))
	case f.By == "command":
		c.find(report.Medium, "failover/torn-fence", c.link.From, fmt.Sprintf("%s has the topics that are moved in LIFEBOAT_TOPICS", f.Command[0]),
			fmt.Sprintf("if it keeps writers out of everything, those of %s stand still too", short(s.Stays, "topic")), "see that it looks at LIFEBOAT_TOPICS")
	}
}
