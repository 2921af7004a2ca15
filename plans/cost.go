package plans

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/statements"
)

// Cost is what the pipelines' statements are estimated to take of Confluent Cloud's compute, in CFU-minutes, by rates that were measured in the
// logs of the region that they read.
type Cost struct {
	Statements  []StatementCost
	Steady      int      // CFUs of all statements where they run
	Standby     int      // CFUs in the other region all the time: those of active-active, none of active-passive
	CatchUp     float64  // CFU-minutes of one start in the other region, until it has caught up
	Drills      int      // that are declared and due within 30 days
	DrillMonth  float64  // CFU-minutes of those
	Unmeasured  []string // statements whose load is not known: a CFU is the least
	Unknown     []string // statements that could not be estimated, because what they compute is not known
	Assumptions []string
}

// StatementCost is one statement's part.
type StatementCost struct {
	Name       string
	Class      statements.CostClass
	Rows       float64 // a second, of all inputs; -1: not measured
	Bytes      float64 // a second, of the inputs whose size was asked for; 0: of none
	Steady     int     // CFUs
	CatchUp    int     // CFUs
	Minutes    int     // that catching up is billed for
	StateRows  int64   // that its state holds at most; -1: not known
	StateWidth int64   // bytes of such a row
}

// MinutesPerMonth is 730 hours.
const MinutesPerMonth = 730 * 60

// billedWithin is the time to catch up where no pipeline declares an RTO.
const billedWithin = 10 * time.Minute

// SteadyHour and SteadyMonth are the CFU-minutes of all statements where they run, and in the other region where they run there too.
func (c *Cost) SteadyHour() float64  { return float64(c.Steady+c.Standby) * 60 }
func (c *Cost) SteadyMonth() float64 { return float64(c.Steady+c.Standby) * MinutesPerMonth }

// StateBytes is about what the state takes at most; -1: not known, 0: it keeps nothing.
func (s StatementCost) StateBytes() int64 {
	if s.StateRows < 0 {
		return -1
	}
	return s.StateRows * s.StateWidth
}

// CostOf estimates what the statements that write take. Regions that were not seen leave the rates unmeasured: a CFU a statement is then the least.
func CostOf(d *Declared, o *Observed, link *Link) *Cost {
	a := analyze(d, o)
	c := &Cost{}
	var region *RegionState
	if o != nil {
		if region = link.View(o.Regions[link.From]); region == nil || !region.Reachable {
			region = o.Regions[link.To]
		}
	}
	var within []string
	for _, name := range a.graph.Order() {
		writes, bad := statements.Relate(a.parsed[name], a.catalogOf(name))
		if len(bad) > 0 {
			c.Unknown = append(c.Unknown, name)
			continue
		}
		if len(writes) == 0 {
			continue
		}
		s := costOf(name, writes, d.stateTTL(a)(name), region)
		rto := d.rtoOf(name)
		if rto == 0 {
			rto = billedWithin
		}
		if text := Duration(rto).String(); !slices.Contains(within, text) {
			within = append(within, text)
		}
		history, partitions := reach(writes, d.stateTTL(a)(name), region)
		s.CatchUp, s.Minutes = statements.CatchUpCFUs(s.Steady, history, rto, partitions), int(math.Ceil(rto.Minutes()))
		c.Statements = append(c.Statements, s)
		c.Steady += s.Steady
		c.CatchUp += float64(s.CatchUp * s.Minutes)
		if s.Rows < 0 {
			c.Unmeasured = append(c.Unmeasured, name)
		}
	}
	if d.Topology.Pattern == ActiveActive {
		c.Standby = c.Steady
	}
	c.drills(d, o)
	c.Assumptions = []string{
		fmt.Sprintf("a CFU bears %s rows/s without state, %s of windows and intervals, %s of joins, Top-N and aggregation without a window, and %.0f MB/s: Confluent publishes no figure",
			thousands(int64(statements.CostStateless.RowsPerCFU())), thousands(int64(statements.CostWindowed.RowsPerCFU())), thousands(int64(statements.CostStateful.RowsPerCFU())), statements.BytesPerCFU/1e6),
		fmt.Sprintf("at least one CFU a statement, at most as many as its inputs have partitions, and %d; a month is 730 hours", statements.MaxCFU),
	}
	if len(within) > 0 {
		c.Assumptions = append(c.Assumptions, "what has to be read again is read within the RTO ("+strings.Join(within, ", ")+"), billed by the minute")
	}
	return c
}

// costOf is a statement's class, load and state.
func costOf(name string, writes []*statements.Write, ttl time.Duration, region *RegionState) StatementCost {
	s := StatementCost{Name: name, Class: statements.CostClassOf(writes...)}
	seen := map[string]bool{}
	for _, w := range writes {
		for _, path := range statements.PathsOf(w, ttl) {
			topic := region.topic(path.Topic)
			if !seen[path.Topic] {
				seen[path.Topic] = true
				rows, bytes := topic.rates()
				if rows < 0 || s.Rows < 0 {
					s.Rows = -1
				} else {
					s.Rows += rows
				}
				s.Bytes += bytes
			}
			if len(path.Operators) == 0 {
				continue
			}
			held := topic.within(path.Horizon)
			if held < 0 || s.StateRows < 0 {
				s.StateRows = -1
			} else if held > 0 {
				s.StateWidth = (s.StateWidth*s.StateRows + path.Width*held) / (s.StateRows + held)
				s.StateRows += held
			}
		}
	}
	s.Steady = s.Class.CFUs(max(0, s.Rows), s.Bytes)
	return s
}

// reach is how much time of its inputs a statement reads again at the most, and the most partitions of one of them. All of an input is as
// long as its log.
func reach(writes []*statements.Write, ttl time.Duration, region *RegionState) (history time.Duration, partitions int) {
	for _, w := range writes {
		for _, path := range statements.PathsOf(w, ttl) {
			topic := region.topic(path.Topic)
			partitions = max(partitions, len(topic.partitions()))
			h := path.Horizon.Duration()
			if path.Horizon.Unbounded {
				h = topic.span()
			}
			history = max(history, h)
		}
	}
	return history, partitions
}

// drills counts what declared drills cost within 30 days.
func (c *Cost) drills(d *Declared, o *Observed) {
	if o == nil {
		return
	}
	for _, drill := range d.Topology.Drills {
		schedule, err := ParseSchedule(drill.Schedule)
		if err != nil {
			continue // a finding of loading
		}
		each := 0.0
		for _, s := range c.Statements {
			if drill.Pipeline == "" || d.pipelineOf(s.Name) == drill.Pipeline {
				each += float64(s.CatchUp * s.Minutes)
			}
		}
		end := o.At.Add(30 * 24 * time.Hour)
		for at := schedule.Next(o.At); !at.IsZero() && at.Before(end); at = schedule.Next(at) {
			c.Drills++
			c.DrillMonth += each
		}
	}
}

// pipelineOf is the pipeline of a statement, "" where there is no such statement.
func (d *Declared) pipelineOf(statement string) string {
	i := slices.IndexFunc(d.Statements, func(s Statement) bool { return s.Name == statement })
	if i < 0 {
		return ""
	}
	return d.Statements[i].Pipeline
}

// rtoOf is the recovery time that a statement's pipeline promises, 0 for none.
func (d *Declared) rtoOf(statement string) time.Duration {
	name := d.pipelineOf(statement)
	for _, p := range d.Topology.Pipelines {
		if p.Name == name {
			return time.Duration(p.Objectives.RTO)
		}
	}
	return 0
}

// topic is nil for one that is not there, or of a region that was not seen.
func (r *RegionState) topic(name string) *TopicState {
	if r == nil {
		return nil
	}
	return r.Topics[name]
}

// span is the time between the oldest record of a topic and its newest.
func (t *TopicState) span() time.Duration {
	oldest, newest := int64(math.MaxInt64), int64(-1)
	for _, p := range t.partitions() {
		if p.Oldest >= 0 && p.Newest >= 0 {
			oldest, newest = min(oldest, p.Oldest), max(newest, p.Newest)
		}
	}
	return time.Duration(max(0, newest-oldest)) * time.Millisecond
}

// rows are the offsets of a topic: records, and what stands between them.
func (t *TopicState) rows() (n int64) {
	for _, p := range t.partitions() {
		n += max(0, int64(p.End-p.Start))
	}
	return n
}

// rates are a topic's rows and bytes a second on average over what its log holds: rows -1 where less than leastSpan of it is there, bytes 0 where
// nobody asked for them.
func (t *TopicState) rates() (rows, bytes float64) {
	span := t.span()
	if span < leastSpan {
		return -1, 0
	}
	for _, p := range t.partitions() {
		bytes += float64(p.Bytes)
	}
	return float64(t.rows()) / span.Seconds(), bytes / span.Seconds()
}

// within is how many rows of a topic lie within a horizon, at most: -1 where that is not known.
func (t *TopicState) within(h statements.Horizon) int64 {
	switch {
	case t == nil:
		return -1
	case h.Unbounded:
		return t.rows()
	case h.Unknown != "":
		return -1
	}
	rows, _ := t.rates()
	if rows < 0 {
		return -1
	}
	return min(t.rows(), int64(math.Ceil(rows*h.Duration().Seconds())))
}

// Of is the estimate of one statement.
func (c *Cost) Of(name string) (StatementCost, bool) {
	i := slices.IndexFunc(c.Statements, func(s StatementCost) bool { return s.Name == name })
	if i < 0 {
		return StatementCost{}, false
	}
	return c.Statements[i], true
}

// String tells it in one line: class, load, CFUs.
func (s StatementCost) String() string {
	load := "load not measured"
	if s.Rows >= 0 {
		load = fmt.Sprintf("%s rows/s", thousands(int64(math.Ceil(s.Rows))))
	}
	return fmt.Sprintf("%s, %s: %d CFU; %d CFU for %d min to catch up", s.Class, load, s.Steady, s.CatchUp, s.Minutes)
}

// State tells about how large the state is, "" where it keeps nothing.
func (s StatementCost) State() string {
	switch n := s.StateBytes(); {
	case n < 0:
		return "not known: the rate of its input was not measured"
	case n == 0:
		return ""
	default:
		return fmt.Sprintf("at most %s × %d B = %s", counted(s.StateRows, "row"), s.StateWidth, size(float64(n)))
	}
}
