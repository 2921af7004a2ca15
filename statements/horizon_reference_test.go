package statements

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A horizon promises: whatever stood in an input further back does not count for what comes after a point in time. Here queries are computed over
// small streams in the plainest way, once with all of the input and once with what the horizon leaves of it.

// row is a row of an input: when, of which key, with what value.
type row struct {
	t int64 // ms
	k int
	v int64
}

// result is a row of the output, and the event time that it belongs to: of a window, that of its end.
type result struct {
	t    int64
	text string
}

// shape is what a query of a reference is drawn with, in seconds.
type shape struct{ small, large int64 }

const ms = int64(1000) // of a second

// reference computes a query. least is the input whose horizon is tight, and how far in front of a point in time an input row stands at most
// that counts for an output behind it; "" where the horizon is an upper bound.
type reference struct {
	name  string
	sql   func(s shape) string
	run   func(in map[string][]row, s shape) []result
	tight func(s shape) (table string, back int64, stream map[string][]row, at int64)
}

func sums(keys map[string]int64, ends map[string]int64) []result {
	var out []result
	for k, sum := range keys {
		out = append(out, result{ends[k], fmt.Sprint(k, "=", sum)})
	}
	return out
}

// windowed sums rows by key over the windows that a row is in, given by start and end.
func windowed(in []row, windows func(t int64) [][2]int64) []result {
	keys, ends := map[string]int64{}, map[string]int64{}
	for _, r := range in {
		for _, w := range windows(r.t) {
			k := fmt.Sprint(r.k, "@", w[0], "-", w[1])
			keys[k] += r.v
			ends[k] = w[1]
		}
	}
	return sums(keys, ends)
}

func begins(t, size int64) int64 { return t - ((t%size)+size)%size }

func tumbling(s shape) func(int64) [][2]int64 {
	size := s.large * ms
	return func(t int64) [][2]int64 { w := begins(t, size); return [][2]int64{{w, w + size}} }
}

// firstOfWindow is a stream whose one row is the first of the last window that is still open at a point in time.
func firstOfWindow(size int64) (string, int64, map[string][]row, int64) {
	at := 4*size - 1
	return "a", size, map[string][]row{"a": {{3 * size, 1, 7}}}, at
}

