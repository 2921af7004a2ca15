package plans

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/statements"
)

// Measured is how far back a topic's log had to go for a statement whose horizon depends on the data, as a part of its records tells. It is what
// was, and no bound of what comes.
type Measured struct {
	On      statements.Dependence `json:"on"`
	Column  string                `json:"column,omitempty"` // that tells the records' event time; "" = their timestamps
	Reach   Duration              `json:"reach"`
	More    bool                  `json:"more,omitempty"` // it may have gone further: the log was not read from its beginning
	Records int64                 `json:"records"`        // that were read
	Bytes   int64                 `json:"bytes"`
	From    int64                 `json:"from,omitempty"` // epoch ms of what was read
	To      int64                 `json:"to,omitempty"`
	Cut     string                `json:"cut,omitempty"` // why there is more than was read
	Error   string                `json:"error,omitempty"`
}

// Dependences are what has to be measured of the topics that statements depend on, by topic.
func (st *Study) Dependences() map[string][]statements.Dependence {
	out := map[string][]statements.Dependence{}
	for _, s := range st.Statements {
		for _, h := range s.Horizons {
			for _, d := range h.Depends {
				if d.Topic != "" && !d.Last && h.Data && !slices.Contains(out[d.Topic], d) {
					out[d.Topic] = append(out[d.Topic], d)
				}
			}
		}
	}
	return out
}

// LookFirst are the regions in the order in which they are asked what their topics hold: those that links lead out of have all of it.
func (d *Declared) LookFirst() []string {
	var from, to []string
	for _, l := range d.Topology.Links {
		from, to = append(from, l.From), append(to, l.To)
	}
	var out []string
	for _, name := range append(from, to...) {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// measure says in words how far a horizon that depends on the data has reached, "" where nothing was looked at. whole is the sum of its terms and
// of all that was measured; ok is false where a part of it was not.
func (o *Observed) measure(h statements.Horizon, order []string) (text string, whole time.Duration, ok bool) {
	if o == nil || !h.Data || len(h.Depends) == 0 {
		return "", 0, false
	}
	var parts []string
	whole, ok = h.Duration(), true
	more := false
	for _, d := range h.Depends {
		part, m := o.measureOf(d, order)
		if part != "" {
			parts = append(parts, part)
		}
		if m == nil || m.Error != "" {
			ok = false
			continue
		}
		whole, more = whole+time.Duration(m.Reach), more || m.More
	}
	switch {
	case len(parts) == 0:
		return "", 0, false
	case !ok:
		return strings.Join(parts, "; "), 0, false
	}
	least := ""
	if more {
		least = "at least "
	}
	return fmt.Sprintf("%s%s so far, by %s", least, Duration(whole.Round(time.Millisecond)), strings.Join(parts, "; ")), whole, true
}

// measureOf says what the first region that holds a topic tells of it.
func (o *Observed) measureOf(d statements.Dependence, order []string) (string, *Measured) {
	for _, name := range order {
		r := o.Regions[name]
		if r == nil || r.Topics[d.Topic] == nil {
			continue
		}
		t := r.Topics[d.Topic]
		if d.Last {
			return t.whole(d.Topic, name), nil
		}
		for i, m := range t.Measured {
			if m.On != d {
				continue
			}
			return m.words(name), &t.Measured[i]
		}
	}
	return "", nil
}

// words tell what was read, and what is taken for granted.
func (m Measured) words(region string) string {
	if m.Error != "" {
		return fmt.Sprintf("not measured: %s", m.Error)
	}
	keys := "all keys taken together"
	switch {
	case m.On.Keyed:
		keys = "key by key"
	case m.On.Rows > 0:
		keys = "without keys"
	}
	by := "the timestamps"
	if m.Column != "" {
		by = m.Column
	}
	text := fmt.Sprintf("%s of %s of %s in %s, %s", by, counted(m.Records, "record"), m.On.Topic, region, keys)
	if m.Records > 0 {
		text += fmt.Sprintf(" (%s to %s)", clock(fromMillis(m.From)), clock(fromMillis(m.To)))
	}
	if m.Cut != "" {
		text += ": " + m.Cut
	}
	return text
}

// whole says how much a topic holds, where all of it counts.
func (t *TopicState) whole(topic, region string) string {
	var rows, bytes int64
	oldest := int64(-1)
	for _, p := range t.Partitions {
		rows += max(0, int64(p.End-p.Start))
		bytes += p.Bytes
		if p.Oldest >= 0 && (oldest < 0 || p.Oldest < oldest) {
			oldest = p.Oldest
		}
	}
	text := fmt.Sprintf("all of %s in %s are at most %s", topic, region, counted(rows, "record"))
	if bytes > 0 {
		text += fmt.Sprintf(", %s on disk", size(float64(bytes)))
	}
	if oldest >= 0 && rows > 0 {
		text += ", from " + clock(fromMillis(oldest)) + " on"
	}
	return text
}
