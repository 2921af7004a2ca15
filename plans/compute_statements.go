package plans

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// Properties that a start position is written as. The first two are the engine's own (engine.PropStart, engine.PropEmitFrom),
// the others the dialect's.
const (
	propStart         = "lifeboat.start."    // + topic: "partition:0,offset:42;partition:1,offset:300"
	propEmitFrom      = "lifeboat.emit.from" // epoch milliseconds: windows that start before it are partial
	propStartupMode   = "sql.tables.scan.startup.mode"
	propStartupMillis = "sql.tables.scan.startup.timestamp-millis"
)

const (
	// defaultRate is how many rows a second an engine re-reads where the pipeline declares no rate.
	defaultRate = 50_000
	// startMargin is how much further back than its horizon an aligned start reaches: records of one partition are not in order of
	// time, and partitions not of one pace.
	startMargin = time.Minute
)

// statements plans every statement that is started, in the order in which they are.
func (c *computation) statements() {
	a := c.analysis
	c.plan.Findings = append(c.plan.Findings, a.findings...)
	mirrored, writers := map[string]bool{}, a.graph.Writers()
	for _, t := range c.plan.Topics {
		mirrored[t.Name] = true
	}
	horizons := a.graph.Horizons(a.catalogOf, func(topic string) bool { return mirrored[topic] }, c.decl.stateTTL(a))
	facts := statements.Facts{Pattern: statements.Pattern(c.decl.Topology.Pattern), Tables: a.catalog(), Writers: writers, Mirrored: mirrored,
		HasData: map[string]bool{}, Existing: c.existing(), Functions: c.decl.functionFacts(map[string]*RegionState{c.link.From: c.from, c.link.To: c.to}, a.funcs), Dialect: c.decl.Topology.Dialect, Topics: c.topicFacts()}
	regions := c.regionFacts()
	for name, t := range c.to.Topics {
		facts.HasData[name] = slices.ContainsFunc(t.Partitions, func(p PartitionState) bool { return p.End > p.Start })
	}
	along := newVerdicts(a.graph, func(topic string) bool { return mirrored[topic] })
	for _, s := range c.inOrder() {
		u := a.parsed[s.Name]
		if u == nil {
			continue // a finding says that it does not parse
		}
		switch u.Statement.(type) {
		case *statements.Set, *statements.Reset, *statements.Use:
			continue // nothing is started: propertiesOf has what they say
		}
		sp := StatementPlan{Name: s.Name, Pipeline: s.Pipeline, File: s.File, SQL: s.SQL, Kind: u.Statement.Kind(),
			Reads: statements.Reads(u.Statement), Writes: statements.Writes(u.Statement)}
		for _, need := range a.graph.Needs(s.Name) {
			if c.started(need) {
				sp.Needs = append(sp.Needs, need)
				continue
			}
			c.find(report.High, "statement/needs", s.Name, fmt.Sprintf("statement %s needs %s, which this plan does not start", s.Name, need),
				"what it reads would not be there, or would not grow", "plan without --pipeline, or see that it runs in "+c.link.To)
		}
		p := c.pipeline(s.Pipeline)
		sp.Properties = propertiesOf(c.decl, a, s.Name)
		own := horizons[s.Name]
		facts.History, facts.Horizons, facts.Tables = nil, own, a.catalogOf(s.Name)
		if !c.kept(s.Name) && !(c.hot() && c.runsAlready(s.Name)) {
			facts.History = c.retention(&sp, own, p)
		}
		facts.Properties = maps.Clone(sp.Properties) // before the start position is among them
		facts.Regions = c.regionFactsOf(regions, s.Name, facts.Properties)
		switch {
		case sp.Kind == kindInsert && c.hot() && c.runsAlready(s.Name):
			sp.Strategy, sp.Reason = Parallel, fmt.Sprintf("it runs in %s all the time", c.link.To)
		case sp.Kind == kindInsert && c.kept(s.Name):
			sp.Strategy, sp.Reason = Restore, fmt.Sprintf("it goes on from the state that it had in %s before the failover: what it had read is the same in both regions", c.link.To)
		case sp.Kind == kindInsert:
			c.strategy(&sp, p, horizons)
		default:
			sp.Reason = fmt.Sprintf("the table's metadata is not in Kafka: it is declared in %s", c.link.To)
		}
		if sp.Kind == kindInsert {
			sp.Others = c.otherStrategies(&sp)
		}
		found, judgement := statements.Judge(s.Name, u, facts)
		for i := range found {
			c.mendable(&found[i], &sp)
		}
		c.plan.Findings = append(c.plan.Findings, found...)
		if len(sp.Writes) > 0 {
			judgement = along.of(s.Name, sp.Reads, judgement)
			sp.Verdict, sp.VerdictWhy = string(judgement.Verdict), judgement.Reason
		}
		for _, topic := range sp.Writes {
			if mirrored[topic] {
				c.find(report.Block, "statement/mirrored-output", s.Name, fmt.Sprintf("statement %s writes topic %s, which link %s mirrors", s.Name, topic, c.link.Name),
					"the topic would hold what both regions wrote", fmt.Sprintf("mirror only inputs: exclude %s from links[%s].topics, or leave %s out of the pipeline", topic, c.link.Name, s.Name))
			}
		}
		if st, ok := c.to.Statements[s.Name]; ok && !sameText(st.SQL, s.SQL) {
			c.find(report.Block, "statement/exists", s.Name, fmt.Sprintf("%s has a statement %s already, with other SQL (%s)", c.link.To, s.Name, st.Phase),
				"it would be taken for this one", fmt.Sprintf("delete statement %s in %s, or rename the file", s.Name, c.link.To))
		}
		if len(sp.Properties) == 0 {
			sp.Properties = nil
		}
		c.plan.Statements = append(c.plan.Statements, sp)
	}
}

