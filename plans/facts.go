package plans

import (
	"maps"
	"time"

	"github.com/lifeboat-dr/lifeboat/statements"
)

// idleAfter is the longest that a watermark waits for a partition without records: Confluent Cloud's idle timeout grows from 15 seconds to this.
const idleAfter = 5 * time.Minute

// topicFacts is what both regions tell of the topics, as far as the rules for statements ask.
func (c *computation) topicFacts() map[string]statements.TopicFacts {
	out := map[string]statements.TopicFacts{}
	regions := []struct {
		name  string
		state *RegionState
	}{{c.link.To, c.to}, {c.link.From, c.from}} // of the partitions the source tells more: it comes last
	for _, r := range regions {
		if r.state == nil {
			continue
		}
		for name, t := range r.state.Topics {
			f := out[name]
			f.Partitions, f.Sparse = len(t.Partitions), sparse(t.Partitions)
			if t.Configs["message.timestamp.type"] == "LogAppendTime" {
				f.AppendTime = append(f.AppendTime, r.name)
			}
			out[name] = f
		}
	}
	for _, t := range c.plan.Topics {
		f := out[t.Name]
		if m, ok := c.mirrors[t.Name]; ok {
			f.Offsets = statements.OffsetsSame
			if len(m.Translated) > 0 {
				f.Offsets = statements.OffsetsTranslated
			}
		}
		out[t.Name] = f
	}
	return out
}

// sparse are the partitions whose newest record is older than the topic's newest by more than idleAfter, or that have none. Nothing is said of a
// partition whose newest record is not known.
func sparse(partitions []PartitionState) []int32 {
	newest := int64(-1)
	for _, p := range partitions {
		newest = max(newest, p.Newest)
	}
	if newest < 0 {
		return nil
	}
	var out []int32
	for i, p := range partitions {
		empty := p.End == p.Start
		if empty || p.Newest >= 0 && newest-p.Newest > idleAfter.Milliseconds() {
			out = append(out, int32(i))
		}
	}
	return out
}

// stateTTL is the time to live of a statement's state, by its name.
func (d *Declared) stateTTL(a *analysis) func(statement string) time.Duration {
	return func(name string) time.Duration { return statements.StateTTL(propertiesOf(d, a, name)) }
}

// Properties are those under which a declared statement runs.
func (d *Declared) Properties(name string) map[string]string {
	return propertiesOf(d, analyze(d, nil), name)
}

// propertiesOf are the properties under which a declared statement runs: those of its pipeline, and what SET and USE say before it in its file.
func propertiesOf(d *Declared, a *analysis, name string) map[string]string {
	var own Statement
	for _, s := range d.Statements {
		if s.Name == name {
			own = s
		}
	}
	out := map[string]string{}
	maps.Copy(out, d.pipelineProperties(own))
	for _, s := range d.Statements {
		if s.File != own.File || s.Line >= own.Line || a.parsed[s.Name] == nil {
			continue
		}
		switch n := a.parsed[s.Name].Statement.(type) {
		case *statements.Set:
			if n.Key != nil && n.Value != nil {
				out[n.Key.Value] = n.Value.Value
			}
		case *statements.Reset:
			if n.Key == nil {
				clear(out)
			} else {
				delete(out, n.Key.Value)
			}
		case *statements.Use:
			if n.Catalog {
				out["sql.current-catalog"] = n.Name.Last()
			} else {
				out["sql.current-database"] = n.Name.Last()
			}
		}
	}
	return out
}
