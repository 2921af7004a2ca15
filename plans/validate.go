package plans

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// The values that a topology may choose from.
var (
	knownPatterns   = []string{string(ActivePassive), string(ActiveActive)}
	knownMechanisms = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}
	knownBackends   = []string{"bundled", "confluent", "flink"}
	knownFences     = []string{"acl", "quota", "command", "manual"}
	knownStrategies = []string{string(Auto), string(Parallel), string(Restore), string(Rebuild), string(Resume), string(Fresh)}
	knownSemantics  = []string{"at-least-once", "exactly-once"}
	knownWrites     = []string{"copied", "staged"}
	knownGaps       = []string{"auto", "fenced"}
)

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
	d.regions(t)
	d.links(t)
	d.pipelines(declared)
	d.drills(t)
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

func (d *decoder) regions(t *Topology) {
	names := slices.Sorted(maps.Keys(t.Regions))
	if len(names) == 0 && !d.reported("regions") {
		d.add("missing-key", "regions", `"regions" is missing`, "declare two regions")
	}
	switch {
	case t.Pattern == ActiveActive && t.Primary != "":
		d.add("unknown-key", "primary", "an active-active topology has no primary", "remove the key, or write pattern: active-passive")
	case t.Pattern == ActivePassive:
		d.required("primary", t.Primary)
		d.region("primary", t.Primary, names)
	}
	for _, name := range names {
		r, path := t.Regions[name], join("regions", name)
		if !namePattern.MatchString(name) {
			d.add("bad-name", path, fmt.Sprintf("%q can not be a region's name", name), "use letters, digits, - and _, at most 63")
		}
		d.kafka(r.Kafka, path+".kafka")
		if r.Registry != nil {
			d.url(path+".registry.url", r.Registry.URL)
			d.login(path+".registry", r.Registry.Username, r.Registry.Password)
		}
		if r.Engine != nil {
			d.required(path+".engine.backend", r.Engine.Backend)
			d.oneOf(path+".engine.backend", r.Engine.Backend, knownBackends)
			d.url(path+".engine.url", r.Engine.URL)
			d.login(path+".engine", r.Engine.Username, r.Engine.Password)
		}
		if r.Fence != nil {
			d.fence(r.Fence, path+".fence")
		}
	}
}

// region checks a reference to a region.
func (d *decoder) region(path, have string, known []string) {
	if have != "" && !slices.Contains(known, have) {
		d.add("unknown-region", path, fmt.Sprintf("%s names region %q, which is not declared", path, have), suggest(have, known))
	}
}

func (d *decoder) kafka(k Kafka, path string) {
	if len(k.Bootstrap) == 0 && !d.reported(path) && !d.reported(path+".bootstrap") {
		d.add("missing-key", path+".bootstrap", fmt.Sprintf("\"bootstrap\" is missing in %s", path), `write bootstrap: ["host:9092"]`)
	}
	for i, addr := range k.Bootstrap {
		at := fmt.Sprintf("%s.bootstrap[%d]", path, i)
		if d.reported(at) {
			continue
		}
		host, port, err := net.SplitHostPort(addr)
		if n, perr := strconv.ParseUint(port, 10, 16); err != nil || host == "" || perr != nil || n == 0 {
			d.add("bad-address", at, fmt.Sprintf("%q is not host:port", addr), "write it as broker.example:9092")
		}
	}
	if s := k.SASL; s != nil {
		d.required(path+".sasl.mechanism", s.Mechanism)
		d.oneOf(path+".sasl.mechanism", s.Mechanism, knownMechanisms)
		d.required(path+".sasl.username", s.Username.ref)
		d.required(path+".sasl.password", s.Password.ref)
	}
	if t := k.TLS; t != nil && (t.Cert == "") != (t.Key == "") {
		d.add("missing-key", path+".tls", path+".tls has one of cert and key", "a client certificate needs both")
	}
}

// login reports half a login.
func (d *decoder) login(path string, username, password Secret) {
	if username.IsZero() != password.IsZero() && !d.reported(path+".username") && !d.reported(path+".password") {
		d.add("missing-key", path, path+" has one of username and password", "write both, or none")
	}
}

func (d *decoder) url(path, have string) {
	d.required(path, have)
	if have == "" {
		return
	}
	u, err := url.Parse(have)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		d.add("bad-address", path, path+" is not a URL", "write it as https://host:port")
	case u.User != nil:
		d.add("literal-secret", path, path+" holds a login", "write username and password as references: ${env:NAME} or ${file:/path}")
	default:
		return
	}
	d.found[len(d.found)-1].Excerpt = "" // it may hold a password
}

func (d *decoder) fence(f *Fence, path string) {
	d.required(path+".by", f.By)
	d.oneOf(path+".by", f.By, knownFences)
	switch f.By {
	case "acl", "quota":
		if len(f.Principals) == 0 && !d.reported(path+".principals") {
			d.add("missing-key", path+".principals", fmt.Sprintf("a fence by %s needs \"principals\"", f.By), `write principals: ["User:name"]`)
		}
	case "command":
		if len(f.Command) == 0 && !d.reported(path+".command") {
			d.add("missing-key", path+".command", `a fence by command needs "command"`, `write command: ["/path/to/program", "argument"]`)
		}
	}
	for i, p := range f.Principals {
		at := fmt.Sprintf("%s.principals[%d]", path, i)
		if kind, name, ok := strings.Cut(p, ":"); !d.reported(at) && (!ok || kind == "" || name == "") {
			d.add("bad-principal", at, fmt.Sprintf("%q is not a principal", p), "write it as User:name")
		}
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
		d.required(path+".schedule", drill.Schedule)
		d.required(path+".pipeline", drill.Pipeline)
		if drill.Schedule != "" {
			if err := checkCron(drill.Schedule); err != nil {
				d.add("bad-cron", path+".schedule", fmt.Sprintf("%q is not a schedule: %v", drill.Schedule, err),
					`five fields: minute hour day-of-month month day-of-week, as in "0 4 * * 1"`)
			}
		}
		if drill.Pipeline != "" && !slices.Contains(pipelines, drill.Pipeline) {
			d.add("unknown-pipeline", path+".pipeline", fmt.Sprintf("%s names pipeline %q, which is not declared", path, drill.Pipeline), suggest(drill.Pipeline, pipelines))
		}
	}
	d.unique("drill", names, func(i int) string { return fmt.Sprintf("drills[%d].name", i) })
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
	for i, w := range declared.Topology.Waivers {
		holding = append(holding, w)
		path := fmt.Sprintf("waivers[%d]", i)
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
			d.found[len(d.found)-1].Severity = report.Medium
			holding = holding[:len(holding)-1]
		}
	}
	declared.Topology.Waivers = holding
}
