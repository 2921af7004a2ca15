package plans

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/statements"
)

// Reached is how far the event time of a topic has come, by the newest records of its partitions: what a region knows besides of the newest timestamp of a
// log counts transactions' markers too, which carry the clock's time.
type Reached struct {
	Column  string  `json:"column,omitempty"` // that was read of the records' values; "" = their timestamps
	Newest  []int64 `json:"newest,omitempty"` // epoch ms, by partition; -1 = no record was found
	Stamps  []int64 `json:"stamps,omitempty"` // with Column: the newest timestamps, epoch ms by partition, which tell which of them idles; -1 = no record was found
	Records int64   `json:"records,omitempty"`
	Error   string  `json:"error,omitempty"` // why it is not known
}

// at is the event time by which the watermark of the topic stands: that of the slowest partition, but for those that idle and hold nothing back.
// why is what makes it unknown.
func (r Reached) at(idles bool) (ms int64, why string) {
	stamps := r.Stamps
	if len(stamps) == 0 {
		stamps = r.Newest
	}
	switch {
	case r.Error != "":
		return 0, r.Error
	case len(stamps) == 0 || slices.Max(stamps) < 0:
		return 0, noRecord
	}
	ms = math.MaxInt64
	for p, at := range r.Newest {
		switch {
		case idles && slices.Max(stamps)-stamps[p] > idleAfter.Milliseconds():
		case at < 0:
			return 0, fmt.Sprintf("partition %d holds no record with a time, and holds the watermark back", p)
		default:
			ms = min(ms, at)
		}
	}
	return ms, ""
}

const noRecord = "it holds no record"

// idles reports whether partitions without records hold no watermark of a topic back.
func (a *analysis) idles(topic string) bool {
	t, ok := a.tables.Table(topic)
	return !ok || t.Dialect != statements.Flink2
}

// Paused are the topics whose event time the horizons of statements are reckoned from.
func (st *Study) Paused() []string {
	var out []string
	for _, s := range st.Statements {
		for _, h := range s.Horizons {
			for _, p := range h.Pauses {
				if !slices.Contains(out, p.Topic) {
					out = append(out, p.Topic)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// Table is the table of a topic, nil where none is known.
func (st *Study) Table(topic string) *statements.Table {
	t, _ := st.analysis.tables.Table(topic)
	return t
}

// standing is how far what a horizon is reckoned from is behind the clock: the longest of its pauses. It is nil where one of them is not known; why then says
// of which topic and why, "" where nobody has looked.
func (a *analysis) standing(o *Observed, h statements.Horizon, order []string) (longest *statements.Standing, why string) {
	for _, p := range h.Pauses {
		r, region := o.reached(p.Topic, order)
		if r == nil {
			return nil, ""
		}
		at, unknown := r.at(a.idles(p.Topic))
		if unknown != "" {
			return nil, fmt.Sprintf("how far %s has come in %s is not known: %s", p.Topic, region, unknown)
		}
		behind := max(0, o.At.Sub(fromMillis(at))).Round(time.Millisecond)
		if longest == nil || behind > longest.For {
			by := "the timestamps"
			if r.Column != "" {
				by = r.Column
			}
			longest = &statements.Standing{For: behind, Why: fmt.Sprintf("%s in %s has come to %s, by %s of %s", p.Topic, region, clock(fromMillis(at)), by, counted(r.Records, "record"))}
		}
	}
	return longest, ""
}

// stands is the event time from which a horizon is reckoned: what the slowest of its topics has come to, and no later than a point. Where statements write one, the
// region that ran them tells; unknown says of which it does not, so that the point stands for them.
func (c *computation) stands(h statements.Horizon, point time.Time) (at time.Time, unknown []string) {
	at = point
	for _, p := range h.Pauses {
		var t time.Time
		if p.Written {
			ms, why := c.wroteUntil(p.Topic)
			switch why {
			case "":
				t = fromMillis(ms)
			case noRecord: // so nothing behind it is open
				continue
			default:
				unknown = append(unknown, fmt.Sprintf("how far %s has come in %s is not known: %s", p.Topic, c.link.From, why))
				continue
			}
		} else {
			t = c.failoverPoint([]string{p.Topic})
		}
		if t.Before(at) {
			at = t
		}
	}
	return at, unknown
}

// wroteUntil is the event time to which the source's statements have written a topic: by its records, where they were read, else by its newest timestamps.
func (c *computation) wroteUntil(topic string) (ms int64, why string) {
	state := c.from.Topics[topic]
	if state == nil {
		return 0, "it was not seen"
	}
	r := state.Reached
	if r == nil {
		if t, ok := c.analysis.tables.Table(topic); ok {
			if _, stamped := t.EventTime(); !stamped {
				return 0, "its event time is a column, and no records were read"
			}
		}
		r = &Reached{}
		for _, p := range state.Partitions {
			r.Newest = append(r.Newest, p.Newest)
		}
	}
	return r.at(c.analysis.idles(topic))
}

// reached is what the first region that holds a topic tells of it.
func (o *Observed) reached(topic string, order []string) (*Reached, string) {
	if o == nil {
		return nil, ""
	}
	for _, name := range order {
		if r := o.Regions[name]; r != nil && r.Topics[topic] != nil {
			return r.Topics[topic].Reached, name
		}
	}
	return nil, ""
}

// pauseText says what a horizon comes to with the pause that was measured of the topics between, "" where none stands there or nobody has looked.
func (a *analysis) pauseText(o *Observed, h statements.Horizon, order []string) string {
	var between []string
	for _, p := range h.Pauses {
		if p.Written {
			between = append(between, p.Topic)
		}
	}
	if len(between) == 0 || h.Unbounded {
		return ""
	}
	s, why := a.standing(o, h, order)
	switch {
	case s != nil:
		return fmt.Sprintf("with the pause of now, %s (%s), that is %s back from the clock", Duration(s.For), s.Why, Duration(s.For+h.Duration()))
	case why != "":
		return "the pause of " + strings.Join(between, " or ") + " was not measured: " + why
	}
	return ""
}
