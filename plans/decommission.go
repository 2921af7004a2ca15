package plans

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// left lists what the source still has of what has moved, in the order in which it may be removed, with the command for each; and what is to be kept, and
// why. Readers go before what they read, and fences after the topics that they close: lifted before, writers that nobody has found would write again.
func (c *computation) left() []report.Left {
	m := c.plan.Migration
	if len(m.Moved) == 0 {
		return nil
	}
	l := &leaving{c: c, region: c.decl.Topology.Regions[c.link.From], moved: map[string]bool{}}
	var run, derived, topics, subjects []string
	for _, b := range m.Moved {
		run, derived, topics, subjects = append(run, b.Statements...), append(derived, b.Derived...), append(topics, b.Topics...), append(subjects, b.Subjects...)
	}
	for _, name := range slices.Concat(topics, derived) {
		l.moved[name] = true
	}
	l.groups()
	l.statements(run)
	l.topics(slices.Sorted(slices.Values(derived)), "statements write it anew in "+c.link.To)
	l.topics(slices.Sorted(slices.Values(topics)), c.link.To+" has it, compared record by record")
	l.subjects(subjects)
	for _, id := range c.from.Fences {
		l.add("fence", "of run "+id, "behind the topics that it closes: before, their writers could write again", "lifeboat fence lift "+id)
	}
	l.acls()
	l.rest()
	for _, s := range m.Stays {
		if !l.moved[s.Name] && (s.Kind != "subject" || !l.named(s.Name)) {
			l.add(s.Kind, s.Name, s.Why, "")
		}
	}
	return l.list
}

// leaving is a list of what is left in a region.
type leaving struct {
	c      *computation
	region *Region
	moved  map[string]bool // topics, mirrored and derived
	list   []report.Left
}

func (l *leaving) add(kind, name, why, command string) {
	l.list = append(l.list, report.Left{Kind: kind, Name: name, Command: command, Why: why})
}

// kafka is a tool of Kafka's, asked of the region; its login stands in a properties file.
func (l *leaving) kafka(tool string, args ...string) string {
	words := []string{tool, "--bootstrap-server", shellQuote(strings.Join(l.region.Kafka.Bootstrap, ","))}
	if l.region.Kafka.SASL != nil || l.region.Kafka.TLS != nil {
		words = append(words, "--command-config", shellQuote(l.c.link.From+".properties"))
	}
	return strings.Join(append(words, args...), " ")
}

func (l *leaving) groups() {
	from := l.c.link.From
	for _, name := range slices.Sorted(maps.Keys(l.c.from.Groups)) {
		g := l.c.from.Groups[name]
		if !l.c.link.Groups.Match(name) {
			continue
		}
		var gone, stays []string
		for _, topic := range slices.Sorted(maps.Keys(g.Positions)) {
			if l.moved[topic] {
				gone = append(gone, topic)
			} else {
				stays = append(stays, topic)
			}
		}
		switch {
		case len(gone) == 0:
		case len(stays) > 0:
			l.add("group", name, fmt.Sprintf("it has positions in %s, which %s not moved", short(stays, "topic"), haveOrHas(stays)), "")
		case g.active():
			l.add("group", name, fmt.Sprintf("it is %s: members of it still read in %s; stop them first", g.State, from), "")
		default:
			l.add("group", name, "its positions are in "+l.c.link.To, l.kafka("kafka-consumer-groups", "--delete", "--group", shellQuote(name)))
		}
	}
}

// topics may go when no group that is active reads them.
func (l *leaving) topics(names []string, why string) {
	for _, name := range names {
		if l.c.from.Topics[name] == nil {
			continue
		}
		if readers := l.readers(name); len(readers) > 0 {
			l.add("topic", name, fmt.Sprintf("%s may still read it here: stop its members first", listed(readers)), "")
			continue
		}
		l.add("topic", name, why, l.kafka("kafka-topics", "--delete", "--topic", shellQuote(name)))
	}
}

// readers are the groups with members that have positions in a topic, or of which that is not known.
func (l *leaving) readers(topic string) (names []string) {
	add := func(groups map[string]*GroupState) {
		for _, name := range slices.Sorted(maps.Keys(groups)) {
			if g := groups[name]; g.active() && (g.Share || g.Hidden || g.Positions[topic] != nil) {
				names = append(names, "group "+name)
			}
		}
	}
	add(l.c.from.Groups)
	if rest := l.c.from.Rest; rest != nil {
		add(rest.Groups)
	}
	return names
}

