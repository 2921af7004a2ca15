package plans

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// start chooses the start position of a statement in its mirrored inputs. It starts at the beginning of the logs, so that its output is
// whole, where the output is empty and there is time for it; else as late as its own state and that of the statements behind it allow.
func (c *computation) start(sp *StatementPlan, p *Pipeline, horizons map[string]map[string]statements.Horizon) {
	inputs := c.mirroredInputs(sp.Reads)
	if len(inputs) == 0 {
		if missing := slices.DeleteFunc(slices.Clone(sp.Reads), func(topic string) bool { return c.to.Topics[topic] != nil || !c.moved(topic) }); len(missing) > 0 {
			sp.Reason += fmt.Sprintf("; where it starts is not known: %s does not exist in %s", listed(missing), c.link.To)
			return
		}
		sp.Reason += fmt.Sprintf("; it reads only what is derived in %s, from its beginning", c.link.To)
		c.emitFrom(sp, horizons)
		return
	}
	var backlog, bytes int64
	for _, topic := range inputs {
		for _, part := range c.to.Topics[topic].partitions() {
			backlog += max(0, int64(part.End-part.Start))
			bytes += part.Bytes
		}
	}
	rate, whose := p.Rate, "declared"
	if rate == 0 {
		rate, whose = defaultRate, "assumed"
	}
	estimate := float64(backlog) / rate
	sp.Backlog, sp.RebuildSeconds = backlog, estimate
	rows := counted(backlog, "row")
	if bytes > 0 {
		rows += fmt.Sprintf(" of %s on disk", size(float64(bytes)))
	}
	sp.Rebuild = fmt.Sprintf("%s ÷ %s rows/s (%s) = %s", rows, thousands(int64(rate)), whose, seconds(estimate))
	rto := time.Duration(p.Objectives.RTO)
	if rto > 0 {
		sp.Rebuild += " of RTO " + p.Objectives.RTO.String()
	}
	filled := slices.DeleteFunc(slices.Clone(sp.Writes), func(topic string) bool { return !c.holdsData(topic) })
	switch {
	case len(filled) > 0:
		sp.Reason += fmt.Sprintf("; %s holds rows already, so it starts no earlier than its state needs", listed(filled))
	case rto > 0 && estimate > rto.Seconds():
		sp.Reason += fmt.Sprintf("; to read all of %s would take longer than the RTO, so it starts no earlier than its state needs, and older output is missing in %s", listed(inputs), c.link.To)
		c.find(report.Medium, "statement/partial-output", sp.Name, fmt.Sprintf("the output of %s in %s begins at the aligned start, not at the beginning: %s", sp.Name, c.link.To, sp.Rebuild),
			"readers of its output find no older rows there", "mirror what is needed of it by another link, or raise objectives.rto")
	default:
		sp.Reason += fmt.Sprintf("; its output in %s is empty, so it reads all of %s", c.link.To, listed(inputs))
		c.fromBeginning(sp, inputs)
		c.emitFrom(sp, horizons)
		return
	}
	c.aligned(sp, inputs, horizons)
}

// moved says whether the plan has a topic, there or not.
func (c *computation) moved(topic string) bool {
	return slices.ContainsFunc(c.plan.Topics, func(t TopicPlan) bool { return t.Name == topic })
}

// mirroredInputs are the topics of reads that are in the plan and in the destination.
func (c *computation) mirroredInputs(reads []string) []string {
	var inputs []string
	for _, topic := range reads {
		if slices.ContainsFunc(c.plan.Topics, func(t TopicPlan) bool { return t.Name == topic && t.Exists }) {
			inputs = append(inputs, topic)
		}
	}
	slices.Sort(inputs)
	return inputs
}

// partitions is nil for a topic that is not there.
func (t *TopicState) partitions() []PartitionState {
	if t == nil {
		return nil
	}
	return t.Partitions
}

func (c *computation) holdsData(topic string) bool {
	return slices.ContainsFunc(c.to.Topics[topic].partitions(), func(p PartitionState) bool { return p.End > p.Start })
}

// fromBeginning writes the log starts of the inputs as the start position.
func (c *computation) fromBeginning(sp *StatementPlan, inputs []string) {
	sp.Start = Positions{}
	for _, topic := range inputs {
		sp.Start[topic] = map[int32]Offset{}
		var words []string
		for p, part := range c.to.Topics[topic].Partitions {
			at := max(0, part.Start, c.mirrors[topic].Translated[int32(p)].First) // what is in front of a mirror is not the pipeline's
			sp.Start[topic][int32(p)] = at
			words = append(words, fmt.Sprintf("partition:%d,offset:%d", p, int64(at)))
		}
		sp.Properties[propStart+topic] = strings.Join(words, ";")
	}
}

