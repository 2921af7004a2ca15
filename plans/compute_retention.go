package plans

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// retention judges the history of every mirrored topic that the statement depends on, in the destination, where it decides, and in the
// source, from which the destination could be filled again and where a failback would rebuild.
func (c *computation) retention(sp *StatementPlan, horizons map[string]statements.Horizon, p *Pipeline) map[string]statements.RetentionVerdict {
	history := map[string]statements.RetentionVerdict{}
	var formulas []string
	for _, topic := range slices.Sorted(maps.Keys(horizons)) {
		h := horizons[topic]
		if h.Unknown == "" && h.Duration() == 0 {
			continue
		}
		text := h.String()
		m, _, _ := c.seen.measure(h, c.decl.LookFirst())
		if m = cmp.Or(m, c.analysis.pauseText(c.seen, h, c.decl.LookFirst())); m != "" {
			text += "; " + m
		}
		if len(horizons) > 1 {
			text = topic + ": " + text
		}
		formulas = append(formulas, text)
		// What will be in force after promotion decides, not what holds while the topic is a mirror.
		configs := map[string]string{}
		if i := slices.IndexFunc(c.plan.Topics, func(p TopicPlan) bool { return p.Name == topic }); i >= 0 {
			configs = c.plan.Topics[i].Configs
		}
		v := c.judgeLog(topic, c.to, configs, h, p)
		if c.to.Topics[topic] == nil && v.Verdict == statements.UnknownReach {
			v.Detail = fmt.Sprintf("topic %s does not exist in %s", topic, c.link.To)
		}
		history[topic] = v
		sp.Retention = append(sp.Retention, retentionLine(v))
		if c.from.Topics[topic] != nil {
			sp.SourceRetention = append(sp.SourceRetention, retentionLine(c.judgeLog(topic, c.from, nil, h, p)))
		}
	}
	sp.Horizon = strings.Join(formulas, "; ")
	return history
}

// judgeLog says whether a topic of a region reaches back to a horizon. configs are those that will be in force instead of what was seen.
func (c *computation) judgeLog(topic string, region *RegionState, configs map[string]string, h statements.Horizon, p *Pipeline) statements.RetentionVerdict {
	logs := statements.LogFacts{Topic: topic, Now: c.seen.At}
	if t, ok := c.analysis.tables.Table(topic); ok {
		logs.Upsert = h.Unbounded && t.Mode() == statements.Upsert // the last row of a key is all that counts where all of the input does
		logs.Versions = h.Versions()
	}
	for _, p := range h.Pauses {
		logs.Paused = append(logs.Paused, p.Topic)
	}
	logs.Pause, logs.PauseUnknown = c.analysis.standing(c.seen, h, c.decl.LookFirst())
	logs.InTime, logs.Ordered = h.InTime(), c.inOrderOfTime(topic)
	if t := region.Topics[topic]; t != nil {
		logs.Configs = map[string]string{}
		maps.Copy(logs.Configs, t.Configs)
		maps.Copy(logs.Configs, configs)
		var rows int64
		for i, part := range t.Partitions {
			logs.Partitions = append(logs.Partitions, statements.PartitionLog{Partition: int32(i), Start: int64(part.Start), End: int64(part.End), Oldest: fromMillis(part.Oldest)})
			logs.BytesPerSecond = max(logs.BytesPerSecond, part.bytesPerSecond())
			rows += max(0, int64(part.End-part.Start))
		}
		rate := p.Rate
		if rate == 0 {
			rate = defaultRate
		}
		logs.CatchUp = time.Duration(float64(rows) / rate * float64(time.Second))
		logs.Ahead, logs.AheadWhy = ahead(p.Objectives, logs.CatchUp)
	}
	need := h.Duration()
	if h.Unbounded {
		need = statements.Unlimited
	}
	v := statements.JudgeRetention(logs, need)
	if v.Verdict != statements.Proven && h.Data {
		v = c.judgeMeasured(v, logs, h)
	}
	if h.Unknown != "" && !h.Unbounded && v.Verdict == statements.Proven {
		v.Verdict, v.Detail = statements.UnknownReach, h.Unknown
	}
	return v
}

