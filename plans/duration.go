package plans

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

const day = 24 * time.Hour

// ParseDuration reads "30s", "5m", "1.5h", "2d" or "1d12h": Go's form, with whole days (of 24 hours) before it.
func ParseDuration(s string) (Duration, error) {
	bad := func() (Duration, error) {
		return 0, fmt.Errorf("%q is not a duration: write it as 30s, 5m, 12h, 2d or 1d12h", s)
	}
	rest, negative := strings.CutPrefix(s, "-")
	if strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
		return bad()
	}
	var sum time.Duration
	if days, after, ok := strings.Cut(rest, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 31)
		if err != nil || n > uint64((1<<63-1)/day) {
			return bad()
		}
		if sum, rest = time.Duration(n)*day, after; rest == "" {
			rest = "0s"
		}
	}
	if strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
		return bad()
	}
	d, err := time.ParseDuration(rest)
	if err != nil || sum+d < 0 {
		return bad()
	}
	if sum += d; negative {
		sum = -sum
	}
	return Duration(sum), nil
}

// String writes the shortest form that ParseDuration reads back: "5m", "1d12h", "1h0.18s", and "0s" for nothing.
func (d Duration) String() string {
	t := time.Duration(d)
	if t == 0 {
		return "0s"
	}
	if t == -1<<63 { // its absolute value does not fit
		t++
	}
	var b strings.Builder
	if t < 0 {
		b.WriteByte('-')
		t = -t
	}
	for _, u := range []struct {
		size time.Duration
		name string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if n := t / u.size; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			t -= n * u.size
		}
	}
	if t > 0 {
		b.WriteString(t.String())
	}
	return b.String()
}

// MarshalJSON writes the human form.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// MarshalYAML writes the human form.
func (d Duration) MarshalYAML() (any, error) { return d.String(), nil }

// UnmarshalJSON reads the human form.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("a duration is a string such as \"30s\": %w", err)
	}
	v, err := ParseDuration(s)
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// UnmarshalYAML reads the human form.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := ParseDuration(n.Value)
	if err != nil {
		return err
	}
	*d = v
	return nil
}
