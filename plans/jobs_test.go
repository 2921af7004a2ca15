package plans

import (
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

func TestOnCalendar(t *testing.T) {
	for _, tc := range []struct {
		schedule string
		want     []string
	}{
		{"0 4 * * 1", []string{"Mon *-*-* 04:00:00 UTC"}},
		{"@daily", []string{"*-*-* 00:00:00 UTC"}},
		{"*/20 * * * *", []string{"*-*-* *:00,20,40:00 UTC"}},
		{"30 1-5,7 1,15 * *", []string{"*-*-01,15 01..05,07:30:00 UTC"}},
		{"0 0 * jan,jul 5-7", []string{"Fri..Sun *-01,07-* 00:00:00 UTC"}},
		{"0 0 * * 0-2", []string{"Mon,Tue,Sun *-*-* 00:00:00 UTC"}},
		{"0 4 13 * fri", []string{"*-*-13 04:00:00 UTC", "Fri *-*-* 04:00:00 UTC"}}, // either day is enough
	} {
		t.Run(tc.schedule, func(t *testing.T) {
			s, err := ParseSchedule(tc.schedule)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, s.onCalendar()); diff != "" {
				t.Error(diff)
			}
			analyze, err := exec.LookPath("systemd-analyze")
			if err != nil {
				t.Skip("systemd-analyze is not here: what it thinks of these lines is not tried")
			}
			for _, line := range s.onCalendar() {
				if out, err := exec.Command(analyze, "calendar", line).CombinedOutput(); err != nil {
					t.Errorf("%s: %v\n%s", line, err, out)
				}
			}
		})
	}
}

func printed(t *testing.T, form string, o JobOptions, checks ...*TimedCheck) ([]JobFile, error) {
	t.Helper()
	top := &Topology{Name: "shop", Checks: checks, Regions: map[string]*Region{"east": {Registry: &Registry{Username: NewSecretRef("${env:SR_USER}"), Password: NewSecretRef("${file:/run/secrets/sr}")}}}}
	jobs, err := top.Jobs()
	if err != nil {
		t.Fatal(err)
	}
	for i := range jobs {
		jobs[i].Words = []string{"check"}
	}
	return top.PrintJobs(form, jobs, o)
}

func TestPrintedJobs(t *testing.T) {
	for _, form := range JobForms {
		t.Run(form, func(t *testing.T) {
			o := JobOptions{Binary: "/opt/life boat/lifeboat", Topology: "dr/100%/lifeboat.yaml", Files: []string{"dr/100%/sql/a.sql"}, Image: "registry.example/lifeboat:1"}
			files, err := printed(t, form, o, &TimedCheck{Name: "nightly", Schedule: "0 4 * * 5-7"}, &TimedCheck{Name: "often", Schedule: "*/15 * * * *"})
			if err != nil {
				t.Fatal(err)
			}
			var all strings.Builder
			for _, f := range files {
				all.WriteString("==== " + f.Name + "\n" + f.Text)
			}
			golden(t, "jobs_"+form+".txt", []byte(all.String()))
		})
	}
}

func TestCronJobsReadBack(t *testing.T) {
	files, err := printed(t, "kubernetes", JobOptions{Topology: "lifeboat.yaml", Files: []string{"sql/a.sql"}, Image: "lifeboat:1"},
		&TimedCheck{Name: "nightly", Schedule: "0 4 * * 7"}, &TimedCheck{Name: strings.Repeat("Long_", 12) + "1", Schedule: "@hourly"}, &TimedCheck{Name: strings.Repeat("Long_", 12) + "2", Schedule: "@hourly"})
	if err != nil {
		t.Fatal(err)
	}
	var names, got []string
	dec := yaml.NewDecoder(strings.NewReader(files[0].Text))
	for {
		var job cronJob
		if err := dec.Decode(&job); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := job.Metadata["name"].(string)
		if len(name) > 52 {
			t.Errorf("%s has %d characters", name, len(name))
		}
		names = append(names, name)
		got = append(got, job.APIVersion+" "+job.Kind+" "+job.Spec.Schedule+" "+job.Spec.TimeZone+" "+job.Spec.ConcurrencyPolicy)
	}
	if diff := cmp.Diff([]string{"batch/v1 CronJob 0 4 * * 0 Etc/UTC Forbid", "batch/v1 CronJob 0 * * * * Etc/UTC Forbid", "batch/v1 CronJob 0 * * * * Etc/UTC Forbid"}, got); diff != "" {
		t.Error(diff)
	}
	if names[1] == names[2] {
		t.Errorf("two jobs are named %s", names[1])
	}
}

func TestWorkflowReadsBack(t *testing.T) {
	files, err := printed(t, "ci", JobOptions{Topology: "lifeboat.yaml"}, &TimedCheck{Name: "a", Schedule: "0 4 * * *"}, &TimedCheck{Name: "b", Schedule: "0 4 * * *"})
	if err != nil {
		t.Fatal(err)
	}
	var w struct {
		On struct {
			Schedule []map[string]string
			Dispatch *struct{} `yaml:"workflow_dispatch"`
		}
		Jobs map[string]workflowJob
	}
	if err := yaml.Unmarshal([]byte(files[0].Text), &w); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]map[string]string{{"cron": "0 4 * * *"}}, w.On.Schedule); diff != "" || w.On.Dispatch == nil {
		t.Error(diff, w.On.Dispatch)
	}
	if diff := cmp.Diff(map[string]string{"SR_USER": "${{ secrets.SR_USER }}"}, w.Jobs["check-b"].Env); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("lifeboat check -f lifeboat.yaml --report lifeboat.html --report lifeboat.xml", w.Jobs["check-b"].Steps[3].Run); diff != "" {
		t.Error(diff)
	}
}

func TestJobsRefused(t *testing.T) {
	for _, tc := range []struct {
		name, form, schedule string
		o                    JobOptions
		want                 string
	}{
		{"too often for CI", "ci", "*/3 * * * *", JobOptions{Topology: "lifeboat.yaml"}, `check "a": GitHub Actions runs nothing more often than every 5 minutes, and "*/3 * * * *" wants minutes 0 and 3`},
		{"over the hour", "ci", "0,58 * * * *", JobOptions{Topology: "lifeboat.yaml"}, `check "a": GitHub Actions runs nothing more often than every 5 minutes, and "0,58 * * * *" wants minutes 58 and 0`},
		{"outside of the repository", "ci", "@daily", JobOptions{Topology: "/etc/lifeboat.yaml"}, "/etc/lifeboat.yaml is not a path in a repository: run this where the repository begins"},
		{"SQL elsewhere", "kubernetes", "@daily", JobOptions{Topology: "a/lifeboat.yaml", Files: []string{"/b/x.sql"}, Image: "i"}, "/b/x.sql is not below a: a ConfigMap can not be mounted there"},
		{"no image", "kubernetes", "@daily", JobOptions{Topology: "a/lifeboat.yaml"}, "a CronJob needs a container image"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := printed(t, tc.form, tc.o, &TimedCheck{Name: "a", Schedule: tc.schedule})
			if err == nil {
				t.Fatal("it was written")
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
