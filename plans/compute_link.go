package plans

import (
	"fmt"
	"slices"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// mirroring plans the link itself: the topics that it creates in the destination, and then data, positions and schemas that flow.
func (c *computation) mirroring() error {
	c.topics()
	for _, name := range c.opts.Topics {
		if !slices.ContainsFunc(c.plan.Topics, func(t TopicPlan) bool { return t.Name == name }) {
			return fmt.Errorf("link %s does not mirror topic %q of %s", c.link.Name, name, c.link.From)
		}
	}
	if len(c.opts.Topics) > 0 {
		c.plan.Topics = slices.DeleteFunc(c.plan.Topics, func(t TopicPlan) bool { return !slices.Contains(c.opts.Topics, t.Name) })
	}
	c.sameTopics()
	c.longNames()
	c.foreignData()
	c.alignment()
	c.schemaIDs()
	c.registryMode()
	var ready []string
	var behind int64
	known := true
	for i, t := range c.plan.Topics {
		c.plan.Topics[i].Offsets = c.offsets(t)
		l := c.lagOf(t)
		known = known && l.records >= 0
		behind += max(0, l.records)
		reason := fmt.Sprintf("%s of %s to copy", counted(max(0, l.records), "record"), c.link.From)
		if t.Exists {
			reason = fmt.Sprintf("it is there already, %s behind", counted(max(0, l.records), "record"))
		}
		if text := c.offsetsText(c.plan.Topics[i].Offsets); text != "" {
			reason += "; " + text
		}
		goal := fmt.Sprintf("topic %s exists in %s with %s, as a mirror", t.Name, c.link.To, counted(int64(t.Partitions), "partition"))
		if source, ok := c.link.Names().Source(t.Name); ok && source != t.Name {
			goal += fmt.Sprintf(" of %s in %s", source, c.link.From)
		}
		ready = append(ready, c.step(StepCreateTopic, phaseMirror, t.Name, goal, reason, false))
	}
	if c.link.OnlySubjects() {
		c.step(StepMirror, phaseMirror, "", fmt.Sprintf("every schema of %s is in %s with its id", short(c.plan.Subjects, "subject"), c.link.To),
			fmt.Sprintf("link %s mirrors schemas alone, those that no record names too", c.link.Name), false)
	}
	if len(c.plan.Topics) == 0 {
		return nil // a finding says so
	}
	reason := fmt.Sprintf("%s of %s behind when planned", counted(behind, "record"), counted(c.partitions(), "partition"))
	if !known {
		reason = "how far the mirrors are behind is not known"
	}
	if len(c.plan.Groups)+len(c.plan.Subjects) > 0 {
		reason += fmt.Sprintf("; with the positions of %s and the schemas of %s", counted(int64(len(c.plan.Groups)), "group"), counted(int64(len(c.plan.Subjects)), "subject"))
	}
	if d := c.link.Topics.Deletions; d == DeletionsPromote || d == DeletionsDelete {
		reason += fmt.Sprintf("; mirrors of topics that are deleted in %s are %sd after a minute", c.link.From, d)
	}
	where := "at its offset"
	if slices.ContainsFunc(c.plan.Topics, func(t TopicPlan) bool {
		return slices.ContainsFunc(t.Offsets, func(o PartitionOffsets) bool { return o.Mode == OffsetsTranslated })
	}) {
		where = "in its order, at its offset or where the map says"
	}
	c.step(StepMirror, phaseMirror, "", fmt.Sprintf("every record of %s is in %s %s", c.topicList(), c.link.To, where), reason, false, ready...)
	return nil
}

// longNames reports topics that have no name in the destination.
func (c *computation) longNames() {
	for _, t := range c.plan.Topics {
		if n := len(t.Name); n > MaxTopicName {
			c.find(report.Block, "link/long-name", t.Name, fmt.Sprintf("with prefix %q the mirror's name has %d characters, and may have %d", c.link.Prefix, n, MaxTopicName),
				"no broker takes a longer one", "exclude the topic from link "+c.link.Name+", or declare a shorter prefix")
		}
	}
}

// alignment reports logs whose start is further on than the link may fill up to.
func (c *computation) alignment() {
	for _, t := range c.plan.Topics {
		src := c.from.Topics[t.Name]
		if c.link.AlignMax == 0 || src == nil || c.to.Topics[t.Name] != nil || c.link.Translates() {
			continue
		}
		for p, part := range src.Partitions {
			if int64(part.Start) > c.link.AlignMax {
				c.find(report.Block, "link/alignment", t.Name, fmt.Sprintf("%s-%d starts at %d in %s, and link %s may fill %s", t.Name, p, int64(part.Start), c.link.From,
					c.link.Name, counted(c.link.AlignMax, "offset")), "a mirror's offsets are the source's: what is in front of the first record has to be filled and hidden",
					"raise links: alignMax, declare offsets: auto, which translates them, or leave the topic out")
				break
			}
		}
	}
}

// foreignData reports destination topics that hold something else than a mirror, and mirrors that the source's retention overran.
func (c *computation) foreignData() {
	for _, t := range c.plan.Topics {
		src, dst := c.from.Topics[t.Name], c.to.Topics[t.Name]
		m, mirrored := c.mirrors[t.Name]
		if dst == nil || src == nil {
			continue
		}
		for p, d := range dst.Partitions {
			if !mirrored && d.End > 0 && !c.link.Translates() {
				c.find(report.Block, "link/foreign-data", t.Name, fmt.Sprintf("topic %s exists in %s and holds other data (partition %d ends at %d); link %s never wrote to it",
					t.Name, c.link.To, p, d.End, c.link.Name), "mirrored records must stand at the source's offsets, and some of these are taken",
					fmt.Sprintf("delete or rename topic %s in %s, or declare offsets: auto of link %s, which translates them", t.Name, c.link.To, c.link.Name))
				break
			}
			if tr, ok := m.Translated[int32(p)]; ok {
				d.End = tr.Source
			}
			if mirrored && m.State != "STOPPED" && p < len(src.Partitions) && src.Partitions[p].Start > d.End && d.End > 0 {
				c.find(report.Block, "link/overrun", t.Name, fmt.Sprintf("%s-%d: the source's log starts at %d now, the mirror ends at %d: %s are gone", t.Name, p,
					src.Partitions[p].Start, d.End, counted(int64(src.Partitions[p].Start-d.End), "offset")), "the source's retention was faster than the mirror",
					fmt.Sprintf("delete topic %s in %s and mirror it again, and raise retention.ms in %s", t.Name, c.link.To, c.link.From))
			}
		}
		if mirrored && m.State == "STOPPED" {
			c.find(report.Block, "link/promoted", t.Name, fmt.Sprintf("topic %s in %s was promoted: it is no mirror any more", t.Name, c.link.To),
				"its log goes its own way", "a link in the other direction leads back")
		}
	}
	for _, l := range c.decl.Topology.Links {
		if l == c.link || l.To != c.link.To {
			continue
		}
		for _, t := range c.plan.Topics {
			if l.Mirrors(t.Name) {
				c.find(report.Block, "link/two-sources", t.Name, fmt.Sprintf("links %s and %s both write topic %s into %s", c.link.Name, l.Name, t.Name, c.link.To),
					"a topic has one source", "narrow one of the patterns")
			}
		}
	}
}
