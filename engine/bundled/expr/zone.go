package expr

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // one time zone database in every region, whatever the machine has
)

// Zone finds a time zone by its name in the tz database, or by its distance from UTC: "Europe/Berlin", "UTC", "GMT-08:00", "+05:30".
func Zone(name string) (*time.Location, error) {
	offset := name
	for _, prefix := range []string{"GMT", "UTC"} {
		offset = strings.TrimPrefix(offset, prefix)
	}
	switch {
	case offset == "" && name != "":
		return time.UTC, nil
	case offset != "" && (offset[0] == '+' || offset[0] == '-'):
		hours, minutes, _ := strings.Cut(offset[1:], ":")
		h, ok := readDigits([]byte(hours), 2)
		m, whole := int64(0), true
		if minutes != "" {
			m, whole = readDigits([]byte(minutes), 2)
		}
		if ok && whole && h <= 18 && m < 60 {
			seconds := int(h*3600 + m*60)
			if offset[0] == '-' {
				seconds = -seconds
			}
			return time.FixedZone(name, seconds), nil
		}
	case name != "" && name != "Local": // which the machine tells
		if zone, err := time.LoadLocation(name); err == nil {
			return zone, nil
		}
	}
	return nil, fmt.Errorf("the time zone %q is not known", name)
}
