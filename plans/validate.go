package plans

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// The values that a topology may choose from.
var (
	knownPatterns   = []string{string(ActivePassive), string(ActiveActive)}
	knownMechanisms = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"}
	knownBackends   = []string{"bundled", "confluent", "flink"}
	knownFences     = []string{"acl", "config", "quota", "command", "manual"}
	knownStrategies = []string{string(Auto), string(Parallel), string(Restore), string(Rebuild), string(Resume), string(Fresh)}
	knownSemantics  = []string{"at-least-once", "exactly-once"}
	knownWrites     = []string{"copied", "staged"}
	knownDrifts     = []string{DriftReport, DriftRestore}
	knownDeletions  = []string{DeletionsDelete, DeletionsKeep, DeletionsPromote}
	knownOffsets    = []string{OffsetsAuto, OffsetsIdentical, OffsetsTranslated}
	knownGaps       = []string{"auto", "fenced", "markers", GapsFiller}
)

// knownDialects are the dialects that statements can be written in, the default first.
func knownDialects() []string {
	var out []string
	for _, d := range statements.Dialects() {
		out = append(out, d.Name())
	}
	return out
}

// namePattern holds for regions and links, whose names become part of topic names and transactional ids.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)

// validate checks what the decoded values mean.
func (d *decoder) validate(declared *Declared, asOf time.Time) {
	t := declared.Topology
	d.constant("apiVersion", t.APIVersion, "lifeboat/v1")
	d.constant("kind", t.Kind, "Topology")
	d.required("name", t.Name)
	d.name("name", t.Name)
	d.required("pattern", string(t.Pattern))
	d.oneOf("pattern", string(t.Pattern), knownPatterns)
	d.oneOf("dialect", string(t.Dialect), knownDialects())
	d.regions(t)
	d.links(t)
	d.pipelines(declared)
	d.drills(t)
	d.checks(t)
	d.notify(t)
	d.hooks(t)
	d.functions(declared.Topology)
	d.waivers(declared, asOf)
}

func (d *decoder) constant(path, have, want string) {
	if d.has(path) && have != want {
		d.add("unknown-value", path, fmt.Sprintf("%s is %q; this version of lifeboat reads %q", path, have, want), "write "+path+": "+want)
	}
	d.required(path, have)
}

// required reports a key that is not there or empty. A value of a wrong type was reported already.
func (d *decoder) required(path, have string) {
	if have != "" || d.reported(path) {
		return
	}
	parent, key := "", path
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		parent, key = path[:i], path[i+1:]
	}
	d.add("missing-key", path, fmt.Sprintf("%q is missing%s", key, in(parent)), "")
}

// reported says whether the value of path, or what holds it, was reported already.
func (d *decoder) reported(path string) bool {
	for {
		if d.failed[path] {
			return true
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return d.failed[""]
		}
		path = path[:cut]
	}
}

func (d *decoder) oneOf(path, have string, known []string) {
	if have == "" || slices.Contains(known, have) {
		return
	}
	d.add("unknown-value", path, fmt.Sprintf("%s: unknown value %q", path, have), suggest(have, known))
}

func (d *decoder) name(path, have string) {
	if have != "" && !namePattern.MatchString(have) {
		d.add("bad-name", path, fmt.Sprintf("%q can not be a name", have), "use letters, digits, - and _, at most 63")
	}
}

// unique reports the second and later of equal names.
func (d *decoder) unique(what string, names []string, path func(int) string) {
	first := map[string]int{}
	for i, n := range names {
		if n == "" {
			continue
		}
		if j, ok := first[n]; ok {
			line := 0
			if at := d.node(path(j)); at != nil {
				line = at.Line
			}
			d.add("duplicate-name", path(i), fmt.Sprintf("a second %s is named %q, first in line %d", what, n, line), "rename one of them")
			continue
		}
		first[n] = i
	}
}

