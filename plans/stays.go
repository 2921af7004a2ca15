package plans

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// staysBehind names what of the source moves with no batch, and what that means for those that do.
func (c *computation) staysBehind() {
	m, from, to := c.plan.Migration, c.link.From, c.link.To
	stay := func(kind, name, why string) { m.Stays = append(m.Stays, Stay{kind, name, why}) }
	derived := c.decl.derived()
	for _, name := range slices.Sorted(maps.Keys(c.from.Topics)) {
		switch by := derived[name]; {
		case c.link.Mirrors(name):
		case by != "":
			stay("topic", name, fmt.Sprintf("statement %s writes it anew in %s", by, to))
		default:
			stay("topic", name, fmt.Sprintf("link %s does not select it", c.link.Name))
		}
	}
	c.readersOfOutput(derived)
	rest := c.from.Rest
	if rest == nil {
		rest = &Rest{}
	}
	for _, name := range slices.Sorted(maps.Keys(rest.Groups)) {
		stay("group", name, "no link selects it: its positions stay")
		c.leftReading(name, rest.Groups[name])
	}
	for _, name := range slices.Sorted(maps.Keys(c.from.Subjects)) {
		topic := strings.TrimSuffix(strings.TrimSuffix(name, "-value"), "-key")
		switch by := derived[topic]; {
		case c.link.SelectsSubject(name):
		case by != "":
			stay("subject", name, fmt.Sprintf("statement %s registers its schema in %s", by, to))
		default:
			stay("subject", name, fmt.Sprintf("link %s does not select it", c.link.Name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.from.Statements)) {
		if !slices.ContainsFunc(c.decl.Statements, func(s Statement) bool { return s.Name == name }) {
			stay("statement", name, "no pipeline declares it")
			c.undeclared(name)
		}
	}
	for _, run := range slices.Sorted(maps.Keys(rest.Fenced)) {
		if closed := slices.DeleteFunc(slices.Clone(rest.Fenced[run]), func(topic string) bool { return !c.moved(topic) }); len(closed) > 0 {
			c.find(report.High, "migrate/fenced", run, fmt.Sprintf("the fence of run %s keeps writers from %s in %s", run, short(closed, "topic"), from),
				"a batch that is rolled back is not opened by that: each run takes back what it has changed itself", "lifeboat fence lift "+run)
		}
	}
	byPrincipal := map[string]int{}
	for _, a := range rest.ACLs {
		if !c.link.ACLs.Match(a.Principal) {
			byPrincipal[a.Principal]++
		}
	}
	for _, principal := range slices.Sorted(maps.Keys(byPrincipal)) {
		stay("ACL", fmt.Sprintf("%s (%s)", principal, entries(byPrincipal[principal])), fmt.Sprintf("link %s does not select its principal", c.link.Name))
	}
	if rest.Secured != "" && len(rest.ACLs) == 0 && strings.HasPrefix(rest.Secured, "not known") {
		stay("ACL", "all", rest.Secured)
	}
	if len(m.Batches)+len(m.Later) > 1 && len(c.link.ACLs.Include) > 0 && c.link.ACLs.Writes != "copied" {
		c.find(report.Low, "migrate/grants", c.link.Name, fmt.Sprintf("grants that allow writing are given at the promotion of all that they cover: those about no topic of link %s, such as transactional ids, with the first batch, those of a prefix with the last one of its topics",
			c.link.Name), "writers of earlier batches whose grant covers later ones too are refused in "+to+" until then", fmt.Sprintf("grant them their own topics in %s before, or declare acls: {writes: copied}", to))
	}
	if f := c.decl.Topology.Regions[from].Fence; f != nil && f.By == "command" && len(m.Batches) > 0 {
		c.find(report.Low, "migrate/fence-command", from, fmt.Sprintf("%s is run once a batch, with its topics in LIFEBOAT_TOPICS", f.Command[0]),
			"if it keeps writers out of everything, those of later batches wait too", "")
	}
}

func entries(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// derived are the topics that declared statements write, each with one that does.
func (d *Declared) derived() map[string]string {
	all := map[string]string{}
	for _, s := range d.Statements {
		if u := d.parsed[s.Name]; u != nil && u.Statement != nil {
			for _, topic := range statements.Writes(u.Statement) {
				all[topic] = s.Name
			}
		}
	}
	return all
}

// undeclared reports a statement of the source that nobody moves, and that has to do with what is moved.
func (c *computation) undeclared(name string) {
	u, _ := statements.ParseOne(name, c.from.Statements[name].SQL)
	if phase := c.from.Statements[name].Phase; u == nil || u.Statement == nil || phase != "RUNNING" && phase != "PENDING" {
		return
	}
	var cut []string
	for _, topic := range slices.Concat(statements.Reads(u.Statement), statements.Writes(u.Statement)) {
		if c.moved(topic) && !slices.Contains(cut, topic) {
			cut = append(cut, topic)
		}
	}
	if len(cut) > 0 {
		c.find(report.High, "migrate/statement-undeclared", name, fmt.Sprintf("statement %s runs in %s, no pipeline declares it, and it has to do with %s", name, c.link.From, listed(cut)),
			"it goes on in "+c.link.From+" with topics that nobody writes any more", "declare it in a pipeline, or stop it")
	}
}

// leftReading reports a group whose positions stay while what it reads moves.
func (c *computation) leftReading(name string, g *GroupState) {
	var read []string
	for _, topic := range slices.Sorted(maps.Keys(g.Positions)) {
		if c.moved(topic) {
			read = append(read, topic)
		}
	}
	if len(read) > 0 {
		c.find(report.Medium, "migrate/group-left", name, fmt.Sprintf("group %s (%s) reads %s, and link %s does not select it", name, g.State, short(read, "topic"), c.link.Name),
			fmt.Sprintf("it would wait in %s for records that come to %s, and has no positions there", c.link.From, c.link.To), fmt.Sprintf("add it to links[%s].groups, or end it", c.link.Name))
	}
}

// readersOfOutput reports groups of the link that have positions in what statements write.
func (c *computation) readersOfOutput(derived map[string]string) {
	for _, g := range c.plan.Groups {
		var read []string
		for _, topic := range slices.Sorted(maps.Keys(c.from.Groups[g].Positions)) {
			if derived[topic] != "" && !c.link.Mirrors(topic) {
				read = append(read, topic)
			}
		}
		if len(read) > 0 {
			c.find(report.Medium, "migrate/output-readers", g, fmt.Sprintf("group %s reads %s, which statements write anew in %s", g, listed(read), c.link.To),
				"its positions there would mean other records, so they are not brought: it begins as auto.offset.reset says", "decide with its owner where it begins, and set that before its members start")
		}
	}
}