// existing are the tables that the destination's engine has by statements of its own.
func (c *computation) existing() statements.Catalog {
	tables := statements.Tables{}
	for _, name := range slices.Sorted(maps.Keys(c.to.Statements)) {
		if st := c.to.Statements[name]; st.Phase == "COMPLETED" {
			if u, _ := statements.ParseOne(name, st.SQL); u != nil && u.Statement != nil && u.Statement.Kind() == kindCreateTable {
				if t, _ := statements.TableOf(u); t != nil {
					tables[t.Name] = t
				}
			}
		}
	}
	return tables
}

// runsAlready says whether a statement runs in the destination.
func (c *computation) runsAlready(name string) bool { return c.to.Statements[name].Phase == "RUNNING" }

func sameText(a, b string) bool {
	trim := func(s string) string { return strings.TrimRight(strings.TrimSpace(s), "; \t\r\n") }
	return trim(a) == trim(b)
}

// inOrder returns the statements of the plan, tables before inserts, and each after what it needs.
func (c *computation) inOrder() []Statement {
	rank := map[string]int{}
	for i, name := range c.analysis.graph.Order() {
		rank[name] = i
	}
	var list []Statement
	for _, s := range c.decl.Statements {
		if (c.opts.Pipeline == "" || s.Pipeline == c.opts.Pipeline) && !c.apart[s.Name] {
			list = append(list, s)
		}
	}
	table := func(s Statement) int {
		if u := c.analysis.parsed[s.Name]; u != nil && u.Statement.Kind() == kindCreateTable {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(list, func(a, b Statement) int {
		if n := table(a) - table(b); n != 0 {
			return n
		}
		return rank[a.Name] - rank[b.Name]
	})
	return list
}

func (c *computation) started(name string) bool {
	return slices.ContainsFunc(c.plan.Statements, func(s StatementPlan) bool { return s.Name == name })
}

func (c *computation) pipeline(name string) *Pipeline {
	i := slices.IndexFunc(c.decl.Topology.Pipelines, func(p *Pipeline) bool { return p.Name == name })
	if i < 0 {
		return &Pipeline{Name: name}
	}
	return c.decl.Topology.Pipelines[i]
}

// strategy decides how an INSERT is brought up, and from where.
func (c *computation) strategy(sp *StatementPlan, p *Pipeline, horizons map[string]map[string]statements.Horizon) {
	stateful := c.stateful(sp.Name)
	declared, where := p.Recovery, "pipeline "+p.Name
	if o, ok := p.Overrides[sp.Name]; ok {
		declared, where = o, "the override for it"
	}
	switch declared {
	case "", Auto:
		c.auto(sp, stateful)
	case Parallel:
		if c.hot() { // and it does not run
			c.find(report.High, "statement/not-parallel", sp.Name, fmt.Sprintf("statement %s is to run in both regions all the time, and does not run in %s", sp.Name, c.link.To),
				"it has to be started, and to read what it has missed", fmt.Sprintf("start it there now: lifeboat status, and the engine of %s", c.link.To))
			declared = Auto
			c.auto(sp, stateful)
			break
		}
		fallthrough
	case Restore:
		sp.Strategy, sp.Reason = declared, fmt.Sprintf("declared by %s", where)
		c.find(report.Block, "statement/strategy", sp.Name, fmt.Sprintf("strategy %s, declared by %s, is not supported yet", declared, where),
			"the statement could not be started as declared", "use rebuild, resume or fresh, or auto to let the plan choose")
		return
	default:
		sp.Strategy, sp.Reason = declared, fmt.Sprintf("declared by %s", where)
	}
	switch {
	case sp.Strategy == Fresh:
		sp.Properties[propStartupMode] = "latest-offset"
		sp.Reason += ": it starts at the end of its inputs"
		c.find(report.High, "statement/fresh", sp.Name, fmt.Sprintf("statement %s starts fresh: what %s had read and not yet put out is lost", sp.Name, c.link.From),
			"this was declared; the acknowledgement is that somebody knows", "use rebuild or resume to keep it")
		return
	case sp.Strategy == Resume && stateful:
		c.find(report.High, "statement/resume", sp.Name, fmt.Sprintf("statement %s keeps windows, and resume gives it none of its state", sp.Name),
			"the windows that are open at the failover come out too small", "use rebuild")
	}
	c.start(sp, p, horizons)
}

// auto chooses a strategy.
func (c *computation) auto(sp *StatementPlan, stateful bool) {
	if stateful {
		sp.Strategy, sp.Reason = Rebuild, "it keeps windows: their state is rebuilt from its input"
	} else {
		sp.Strategy, sp.Reason = Resume, "it keeps no state: positions in its input are all it needs"
	}
}

// stateful reports whether a statement by itself keeps anything between rows.
func (c *computation) stateful(name string) bool {
	ttl := c.decl.stateTTL(c.analysis)(name)
	for _, h := range statements.HorizonOf(c.analysis.parsed[name].Statement, c.analysis.catalogOf(name), ttl) {
		if len(h.Terms) > 0 || h.Unbounded || h.Unknown != "" {
			return true
		}
	}
	return false
}
