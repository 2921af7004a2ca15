package plans

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// What Kubernetes and CI read: batch/v1 CronJob, and a workflow of GitHub Actions. Only the keys that jobs of lifeboat need.
type (
	object = map[string]any

	cronJob struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string `yaml:"kind"`
		Metadata   object `yaml:"metadata"`
		Spec       struct {
			Schedule          string `yaml:"schedule"`
			TimeZone          string `yaml:"timeZone"`
			ConcurrencyPolicy string `yaml:"concurrencyPolicy"`
			JobTemplate       object `yaml:"jobTemplate"`
		} `yaml:"spec"`
	}

	workflow struct {
		Name        string    `yaml:"name"`
		On          object    `yaml:"on"`
		Permissions object    `yaml:"permissions"`
		Concurrency object    `yaml:"concurrency"`
		Jobs        yaml.Node `yaml:"jobs"`
	}

	workflowJob struct {
		If     string            `yaml:"if"`
		RunsOn string            `yaml:"runs-on"`
		Env    map[string]string `yaml:"env,omitempty"`
		Steps  []workflowStep    `yaml:"steps"`
	}

	workflowStep struct {
		Uses string            `yaml:"uses,omitempty"`
		If   string            `yaml:"if,omitempty"`
		With map[string]string `yaml:"with,omitempty"`
		Run  string            `yaml:"run,omitempty"`
	}
)

// jobHome is where a pod of a CronJob has the topology.
const jobHome = "/etc/lifeboat"

// cronJobs writes a CronJob for every job, with the topology from a ConfigMap and secrets from a Secret.
func (t *Topology) cronJobs(jobs []Job, o JobOptions) ([]JobFile, error) {
	if o.Image == "" {
		return nil, errors.New("a CronJob needs a container image")
	}
	set := "lifeboat-" + objectName(t.Name)
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Checks and drills of %s, by lifeboat schedule print. What they read comes from the ConfigMap and the Secret %s:\n", t.Name, set)
	fmt.Fprintf(&b, "#   kubectl create configmap %s --from-file=lifeboat.yaml=%s", set, shellWord(o.Topology))
	dir := path.Dir(o.Topology)
	items := []any{object{"key": "lifeboat.yaml", "path": "lifeboat.yaml"}}
	for i, f := range o.Files {
		name := f
		if dir != "." {
			name = strings.TrimPrefix(f, dir+"/")
		}
		if path.IsAbs(name) || strings.HasPrefix(name, "../") {
			return nil, fmt.Errorf("%s is not below %s: a ConfigMap can not be mounted there", f, dir)
		}
		key := fmt.Sprintf("sql-%d", i)
		fmt.Fprintf(&b, " --from-file=%s=%s", key, shellWord(f))
		items = append(items, object{"key": key, "path": name})
	}
	b.WriteByte('\n')
	env, files := t.Secrets()
	var vars []any
	if len(env) > 0 {
		fmt.Fprintf(&b, "#   kubectl create secret generic %s", set)
		for _, e := range env {
			fmt.Fprintf(&b, ` --from-literal=%s="$%s"`, e, e)
			vars = append(vars, object{"name": e, "valueFrom": object{"secretKeyRef": object{"name": set, "key": e}}})
		}
		b.WriteByte('\n')
	}
	if len(files) > 0 {
		fmt.Fprintf(&b, "# To be mounted besides: %s\n", strings.Join(files, ", "))
	}
	for _, j := range jobs {
		var c cronJob
		c.APIVersion, c.Kind = "batch/v1", "CronJob"
		// CronJobs add eleven characters to their names, which may have 63.
		c.Metadata = object{"name": shortName(set+"-"+objectName(j.ID()), 52), "labels": object{"app.kubernetes.io/name": "lifeboat"}}
		c.Spec.Schedule, c.Spec.TimeZone, c.Spec.ConcurrencyPolicy = j.Schedule.five(), "Etc/UTC", "Forbid"
		container := object{"name": "lifeboat", "image": o.Image, "args": append(slices.Clone(j.Words), "-f", jobHome+"/lifeboat.yaml"),
			"volumeMounts": []any{object{"name": "topology", "mountPath": jobHome, "readOnly": true}}}
		if len(vars) > 0 {
			container["env"] = vars
		}
		c.Spec.JobTemplate = object{"spec": object{"backoffLimit": 0, "template": object{"spec": object{"restartPolicy": "Never", "containers": []any{container},
			"volumes": []any{object{"name": "topology", "configMap": object{"name": set, "items": items}}}}}}}
		text, err := marshal(c)
		if err != nil {
			return nil, err
		}
		b.WriteString("---\n" + text)
	}
	return []JobFile{{Name: "lifeboat-" + t.Name + ".yaml", Text: b.String()}}, nil
}

