package plans

import (
	"fmt"
	"strings"
	"time"
)

// systemd writes a service and a timer for every job: systemd.service(5), systemd.timer(5).
func (t *Topology) systemd(jobs []Job, o JobOptions) []JobFile {
	var files []JobFile
	for _, j := range jobs {
		unit := "lifeboat-" + t.Name + "-" + unitName(j.ID())
		var words []string
		for _, w := range append(append([]string{o.Binary}, j.Words...), "-f", o.Topology) {
			words = append(words, unitWord(w))
		}
		what := strings.ReplaceAll(fmt.Sprintf("%s %s of %s", j.Operation, j.Drill.Name, t.Name), "%", "%%")
		files = append(files, JobFile{Name: unit + ".service", Text: fmt.Sprintf(`[Unit]
Description=lifeboat: %s
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
%sEnvironmentFile=-/etc/lifeboat/%s.env
ExecStart=%s
`, what, t.secretsComment(), t.Name, strings.Join(words, " "))})
		var on strings.Builder
		for _, line := range j.Schedule.onCalendar() {
			fmt.Fprintf(&on, "OnCalendar=%s\n", line)
		}
		files = append(files, JobFile{Name: unit + ".timer", Text: fmt.Sprintf(`[Unit]
Description=lifeboat: %s, by schedule

[Timer]
# %s
%sPersistent=true

[Install]
WantedBy=timers.target
`, what, j.Schedule, on.String())})
	}
	return files
}

// unitName keeps to what names of units may hold.
func unitName(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && (r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return r
		}
		return '-'
	}, s)
}

// unitWord quotes a word of ExecStart, in which % and $ mean something.
func unitWord(w string) string {
	w = strings.NewReplacer("%", "%%", "$", "$$").Replace(w)
	if strings.ContainsAny(w, " \t\"'\\;") {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(w) + `"`
	}
	return w
}

// onCalendar is a schedule in the words of systemd.time(7), a line for each way to be due: where cron takes a day of the month or a day of the
// week, systemd would want both in one line.
func (s Schedule) onCalendar() []string {
	number := func(v int) string { return fmt.Sprintf("%02d", v) }
	some := func(set uint64, full bool) string {
		if full {
			return "*"
		}
		return joined(values(set), "..", number)
	}
	clock := some(s.hour, s.hour == cronFields[1].all()) + ":" + some(s.minute, s.minute == cronFields[0].all()) + ":00 UTC"
	month := some(s.month, s.month == cronFields[3].all())
	byDay := "*-" + month + "-" + some(s.day, s.anyDay) + " " + clock
	// A week begins on Monday there, and ranges do not run backwards.
	weekday := joined(values(s.weekday>>1|s.weekday&1<<6), "..", func(d int) string { return time.Weekday((d + 1) % 7).String()[:3] })
	byWeekday := weekday + " *-" + month + "-*" + " " + clock
	switch {
	case s.anyWeekday:
		return []string{byDay}
	case s.anyDay:
		return []string{byWeekday}
	}
	return []string{byDay, byWeekday}
}
