package linking

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParseBandwidth(t *testing.T) {
	for _, c := range []struct {
		text string
		want Bandwidth
		ok   bool
	}{
		{"3%", Bandwidth{Share: 0.03}, true},
		{"0.5 %", Bandwidth{Share: 0.005}, true},
		{"100%", Bandwidth{Share: 1}, true},
		{"4MiB", Bandwidth{BytesPerSecond: 4 << 20}, true},
		{"1.5 MB", Bandwidth{BytesPerSecond: 1.5e6}, true},
		{"512KiB", Bandwidth{BytesPerSecond: 512 << 10}, true},
		{"500kB", Bandwidth{BytesPerSecond: 500e3}, true},
		{"1000", Bandwidth{BytesPerSecond: 1000}, true},
		{"1000B", Bandwidth{BytesPerSecond: 1000}, true},
		{"0", Bandwidth{}, true},
		{"unlimited", Bandwidth{}, true},
		{"", Bandwidth{}, false},
		{"%", Bandwidth{}, false},
		{"0%", Bandwidth{}, false},
		{"101%", Bandwidth{}, false},
		{"-1MiB", Bandwidth{}, false},
		{"NaN", Bandwidth{}, false},
		{"NaN%", Bandwidth{}, false},
		{"1e300GB", Bandwidth{}, false},
		{"4 MiB/s", Bandwidth{}, false},
	} {
		t.Run(c.text, func(t *testing.T) {
			got, err := ParseBandwidth(c.text)
			if (err == nil) != c.ok {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPaceKeepsWithinTheBandwidth(t *testing.T) {
	type read struct {
		bytes int64
		took  time.Duration
	}
	for _, c := range []struct {
		name      string
		bandwidth Bandwidth
		reads     []read
		want      []time.Duration
	}{
		{"no bound", Bandwidth{}, []read{{1 << 40, time.Second}}, []time.Duration{0}},
		{"the first bytes are free", Bandwidth{Share: 0.1}, []read{{freeBytes, time.Hour}, {0, time.Second}, {1, time.Second}}, []time.Duration{0, 0, 9 * time.Second}},
		{"and partly", Bandwidth{Share: 0.5}, []read{{2 * freeBytes, 10 * time.Second}}, []time.Duration{5 * time.Second}},
		{"a tenth of the time", Bandwidth{Share: 0.1}, []read{{freeBytes, 0}, {1000, time.Second}, {1, time.Millisecond}}, []time.Duration{0, 9 * time.Second, 9 * time.Millisecond}},
		{"bytes per second", Bandwidth{BytesPerSecond: 1000}, []read{{freeBytes, 0}, {5000, time.Second}, {5000, 7 * time.Second}}, []time.Duration{0, 4 * time.Second, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := pacer{bandwidth: c.bandwidth}
			var got []time.Duration
			for _, r := range c.reads {
				got = append(got, max(0, p.pause(r.bytes, r.took)))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestIntervalsAreWhatWasAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const size = 60
		var s intervals
		var want [size]bool
		for range rapid.IntRange(0, 20).Draw(t, "adds") {
			from := rapid.Int64Range(0, size).Draw(t, "from")
			end := rapid.Int64Range(0, size).Draw(t, "end")
			s.add(from, end)
			for i := from; i < end; i++ {
				want[i] = true
			}
		}
		for i := 1; i < len(s); i++ {
			if s[i-1].end >= s[i].from {
				t.Fatalf("not in order, or not joined: %v", s)
			}
		}
		from := rapid.Int64Range(0, size).Draw(t, "asked from")
		end := rapid.Int64Range(from, size).Draw(t, "asked end")
		var got [size]bool
		for _, o := range s {
			for i := o.from; i < o.end; i++ {
				got[i] = true
			}
		}
		if got != want {
			t.Fatalf("%v, want %v", got, want)
		}
		n := int64(0)
		missing := map[int64]bool{}
		for i := from; i < end; i++ {
			if want[i] {
				n++
			} else {
				missing[i] = true
			}
		}
		if s.within(from, end) != n {
			t.Fatalf("%d within, want %d", s.within(from, end), n)
		}
		for _, gap := range s.gaps(from, end) {
			if gap.from >= gap.end {
				t.Fatalf("empty gap %v", gap)
			}
			for i := gap.from; i < gap.end; i++ {
				if !missing[i] {
					t.Fatalf("@%d is no gap of [%d, %d) in %v", i, from, end, s)
				}
				delete(missing, i)
			}
		}
		if len(missing) > 0 {
			t.Fatalf("gaps %v of [%d, %d) are not told of in %v", missing, from, end, s)
		}
	})
}

// Whatever compaction has taken away in either region, a key's newest record in both is not missed, and one that a region lacks is found.
func TestCompactedLogsAreJudgedByTheNewestRecordOfEveryKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "records")
		newest := map[byte]int{}
		keys := make([]byte, n)
		for i := range n {
			keys[i] = rapid.ByteRange(0, 5).Draw(t, "key")
			newest[keys[i]] = i
		}
		lost := -1
		if rapid.Bool().Draw(t, "lose one") {
			lost = newest[rapid.SampledFrom(keys).Draw(t, "of key")]
		}
		loser := rapid.IntRange(0, 1).Draw(t, "in")
		var logs [2][]brief
		for side := range logs {
			for i, k := range keys {
				superseded := newest[k] > i
				if superseded && rapid.Bool().Draw(t, "compacted") || i == lost && side == loser {
					continue
				}
				logs[side] = append(logs[side], brief{offset: int64(i), sum: [4]uint64{uint64(i)}, key: keySum{uint64(k)}})
			}
		}
		p := &verified{pending: map[keySum]int64{}}
		cut := rapid.IntRange(0, n).Draw(t, "windows end at")
		for _, w := range []offsets{{0, int64(cut)}, {int64(cut), int64(n)}} {
			var part [2][]brief
			for side, log := range logs {
				for _, r := range log {
					if r.offset >= w.from && r.offset < w.end {
						part[side] = append(part[side], r)
					}
				}
			}
			if unequal, unjudged := p.pass(part[0], part[1], true); len(unequal) > 0 || unjudged > 0 {
				t.Fatalf("unequal %v, %d unjudged", unequal, unjudged)
			}
		}
		want := map[keySum]int64{}
		if lost >= 0 {
			want[keySum{uint64(keys[lost])}] = int64(lost)
		}
		if diff := cmp.Diff(want, p.pending); diff != "" {
			t.Fatal(diff)
		}
	})
}