// inOrderOfTime reports whether the records of a topic have their event time from the broker that appended them: then the last one in place is
// the last one in time.
func (c *computation) inOrderOfTime(topic string) bool {
	t, ok := c.analysis.tables.Table(topic)
	src := c.from.Topics[topic]
	if !ok || src == nil {
		return false
	}
	_, stamped := t.EventTime()
	return stamped && src.Configs["message.timestamp.type"] == "LogAppendTime"
}

// judgeMeasured says of a log that does not hold everything whether it reaches back as far as its data have asked for until now. That is no proof of what
// they will ask for.
func (c *computation) judgeMeasured(v statements.RetentionVerdict, logs statements.LogFacts, h statements.Horizon) statements.RetentionVerdict {
	text, reach, ok := c.seen.measure(h, c.decl.LookFirst())
	if !ok {
		return v
	}
	m := statements.JudgeRetention(logs, reach)
	if m.Verdict == statements.Proven {
		m.Verdict = statements.UnknownReach
		m.Detail = strings.TrimPrefix(m.Detail+"; enough for what it has been, which does not bound what comes", "; ")
	}
	m.Detail += "; " + text
	return m
}

// ahead is how much more than its horizon a log must hold for the move to come in time: what a mirror may be behind by the recovery point, what the move and
// catching up may take by the recovery time, and a margin.
func ahead(o Objectives, catchUp time.Duration) (time.Duration, string) {
	total, terms := startMargin, []string{}
	add := func(d time.Duration, what string) {
		if d > 0 {
			total += d
			terms = append(terms, Duration(d).String()+" of "+what)
		}
	}
	add(time.Duration(o.RPO), "RPO")
	if o.RTO > 0 {
		add(time.Duration(o.RTO), "RTO")
	} else {
		add(catchUp.Round(time.Second), "catching up")
	}
	return total, strings.Join(append(terms, Duration(startMargin).String()+" of margin"), " + ")
}

// leastSpan is over how much time a partition's rate is measured at least: less says nothing of a day.
const leastSpan = time.Minute

// bytesPerSecond is the rate at which a partition filled, 0 where it was not measured.
func (p PartitionState) bytesPerSecond() float64 {
	span := time.Duration(p.Newest-p.Oldest) * time.Millisecond
	if p.Bytes <= 0 || p.Oldest < 0 || span < leastSpan {
		return 0
	}
	return float64(p.Bytes) / span.Seconds()
}

func retentionLine(v statements.RetentionVerdict) RetentionVerdict {
	line := RetentionVerdict{Topic: v.Topic, Verdict: string(v.Verdict), Need: Duration(v.Need), Have: Duration(v.Have), Missing: Duration(v.Missing), Detail: v.Detail}
	for _, m := range v.Mend {
		line.Mend = append(line.Mend, m.String())
	}
	return line
}

func fromMillis(ms int64) time.Time {
	if ms < 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// mendable gives a finding about history the setting that would mend it.
func (c *computation) mendable(f *report.Finding, sp *StatementPlan) {
	if f.Rule != "D35" {
		return
	}
	for _, v := range sp.Retention {
		if (v.Verdict == string(statements.Insufficient) || len(v.Mend) > 0) && strings.Contains(f.Message, v.Topic) {
			f.Remedy = v.Remedy(c.link.To, c.link.Name)
		}
	}
}

// Remedy says how a topic would be made to reach back far enough in a region that a link mirrors into.
func (v RetentionVerdict) Remedy(region, link string) string {
	if len(v.Mend) == 0 {
		if v.Verdict == string(statements.Insufficient) {
			return fmt.Sprintf("wait %s until %s holds enough in %s, or mirror it again from where older records are still there", v.Missing, v.Topic, region)
		}
		return ""
	}
	var settings []string
	for _, m := range v.Mend {
		key, value, _ := strings.Cut(m, "=")
		settings = append(settings, fmt.Sprintf("%s: %q", key, value))
	}
	return fmt.Sprintf("keep %s longer in %s: topics: {configs: {%s}} of link %s", v.Topic, region, strings.Join(settings, ", "), link)
}
