package plans

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseDuration(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want time.Duration
		out  string // "" = refused
	}{
		{"30s", 30 * time.Second, "30s"},
		{"5m", 5 * time.Minute, "5m"},
		{"2d", 48 * time.Hour, "2d"},
		{"1d12h", 36 * time.Hour, "1d12h"},
		{"36h", 36 * time.Hour, "1d12h"},
		{"1h0m0.18s", time.Hour + 180*time.Millisecond, "1h180ms"},
		{"0s", 0, "0s"},
		{"-5m", -5 * time.Minute, "-5m"},
		{"-1d12h", -36 * time.Hour, "-1d12h"},
		{in: ""}, {in: "5"}, {in: "d"}, {in: "1d-12h"}, {in: "--5m"}, {in: "1.5d"}, {in: "1w"}, {in: "106752d"}, {in: "1h1d"}, {in: "9999999999d"},
	} {
		t.Run(tc.in, func(t *testing.T) {
			got, err := ParseDuration(tc.in)
			if tc.out == "" {
				if err == nil {
					t.Fatalf("%q was read as %s", tc.in, got)
				}
				return
			}
			if err != nil || time.Duration(got) != tc.want || got.String() != tc.out {
				t.Fatalf("got %v (%s), %v; want %v (%s)", time.Duration(got), got, err, tc.want, tc.out)
			}
		})
	}
}

func TestDurationReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Duration(rapid.Int64Min(-1<<63+1).Draw(t, "d"))
		j, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var back Duration
		if err := json.Unmarshal(j, &back); err != nil || back != d {
			t.Fatalf("%d → %s → %d, %v", d, j, back, err)
		}
	})
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"30s", "1d12h", "-2d", "1.5h", "d", "106751d23h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDuration(s)
		if err != nil {
			return
		}
		if back, err := ParseDuration(d.String()); err != nil || back != d {
			t.Fatalf("%q → %d → %s → %d, %v", s, d, d, back, err)
		}
	})
}

func TestSizesAreReadable(t *testing.T) {
	for bytes, want := range map[float64]string{0: "0 B", 480: "480 B", 600: "0.6 kB", 12e6: "12 MB", 6e8: "0.6 GB", 2.55e9: "2.5 GB"} {
		if got := size(bytes); got != want {
			t.Errorf("%g bytes: %q, want %q", bytes, got, want)
		}
	}
}
