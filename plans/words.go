package plans

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// counted writes a number with its noun: "1 record", "1,204 records".
func counted(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return thousands(n) + " " + noun
}

// thousands writes 1204 as 1,204.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// seconds writes 0.54 as "0.5 s" and 3600 as "1h".
func seconds(s float64) string {
	if s < 60 {
		return fmt.Sprintf("%.1f s", s)
	}
	return Duration(time.Duration(s) * time.Second).String()
}

// listed writes names as a person lists them: "a", "a and b", "a, b and c".
func listed(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// size writes bytes as a person reads them: "0.6 GB", "12 MB".
func size(bytes float64) string {
	for _, u := range []struct {
		bytes float64
		name  string
	}{{1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if bytes >= u.bytes/2 {
			return strings.Replace(fmt.Sprintf("%.1f %s", bytes/u.bytes, u.name), ".0 ", " ", 1)
		}
	}
	return fmt.Sprintf("%.0f B", bytes)
}

// verb is the form that goes with a number of things.
func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
