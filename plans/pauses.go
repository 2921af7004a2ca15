package plans

import (
	"fmt"
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
	Records int64   `json:"records,omitempty"`
	Error   string  `json:"error,omitempty"` // why it is not known
}

// at is the event time by which the watermark of the topic stands: that of the slowest partition, but for those that idle and hold nothing back.
// why is what makes it unknown.
func (r Reached) at(idles bool) (ms int64, why string) {
	if r.Error != "" {
		return 0, r.Error
	}
	most := slices.Max(append([]int64{-1}, r.Newest...))
	if most < 0 {
		return 0, "it holds no record"
	}
	least := most
	for p, at := range r.Newest {
		switch {
		case idles && most-at > idleAfter.Milliseconds():
		case at < 0 && !idles:
			return 0, fmt.Sprintf("partition %d holds no record, and holds the watermark back", p)
		case at >= 0:
			least = min(least, at)
		}
	}
	return least, ""
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
		t, ok := a.tables.Table(p.Topic)
		at, unknown := r.at(!ok || t.Dialect != statements.Flink2)
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
