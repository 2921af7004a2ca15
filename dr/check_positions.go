package dr

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// positionsAge is how old a copied position may be while its group goes on in the source: a running link copies it within seconds.
const positionsAge = linkSilence * time.Second

// checkPositions says of every mirrored group where it would go on in the destination: how far from the log's end, how old its positions are, and which
// are held back because what they stand behind has not arrived. Groups of which nothing has to be known share one line.
func checkPositions(ctx context.Context, c *checkup) []report.Check {
	if len(c.decl.Groups.Include) == 0 {
		return nil
	}
	line := report.Check{Name: "positions of groups are in " + c.decl.To, Outcome: report.Unknown}
	l, err := c.world.OpenLink(c.decl)
	if err != nil {
		line.Detail = err.Error()
		return []report.Check{line}
	}
	known, err := l.LastGroups(ctx)
	if err != nil {
		line.Detail = err.Error()
		return []report.Check{line}
	}
	groups := map[string]*standings{}
	for _, g := range known {
		if groups[g.Group] == nil {
			groups[g.Group] = &standings{group: g.Group}
		}
		groups[g.Group].add(c, g)
	}
	if len(groups) == 0 {
		return nil
	}
	line.Outcome = report.Passed
	var out []report.Check
	var all standings
	for _, name := range sortedKeys(groups) {
		s := groups[name]
		all.positions, all.same = all.positions+s.positions, all.same+s.same
		if s.fromEnd > all.fromEnd || all.farthest == "" {
			all.fromEnd, all.farthest = s.fromEnd, name+" in "+s.farthest
		}
		if answer := s.answer(c); answer.Outcome != report.Passed {
			out = append(out, answer)
		}
	}
	line.Detail = fmt.Sprintf("%s, %d of %s as in %s; the farthest from its log's end: %s, %s", counted(len(groups), "group"), all.same, counted(all.positions, "position"), c.decl.From, all.farthest,
		counted(int(all.fromEnd), "offset"))
	return append([]report.Check{line}, out...)
}

// standings are one group's positions.
type standings struct {
	group     string
	positions int
	written   int // stand where they belong, by what the link has seen of the source
	same      int // and the group has not gone on there since
	fromEnd   int64
	farthest  string // the topic-partition that is so far from its log's end
	held      []string
	skipped   []string
	again     int64 // records that the group has read in the source since they were copied
	age       time.Duration
}

func (s *standings) add(c *checkup, g linking.GroupSync) {
	s.positions++
	at := fmt.Sprintf("%s-%d", g.Topic, g.Partition)
	if g.Written == g.To {
		s.written++
		s.same++
	}
	if t := c.seen.Regions[c.decl.To].Topics[g.Topic]; t != nil && int(g.Partition) < len(t.Partitions) && g.Written >= 0 {
		if d := int64(t.Partitions[g.Partition].End - g.Written); d > s.fromEnd || s.farthest == "" {
			s.fromEnd, s.farthest = d, at
		}
	}
	if g.Clamped > 0 {
		s.held = append(s.held, fmt.Sprintf("%s by %d (%v of %v)", at, g.Clamped, g.To, g.Source))
	}
	if g.Skipped != "" && !slices.Contains(s.skipped, g.Skipped) {
		s.skipped = append(s.skipped, g.Skipped)
	}
	from := c.decl.View(c.seen.Regions[c.decl.From])
	if now, ok := positionIn(from, g.Group, g.Topic, g.Partition); ok && now > g.Source {
		looked := g.SeenAt // when it changed last; the link has looked again since
		for _, m := range c.seen.Mirrors[c.decl.Name] {
			if m.Topic == g.Topic && m.At.After(looked) {
				looked = m.At
			}
		}
		if g.Written == g.To {
			s.same--
		}
		s.again += int64(now - g.Source)
		s.age = max(s.age, c.seen.At.Sub(looked))
	}
}

func positionIn(r *plans.RegionState, group, topic string, partition int32) (plans.Offset, bool) {
	if r == nil || r.Groups[group] == nil {
		return 0, false
	}
	at, ok := r.Groups[group].Positions[topic][partition]
	return at, ok
}

// answer says how the group would go on.
func (s *standings) answer(c *checkup) report.Check {
	line := report.Check{Name: fmt.Sprintf("group %s goes on in %s where it is", s.group, c.decl.To), Outcome: report.Passed}
	var words []string
	if len(s.held) > 0 {
		words = append(words, "held back, because what it has read has not arrived: "+few(s.held))
	}
	if s.again > 0 && s.age > positionsAge {
		words = append(words, fmt.Sprintf("copied %s ago, and it has read %s since", s.age.Round(time.Second), counted(int(s.again), "offset")))
	}
	words = append(words, s.skipped...)
	if missing := s.positions - s.written; missing > 0 && len(words) == 0 {
		words = append(words, fmt.Sprintf("%d of %s not written yet", missing, counted(s.positions, "position")))
	}
	if len(words) == 0 {
		return line
	}
	line.Outcome, line.Detail = report.Warned, strings.Join(words, "; ")
	if s.farthest != "" {
		line.Detail += fmt.Sprintf("; at most %s from the log's end (%s)", counted(int(s.fromEnd), "offset"), s.farthest)
	}
	line.Why, line.Remedy = "after a failover it reads again what lies behind its position there", "see whether the link goes on: lifeboat link status"
	return line
}
