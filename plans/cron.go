package plans

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// cronField is one of the five fields of a schedule, in the form that cron(5) and Kubernetes CronJobs share.
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

// checkCron says what is wrong with a schedule: values, lists, ranges and steps, with English names of months and days.
func checkCron(s string) error {
	fields := strings.Fields(s)
	if len(fields) != len(cronFields) {
		return fmt.Errorf("it has %d fields", len(fields))
	}
	for i, f := range fields {
		for part := range strings.SplitSeq(f, ",") {
			if err := cronFields[i].check(part); err != nil {
				return fmt.Errorf("%s %q: %w", cronFields[i].name, part, err)
			}
		}
	}
	return nil
}

func (c cronField) check(part string) error {
	span, step, stepped := strings.Cut(part, "/")
	if stepped {
		if n, err := strconv.Atoi(step); err != nil || n < 1 || n > c.max {
			return fmt.Errorf("a step is a number from 1 to %d", c.max)
		}
	}
	if span == "*" {
		return nil
	}
	from, to, ranged := strings.Cut(span, "-")
	a, err := c.value(from)
	if err != nil || !ranged {
		return err
	}
	b, err := c.value(to)
	if err == nil && b < a {
		err = fmt.Errorf("the range runs backwards")
	}
	return err
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