var references = []reference{
	{"TUMBLE", func(s shape) string {
		return fmt.Sprintf("INSERT INTO s SELECT k, SUM(v) FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(t), INTERVAL '%d' SECOND)) GROUP BY k, window_start, window_end", s.large)
	}, func(in map[string][]row, s shape) []result { return windowed(in["a"], tumbling(s)) },
		func(s shape) (string, int64, map[string][]row, int64) { return firstOfWindow(s.large * ms) }},

	{"HOP", func(s shape) string {
		return fmt.Sprintf("INSERT INTO s SELECT k, SUM(v) FROM TABLE(HOP(TABLE a, DESCRIPTOR(t), INTERVAL '%d' SECOND, INTERVAL '%d' SECOND)) GROUP BY k, window_start, window_end", s.small, s.large)
	}, func(in map[string][]row, s shape) []result {
		slide, size := s.small*ms, s.large*ms
		return windowed(in["a"], func(t int64) (out [][2]int64) {
			for w := begins(t, slide); w > t-size; w -= slide {
				out = append(out, [2]int64{w, w + size})
			}
			return out
		})
	}, func(s shape) (string, int64, map[string][]row, int64) { return firstOfWindow(s.large * ms) }},

	{"CUMULATE", func(s shape) string {
		return fmt.Sprintf("INSERT INTO s SELECT k, SUM(v) FROM TABLE(CUMULATE(TABLE a, DESCRIPTOR(t), INTERVAL '%d' SECOND, INTERVAL '%d' SECOND)) GROUP BY k, window_start, window_end", s.small, s.large)
	}, func(in map[string][]row, s shape) []result {
		step, size := s.small*ms, s.large*ms
		return windowed(in["a"], func(t int64) (out [][2]int64) {
			w := begins(t, size)
			for end := begins(t, step) + step; end <= w+size; end += step {
				out = append(out, [2]int64{w, end})
			}
			return out
		})
	}, func(s shape) (string, int64, map[string][]row, int64) { return firstOfWindow(s.large * ms) }},

	{"TUMBLE over TUMBLE", func(s shape) string {
		return fmt.Sprintf("INSERT INTO s SELECT k, SUM(n) FROM TABLE(TUMBLE((SELECT k, n, wt FROM (SELECT k, window_time AS wt, SUM(v) AS n FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(t), INTERVAL '%d' SECOND)) GROUP BY k, window_start, window_end, window_time)), DESCRIPTOR(wt), INTERVAL '%d' SECOND)) GROUP BY k, window_start, window_end", s.small, s.large)
	}, func(in map[string][]row, s shape) []result {
		size := s.small * ms
		inner := map[row]int64{}
		for _, r := range in["a"] {
			inner[row{t: begins(r.t, size) + size - 1, k: r.k}] += r.v
		}
		var rows []row
		for at, sum := range inner {
			rows = append(rows, row{at.t, at.k, sum})
		}
		return windowed(rows, tumbling(s))
	}, nil},

	{"interval join", func(s shape) string {
		return fmt.Sprintf("INSERT INTO s SELECT a.k, b.v FROM a JOIN b ON a.k = b.k AND a.t BETWEEN b.t - INTERVAL '%d' SECOND AND b.t + INTERVAL '%d' SECOND", s.small, s.large)
	}, func(in map[string][]row, s shape) []result {
		var out []result
		for _, l := range in["a"] {
			for _, r := range in["b"] {
				if l.k == r.k && l.t >= r.t-s.small*ms && l.t <= r.t+s.large*ms {
					out = append(out, result{max(l.t, r.t), fmt.Sprint(l, r)})
				}
			}
		}
		return out
	}, func(s shape) (string, int64, map[string][]row, int64) {
		at := 4 * s.large * ms
		return "b", s.large * ms, map[string][]row{"a": {{at + 1, 1, 1}}, "b": {{at + 1 - s.large*ms, 1, 2}}}, at
	}},

	{"OVER RANGE", func(s shape) string {
		return fmt.Sprintf("INSERT INTO s SELECT k, SUM(v) OVER (PARTITION BY k ORDER BY t RANGE BETWEEN INTERVAL '%d' SECOND PRECEDING AND CURRENT ROW) FROM a", s.large)
	}, func(in map[string][]row, s shape) []result {
		var out []result
		for _, r := range in["a"] {
			var sum int64
			for _, o := range in["a"] {
				if o.k == r.k && o.t <= r.t && o.t >= r.t-s.large*ms {
					sum += o.v
				}
			}
			out = append(out, result{r.t, fmt.Sprint(r.k, "@", r.t, "=", sum)})
		}
		return out
	}, func(s shape) (string, int64, map[string][]row, int64) {
		at := 4 * s.large * ms
		return "a", s.large * ms, map[string][]row{"a": {{at + 1 - s.large*ms, 1, 5}, {at + 1, 1, 6}}}, at
	}},

	{"filter", func(s shape) string { return fmt.Sprintf("INSERT INTO s SELECT k, v FROM a WHERE v > %d", s.small) },
		func(in map[string][]row, s shape) []result {
			var out []result
			for _, r := range in["a"] {
				if r.v > s.small {
					out = append(out, result{r.t, fmt.Sprint(r)})
				}
			}
			return out
		}, nil},
}

// behind are the results that belong to times behind a point, in an order of their own.
func behind(all []result, at int64) []string {
	var out []string
	for _, r := range all {
		if r.t > at {
			out = append(out, fmt.Sprint(r.t, " ", r.text))
		}
	}
	slices.Sort(out)
	return out
}

// from are an input's rows that are not in front of a point in time.
func from(in []row, at int64) []row {
	return slices.DeleteFunc(slices.Clone(in), func(r row) bool { return r.t < at })
}

