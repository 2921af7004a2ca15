package plans

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestScheduleNext(t *testing.T) {
	for _, tc := range []struct{ name, schedule, after, want string }{
		{"every minute", "* * * * *", "2026-03-01T00:00:59Z", "2026-03-01T00:01:00Z"},
		{"never the same minute", "0 4 * * *", "2026-03-01T04:00:00Z", "2026-03-02T04:00:00Z"},
		{"a later minute of the hour", "*/20 * * * *", "2026-03-01T04:25:00Z", "2026-03-01T04:40:00Z"},
		{"step from a value", "5/20 4 * * *", "2026-03-01T04:30:00Z", "2026-03-01T04:45:00Z"},
		{"monday", "0 4 * * 1", "2026-03-01T00:00:00Z", "2026-03-02T04:00:00Z"},
		{"sunday as 7", "0 4 * * 7", "2026-03-02T00:00:00Z", "2026-03-08T04:00:00Z"},
		{"a range up to sunday", "0 4 * * 5-7", "2026-03-06T05:00:00Z", "2026-03-07T04:00:00Z"},
		{"day of month or of week", "0 4 13 * fri", "2026-03-07T00:00:00Z", "2026-03-13T04:00:00Z"},
		{"either of them", "0 4 10 * fri", "2026-03-07T00:00:00Z", "2026-03-10T04:00:00Z"},
		{"one of them is every day", "0 4 1-31 * 1", "2026-03-03T00:00:00Z", "2026-03-03T04:00:00Z"},
		{"leap day over 2100", "0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"},
		{"end of the year", "@yearly", "2026-03-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"daily", "@daily", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"},
		{"in another zone", "0 4 * * *", "2026-03-01T04:30:00+02:00", "2026-03-01T04:00:00Z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := ParseSchedule(tc.schedule)
			if err != nil {
				t.Fatal(err)
			}
			after, err := time.Parse(time.RFC3339, tc.after)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, s.Next(after).Format(time.RFC3339)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestScheduleRefused(t *testing.T) {
	for _, tc := range []struct{ name, schedule, want string }{
		{"too few fields", "0 4 * *", "it has 4 fields"},
		{"a day that never comes", "0 0 30 2 *", "that day never comes"},
		{"where cron and Kubernetes differ", "0 0 */2 * 1", `day of month "*/2" beside a restricted day of week means one thing to cron and another to Kubernetes`},
		{"the same the other way", "0 0 1 * */2", `day of week "*/2" beside a restricted day of month means one thing to cron and another to Kubernetes`},
		{"backwards", "0 5-4 * * *", `hour "5-4": the range runs backwards`},
		{"an unknown name", "@never", "there is no @never: use @hourly, @daily, @weekly, @monthly or @yearly"},
		{"a step of nothing", "*/0 * * * *", `minute "*/0": a step is a number from 1 to 59`},
		{"eighth day", "0 0 * * 8", `day of week "8": want 0 to 7`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := ParseSchedule(tc.schedule)
			if err == nil {
				t.Fatal("it was taken")
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What is written for other schedulers means the same as what was read.
func FuzzSchedule(f *testing.F) {
	for _, s := range []string{"0 4 * * 1", "*/15 1-5,7 1,15 * 0-3", "@daily", "0 0 29 2 *", "5/20 */3 * jan-mar sun", "0 0 1-31/2 * *"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSchedule(text)
		if err != nil {
			return
		}
		again, err := ParseSchedule(s.five())
		if err != nil {
			t.Fatalf("%q was written as %q: %v", text, s.five(), err)
		}
		at := time.Date(2026, 1, 31, 23, 59, 0, 0, time.UTC)
		for range 20 {
			next := s.Next(at)
			if other := again.Next(at); !next.Equal(other) {
				t.Fatalf("%q comes at %s, written as %q at %s", text, next, s.five(), other)
			}
			at = next
		}
	})
}
