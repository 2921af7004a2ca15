package plans

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// heldBack are the topic configs that a mirror has otherwise than its source, so that promotion has to put the source's in force.
var heldBack = []string{"cleanup.policy", "compression.type", "delete.retention.ms", "max.compaction.lag.ms", "max.message.bytes",
	"message.timestamp.after.max.ms", "message.timestamp.before.max.ms", "message.timestamp.type", "min.compaction.lag.ms",
	"retention.bytes", "retention.ms"}

// topics fills the plan's topics: those of the source that the link selects and, where the source can not be seen, those that the
// link has mirrored.
func (c *computation) topics() {
	names := map[string]bool{}
	for _, name := range selected(c.link.Mirrors, c.from.Topics) {
		names[name] = true
	}
	if !c.from.Reachable {
		for _, name := range selected(c.link.Mirrors, c.mirrors) {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		src, dst := c.from.Topics[name], c.to.Topics[name]
		t := TopicPlan{Name: name, ID: c.mirrors[name].SourceID, Exists: dst != nil, Configs: map[string]string{}}
		switch {
		case src != nil:
			t.ID, t.Partitions = src.ID, len(src.Partitions)
			for _, key := range heldBack {
				if v, ok := src.Configs[key]; ok {
					t.Configs[key] = v
				}
			}
		case dst != nil:
			t.Partitions = len(dst.Partitions)
		default:
			t.Partitions = len(c.mirrors[name].Source)
		}
		maps.Copy(t.Configs, c.link.Topics.Configs)
		c.plan.Topics = append(c.plan.Topics, t)
	}
	groups, subjects := c.from.Groups, c.from.Subjects
	if !c.from.Reachable {
		groups, subjects = c.to.Groups, c.to.Subjects
	}
	for _, name := range selected(c.link.Groups.Match, groups) {
		if !groups[name].Share {
			c.plan.Groups = append(c.plan.Groups, name)
			continue
		}
		c.find(report.Medium, "link/share-group", name, fmt.Sprintf("share group %s is not copied: which records it has read only the brokers of %s know", name, c.link.From),
			fmt.Sprintf("its members in %s begin where share.auto.offset.reset of the group says, by default with what comes after them", c.link.To),
			fmt.Sprintf("set share.auto.offset.reset of group %s in %s, to earliest or by_duration:PT1H: records may come twice, and none is left out", name, c.link.To))
	}
	c.plan.Subjects = selected(c.link.MirrorsSubject, subjects)
	if len(c.plan.Topics) == 0 && !(c.plan.Operation == OpLink && c.link.OnlySubjects()) {
		c.find(report.Block, "link/no-topics", c.link.Name, fmt.Sprintf("no topic of %s matches link %s", c.link.From, c.link.Name),
			"there is nothing to move", "check links[].topics in lifeboat.yaml")
	}
	c.settings()
}

// sameTopics reports what makes a topic's mirror another topic than its source.
func (c *computation) sameTopics() {
	c.otherOffsets()
	for _, t := range c.plan.Topics {
		src, dst := c.from.Topics[t.Name], c.to.Topics[t.Name]
		m, mirrored := c.mirrors[t.Name]
		if src != nil && dst != nil && len(src.Partitions) != len(dst.Partitions) {
			c.find(report.Block, "link/partition-counts", t.Name, fmt.Sprintf("topic %s has %s in %s and %d in %s", t.Name,
				counted(int64(len(src.Partitions)), "partition"), c.link.From, len(dst.Partitions), c.link.To),
				"offsets and the order of keys hold per partition, so the counts must be equal",
				fmt.Sprintf("delete topic %s in %s and mirror it again, or let the link add the partitions that are missing", t.Name, c.link.To))
		}
		if src != nil && mirrored && m.SourceID != "" && m.SourceID != src.ID {
			c.find(report.Block, "link/source-recreated", t.Name, fmt.Sprintf("topic %s of %s was deleted and created again: the mirror follows id %s, it is %s now",
				t.Name, c.link.From, m.SourceID, src.ID), "the mirror's offsets belong to the topic that is gone",
				fmt.Sprintf("decide which of both is right; then delete topic %s in %s and mirror it again", t.Name, c.link.To))
		}
		if mirrored && m.State == "FAILED" {
			c.find(report.Block, "link/mirror-failed", t.Name, fmt.Sprintf("the mirror of %s is FAILED: %s", t.Name, m.Error),
				"what it holds can not be trusted to be the source's records", "lifeboat link status; mend the cause, then lifeboat link repair")
		}
	}
}

// lag is how far the destination is behind in one topic.
type lag struct {
	records    int64 // offsets that are not there; -1 where not known
	partitions int   // partitions with a lag
	seconds    float64
	ranges     []report.Range
	asOf       time.Time
}

// lagOf compares the destination's log ends with the source's: as observed, or as the link saw them last.
func (c *computation) lagOf(t TopicPlan) lag {
	src, dst, m := c.from.Topics[t.Name], c.to.Topics[t.Name], c.mirrors[t.Name]
	l := lag{asOf: c.seen.At}
	if src == nil {
		l.asOf = m.At
	}
	if m.State == "STOPPED" { // promoted: the destination's end has gone its own way
		return lag{records: -1, seconds: -1, asOf: l.asOf}
	}
	for p := range t.Partitions {
		source := Offset(-1)
		if src != nil && p < len(src.Partitions) {
			source = src.Partitions[p].Stable
		} else if end, ok := m.Source[int32(p)]; ok && src == nil {
			source = end
		}
		dest := Offset(0)
		translation, translated := m.Translated[int32(p)]
		switch {
		case translated:
			dest = translation.Source
			if src != nil && p < len(src.Partitions) {
				dest = max(dest, src.Partitions[p].Start)
			}
		case dst != nil && p < len(dst.Partitions) && (m.Topic != "" || src == nil || !c.link.Translates()):
			dest = dst.Partitions[p].End
		case src != nil && p < len(src.Partitions): // all of the source's log is to come
			dest = max(0, src.Partitions[p].Start)
		}
		switch {
		case source < 0 || dest < 0:
			l.records = -1
		case source > dest:
			l.partitions++
			l.ranges = append(l.ranges, report.Range{Topic: t.Name, Partition: int32(p), First: int64(dest), End: int64(source), Records: -1,
				Note: fmt.Sprintf("at most %s, seen %s", counted(int64(source-dest), "record"), l.asOf.UTC().Format("15:04:05"))})
			if l.records >= 0 {
				l.records += int64(source - dest)
			}
			l.seconds = later(l.seconds, secondsBetween(src, dst, p))
		}
	}
	if l.records < 0 {
		l.seconds = -1
	}
	return l
}

// secondsBetween is the newest source record's time minus the newest mirrored one's; -1 where one of them is not known.
func secondsBetween(src, dst *TopicState, p int) float64 {
	if src == nil || dst == nil || p >= len(dst.Partitions) || src.Partitions[p].Newest < 0 || dst.Partitions[p].Newest < 0 {
		return -1
	}
	return max(0, float64(src.Partitions[p].Newest-dst.Partitions[p].Newest)/1000)
}

// later is the larger of two times, -1 (not known) standing above all.
func later(a, b float64) float64 {
	if a < 0 || b < 0 {
		return -1
	}
	return max(a, b)
}

// forecast fills what would be lost now.
func (c *computation) forecast() {
	for _, t := range c.plan.Topics {
		l := c.lagOf(t)
		f := report.Topic{Name: t.Name, Partitions: t.Partitions, LostRecords: l.records, LostBytes: -1, LostSeconds: l.seconds, Lost: l.ranges, AsOf: l.asOf}
		if c.plan.Planned {
			f.LostRecords, f.LostSeconds, f.Lost = 0, 0, nil
		}
		if f.LostRecords == 0 {
			f.LostBytes = 0
		}
		c.plan.Forecast = append(c.plan.Forecast, f)
	}
}

// schemaIDs reports ids that mean one schema in the source and another in the destination.
func (c *computation) schemaIDs() {
	type version struct {
		subject string
		number  int
	}
	holder := map[int]version{} // id → where the destination uses it
	for _, subject := range slices.Sorted(maps.Keys(c.to.Subjects)) {
		st := c.to.Subjects[subject]
		for i, v := range st.Versions {
			if _, ok := holder[st.IDs[i]]; !ok {
				holder[st.IDs[i]] = version{subject, v}
			}
		}
	}
	for _, subject := range c.plan.Subjects {
		src := c.from.Subjects[subject]
		if src == nil {
			continue
		}
		for i, v := range src.Versions {
			id := src.IDs[i]
			if dst := c.to.Subjects[subject]; dst != nil {
				if at := slices.Index(dst.Versions, v); at >= 0 {
					if dst.IDs[at] != id {
						c.find(report.Block, "link/schema-id", subject, fmt.Sprintf("subject %s version %d has schema id %d in %s and %d in %s", subject, v, id, c.link.From, dst.IDs[at], c.link.To),
							"records name their schema by id: another id means garbage or an error", fmt.Sprintf("delete subject %s in %s and mirror it again", subject, c.link.To))
					}
					continue
				}
			}
			h, taken := holder[id]
			if !taken {
				continue
			}
			// The same schema may be registered under several subjects: then the source has the id under that subject too.
			if other := c.from.Subjects[h.subject]; other != nil && slices.Contains(other.IDs, id) {
				continue
			}
			c.find(report.Block, "link/schema-id", subject, fmt.Sprintf("schema id %d of subject %s is taken in %s by subject %s version %d", id, subject, c.link.To, h.subject, h.number),
				"the same id would name two schemas", fmt.Sprintf("delete subject %s in %s, permanently, or use a registry of its own for %s", h.subject, c.link.To, c.link.To))
		}
	}
}

// registryMode reports a destination registry that refuses writes.
func (c *computation) registryMode() {
	if len(c.plan.Subjects) == 0 && len(c.plan.Statements) == 0 {
		return
	}
	switch c.to.Registry {
	case "":
		if len(c.plan.Subjects) > 0 {
			c.find(report.Block, "registry/none", c.link.To, fmt.Sprintf("link %s selects %s, but %s declares no registry", c.link.Name, counted(int64(len(c.plan.Subjects)), "subject"), c.link.To),
				"records whose schema is missing can not be read", fmt.Sprintf("declare regions.%s.registry", c.link.To))
		}
		return
	case "ok":
	default:
		c.find(report.Block, "registry/unreachable", c.link.To, fmt.Sprintf("the registry of %s does not answer: %s", c.link.To, c.to.Registry),
			"records whose schema is missing can not be read", fmt.Sprintf("check regions.%s.registry in lifeboat.yaml, and the registry", c.link.To))
		return
	}
	readOnly := func(mode string) bool { return strings.HasPrefix(mode, "READONLY") || mode == "FORWARD" }
	if readOnly(c.to.Mode) {
		c.find(report.Block, "registry/read-only", c.link.To, fmt.Sprintf("the registry of %s is in mode %s", c.link.To, c.to.Mode),
			"neither mirrored schemas nor those of statements can be registered", "set its mode to READWRITE")
		return
	}
	for _, s := range c.plan.Subjects {
		if st := c.to.Subjects[s]; st != nil && readOnly(st.Mode) {
			c.find(report.Block, "registry/read-only", s, fmt.Sprintf("subject %s in %s is in mode %s", s, c.link.To, st.Mode),
				"its schemas can not be registered", "set its mode to IMPORT while it is mirrored, or to READWRITE")
		}
	}
}
