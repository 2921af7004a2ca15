package run

import (
	"math"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
)

func TestEventTime(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	type step struct {
		after     time.Duration
		partition int32 // -1: nothing arrives
		watermark int64
		busy      bool
		want      int64
	}
	for _, tc := range []struct {
		name    string
		timeout time.Duration
		steps   []step
	}{
		{"the slowest partition decides", 0, []step{
			{0, 0, 100, false, vec.NoWatermark},
			{0, 1, 50, false, 50},
			{0, 1, 200, false, 100},
		}},
		{"a partition never goes back", 0, []step{
			{0, 0, 100, false, vec.NoWatermark},
			{0, 1, 100, false, 100},
			{0, 0, 40, false, 100},
		}},
		{"idle after the timeout, active again with a record", time.Second, []step{
			{0, 0, 100, false, vec.NoWatermark},
			{999 * time.Millisecond, 0, 150, false, vec.NoWatermark},
			{1000 * time.Millisecond, 0, 200, false, 200},
			{1500 * time.Millisecond, 1, 120, false, 200}, // late, and the watermark does not go back
			{1600 * time.Millisecond, 0, 900, false, 200}, // partition 1 holds at 120 again
			{1600 * time.Millisecond, 1, 800, false, 800},
		}},
		{"a partition with unread records is not idle", time.Second, []step{
			{0, 0, 100, false, vec.NoWatermark},
			{900 * time.Millisecond, 1, 0, true, vec.NoWatermark},
			{1800 * time.Millisecond, 0, 300, false, vec.NoWatermark},
			{1900 * time.Millisecond, 0, 300, false, 300},
		}},
		{"all idle: the highest", time.Second, []step{
			{0, 0, 100, false, vec.NoWatermark},
			{0, 1, 70, false, 70},
			{time.Second, -1, 0, false, 100},
		}},
		{"timeout 0: never idle", 0, []step{
			{0, 0, 100, false, vec.NoWatermark},
			{time.Hour, -1, 0, false, vec.NoWatermark},
		}},
		{"progressive: 10 s at first", progressive, []step{
			{0, 0, 100, false, vec.NoWatermark},
			{9 * time.Second, 0, 110, false, vec.NoWatermark},
			{10 * time.Second, -1, 0, false, 110},
		}},
		{"progressive: as long as the statement has run", progressive, []step{
			{time.Minute, 0, 100, false, 100}, // partition 1 has been idle since 10 s
			{time.Minute, 1, 50, false, 100},
			{2*time.Minute - time.Second, 0, 300, false, 100},
			{3 * time.Minute, 0, 400, false, 100}, // 2 minutes without a record, of 3 minutes
			{6*time.Minute - time.Millisecond, 0, 500, false, 100},
			{6 * time.Minute, 0, 500, false, 500}, // the limit of 5 minutes
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := newEventTime(2, tc.timeout, start)
			for i, s := range tc.steps {
				now := start.Add(s.after)
				switch {
				case s.busy:
					e.busy(s.partition, now)
				case s.partition >= 0:
					e.advance(s.partition, s.watermark, now)
				}
				if got := e.combined(now); got != s.want {
					t.Fatalf("step %d: watermark %d, want %d", i, got, s.want)
				}
			}
		})
	}
}

func TestAhead(t *testing.T) {
	now := time.Unix(0, 0)
	e := newEventTime(3, time.Hour, now)
	e.advance(0, 0, now)
	e.advance(1, 300_000, now)
	if e.ahead(1, 5*time.Minute) {
		t.Error("5 minutes ahead is not more than 5 minutes")
	}
	e.advance(1, 300_001, now)
	if !e.ahead(1, 5*time.Minute) || e.ahead(0, 5*time.Minute) || e.ahead(2, 5*time.Minute) || e.ahead(1, 0) {
		t.Error("only the partition that is too far ahead waits, and only where there is a limit")
	}
	e.advance(0, math.MaxInt64/2, now)
	if e.ahead(1, 5*time.Minute) {
		t.Error("the slowest has gone on")
	}
}
