package plans

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Schedule is when something is due, in UTC: the five fields that cron(5) and Kubernetes CronJobs share, or @hourly and its like.
// A schedule that those two read differently is refused.
type Schedule struct {
	text                              string
	minute, hour, day, month, weekday uint64 // bit n is set for value n; Sunday is 0
	anyDay, anyWeekday                bool   // not restricted; where both are, either is enough
}

// cronField is one of the five fields of a schedule.
type cronField struct {
	name     string
	min, max int
	words    []string // names of min, min+1, …
}

var cronFields = []cronField{
	{"minute", 0, 59, nil},
	{"hour", 0, 23, nil},
	{"day of month", 1, 31, nil},
	{"month", 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{"day of week", 0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// cronNames are the schedules that have names of their own.
var cronNames = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
	"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

// ParseSchedule reads a schedule: values, lists, ranges and steps, with English names of months and days. One that never comes, such as
// the 30th of February, is refused.
func ParseSchedule(text string) (Schedule, error) {
	s := Schedule{text: text}
	if strings.HasPrefix(text, "@") {
		five, ok := cronNames[strings.ToLower(text)]
		if !ok {
			return s, fmt.Errorf("there is no %s: use @hourly, @daily, @weekly, @monthly or @yearly", text)
		}
		text = five
	}
	fields := strings.Fields(text)
	if len(fields) != len(cronFields) {
		return s, fmt.Errorf("it has %d fields", len(fields))
	}
	for i, into := range []*uint64{&s.minute, &s.hour, &s.day, &s.month, &s.weekday} {
		for part := range strings.SplitSeq(fields[i], ",") {
			set, err := cronFields[i].parse(part)
			if err != nil {
				return s, fmt.Errorf("%s %q: %w", cronFields[i].name, part, err)
			}
			*into |= set
		}
	}
	if s.weekday&(1<<7) != 0 {
		s.weekday = s.weekday&^(1<<7) | 1
	}
	if err := s.days(fields[2], fields[4]); err != nil {
		return s, err
	}
	if s.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return s, fmt.Errorf("that day never comes")
	}
	return s, nil
}

// days says which of the two fields of days restrict. cron takes a day that one of them allows where neither begins with *; whether */2
// does is where cron(5) and Kubernetes differ.
func (s *Schedule) days(day, weekday string) error {
	s.anyDay, s.anyWeekday = day == "*" || day == "*/1", weekday == "*" || weekday == "*/1"
	if s.anyDay || s.anyWeekday {
		return nil
	}
	for i, field := range []string{day, weekday} {
		if strings.Contains(field, "*") {
			return fmt.Errorf("%s %q beside a restricted %s means one thing to cron and another to Kubernetes", cronFields[2+2*i].name, field, cronFields[4-2*i].name)
		}
	}
	if s.day == cronFields[2].all() || s.weekday == 1<<7-1 {
		s.anyDay, s.anyWeekday = true, true // either is enough, and one is always so
		s.day, s.weekday = cronFields[2].all(), 1<<7-1
	}
	return nil
}

func (c cronField) all() uint64 { return 1<<(c.max+1) - 1<<c.min }

// parse returns the values of one part of a list.
func (c cronField) parse(part string) (uint64, error) {
	span, text, stepped := strings.Cut(part, "/")
	step := 1
	if stepped {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > c.max {
			return 0, fmt.Errorf("a step is a number from 1 to %d", c.max)
		}
		step = n
	}
	from, to := c.min, c.max
	if c.max == 7 {
		to = 6 // Sunday once
	}
	if span != "*" {
		first, last, ranged := strings.Cut(span, "-")
		var err error
		if from, err = c.value(first); err != nil {
			return 0, err
		}
		switch {
		case ranged:
			if to, err = c.value(last); err != nil {
				return 0, err
			}
		case !stepped:
			to = from
		}
		if to < from {
			return 0, fmt.Errorf("the range runs backwards")
		}
	}
	var set uint64
	for v := from; v <= to; v += step {
		set |= 1 << v
	}
	return set, nil
}

func (c cronField) value(s string) (int, error) {
	if i := slices.Index(c.words, strings.ToLower(s)); i >= 0 {
		return c.min + i, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < c.min || n > c.max || strings.HasPrefix(s, "+") {
		return 0, fmt.Errorf("want %d to %d", c.min, c.max)
	}
	return n, nil
}

// String is the schedule as it was written.
func (s Schedule) String() string { return s.text }

// Next returns the first time behind after at which something is due, in UTC, on the minute.
func (s Schedule) Next(after time.Time) time.Time {
	t := after.UTC().Truncate(time.Minute).Add(time.Minute)
	// The 29th of February comes after eight years at the latest.
	for end := t.AddDate(9, 0, 0); t.Before(end); t = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, time.UTC) {
		if !s.on(t) {
			continue
		}
		for minute := t.Hour()*60 + t.Minute(); minute < 24*60; minute++ {
			if has(s.hour, minute/60) && has(s.minute, minute%60) {
				return time.Date(t.Year(), t.Month(), t.Day(), minute/60, minute%60, 0, 0, time.UTC)
			}
		}
	}
	return time.Time{}
}

// on says whether something is due on the day of t.
func (s Schedule) on(t time.Time) bool {
	if !has(s.month, int(t.Month())) {
		return false
	}
	day, weekday := has(s.day, t.Day()), has(s.weekday, int(t.Weekday()))
	if s.anyDay || s.anyWeekday {
		return day && weekday
	}
	return day || weekday
}

func has(set uint64, v int) bool { return set&(1<<v) != 0 }

// values lists what is in a set.
func values(set uint64) []int {
	var out []int
	for ; set != 0; set &= set - 1 {
		out = append(out, bits.TrailingZeros64(set))
	}
	return out
}
