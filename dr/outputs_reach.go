package dr

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// How far an output has come is told by what was read for it of what applications wrote, which is the same log in both regions, under whatever name.
// A topic that a statement writes and another one reads is another log in each region; so of the second one it is asked how far the first one
// was when that part of the topic was written.

// headway is a place in the input: positions by the topics' origin, and the watermarks of statements that keep something between rows.
type headway struct {
	at      map[string]map[int32]int64
	marks   map[string]int64
	unknown bool // how far it is was not seen yet
}

// covers says whether r is as far as other.
func (r headway) covers(other headway) bool {
	if r.unknown {
		return false
	}
	for topic, parts := range other.at {
		for p, at := range parts {
			if r.at[topic][p] < at {
				return false
			}
		}
	}
	for statement, mark := range other.marks {
		if mine, told := r.marks[statement]; mark != math.MinInt64 && (!told || mine < mark) {
			return false
		}
	}
	return true
}

// join takes of two places the nearer one of each position, or the farther one.
func (r *headway) join(other headway, choose func(a, b int64) int64) {
	r.unknown = r.unknown || other.unknown
	for topic, parts := range other.at {
		if r.at[topic] == nil {
			r.at[topic] = maps.Clone(parts)
			continue
		}
		for p, at := range parts {
			if have, is := r.at[topic][p]; is {
				at = choose(have, at)
			}
			r.at[topic][p] = at
		}
	}
	for statement, mark := range other.marks {
		if have, is := r.marks[statement]; is {
			mark = choose(have, mark)
		}
		r.marks[statement] = mark
	}
}

func newHeadway() headway {
	return headway{at: map[string]map[int32]int64{}, marks: map[string]int64{}}
}

// chained is a statement that an output comes from.
type chained struct {
	name   string
	writes string
	keeps  bool
}

// chainOf are the statements that write an output, and behind them those that write what these read.
func chainOf(d *plans.Declared, output plans.Output) (chain []chained) {
	var follow func(o plans.Output)
	follow = func(o plans.Output) {
		for _, name := range o.Statements {
			chain = slices.DeleteFunc(chain, func(c chained) bool { return c.name == name }) // behind all that need it
			chain = append(chain, chained{name, o.Topic, d.Keeps(name)})
		}
		for _, name := range o.Statements {
			for _, topic := range d.ReadsOf(name) {
				if written, is := d.Output(topic); is && topic != o.Topic {
					follow(written)
				}
			}
		}
	}
	follow(output)
	return chain
}

// put is how far a topic's statements were, at least, when its log ended there.
type put struct {
	headway headway
	ends    map[int32]int64
}

// mostPuts bounds what is remembered of a topic that is read more slowly than it is written.
const mostPuts = 100

// reach says how far the output has come in a region: everything in front of low is in it, and nothing behind high.
func (c *comparer) reach(ctx context.Context, s *outputSide) (low, high headway, err error) {
	progress := map[string]engine.Progress{}
	for _, of := range c.chain { // those behind first: what they have read was written before the others are asked
		if progress[of.name], err = s.engine.Progress(ctx, of.name); err != nil {
			return low, high, fmt.Errorf("%s: statement %q: progress: %w", s.region.Name, of.name, err)
		}
	}
	var derived []string
	for _, of := range c.chain {
		if of.writes != c.output.Topic && !slices.Contains(derived, of.writes) {
			derived = append(derived, of.writes)
		}
	}
	ends := plans.Positions{}
	if len(derived) > 0 {
		if ends, err = stableEnds(ctx, s.region, derived); err != nil {
			return low, high, err
		}
	}
	lows, highs := map[string]headway{}, map[string]headway{} // by topic
	for i := len(c.chain) - 1; i >= 0; i-- {
		of := c.chain[i]
		at, most := newHeadway(), newHeadway()
		if of.keeps {
			at.marks[of.name], most.marks[of.name] = progress[of.name].Watermark, progress[of.name].Watermark
		}
		for topic, parts := range progress[of.name].Offsets {
			if slices.Contains(derived, topic) {
				at.join(s.wrote(topic, parts), smaller)
				most.join(highs[topic], larger)
				continue
			}
			region, name := c.topology.Origin(s.region.Name, topic)
			own := headway{at: map[string]map[int32]int64{region + "/" + name: parts}}
			at.join(own, smaller)
			most.join(own, larger)
		}
		if l, more := lows[of.writes]; more { // several statements write it
			at.join(l, smaller)
			most.join(highs[of.writes], larger)
		}
		lows[of.writes], highs[of.writes] = at, most
		if last := i == 0 || c.chain[i-1].writes != of.writes; last && of.writes != c.output.Topic {
			s.wroteTo(of.writes, lows[of.writes], ends[of.writes])
		}
	}
	return lows[c.output.Topic], highs[c.output.Topic], nil
}

func smaller(a, b int64) int64 { return min(a, b) }
func larger(a, b int64) int64  { return max(a, b) }

// wroteTo remembers how far a topic's statements were, at least, when it ended so.
func (s *outputSide) wroteTo(topic string, at headway, ends map[int32]plans.Offset) {
	one := put{at, map[int32]int64{}}
	for p, end := range ends {
		one.ends[p] = int64(end)
	}
	list := append(s.derived[topic], one)
	if len(list) > mostPuts {
		list = slices.Delete(list, len(list)/2, len(list)/2+1)
	}
	s.derived[topic] = list
}

// wrote is how far the statements that write a topic were, at least, when it had been written up to there.
func (s *outputSide) wrote(topic string, upTo map[int32]int64) headway {
	list := s.derived[topic]
	for i := len(list) - 1; i >= 0; i-- {
		passed := true
		for p, end := range list[i].ends {
			passed = passed && upTo[p] >= end
		}
		if passed {
			s.derived[topic] = list[i:]
			return list[i].headway
		}
	}
	return headway{unknown: true}
}

// reached says whether each side is now where the other one was then.
func (c *comparer) reached(then, now mark) bool {
	for i := range c.sides {
		if !now.low[i].covers(then.high[1-i]) {
			return false
		}
	}
	return true
}

// apart says which side is behind where the other one was when the comparison began.
func (c *comparer) apart() string {
	if len(c.marks) < 2 {
		return "both regions were looked at once"
	}
	for i, s := range c.sides {
		if c.last.low[i].unknown {
			return "what was written for it in " + s.region.Name + " since the comparison began was not read yet"
		}
	}
	first, last := c.marks[0], c.marks[len(c.marks)-1]
	for i, s := range c.sides {
		was, is := first.high[1-i], last.low[i]
		other := c.sides[1-i].region.Name
		for _, topic := range sortedKeys(was.at) {
			for _, p := range sortedKeys(was.at[topic]) {
				if at, want := is.at[topic][p], was.at[topic][p]; at < want {
					return fmt.Sprintf("%s has read %s-%d to @%d, and %s had to @%d", s.region.Name, named(topic), p, at, other, want)
				}
			}
		}
		for _, statement := range sortedKeys(was.marks) {
			if is.marks[statement] < was.marks[statement] {
				return fmt.Sprintf("the watermark of %s in %s is %s, and in %s it was %s: one of its partitions may be idle", statement, s.region.Name, watermarkText(is.marks[statement]),
					other, watermarkText(was.marks[statement]))
			}
		}
	}
	return "neither has come to where the other one was"
}

// named is a topic's origin as people say it.
func named(origin string) string {
	region, topic, _ := strings.Cut(origin, "/")
	if region == "" {
		return topic
	}
	return topic + " of " + region
}