// horizons are those of a query's inputs, in ms, with the watermark's delay and without.
func horizons(t interface {
	Fatalf(string, ...any)
	Helper()
}, related func(string) *Write, sql string) (with, without map[string]int64) {
	t.Helper()
	with, without = map[string]int64{}, map[string]int64{}
	for _, p := range PathsOf(related(sql), 0) {
		if p.Horizon.Unbounded || p.Horizon.Unknown != "" {
			t.Fatalf("%s: the horizon of %s is not bounded: %s", sql, p.Topic, p.Horizon)
		}
		var delay time.Duration
		for _, term := range p.Horizon.Terms {
			if term.Why == "watermark" {
				delay += term.Duration
			}
		}
		with[p.Topic] = p.Horizon.Duration().Milliseconds()
		without[p.Topic] = (p.Horizon.Duration() - delay).Milliseconds()
	}
	return with, without
}

func TestHorizonLeavesWhatCounts(t *testing.T) {
	for _, ref := range references {
		t.Run(ref.name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				small := rapid.Int64Range(1, 20).Draw(rt, "small")
				s := shape{small, small * rapid.Int64Range(1, 6).Draw(rt, "times")}
				_, back := horizons(rt, func(sql string) *Write { return related(t, sql) }, ref.sql(s))
				end := 5 * s.large * ms
				in := map[string][]row{}
				for _, table := range []string{"a", "b"} {
					in[table] = rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) row {
						return row{rapid.Int64Range(0, end).Draw(rt, "t"), rapid.IntRange(1, 2).Draw(rt, "k"), rapid.Int64Range(1, 50).Draw(rt, "v")}
					}), 0, 40).Draw(rt, table)
				}
				at := rapid.Int64Range(0, end).Draw(rt, "at")
				cut := map[string][]row{}
				for table := range in {
					cut[table] = from(in[table], at-back[table])
				}
				if diff := cmp.Diff(behind(ref.run(in, s), at), behind(ref.run(cut, s), at)); diff != "" {
					rt.Fatalf("%s: behind %d ms (-all of the input, +cut by the horizon):\n%s", ref.sql(s), at, diff)
				}
			})
		})
	}
}

// A horizon is no longer than it must be: there are streams of which one row less counts.
func TestHorizonIsTight(t *testing.T) {
	for _, ref := range references {
		if ref.tight == nil {
			continue
		}
		t.Run(ref.name, func(t *testing.T) {
			for _, s := range []shape{{1, 1}, {2, 10}, {7, 21}} {
				table, back, stream, at := ref.tight(s)
				with, without := horizons(t, func(sql string) *Write { return related(t, sql) }, ref.sql(s))
				if without[table] != back || with[table] != back+5*ms {
					t.Errorf("%s: the horizon of %s is %d ms, and %d with the watermark's delay: want %d and 5 s more", ref.sql(s), table, without[table], with[table], back)
				}
				whole := behind(ref.run(stream, s), at)
				kept := map[string][]row{"a": stream["a"], "b": stream["b"]}
				kept[table] = from(stream[table], at-back)
				if diff := cmp.Diff(whole, behind(ref.run(kept, s), at)); diff != "" {
					t.Errorf("%s: cut at the horizon (-all of the input, +cut):\n%s", ref.sql(s), diff)
				}
				kept[table] = from(stream[table], at-back+2) // one step more takes the row away
				if len(whole) == 0 || cmp.Equal(whole, behind(ref.run(kept, s), at)) {
					t.Errorf("%s: cut behind the horizon of %s nothing changes: %v", ref.sql(s), table, whole)
				}
			}
		})
	}
}

// What no cut leaves whole has no horizon.
func TestWithoutAHorizonEverythingCounts(t *testing.T) {
	for _, sql := range []string{
		"INSERT INTO su SELECT k, SUM(v) FROM a GROUP BY k",
		"INSERT INTO s SELECT a.k, b.v FROM a JOIN b ON a.k = b.k",
		"INSERT INTO s SELECT k, SUM(v) FROM TABLE(SESSION(TABLE a PARTITION BY k, DESCRIPTOR(t), INTERVAL '5' SECOND)) GROUP BY k, window_start, window_end",
	} {
		for _, p := range PathsOf(related(t, sql), 0) {
			if !p.Horizon.Unbounded {
				t.Errorf("%s: %s has a horizon of %s", sql, p.Topic, p.Horizon)
			}
		}
	}
}
