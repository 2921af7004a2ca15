package plans

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Hook is a command or an HTTP call at a place of a failover: what moves clients is not lifeboat's (DNS, service meshes, feature flags, deployments),
// and belongs into the same plan. It may be called again after a crash or a resume, so it has to be one that does no harm twice.
type Hook struct {
	Name    string   `yaml:"name" json:"name"`
	Before  string   `yaml:"before,omitempty" json:"before,omitempty"` // a phase, of which nothing is begun until the hook has succeeded
	After   string   `yaml:"after,omitempty" json:"after,omitempty"`   // a phase, of which everything is done before; later phases do not wait
	Command []string `yaml:"command,omitempty" json:"command,omitempty"`
	URL     string   `yaml:"url,omitempty" json:"url,omitempty"`         // gets a POST of JSON, and has to answer 2xx
	Secret  Secret   `yaml:"secret,omitempty" json:"secret,omitempty"`   // signs the body: HMAC with SHA-256
	Timeout Duration `yaml:"timeout,omitempty" json:"timeout,omitempty"` // 0: HookTimeout
	MayFail bool     `yaml:"mayFail,omitempty" json:"mayFail,omitempty"` // its failure is told, and the run goes on
}

// HookTimeout is how long a hook may take that declares nothing else.
const HookTimeout = 30 * time.Second

// hookPhases are those of a failover, in their order.
var hookPhases = []string{phaseFence, phaseDrain, phasePromote, phaseStart, phaseProve}

// Within is how long the hook may take.
func (h *Hook) Within() time.Duration {
	if h.Timeout > 0 {
		return time.Duration(h.Timeout)
	}
	return HookTimeout
}

// What the hook does, in a word or two.
func (h *Hook) What() string {
	if len(h.Command) > 0 {
		return "command " + strings.Join(h.Command, " ")
	}
	if u, err := url.Parse(h.URL); err == nil {
		return "call of " + u.Host // the path may be a secret
	}
	return "call"
}

// Hook returns a declared hook; nil where there is none of that name.
func (t *Topology) Hook(name string) *Hook {
	i := slices.IndexFunc(t.Hooks, func(h *Hook) bool { return h.Name == name })
	if i < 0 {
		return nil
	}
	return t.Hooks[i]
}

func (d *decoder) hooks(t *Topology) {
	names := make([]string, len(t.Hooks))
	for i, h := range t.Hooks {
		path := fmt.Sprintf("hooks[%d]", i)
		names[i] = h.Name
		d.required(path+".name", h.Name)
		d.name(path+".name", h.Name)
		d.oneOf(path+".before", h.Before, hookPhases)
		d.oneOf(path+".after", h.After, hookPhases)
		if (h.Before == "") == (h.After == "") && !d.reported(path) {
			d.add("hook-place", path, fmt.Sprintf("%s: a hook stands either before a phase or after one", path), "write before: promote, or after: "+phaseProve)
		}
		if (len(h.Command) == 0) == (h.URL == "") && !d.reported(path) {
			d.add("hook-what", path, fmt.Sprintf("%s: a hook is either a command or a url", path), `write command: ["./move-dns.sh"], or url: https://…`)
		}
		if h.URL != "" {
			if u, err := url.Parse(h.URL); err != nil || u.Host == "" || !slices.Contains([]string{"http", "https"}, u.Scheme) {
				d.add("bad-url", path+".url", fmt.Sprintf("%s: %q is not the URL of a webhook", path, h.URL), "write it as https://host/path")
			}
		}
		if h.Timeout < 0 {
			d.add("unknown-value", path+".timeout", path+".timeout is negative", "write 30s")
		}
	}
	d.unique("hook", names, func(i int) string { return fmt.Sprintf("hooks[%d].name", i) })
}

// withHooks puts the declared hooks among the steps of a failover. Those of a phase that the plan does not have are left out.
func (c *computation) withHooks() {
	for _, h := range slices.Backward(c.decl.Topology.Hooks) { // the first of two in the file is in front of the second
		if h.Before != "" {
			c.hookBefore(h)
		}
	}
	for _, h := range c.decl.Topology.Hooks {
		if h.After != "" {
			c.hookAfter(h)
		}
	}
}

func (c *computation) hookBefore(h *Hook) {
	steps := c.plan.Steps
	inside := map[string]bool{}
	for _, s := range steps {
		if s.Phase == h.Before {
			inside[s.ID] = true
		}
	}
	hook := c.hookStep(h, h.Before, fmt.Sprintf("before anything of phase %s is begun", h.Before))
	at := -1
	for i, s := range steps {
		if !inside[s.ID] || slices.ContainsFunc(s.Needs, func(id string) bool { return inside[id] }) {
			continue
		}
		if at < 0 {
			at = i
		}
		for _, id := range s.Needs {
			if !slices.Contains(hook.Needs, id) {
				hook.Needs = append(hook.Needs, id)
			}
		}
		steps[i].Needs = append(slices.Clone(s.Needs), hook.ID)
	}
	if at >= 0 {
		c.plan.Steps = slices.Insert(steps, at, hook)
	}
}

func (c *computation) hookAfter(h *Hook) {
	hook, at := c.hookStep(h, h.After, fmt.Sprintf("once everything of phase %s is done", h.After)), -1
	for i, s := range c.plan.Steps {
		if s.Phase == h.After {
			hook.Needs, at = append(hook.Needs, s.ID), i
		}
	}
	if at >= 0 {
		c.plan.Steps = slices.Insert(c.plan.Steps, at+1, hook)
	}
}

func (c *computation) hookStep(h *Hook, phase, reason string) Step {
	if h.MayFail {
		reason += "; the run goes on where it fails"
	}
	id := "hook:" + h.Name
	if c.batch != "" {
		id += ":" + c.batch
	}
	return Step{ID: id, Kind: StepHook, Phase: phase, Batch: c.batch, Subject: h.Name, Goal: fmt.Sprintf("%s (%s) has succeeded", h.Name, h.What()), Reason: reason}
}