// active says that the group has members, or is about to.
func (g *GroupState) active() bool { return g.State != "" && g.State != "Empty" && g.State != "Dead" }

func haveOrHas(names []string) string {
	if len(names) == 1 {
		return "has"
	}
	return "have"
}

func (l *leaving) statements(run []string) {
	if l.region.Engine == nil {
		return
	}
	for _, name := range slices.Backward(run) {
		st, there := l.c.from.Statements[name]
		switch {
		case !there:
		case st.Phase == "RUNNING" || st.Phase == "PENDING":
			l.add("statement", name, "it is "+st.Phase+" here too; stop it first", "")
		default:
			why := fmt.Sprintf("it runs in %s, with state of its own", l.c.link.To)
			if st.Phase == "COMPLETED" {
				why = "it is done in " + l.c.link.To + " too"
			}
			l.add("statement", name, why, "curl -sSfn -X DELETE "+shellQuote(statementsURL(l.c.link.From, l.region.Engine)+"/"+name))
		}
	}
}

func (l *leaving) subjects(moved []string) {
	if l.region.Registry == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(l.c.from.Subjects)) {
		if !slices.Contains(moved, name) && (l.c.link.SelectsSubject(name) || !l.named(name)) {
			continue
		}
		at := shellQuote(strings.TrimSuffix(l.region.Registry.URL, "/") + "/subjects/" + url.PathEscape(name))
		l.add("subject", name, "its schemas are in "+l.c.link.To, "curl -sSfn -X DELETE "+at+" && curl -sSfn -X DELETE "+at+"'?permanent=true'")
	}
}

// named says whether a subject is named after something that has moved.
func (l *leaving) named(subject string) bool {
	return l.moved[strings.TrimSuffix(strings.TrimSuffix(subject, "-value"), "-key")]
}

// acls lists the entries about nothing but what has moved; a fence's own go with the fence.
func (l *leaving) acls() {
	rest := l.c.from.Rest
	if rest == nil {
		return
	}
	fence := l.region.Fence
	for _, a := range rest.ACLs {
		fences := fence != nil && fence.By == "acl" && a.Permission == "DENY" && a.Operation == "WRITE" && slices.Contains(fence.Principals, a.Principal)
		if fences || a.Resource != "TOPIC" || a.Pattern != "LITERAL" || !l.moved[a.Name] {
			continue
		}
		flag := "--allow-principal"
		if a.Permission == "DENY" {
			flag = "--deny-principal"
		}
		args := []string{"--remove", "--force", flag, shellQuote(a.Principal), "--operation", a.Operation, "--topic", shellQuote(a.Name)}
		if a.Host != "*" {
			args = append(args, strings.Replace(flag, "principal", "host", 1), shellQuote(a.Host))
		}
		l.add("ACL", fmt.Sprintf("%s %s %s on topic %s", a.Principal, a.Permission, a.Operation, a.Name), "its topic is in "+l.c.link.To, l.kafka("kafka-acls", args...))
	}
}

// rest lists what is lifeboat's own, and the link.
func (l *leaving) rest() {
	m, from, to := l.c.plan.Migration, l.c.link.From, l.c.link.To
	n := len(m.Batches) + len(m.Later)
	still := batchesOf(n) + " still to move"
	if rest := l.c.from.Rest; rest != nil {
		for _, name := range rest.Internal {
			switch {
			case n > 0:
				l.add("topic", name, still, "")
			case strings.HasSuffix(name, ".runs"):
				l.add("topic", name, "the journal of runs towards "+from, "")
			default:
				l.add("topic", name, fmt.Sprintf("lifeboat's own, once no lifeboat engine serve --region %s runs", from), l.kafka("kafka-topics", "--delete", "--topic", shellQuote(name)))
			}
		}
	}
	if n > 0 {
		l.add("link", l.c.link.Name, still, "")
		return
	}
	l.add("link", l.c.link.Name, fmt.Sprintf("all its mirrors are promoted: stop lifeboat link run, declare primary: %s, and take the link out of %s", to, l.c.decl.Path), "")
}
