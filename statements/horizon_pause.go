package statements

import (
	"slices"
	"strings"
)

// Pause is a topic that makes a horizon longer by as much as its event time is behind the clock.
//
// What a statement keeps is reckoned from the watermark of its inputs, which stands still while one of them has no new rows. What a log keeps is reckoned from the
// clock. So a window that is open when an input pauses needs rows that are as much older, when the statement is rebuilt, as the pause is long. Along a chain
// it is the event time of the topic between two statements that counts: where S1 writes T from A, and T's last row is of t_T, S2 has to see all rows
// of A since t_T - (horizon of S2 + horizon of S1), however far A has come. Each pause reaches from its topic to the clock, so that of several the longest counts.
type Pause struct {
	Topic   string
	Written bool // by a statement, which has to be rebuilt too: it stands between the input and the statement
}

// timed reports whether a horizon is reckoned from a watermark, and not from the clock.
func (h Horizon) timed() bool {
	return slices.ContainsFunc(h.Terms, func(t Term) bool { return t.Delay })
}

// pausesOf are the inputs that hold back the watermark of what is written. Where several do, rows of the others wait for the slowest.
func pausesOf(paths []Path) []Pause {
	var out []Pause
	for _, p := range paths {
		if p.Horizon.timed() {
			out = withPauses(out, []Pause{{Topic: p.Topic}})
		}
	}
	return out
}

// withPauses is both, by topic.
func withPauses(some, more []Pause) []Pause {
	out := slices.Clone(some)
	for _, p := range more {
		switch i := slices.IndexFunc(out, func(o Pause) bool { return o.Topic == p.Topic }); {
		case i < 0:
			out = append(out, p)
		default:
			out[i].Written = out[i].Written || p.Written
		}
	}
	slices.SortFunc(out, func(a, b Pause) int { return strings.Compare(a.Topic, b.Topic) })
	return out
}

// written notes which topics statements of the chain write.
func (c *chain) written(pauses []Pause) []Pause {
	out := slices.Clone(pauses)
	for i, p := range out {
		out[i].Written = p.Written || !c.root(p.Topic) && len(c.g.writes[p.Topic]) > 0
	}
	return out
}

// written are the topics of the formula's pause, "" where none stands between the statement and its input.
func (h Horizon) written() string {
	var out []string
	for _, p := range h.Pauses {
		if p.Written {
			out = append(out, p.Topic)
		}
	}
	return strings.Join(out, " or ")
}
