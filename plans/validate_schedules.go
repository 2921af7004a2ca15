package plans

import (
	"fmt"
	"net/url"
	"slices"
)

var knownEvents = []string{NotifyResult, NotifyFailed, NotifyMissed, NotifyReadiness}

func (d *decoder) schedule(path, have string) {
	if have == "" {
		return
	}
	if _, err := ParseSchedule(have); err != nil {
		d.add("bad-cron", path, fmt.Sprintf("%q is not a schedule: %v", have, err),
			`five fields: minute hour day-of-month month day-of-week, as in "0 4 * * 1"`)
	}
}

func (d *decoder) checks(t *Topology) {
	names := make([]string, len(t.Checks))
	for i, c := range t.Checks {
		path := fmt.Sprintf("checks[%d]", i)
		names[i] = c.Name
		d.required(path+".name", c.Name)
		d.name(path+".name", c.Name)
		d.required(path+".schedule", c.Schedule)
		d.schedule(path+".schedule", c.Schedule)
	}
	d.unique("check", names, func(i int) string { return fmt.Sprintf("checks[%d].name", i) })
}

func (d *decoder) notify(t *Topology) {
	for i, n := range t.Notify {
		path := fmt.Sprintf("notify[%d]", i)
		d.required(path+".url", n.URL)
		if n.URL != "" {
			if u, err := url.Parse(n.URL); err != nil || u.Host == "" || !slices.Contains([]string{"http", "https"}, u.Scheme) {
				d.add("bad-url", path+".url", fmt.Sprintf("%s: %q is not the URL of a webhook", path, n.URL), "write it as https://host/path")
			}
		}
		for j, event := range n.On {
			d.oneOf(fmt.Sprintf("%s.on[%d]", path, j), event, knownEvents)
		}
	}
}
