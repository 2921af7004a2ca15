package plans

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// JobFile is one file of a scheduler's configuration.
type JobFile struct {
	Name string // as it is usually called: "lifeboat-shop-check-nightly.timer"
	Text string
}

// JobOptions say how jobs find lifeboat and its topology.
type JobOptions struct {
	Binary   string   // crontab and systemd
	Topology string   // path of lifeboat.yaml; of CI relative to the repository
	Files    []string // SQL files as the topology names them, for Kubernetes
	Image    string   // Kubernetes: the container's image, whose entry point is lifeboat
}

// JobForms are what PrintJobs can write.
var JobForms = []string{"crontab", "systemd", "kubernetes", "ci"}

// PrintJobs writes the jobs for another scheduler. A schedule that it has no words for is an error that names the job.
func (t *Topology) PrintJobs(form string, jobs []Job, o JobOptions) ([]JobFile, error) {
	switch form {
	case "crontab":
		return t.crontab(jobs, o), nil
	case "systemd":
		return t.systemd(jobs, o), nil
	case "kubernetes":
		return t.cronJobs(jobs, o)
	case "ci":
		return t.workflow(jobs, o)
	}
	return nil, fmt.Errorf("jobs can not be written as %q: use %s", form, strings.Join(JobForms, ", "))
}

// five is a schedule in the words that every cron knows: numbers, ranges and lists, Sunday as 0, and steps only of the whole hour and day.
func (s Schedule) five() string {
	day, weekday := "*", "*"
	if !s.anyDay {
		day = cronList(s.day)
	}
	if !s.anyWeekday {
		weekday = cronList(s.weekday)
	}
	month := "*"
	if s.month != cronFields[3].all() {
		month = cronList(s.month)
	}
	return strings.Join([]string{stepped(s.minute, 60), stepped(s.hour, 24), day, month, weekday}, " ")
}

// stepped writes values below n as *, as */step or as a list.
func stepped(set uint64, n int) string {
	v := values(set)
	for step := 1; step < n; step++ {
		want := make([]int, 0, n)
		for at := 0; at < n; at += step {
			want = append(want, at)
		}
		if len(want) > 1 && slices.Equal(v, want) {
			if step == 1 {
				return "*"
			}
			return fmt.Sprintf("*/%d", step)
		}
	}
	return cronList(set)
}

// cronList writes values as a list with ranges: "1-5,7".
func cronList(set uint64) string {
	return joined(values(set), "-", strconv.Itoa)
}

// joined writes values as a list, three and more in a row as a range.
func joined(v []int, to string, word func(int) string) string {
	var parts []string
	for i := 0; i < len(v); {
		j := i
		for j+1 < len(v) && v[j+1] == v[j]+1 {
			j++
		}
		if j-i >= 2 {
			parts = append(parts, word(v[i])+to+word(v[j]))
		} else {
			for k := i; k <= j; k++ {
				parts = append(parts, word(v[k]))
			}
		}
		i = j + 1
	}
	return strings.Join(parts, ",")
}

// shellWord quotes a word for sh.
func shellWord(w string) string {
	if w != "" && !strings.ContainsFunc(w, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,@+", r)
	}) {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

// secretsComment tells what the jobs need beside the topology, a line each.
func (t *Topology) secretsComment() string {
	env, files := t.Secrets()
	var b strings.Builder
	if len(env) > 0 {
		fmt.Fprintf(&b, "# In their environment: %s\n", strings.Join(env, ", "))
	}
	if len(files) > 0 {
		fmt.Fprintf(&b, "# Files that they read: %s\n", strings.Join(files, ", "))
	}
	return b.String()
}

// crontab writes crontab(5).
func (t *Topology) crontab(jobs []Job, o JobOptions) []JobFile {
	var b strings.Builder
	fmt.Fprintf(&b, "# Checks and drills of %s, by lifeboat schedule print\n", t.Name)
	b.WriteString("# The hours are UTC's. A cron that does not know CRON_TZ (Debian's, BusyBox's) takes the machine's: run it in UTC there.\nCRON_TZ=UTC\n")
	b.WriteString(t.secretsComment())
	for _, j := range jobs {
		words := append(append([]string{o.Binary}, j.Words...), "-f", o.Topology)
		for i, w := range words {
			words[i] = shellWord(w)
		}
		// cron makes a line break of %.
		fmt.Fprintf(&b, "# %s\n%s %s\n", j.ID(), j.Schedule.five(), strings.ReplaceAll(strings.Join(words, " "), "%", `\%`))
	}
	return []JobFile{{Name: "lifeboat-" + t.Name + ".crontab", Text: b.String()}}
}
