package plans

import (
	"slices"
	"strings"
)

// Operations of jobs.
const (
	JobCheck = "check"
	JobDrill = "drill"
)

// Job is one declared check or drill with its parsed schedule.
type Job struct {
	Operation string // JobCheck or JobDrill
	Drill     Drill  // of a check: only name and schedule
	Schedule  Schedule
	Words     []string // the command behind `lifeboat`; for whoever prints the job
}

// ID names a job among those of a topology: "check-nightly".
func (j Job) ID() string { return j.Operation + "-" + j.Drill.Name }

// Jobs returns the declared checks and drills, in the order of the file. The topology was validated.
func (t *Topology) Jobs() ([]Job, error) {
	var jobs []Job
	add := func(operation string, d Drill) error {
		s, err := ParseSchedule(d.Schedule)
		jobs = append(jobs, Job{Operation: operation, Drill: d, Schedule: s})
		return err
	}
	for _, c := range t.Checks {
		if err := add(JobCheck, Drill{Name: c.Name, Schedule: c.Schedule}); err != nil {
			return nil, err
		}
	}
	for _, d := range t.Drills {
		if err := add(JobDrill, *d); err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

// Secrets returns the environment variables and the files that the topology's secrets come from, sorted.
func (t *Topology) Secrets() (env, files []string) {
	var all []Secret
	tls := func(c *TLS) {
		if c != nil {
			files = append(files, c.CA, c.Cert, c.Key)
		}
	}
	for _, r := range t.Regions {
		tls(r.Kafka.TLS)
		if s := r.Kafka.SASL; s != nil {
			all = append(all, s.Username, s.Password, s.Token)
		}
		if r.Registry != nil {
			tls(r.Registry.TLS)
			all = append(all, r.Registry.Username, r.Registry.Password)
		}
		if r.Engine != nil {
			all = append(all, r.Engine.Username, r.Engine.Password)
		}
	}
	for _, n := range t.Notify {
		all = append(all, n.Secret)
	}
	for _, h := range t.Hooks {
		all = append(all, h.Secret)
	}
	for _, s := range all {
		if m := secretRef.FindStringSubmatch(s.ref); m != nil && m[2] != "" {
			env = append(env, m[2])
		} else if m != nil {
			files = append(files, m[3])
		}
	}
	files = slices.DeleteFunc(files, func(f string) bool { return strings.TrimSpace(f) == "" })
	slices.Sort(env)
	slices.Sort(files)
	return slices.Compact(env), slices.Compact(files)
}
