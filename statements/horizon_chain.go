package statements

import (
	"slices"
	"strings"
	"time"
)

// Horizons says how far back each root topic must reach for each statement: along a chain of statements the horizons add up,
// over several paths the longest counts. A topic is a root where root says so, which means that the region has its history
// (it is mirrored), and where no statement writes it. cat has the tables as a statement sees them. ttl is the time to live of a statement's state, by its name; nil: none has one. The result
// is by statement, then by root topic.
func (g *Graph) Horizons(cat func(statement string) Catalog, root func(topic string) bool, ttl func(statement string) time.Duration) map[string]map[string]Horizon {
	if ttl == nil {
		ttl = func(string) time.Duration { return 0 }
	}
	c := &chain{g: g, cat: cat, root: root, ttl: ttl, known: map[output]map[string]Horizon{}, open: map[output]bool{}}
	out := map[string]map[string]Horizon{}
	for i, n := range g.nodes {
		out[n.Name] = c.of(output{node: i})
	}
	return out
}

type chain struct {
	g     *Graph
	cat   func(string) Catalog
	root  func(string) bool
	ttl   func(string) time.Duration
	known map[output]map[string]Horizon
	open  map[output]bool
}

// output is what a statement writes to one table; to all of them where table is "". A statement set writes several, each from inputs of its own.
type output struct {
	node  int
	table string
}

// of is the horizons of an output to its roots. On a cycle there is none.
func (c *chain) of(o output) map[string]Horizon {
	if h, ok := c.known[o]; ok {
		return h
	}
	c.open[o] = true
	defer delete(c.open, o)
	out := map[string]Horizon{}
	n := c.g.nodes[o.node]
	for topic, own := range horizonOf(n.Parsed.Statement, o.table, c.cat(n.Name), c.ttl(n.Name)) {
		writers := c.g.writes[topic]
		own.Pauses = c.written(own.Pauses)
		if c.root(topic) || len(writers) == 0 {
			out[topic] = longer(out, topic, own)
			continue
		}
		for _, w := range writers {
			from := output{w, topic}
			if c.open[from] || w == o.node && o.table == "" {
				own.unbounded(inLoop)
				out[topic] = longer(out, topic, own)
				continue
			}
			for up, h := range c.of(from) {
				out[up] = longer(out, up, own.after(h, c.g.nodes[w].Name, topic))
			}
		}
	}
	c.known[o] = out
	return out
}

// after is the horizon of a statement whose input another statement writes to a topic: the sum of both.
func (h Horizon) after(up Horizon, writer, topic string) Horizon {
	up.Terms = slices.Clone(up.Terms)
	for i, t := range up.Terms {
		if !strings.Contains(t.Why, " of ") {
			up.Terms[i].Why += " of " + writer
		}
	}
	if up.Unknown != "" && !strings.HasSuffix(up.Unknown, ")") {
		up.Unknown += " (in " + writer + ")"
	}
	h.Terms, h.Depends = slices.Clone(h.Terms), slices.Clone(h.Depends)
	if h.Duration() > 0 {
		h.Pauses = withPauses(h.Pauses, []Pause{{topic, true}})
	}
	h.add(up)
	return h
}

// longer is the longer of h and what is there for the topic. Where one of the two has no bound that is known, neither has the result; where the data
// tell how far one of them goes, it is added.
func longer(all map[string]Horizon, topic string, h Horizon) Horizon {
	other, ok := all[topic]
	if ok && other.Duration() > h.Duration() {
		h, other = other, h
	}
	h.because(other)
	h.Pauses = withPauses(h.Pauses, other.Pauses)
	for _, d := range other.Depends {
		if !slices.Contains(h.Depends, d) {
			h.Depends = append(slices.Clone(h.Depends), d)
		}
	}
	return h
}

// Start is from when the input is read, so that the output from the moment at on is complete: the horizon and the margin
// before it, moved back to where all windows of the path begin. The zero time means from the log's beginning.
func (h Horizon) Start(at time.Time, margin time.Duration) time.Time {
	if h.Unbounded {
		return time.Time{}
	}
	start := at.Add(-margin).Add(-h.Duration())
	windows := h.Windows()
	if len(windows) == 0 {
		return start
	}
	period, common := period(windows)
	start = floor(start, period, windows[0].Offset)
	if !common {
		// The windows never begin together: one more period holds a whole one of each.
		start = start.Add(-period)
	}
	return start
}

// period is the least common multiple of how far apart the windows of each kind begin; common is false where their offsets
// differ within it, or where it would be longer than a year and the longest window stands for it.
func period(windows []Windowed) (period time.Duration, common bool) {
	const year = 366 * 24 * time.Hour
	period, longest, common := windows[0].every(), windows[0].Size, true
	for _, w := range windows[1:] {
		longest = max(longest, w.Size)
		step := period / gcd(period, w.every())
		if step > year/w.every() {
			common = false
			continue
		}
		period = step * w.every()
	}
	if !common {
		return longest, false
	}
	for _, w := range windows {
		if (w.Offset-windows[0].Offset)%w.every() != 0 {
			return period, false
		}
	}
	return period, true
}

func gcd(a, b time.Duration) time.Duration {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// FirstComplete is from when on what a statement started at start puts out is whole: what it needs for a row reaches no further back, and
// the first window of each kind begins that it sees from its first row on. What is before it is partial and not to be emitted.
func (h Horizon) FirstComplete(start time.Time) time.Time {
	for _, t := range slices.Backward(h.Terms) {
		switch {
		case t.Delay:
		case t.Window == nil:
			start = start.Add(t.Duration)
		default:
			if begin := floor(start, t.Window.every(), t.Window.Offset); begin.Before(start) {
				start = begin.Add(t.Window.every())
			}
		}
	}
	return start
}

// floor is the begin of the window that holds t. Windows begin at multiples of size since the epoch, moved by the offset.
func floor(t time.Time, size, offset time.Duration) time.Time {
	ms, o := size.Milliseconds(), offset.Milliseconds()
	rest := (t.UnixMilli() - o) % ms
	if rest < 0 {
		rest += ms
	}
	return time.UnixMilli(t.UnixMilli() - rest).UTC()
}