// emitFrom holds back windows that are partial because an input's log does not reach back to its first record: the first complete
// one begins after the oldest record that every shortened partition still has.
func (c *computation) emitFrom(sp *StatementPlan, horizons map[string]map[string]statements.Horizon) {
	if !c.stateful(sp.Name) {
		return
	}
	var from time.Time
	for topic, h := range horizons[sp.Name] {
		for i, p := range c.to.Topics[topic].partitions() {
			oldest := p.Oldest
			if c.shares(topic, i) { // it is somebody else's
				oldest = c.sourceOldest(topic, i)
			}
			if oldest >= 0 && (p.Start > 0 || c.mirrors[topic].Translated[int32(i)].Begins > 0) {
				if first := h.FirstComplete(fromMillis(oldest)); first.After(from) {
					from = first
				}
			}
		}
	}
	if !from.IsZero() {
		sp.Properties[propEmitFrom] = strconv.FormatInt(from.UnixMilli(), 10)
		sp.Reason += fmt.Sprintf("; the log does not reach back to its first record, so windows are put out from %s on", clock(from))
	}
}

// sourceOldest is the time of the oldest record that the source has of a partition now: no earlier than what the mirror begins with. −1: not known.
func (c *computation) sourceOldest(topic string, p int) int64 {
	if c.from == nil {
		return -1
	}
	if parts := c.from.Topics[topic].partitions(); p < len(parts) {
		return parts[p].Oldest
	}
	return -1
}

// aligned starts a statement by time: as far before the failover point as it and every statement behind it need, at a boundary of
// their windows. Which offset that is only the broker can tell, so the position is a time.
func (c *computation) aligned(sp *StatementPlan, inputs []string, horizons map[string]map[string]statements.Horizon) {
	shared := slices.DeleteFunc(slices.Clone(inputs), func(topic string) bool { return !c.sharesLog(topic) })
	if len(shared) > 0 && c.backend() != Bundled {
		c.find(report.Block, "statement/translated-input", sp.Name, fmt.Sprintf("%s can not be started by time: %s in %s holds records in front of the mirror that are not %s's",
			sp.Name, listed(shared), c.link.To, c.link.From), "a time would be looked up among somebody else's records",
			"let it read the mirror from its beginning: a longer objectives.rto, and an empty output topic")
		return
	}
	point := c.failoverPoint(inputs)
	start, unknown := point, []string{}
	for _, name := range c.behind(sp.Name) {
		for _, topic := range inputs {
			h, ok := horizons[name][topic]
			if !ok {
				continue
			}
			if h.Unknown != "" { // nothing later than the beginning is safe
				sp.Reason += fmt.Sprintf(" (which is the beginning: %s)", h.Unknown)
				c.fromBeginning(sp, inputs)
				return
			}
			stands, why := c.stands(h, point)
			if t := h.Start(stands, startMargin); t.Before(start) {
				start = t
			}
			unknown = append(unknown, why...)
		}
	}
	sp.Properties[propStartupMode] = "timestamp"
	sp.Properties[propStartupMillis] = strconv.FormatInt(start.UnixMilli(), 10)
	sp.Reason += fmt.Sprintf("; from %s on, %s before the newest record that all partitions have passed", clock(start), Duration(point.Sub(start).Round(time.Second)))
	if unknown = slices.Compact(slices.Sorted(slices.Values(unknown))); len(unknown) > 0 {
		sp.Reason += fmt.Sprintf("; what is open in front of a pause is whole only where there is none: %s", strings.Join(unknown, "; "))
	}
	if len(shared) > 0 {
		sp.Reason += fmt.Sprintf("; in %s that time is looked up behind the records that are not %s's, when it is started", listed(shared), c.link.From)
	}
	var from time.Time
	for _, topic := range inputs {
		if h := horizons[sp.Name][topic]; c.stateful(sp.Name) {
			if first := h.FirstComplete(start); first.After(from) {
				from = first
			}
		}
	}
	if !from.IsZero() {
		sp.Properties[propEmitFrom] = strconv.FormatInt(from.UnixMilli(), 10)
	}
}

// sharesLog says that a mirror stands behind somebody else's records, in one of its partitions at least.
func (c *computation) sharesLog(topic string) bool {
	for p := range c.to.Topics[topic].partitions() {
		if c.shares(topic, p) {
			return true
		}
	}
	return false
}

func (c *computation) shares(topic string, p int) bool {
	t, ok := c.mirrors[topic].Translated[int32(p)]
	return ok && c.to.Topics[topic].Partitions[p].Start < t.First
}

// backend is what runs the statements in the destination.
func (c *computation) backend() string {
	if r := c.decl.Topology.Regions[c.link.To]; r != nil && r.Engine != nil {
		return r.Engine.Backend
	}
	return ""
}

// failoverPoint is the event time that every partition of the inputs has reached in the destination, and no later than now.
func (c *computation) failoverPoint(inputs []string) time.Time {
	point := c.seen.At
	for _, topic := range inputs {
		for i, p := range c.to.Topics[topic].partitions() {
			newest := p.Newest
			if c.shares(topic, i) {
				newest = cmp.Or(c.mirrors[topic].Translated[int32(i)].Newest, -1)
			}
			if t := fromMillis(newest); newest >= 0 && t.Before(point) {
				point = t
			}
		}
	}
	return point.UTC()
}

// behind returns a statement and all those that need it, directly or through others.
func (c *computation) behind(name string) []string {
	names := []string{name}
	for i := 0; i < len(names); i++ {
		for _, s := range c.decl.Statements {
			if !slices.Contains(names, s.Name) && slices.Contains(c.analysis.graph.Needs(s.Name), names[i]) {
				names = append(names, s.Name)
			}
		}
	}
	return names
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }
