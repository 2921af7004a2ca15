package statements

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A horizon promises: what stands in an input further back does not count for what is put out behind a point of the log. Here queries are computed
// over small logs in the plainest way, with rows that come late among them, once from the beginning of the logs and once from where the horizon
// says. The queries are in horizon_reference_queries_test.go, and what computes them in the files beside it.

const (
	ms    = int64(1000)   // of a second
	delay = 5 * ms        // of every table's watermark
	never = math.MinInt64 // before any time
)

const referenceTables = `
CREATE TABLE a (k STRING, v BIGINT, t TIMESTAMP_LTZ(3), WATERMARK FOR t AS t - INTERVAL '5' SECOND) DISTRIBUTED BY HASH(k) INTO 1 BUCKETS;
CREATE TABLE b (k STRING, v BIGINT, t TIMESTAMP_LTZ(3), WATERMARK FOR t AS t - INTERVAL '5' SECOND);
CREATE TABLE u (k STRING, v BIGINT, t TIMESTAMP_LTZ(3), PRIMARY KEY (k) NOT ENFORCED, WATERMARK FOR t AS t - INTERVAL '5' SECOND);
CREATE TABLE m1 (k STRING, v BIGINT, t TIMESTAMP_LTZ(3), WATERMARK FOR t AS t - INTERVAL '5' SECOND);
CREATE TABLE m2 (k STRING, v BIGINT, t TIMESTAMP_LTZ(3), WATERMARK FOR t AS t - INTERVAL '5' SECOND);
CREATE TABLE s (k STRING, v BIGINT);
CREATE TABLE pairs (k STRING, v BIGINT, w BIGINT);
CREATE TABLE su (k STRING, v BIGINT, PRIMARY KEY (k) NOT ENFORCED);
`

// event is a row of an input.
type event struct {
	table string
	at    int   // its place in the order in which the rows of all inputs arrive
	t     int64 // ms: when it happened, and its record's timestamp
	k     int
	v     int64
}

// result is a row that is put out.
type result struct {
	at   int   // the place of the row upon whose arrival that is, math.MaxInt behind the last
	from int64 // ms: the begin of its window, or its time
	to   int64 // the last of its window, or its time
	text string
}

// shape is what a query of a reference is drawn with, in seconds.
type shape struct{ small, large int64 }

// reference is a query with an executor for it.
type reference struct {
	name    string
	sql     func(s shape) []string // a chain of statements, of which the last is judged
	run     func(log []event, s shape) []result
	ttl     func(s shape) int64                    // seconds; nil: none. Then the clock counts: rows arrive in order, when they happened
	tables  []string                               // that are read
	ordered string                                 // a table whose rows come in order
	between func(log []event, s shape) [][]event   // the rows of the topics between the statements of a chain, each at the place of the row that had it put out
	witness func(s shape) (log []event, place int) // a log of which the first row counts for what is put out behind a place
	upper   bool                                   // that row is further inside the horizon than two milliseconds
}

// horizonsOf are those of the last of a chain of statements.
func horizonsOf(t *testing.T, ref reference, s shape) map[string]Horizon {
	t.Helper()
	var chain []Named
	for i, sql := range ref.sql(s) {
		chain = append(chain, Named{Name: fmt.Sprint("s", i), Parsed: one(t, sql)})
	}
	g, _ := NewGraph(chain)
	cat := tables(t, referenceTables)
	return g.Horizons(func(string) Catalog { return cat }, func(topic string) bool { return slices.Contains(ref.tables, topic) }, func(string) time.Duration {
		if ref.ttl == nil {
			return 0
		}
		return time.Duration(ref.ttl(s)) * time.Second
	})[fmt.Sprint("s", len(chain)-1)]
}

// reached is the time that all tables have passed at a place of the log, or the clock where that counts; ok is false where one has no row yet.
func (ref reference) reached(log []event, place int) (at int64, ok bool) {
	if ref.ttl != nil {
		return log[place].t, true
	}
	mark := watermarks(log, ref.tables...).after[place]
	return mark + delay, mark != never
}

// paused is the time that the topics between the statements of a chain have come to at a place of the log: the point, where there are none. ok is
// false where one of them has no row yet.
func (ref reference) paused(log []event, s shape, point int64, place int) (at int64, ok bool) {
	if ref.between == nil {
		return point, true
	}
	at = point
	for _, rows := range ref.between(log, s) {
		newest := int64(never)
		for _, e := range rows {
			if e.at <= place {
				newest = max(newest, e.t)
			}
		}
		at = min(at, newest)
	}
	return at, at != never
}

// cut leaves of a log what a table must hold for what is put out behind a place of it.
func cut(t interface {
	Helper()
	Fatalf(string, ...any)
}, log []event, table string, h Horizon, point int64, place int) []event {
	t.Helper()
	for _, d := range h.Depends {
		if d.Last {
			return compacted(log, table, point-h.Versions().Milliseconds(), place, d.InTime)
		}
	}
	return since(log, table, point-back(t, log, table, h))
}

// back is how far a table must reach, in ms: by the data of the whole log where it depends on them.
func back(t interface {
	Helper()
	Fatalf(string, ...any)
}, log []event, table string, h Horizon) int64 {
	t.Helper()
	sum := h.Duration()
	if h.Unbounded && !h.Data || h.Unknown != "" && !h.Data {
		t.Fatalf("the horizon of %s is not bounded: %s", table, h)
	}
	for _, d := range h.Depends {
		reach, more := d.Reach(rowsOf(log, table), true)
		if d.Topic != table || more {
			t.Fatalf("nothing tells how far %s reaches: %s", table, h)
		}
		sum += reach
	}
	return sum.Milliseconds()
}

// since leaves of a table what stands behind the first row that is not older than start: where a log is read from by time.
func since(log []event, table string, start int64) []event {
	first := slices.IndexFunc(log, func(e event) bool { return e.table == table && e.t >= start })
	var out []event
	for i, e := range log {
		if e.table != table || first >= 0 && i >= first {
			out = append(out, e)
		}
	}
	return out
}

// compacted leaves of a table's rows up to a place the last one of each key, in time or, as a broker does, in place, and those that are not older than spared.
func compacted(log []event, table string, spared int64, place int, inTime bool) []event {
	clean := func(e event) bool { return e.table == table && e.at <= place && e.t < spared }
	after := func(o, e event) bool {
		return o.k == e.k && o.at > e.at && (!inTime || o.t >= e.t) || inTime && o.k == e.k && o.t > e.t
	}
	var out []event
	for _, e := range log {
		if clean(e) && slices.ContainsFunc(log, func(o event) bool { return clean(o) && after(o, e) }) {
			continue
		}
		out = append(out, e)
	}
	return out
}

// rowsOf is a table's log by time, as records tell it.
func rowsOf(log []event, table string) []Logged {
	var out []Logged
	for _, e := range log {
		if e.table == table {
			out = append(out, Logged{uint64(e.k), e.t})
		}
	}
	slices.SortStableFunc(out, func(a, b Logged) int { return cmp.Compare(a.At, b.At) })
	return out
}

// behind are the results that are put out behind a place, in an order of their own.
func behind(all []result, place int) []string {
	var out []string
	for _, r := range all {
		if r.at > place {
			out = append(out, r.text)
		}
	}
	slices.Sort(out)
	return out
}

func drawShape(rt *rapid.T) shape {
	small := rapid.Int64Range(1, 20).Draw(rt, "small")
	return shape{small, small * rapid.Int64Range(1, 6).Draw(rt, "times")}
}

// drawLog draws rows in the order in which they arrive: up to 8 seconds late, of which the watermark waits for 5.
func (ref reference) drawLog(rt *rapid.T, s shape) []event {
	end := 5 * s.large * ms
	var log []event
	for _, table := range ref.tables {
		for range rapid.IntRange(1, 30).Draw(rt, table+" rows") {
			late := rapid.SampledFrom([]int64{0, 0, 0, 2, 4, 8}).Draw(rt, "late") * ms
			if ref.ttl != nil || table == ref.ordered {
				late = 0
			}
			arrives := rapid.Int64Range(0, end).Draw(rt, "arrives")
			log = append(log, event{table, int(arrives), arrives - late, rapid.IntRange(1, 2).Draw(rt, "k"), rapid.Int64Range(1, 50).Draw(rt, "v")})
		}
	}
	if ref.between != nil { // a pause of all rows, so that those of the topics between come later still
		from, pause := rapid.Int64Range(0, end).Draw(rt, "pauses at"), rapid.Int64Range(0, 2*end).Draw(rt, "pause")
		for i := range log {
			if int64(log[i].at) >= from {
				log[i].at, log[i].t = log[i].at+int(pause), log[i].t+pause
			}
		}
	}
	slices.SortStableFunc(log, func(x, y event) int { return cmp.Compare(x.at, y.at) })
	for i := range log {
		log[i].at = i
	}
	return log
}

func TestHorizonLeavesWhatCounts(t *testing.T) {
	for _, ref := range references {
		t.Run(ref.name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				s := drawShape(rt)
				log := ref.drawLog(rt, s)
				place := rapid.IntRange(0, len(log)-1).Draw(rt, "place")
				point, ok := ref.reached(log, place)
				if !ok {
					return // nothing was put out yet
				}
				if point, ok = ref.paused(log, s, point, place); !ok {
					return // all of the inputs counts
				}
				horizons := horizonsOf(t, ref, s)
				left := log
				for _, table := range ref.tables {
					left = cut(rt, left, table, horizons[table], point, place)
				}
				if diff := gocmp.Diff(behind(ref.run(log, s), place), behind(ref.run(left, s), place)); diff != "" {
					rt.Fatalf("%s\nat row %d, %d ms, cut by %v to\n%v\nof\n%v\n(-all of the input, +cut):\n%s", ref.sql(s), place, point, horizons, left, log, diff)
				}
			})
		})
	}
}

// A horizon is no longer than it must be, to two milliseconds where it is no upper bound: there are logs of which one row less counts.
func TestHorizonIsTight(t *testing.T) {
	for _, ref := range references {
		if ref.witness == nil {
			continue
		}
		t.Run(ref.name, func(t *testing.T) {
			for _, s := range []shape{{1, 1}, {2, 10}, {7, 21}} {
				log, place := ref.witness(s)
				for i := range log {
					log[i].at = i
				}
				newest, _ := ref.reached(log, place)
				point, _ := ref.paused(log, s, newest, place)
				oldest := log[0]
				h := horizonsOf(t, ref, s)[oldest.table]
				if start := point - back(t, log, oldest.table, h); oldest.t < start || oldest.t > start+2 && !ref.upper {
					t.Errorf("%v: the horizon of %s is %s and begins at %d ms; the row that counts is at %d", s, oldest.table, h, start, oldest.t)
				}
				whole := behind(ref.run(log, s), place)
				if diff := gocmp.Diff(whole, behind(ref.run(cut(t, log, oldest.table, h, point, place), s), place)); diff != "" {
					t.Errorf("%v: cut at the horizon (-all of the input, +cut):\n%s", s, diff)
				}
				if newest > point && gocmp.Equal(whole, behind(ref.run(cut(t, log, oldest.table, h, newest, place), s), place)) {
					t.Errorf("%v: the pause of %d ms does not count: %v", s, newest-point, whole)
				}
				if gocmp.Equal(whole, behind(ref.run(since(log, oldest.table, oldest.t+1), s), place)) {
					t.Errorf("%v: cut behind the horizon of %s nothing changes: %v", s, oldest.table, whole)
				}
			}
		})
	}
}

// From the aligned start on, what begins with the first complete window is what the whole log gives, and it is all that is put out from the point on.
func TestAlignedStartIsComplete(t *testing.T) {
	for _, ref := range references {
		if ref.ttl != nil || ref.ordered != "" || ref.name == "a filter" {
			continue // the clock, and versions, have no start in event time; without state all that is read is put out
		}
		t.Run(ref.name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				s := drawShape(rt)
				log := ref.drawLog(rt, s)
				place := rapid.IntRange(0, len(log)-1).Draw(rt, "place")
				point, ok := ref.reached(log, place)
				if ok {
					point, ok = ref.paused(log, s, point, place)
				}
				horizons := horizonsOf(t, ref, s)
				start, first := int64(math.MaxInt64), int64(never)
				for _, h := range horizons {
					if h.Unbounded {
						return // it starts at the beginning
					}
					start = min(start, h.Start(time.UnixMilli(point), 0).UnixMilli())
				}
				if !ok {
					return
				}
				left := log
				for table, h := range horizons {
					first = max(first, h.FirstComplete(time.UnixMilli(start)).UnixMilli())
					left = since(left, table, start)
				}
				complete := func(all []result) (out []string) {
					for _, r := range all {
						if r.from >= first {
							out = append(out, r.text)
						} else if r.at > place && r.to > point-delay { // what a late row adds is not awaited
							rt.Fatalf("%s\nat row %d, %d ms: started at %d, complete from %d on, and %s of %d is still to be put out", ref.sql(s), place, point, start, first, r.text, r.from)
						}
					}
					slices.Sort(out)
					return out
				}
				if diff := gocmp.Diff(complete(ref.run(log, s)), complete(ref.run(left, s))); diff != "" {
					rt.Fatalf("%s\nat row %d, %d ms, started at %d, complete from %d on (-all of the input, +started):\n%s", ref.sql(s), place, point, start, first, diff)
				}
			})
		})
	}
}

// Where no cut leaves the results as they are there is no horizon: a log shows it for each.
func TestWithoutAHorizonEverythingCounts(t *testing.T) {
	for _, ref := range unbounded {
		t.Run(ref.name, func(t *testing.T) {
			s := shape{10, 10}
			for table, h := range horizonsOf(t, ref, s) {
				if !h.Unbounded || h.Data {
					t.Errorf("%s has a horizon of %s", table, h)
				}
			}
			log, place := ref.witness(s)
			for i := range log {
				log[i].at = i
			}
			whole := behind(ref.run(log, s), place)
			if gocmp.Equal(whole, behind(ref.run(since(log, log[0].table, log[0].t+1), s), place)) {
				t.Errorf("its first row, of %d s before, does not count: %v", (log[place].t-log[0].t)/ms, whole)
			}
		})
	}
}