func (d *decoder) pipelines(declared *Declared) {
	t := declared.Topology
	names := make([]string, len(t.Pipelines))
	for i, p := range t.Pipelines {
		path := fmt.Sprintf("pipelines[%d]", i)
		names[i] = p.Name
		d.required(path+".name", p.Name)
		if len(p.Statements) == 0 && !d.reported(path) && !d.reported(path+".statements") {
			d.add("missing-key", path+".statements", fmt.Sprintf("\"statements\" is missing in %s", path), `write statements: ["sql/*.sql"]`)
		}
		d.oneOf(path+".recovery", string(p.Recovery), knownStrategies)
		d.oneOf(path+".objectives.semantics", p.Objectives.Semantics, knownSemantics)
		if p.Rate < 0 {
			d.add("unknown-value", path+".rate", path+".rate is negative", "write rows per second")
		}
		var own []string
		for _, s := range declared.Statements {
			if s.Pipeline == p.Name {
				own = append(own, s.Name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(p.Overrides)) {
			at := join(path+".overrides", name)
			if !slices.Contains(own, name) {
				d.add("unknown-statement", at, fmt.Sprintf("%s has no statement %q", path, name), suggest(name, own))
			}
			d.oneOf(at, string(p.Overrides[name]), knownStrategies)
		}
	}
	d.unique("pipeline", names, func(i int) string { return fmt.Sprintf("pipelines[%d].name", i) })
}

func (d *decoder) drills(t *Topology) {
	var pipelines []string
	for _, p := range t.Pipelines {
		pipelines = append(pipelines, p.Name)
	}
	names := make([]string, len(t.Drills))
	for i, drill := range t.Drills {
		path := fmt.Sprintf("drills[%d]", i)
		names[i] = drill.Name
		d.required(path+".name", drill.Name)
		d.name(path+".name", drill.Name)
		d.required(path+".schedule", drill.Schedule)
		d.required(path+".pipeline", drill.Pipeline)
		d.schedule(path+".schedule", drill.Schedule)
		if drill.Scenario != "" {
			d.oneOf(path+".scenario", drill.Scenario, knownScenarios)
		}
		if late := drill.Scenario == ScenarioLateLink; late != (drill.Behind > 0) {
			d.add("drill-behind", path+".behind", fmt.Sprintf("%s: how far the link is behind is told of scenario %s, and of no other", path, ScenarioLateLink), "scenario: late-link, behind: 10m")
		}
		if drill.Pipeline != "" && !slices.Contains(pipelines, drill.Pipeline) {
			d.add("unknown-pipeline", path+".pipeline", fmt.Sprintf("%s names pipeline %q, which is not declared", path, drill.Pipeline), suggest(drill.Pipeline, pipelines))
		}
	}
	d.unique("drill", names, func(i int) string { return fmt.Sprintf("drills[%d].name", i) })
}

func (d *decoder) functions(t *Topology) {
	names := make([]string, len(t.Functions))
	for i, f := range t.Functions {
		path := fmt.Sprintf("functions[%d]", i)
		names[i] = strings.ToUpper(f.Name)
		d.required(path+".name", f.Name)
		d.required(path+".reason", f.Reason)
	}
	d.unique("function", names, func(i int) string { return fmt.Sprintf("functions[%d].name", i) })
}

func (d *decoder) waivers(declared *Declared, asOf time.Time) {
	var rules, names []string
	for _, r := range statements.Rules() {
		rules = append(rules, r.ID)
	}
	for _, s := range declared.Statements {
		names = append(names, s.Name)
	}
	var holding []*Waiver
	declared.waivedAt = map[*Waiver]report.Finding{}
	for i, w := range declared.Topology.Waivers {
		holding = append(holding, w)
		path := fmt.Sprintf("waivers[%d]", i)
		if n := d.node(path); n != nil {
			declared.waivedAt[w] = report.Finding{Place: report.Place{File: d.src.name, Line: n.Line, Column: n.Column}, Excerpt: d.src.excerpt(n.Line, n.Column)}
		}
		d.required(path+".rule", w.Rule)
		d.required(path+".reason", w.Reason)
		if w.Rule != "" && !slices.Contains(rules, w.Rule) {
			d.add("unknown-rule", path+".rule", fmt.Sprintf("there is no rule %q", w.Rule), suggest(w.Rule, rules))
		}
		if w.Statement != "" && !slices.Contains(names, w.Statement) {
			d.add("unknown-statement", path+".statement", fmt.Sprintf("there is no statement %q", w.Statement), suggest(w.Statement, names))
		}
		if w.Until == "" {
			continue
		}
		last, err := time.Parse(time.DateOnly, w.Until)
		switch {
		case err != nil:
			d.add("bad-date", path+".until", fmt.Sprintf("%q is not a date", w.Until), "write the last day as 2027-03-31")
		case !asOf.Before(last.AddDate(0, 0, 1)):
			d.add("expired-waiver", path+".until", fmt.Sprintf("the waiver of %s ended on %s", w.Rule, w.Until), "mend what it waived, or agree on a new date")
			// What it waived stands again: the waiver is only a leftover.
			d.found[len(d.found)-1].Severity, d.found[len(d.found)-1].Rule = report.Medium, RuleExpiredWaiver
			holding = holding[:len(holding)-1]
		}
	}
	declared.Topology.Waivers = holding
}

// CheckName says what is wrong with the name of a topology, region or link.
func CheckName(name string) error {
	if !namePattern.MatchString(name) {
		return fmt.Errorf("%q can not be a name: use letters, digits, - and _, at most 63", name)
	}
	return nil
}