// objectName makes a name that Kubernetes takes: small letters, digits and -.
func objectName(s string) string {
	return strings.Trim(strings.ReplaceAll(strings.ToLower(unitName(s)), "_", "-"), "-")
}

// shortName cuts a name that is too long, and keeps it apart from others that begin alike.
func shortName(s string, most int) string {
	if len(s) <= most {
		return s
	}
	sum := fmt.Sprintf("-%x", sha256.Sum256([]byte(s)))[:9]
	return strings.TrimRight(s[:most-len(sum)], "-") + sum
}

// leastCI is how often GitHub Actions runs a scheduled workflow at most, in minutes.
const leastCI = 5

// workflow writes a workflow of GitHub Actions.
func (t *Topology) workflow(jobs []Job, o JobOptions) ([]JobFile, error) {
	if path.IsAbs(o.Topology) || strings.HasPrefix(o.Topology, "../") {
		return nil, fmt.Errorf("%s is not a path in a repository: run this where the repository begins", o.Topology)
	}
	env, files := t.Secrets()
	secrets := map[string]string{}
	for _, e := range env {
		secrets[e] = "${{ secrets." + e + " }}"
	}
	w := workflow{Name: "lifeboat " + t.Name, Permissions: object{"contents": "read"},
		Concurrency: object{"group": "lifeboat-" + t.Name, "cancel-in-progress": false}}
	w.Jobs.Kind = yaml.MappingNode
	var crons []any
	taken := map[string]bool{}
	for _, j := range jobs {
		if at := j.Schedule.tooOften(leastCI); at != "" {
			return nil, fmt.Errorf("%s %q: GitHub Actions runs nothing more often than every %d minutes, and %q wants %s", j.Operation, j.Drill.Name, leastCI, j.Schedule, at)
		}
		five := j.Schedule.five()
		if !taken[five] {
			taken[five] = true
			crons = append(crons, object{"cron": five})
		}
		words := append(append([]string{"lifeboat"}, j.Words...), "-f", o.Topology, "--report", "lifeboat.html", "--report", "lifeboat.xml")
		for i := range words {
			words[i] = shellWord(words[i])
		}
		name := "lifeboat-" + unitName(j.ID())
		var key, value yaml.Node
		key.SetString(unitName(j.ID()))
		err := value.Encode(workflowJob{
			If: fmt.Sprintf("github.event_name == 'workflow_dispatch' || github.event.schedule == '%s'", five), RunsOn: "ubuntu-latest", Env: secrets,
			Steps: []workflowStep{{Uses: "actions/checkout@v4"}, {Uses: "actions/setup-go@v5", With: map[string]string{"go-version": "stable"}},
				{Run: "go install github.com/lifeboat-dr/lifeboat/cmd/lifeboat@latest"}, {Run: strings.Join(words, " ")},
				{Uses: "actions/upload-artifact@v4", If: "always()", With: map[string]string{"name": name, "path": "lifeboat.html\nlifeboat.xml"}}}})
		if err != nil {
			return nil, err
		}
		w.Jobs.Content = append(w.Jobs.Content, &key, &value)
	}
	w.On = object{"schedule": crons, "workflow_dispatch": object{}}
	text, err := marshal(w)
	if err != nil {
		return nil, err
	}
	head := fmt.Sprintf("# Checks and drills of %s, by lifeboat schedule print. The hours are UTC's.\n", t.Name)
	if len(env) > 0 {
		head += "# Secrets of the repository: " + strings.Join(env, ", ") + "\n"
	}
	if len(files) > 0 {
		head += "# Files that the runner must have: " + strings.Join(files, ", ") + "\n"
	}
	return []JobFile{{Name: ".github/workflows/lifeboat-" + t.Name + ".yaml", Text: head + text}}, nil
}

// tooOften names two minutes of a schedule that are nearer to each other than that many minutes; "" where there are none.
func (s Schedule) tooOften(minutes int) string {
	v := values(s.minute)
	for i := range v {
		next := v[(i+1)%len(v)]
		apart := next - v[i]
		if i == len(v)-1 {
			hours := values(s.hour)
			if len(hours) == 1 || !slices.ContainsFunc(hours, func(h int) bool { return has(s.hour, (h+1)%24) }) {
				continue
			}
			apart += 60
		}
		if apart < minutes {
			return fmt.Sprintf("minutes %d and %d", v[i], next)
		}
	}
	return ""
}

func marshal(v any) (string, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(v); err != nil {
		return "", fmt.Errorf("writing YAML: %w", err)
	}
	return b.String(), enc.Close()
}
