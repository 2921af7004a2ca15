package plans

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// The runbook of a region that is lost, or left, or comes back, where both write: a topic is called otherwise where it was written and where it is mirrored,
// the mirrors are held and not promoted, and what has been computing goes on.

// writing finds the links that a plan between two regions that both write is about; an error where the topology declares them no more.
func (b *runbook) writing() error {
	names := []string{b.p.Link}
	if b.p.Failback != nil {
		names = append(names, b.p.Failback.Forward)
	}
	for _, name := range names {
		i := slices.IndexFunc(b.topology.Links, func(l *Link) bool { return l.Name == name })
		if i < 0 {
			return fmt.Errorf("the plan is about link %s, which the topology does not declare", name)
		}
		b.links = append(b.links, b.topology.Links[i])
	}
	return nil
}

// topicsIn are the plan's topics as they are called in a region: with one writing region the same everywhere, with two those that are written there.
func (b *runbook) topicsIn(region string) []string {
	if !b.p.Writers {
		return b.topics()
	}
	var own []string
	for i, l := range b.links {
		mirrors := b.topics()
		if i > 0 {
			mirrors = b.p.Failback.On
		}
		for _, m := range mirrors {
			if source, ok := l.Names().Source(m); ok && l.From == region {
				own = append(own, source)
			}
		}
	}
	return own
}

// mirrorEnds are the ends of the mirrors, under the names that their topics have in the source.
func (b *runbook) mirrorEnds() string {
	n := b.links[0].Names()
	return b.kafka("kafka-get-offsets", b.p.To, "--topic-partitions", shellQuote(strings.Join(b.topics(), ",")), "--time", "latest") +
		" | sed " + shellQuote("s/^"+regexp.QuoteMeta(n.Prefix)+"/"+n.Strip+"/")
}

// writersStep is a step that is done otherwise where both regions write; not ok where it is not.
func (b *runbook) writersStep(s Step) (in report.Instruction, ok bool) {
	p := b.p
	if !p.Writers {
		return in, false
	}
	status := "lifeboat link status --link "
	switch s.Kind {
	case StepDrain:
		return report.Instruction{By: "lifeboat link run --once --link " + p.Link, Text: []string{"Let the link go on until it has nothing left to mirror."},
			Shell: b.ends(p.From) + " > " + p.From + ".ends\n" + b.mirrorEnds() + " > " + p.To + ".ends", Look: fmt.Sprintf("diff %s.ends %s.ends", p.From, p.To),
			Shows: "no difference", Back: "nothing was changed"}, true
	case StepHold:
		return report.Instruction{By: "lifeboat link pause --link " + p.Link,
			Text:  []string{fmt.Sprintf("Do not promote them, and let nobody write to them: the next record of %s belongs where each of them ends. Note where that is.", p.From)},
			Shell: b.mirrorEnds() + " > " + p.To + ".ends", Look: status + p.Link, Shows: fmt.Sprintf("every partition of %s PAUSED", listed(b.topics())),
			Back: "they are mirrored on", Undo: "lifeboat link resume --link " + p.Link}, true
	case StepMirrorOn:
		f := p.Failback.Forward
		return report.Instruction{By: fmt.Sprintf("lifeboat link resume --link %s; then lifeboat link run --link %[1]s", f),
			Text: []string{fmt.Sprintf("What %s had written and nobody had seen comes now, by the same offsets.", p.To)},
			Look: status + f, Shows: fmt.Sprintf("every partition of %s ACTIVE, with lag 0, or next to it", listed(p.Failback.On)), Back: "they are held again", Undo: "lifeboat link pause --link " + f}, true
	case StepWatermark:
		return report.Instruction{Look: "curl -sSfn " + b.use(p.To, "STATEMENTS") + "/" + s.Subject + " | jq '.status.latest_offsets'",
			Shows: fmt.Sprintf("positions in %s not in front of the ends in %s.ends", listed(b.topics()), p.To), Back: "nothing was changed"}, true
	case StepMeasure:
		return report.Instruction{By: "lifeboat verify --link " + p.Link, Shell: b.ends(p.From) + " > " + p.From + ".after",
			Text: []string{fmt.Sprintf("As soon as %s can be read: what it has behind the ends in %s.ends has not come to %[2]s yet. It is not lost: it comes when %[1]s returns.", p.From, p.To)},
			Look: fmt.Sprintf("diff %s.after %s.ends", p.From, p.To), Shows: "by topic and partition, how much is missing", Back: "nothing was changed"}, true
	case StepLift:
		own := b.topicsIn(s.Subject)
		return report.Instruction{By: "lifeboat fence lift", Text: []string{fmt.Sprintf("What an earlier run has done to keep writers out of %s is taken away: lifeboat fence status says what it is.", s.Subject)},
			Look: b.kafka("kafka-acls", s.Subject, append([]string{"--list"}, first("--topic", own)...)...), Shows: "no denial that a fence has left"}, true
	case StepOffsets:
		in := b.offsets()
		if len(p.Groups) > 0 {
			in.Shows = fmt.Sprintf("the same CURRENT-OFFSET of %s in %s and of %s in %s", listed(b.topicsIn(p.From)), p.From, listed(b.topics()), p.To)
		}
		return in, true
	}
	return in, false
}

// afterWriters says what is left to do: clients go where they can write, and nobody is the primary.
func (b *runbook) afterWriters() report.Part {
	p := b.p
	if p.Failback != nil {
		return report.Part{Heading: "Afterwards", Text: []string{
			fmt.Sprintf("Let whoever had moved to %s go back to %s in %s: bootstrap servers %s. What was written in %[1]s meanwhile stays there, and is mirrored.",
				p.From, listed(b.topicsIn(p.To)), p.To, strings.Join(b.to.Kafka.Bootstrap, ", ")),
			fmt.Sprintf("When it is over: `lifeboat verify --link %s`, which compares what both regions put out.", p.Failback.Forward)}}
	}
	return report.Part{Heading: "Afterwards", Text: []string{
		fmt.Sprintf("Let whoever writes %s in %s go on in the topics that %s calls the same: bootstrap servers %s. They need the rights there. Nobody writes to %s.",
			listed(b.topicsIn(p.From)), p.From, p.To, strings.Join(b.to.Kafka.Bootstrap, ", "), listed(b.topics())),
		fmt.Sprintf("What reads in %s moves to %s and is behind there by what had not arrived.", p.From, p.To),
		fmt.Sprintf("When %s is back: `lifeboat failback --link %s`, or the runbook of its plan (`lifeboat plan failback --link %[2]s -o plan.json`). Until then nothing of this has to be undone.", p.From, p.Link)}}
}
