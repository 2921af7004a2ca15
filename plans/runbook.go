package plans

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// Runbook is the plan of a failover, a failback or a migration as a document that a person follows by hand, with the tools of Kafka, a schema registry
// and a statements API, where lifeboat can not carry it out at the time; what mirrors is a link in any case. Every step has its commands, what is seen when it is done, and the way back. Secrets are in no
// command: logins stand in one properties file a region, and in variables.
func (p *Plan) Runbook(d *Declared) (*report.Document, error) {
	switch p.Operation {
	case OpLink:
		return nil, fmt.Errorf("a plan for %s has no runbook: it is carried out by lifeboat link run alone", p.Operation)
	case OpDrill:
		return nil, fmt.Errorf("a plan for a %s has no runbook: by hand nobody could show that nothing else has changed; lifeboat drill does", p.Operation)
	}
	from, to := d.Topology.Regions[p.From], d.Topology.Regions[p.To]
	if from == nil || to == nil {
		return nil, fmt.Errorf("the plan is about %s and %s, which the topology does not both declare", p.From, p.To)
	}
	b := &runbook{p: p, from: from, to: to, topology: d.Topology}
	if p.Writers {
		if err := b.writing(); err != nil {
			return nil, err
		}
	}
	verb := "lifeboat " + string(p.Operation)
	switch {
	case p.Operation == OpFailover && p.Planned:
		verb += " --planned"
	case p.Operation == OpFailover:
		verb += " --unplanned"
	}
	if p.Writers {
		verb += " --link " + b.links[len(b.links)-1].Name // the one that leads out of the region that it is about
	}
	doc := &report.Document{Title: "Runbook: " + p.headline(), Facts: []string{"as observed at " + clock(p.Observed)}}
	if o := p.objectivesLine(); o != "" {
		doc.Facts = append(doc.Facts, o)
	}
	doc.Facts = append(doc.Facts, "what is lost: "+forecastLine(p.Forecast, p.Planned))
	if n := blocking(p.Findings); n > 0 {
		doc.Facts = append(doc.Facts, fmt.Sprintf("the plan is blocked: %s must be mended first, see %s --dry-run", counted(int64(n), "finding"), verb))
	}
	doc.Parts = append(doc.Parts, report.Part{Heading: "The short way", Text: []string{
		fmt.Sprintf("Where lifeboat can be run, `%s` does all of this, can be killed and resumed at any point, and writes a report. What follows is the same by hand. "+
			"Do not mix the two: a step done by hand is found done by lifeboat, a step half done by two people is not.", verb),
		"Write down when each step began and ended, and who did it."}})
	doc.Parts = append(doc.Parts, b.before())
	number := 0
	for _, name := range p.parts() {
		part := report.Part{Heading: strings.ToUpper(name[:1]) + name[1:]}
		for _, s := range p.Steps {
			if s.Part() != name {
				continue
			}
			number++
			in := b.about(s).step(s)
			in.Number, in.Title, in.Why, in.Final = number, s.ID+": "+s.Goal, s.Reason, s.Irreversible
			part.Steps = append(part.Steps, in)
		}
		doc.Parts = append(doc.Parts, part)
	}
	doc.Parts = append(doc.Parts, b.after())
	return doc, nil
}

// parts are the phases of the steps, those of each batch for themselves, in their order.
func (p *Plan) parts() []string {
	var all []string
	for _, s := range p.Steps {
		if !slices.Contains(all, s.Part()) {
			all = append(all, s.Part())
		}
	}
	return all
}

type runbook struct {
	p        *Plan // or the part of it that a step is about
	from, to *Region
	topology *Topology
	links    []*Link // where both regions write: the plan's, and of a return the one that leads out of what returns
	left     string  // the region whose writers and statements a step of it stops
}

// about is the runbook for a step: of its batch, and of the region that it stops. That is the primary, but for what comes back: there it is first the region
// that is to be a mirror again.
func (b *runbook) about(s Step) *runbook {
	of := *b
	of.p, of.left = b.p.Part(s), b.p.From
	if s.Subject == b.p.To && b.p.Failback != nil {
		of.left = b.p.To
	}
	return &of
}

// variable is the shell variable for something of a region.
func variable(region, what string) string {
	return regexp.MustCompile(`[^A-Z0-9]`).ReplaceAllString(strings.ToUpper(region), "_") + "_" + what
}

func (b *runbook) use(region, what string) string { return `"$` + variable(region, what) + `"` }

// kafka is a tool of Kafka's, asked of a region.
func (b *runbook) kafka(tool, region string, args ...string) string {
	config := "--command-config"
	switch tool {
	case "kafka-console-producer":
		config = "--producer.config"
	case "kafka-console-consumer":
		config = "--consumer.config"
	}
	return strings.Join(append([]string{tool, "--bootstrap-server", b.use(region, "BOOTSTRAP"), config, shellQuote(region + ".properties")}, args...), " ")
}

func (b *runbook) before() report.Part {
	var shell strings.Builder
	for _, r := range []struct {
		name string
		of   *Region
	}{{b.p.From, b.from}, {b.p.To, b.to}} {
		fmt.Fprintf(&shell, "export %s=%s\n", variable(r.name, "BOOTSTRAP"), shellQuote(strings.Join(r.of.Kafka.Bootstrap, ",")))
		if r.of.Registry != nil && len(b.p.Subjects) > 0 {
			fmt.Fprintf(&shell, "export %s=%s\n", variable(r.name, "REGISTRY"), shellQuote(strings.TrimSuffix(r.of.Registry.URL, "/")))
		}
		if r.of.Engine != nil && len(b.p.Statements) > 0 {
			fmt.Fprintf(&shell, "export %s=%s\n", variable(r.name, "STATEMENTS"), shellQuote(statementsURL(r.name, r.of.Engine)))
		}
	}
	text := []string{fmt.Sprintf("Have the tools of Kafka (4.0 or newer), curl and jq at hand, and files %s.properties and %s.properties with the logins of an administrator.", b.p.From, b.p.To)}
	if len(b.p.Subjects) > 0 || len(b.p.Statements) > 0 {
		text = append(text, "Where the registry or the statements API wants a login, put it into ~/.netrc: curl -n takes it from there.")
	}
	text = append(text, "Compare the plan with what is there now: `lifeboat check`. A topic, a group or a statement that came since this was written is not in it.")
	return report.Part{Heading: "Before you begin", Text: text, Shell: strings.TrimSuffix(shell.String(), "\n")}
}

// statementsURL is where an engine's statements are. What is not declared is called as lifeboat calls it.
func statementsURL(region string, e *Engine) string {
	organization, environment := e.Organization, e.Environment
	if organization == "" {
		organization = "lifeboat"
	}
	if environment == "" {
		environment = region
	}
	return fmt.Sprintf("%s/sql/v1/organizations/%s/environments/%s/statements", strings.TrimSuffix(e.URL, "/"), organization, environment)
}

func (b *runbook) topics() []string {
	names := make([]string, len(b.p.Topics))
	for i, t := range b.p.Topics {
		names[i] = t.Name
	}
	return names
}

func repeated(flag string, values []string) []string {
	var words []string
	for _, v := range values {
		words = append(words, flag, shellQuote(v))
	}
	return words
}

func (b *runbook) step(s Step) report.Instruction {
	if in, ok := b.writersStep(s); ok {
		return in
	}
	p := b.p
	ends := b.ends
	switch s.Kind {
	case StepFence:
		return b.fence()
	case StepVerifyFence:
		return report.Instruction{Shell: ends(b.left) + " | tee ends.1\nsleep 10\n" + ends(b.left) + " | tee ends.2", Look: "diff ends.1 ends.2",
			Shows: "no difference. A topic that still grows has a writer whom the fence does not hold: find him before anything else",
			Back:  "nothing was changed"}
	case StepStopSource:
		return b.stopStatements()
	case StepDrain:
		return report.Instruction{By: "lifeboat link run --once --link " + p.Link, Text: []string{"Let the link go on until it has nothing left to mirror."},
			Shell: ends(p.From) + " > " + p.From + ".ends\n" + ends(p.To) + " > " + p.To + ".ends", Look: fmt.Sprintf("diff %s.ends %s.ends", p.From, p.To),
			Shows: "no difference, but for topics with translated offsets: lifeboat link status shows those with lag 0", Back: "nothing was changed"}
	case StepOffsets:
		return b.offsets()
	case StepVerify:
		return report.Instruction{By: "lifeboat link verify --link " + p.Link + b.part(), Look: "lifeboat link verify --sample 5% --link " + p.Link + b.part(), Shows: "no difference; by hand, read the same few offsets of " + listed(b.topics()) + " in both regions",
			Back: "nothing was changed"}
	case StepPromote:
		verb := "failover"
		if p.Planned {
			verb = "promote"
		}
		return report.Instruction{By: fmt.Sprintf("lifeboat link %s --link %s%s", verb, p.Link, b.part()),
			Text: []string{"Stop every process that runs the link (`lifeboat link run`), on every machine, and see that none is left: a mirror that is written to by its link and by producers fails. " +
				"Then give the topics the configs of the source back, and note where their logs end: that is the failover point." + b.goesOn()},
			Shell: strings.TrimPrefix(b.configs()+"\n"+ends(p.To)+" > "+p.To+".ends", "\n"), Look: b.kafka("kafka-configs", p.To, append([]string{"--describe", "--entity-type", "topics"}, first("--entity-name", b.topics())...)...),
			Shows: "the configs of the source, and nobody serves the link"}
	case StepRegistry:
		return b.registry()
	case StepCanary:
		topic := "lifeboat-canary-" + p.To
		return report.Instruction{
			Shell: b.kafka("kafka-topics", p.To, "--create", "--if-not-exists", "--topic", topic, "--partitions", "1", "--config", "retention.ms=3600000") + "\n" +
				"echo \"canary $(date -u +%FT%TZ)\" | " + b.kafka("kafka-console-producer", p.To, "--topic", topic),
			Look:  b.kafka("kafka-console-consumer", p.To, "--topic", topic, "--from-beginning", "--isolation-level", "read_committed", "--timeout-ms", "10000"),
			Shows: "the line that was written", Back: "remove the topic", Undo: b.kafka("kafka-topics", p.To, "--delete", "--topic", topic)}
	case StepLift:
		return report.Instruction{By: "lifeboat fence lift", Text: []string{fmt.Sprintf("What an earlier run has done to keep writers out of %s is taken away: lifeboat fence status says what it is.", p.To)},
			Look: b.kafka("kafka-acls", p.To, append([]string{"--list"}, first("--topic", b.topics())...)...), Shows: "no denial that a fence has left"}
	case StepStart:
		return b.start(s.Subject)
	case StepWatermark:
		return report.Instruction{Look: "curl -sSfn " + b.use(p.To, "STATEMENTS") + "/" + s.Subject + " | jq '.status.latest_offsets'",
			Shows: "positions not in front of the failover point in " + p.To + ".ends", Back: "nothing was changed"}
	case StepHook:
		return b.hook(s)
	case StepMeasure:
		return report.Instruction{By: "lifeboat verify", Shell: ends(p.From) + " > " + p.From + ".after",
			Text: []string{fmt.Sprintf("As soon as %s can be read: what it has behind the ends in %s.ends never came to %s. It is lost until somebody brings it over by hand.", p.From, p.To, p.To)},
			Look: fmt.Sprintf("diff %s.after %s.ends", p.From, p.To), Shows: "by topic and partition, how much is missing", Back: "nothing was changed"}
	}
	return b.otherStep(s)
}

// hook is what the declared hook does, by hand. A URL may be a secret itself, so it is not told.
func (b *runbook) hook(s Step) report.Instruction {
	h := b.topology.Hook(s.Subject)
	if h == nil || len(h.Command) == 0 {
		return report.Instruction{Text: []string{fmt.Sprintf("lifeboat posts JSON to the url of hook %s in lifeboat.yaml, with its run, phase and regions. Do what the service behind it does.", s.Subject)}}
	}
	words := []string{"LIFEBOAT_HOOK=" + shellQuote(h.Name), "LIFEBOAT_PHASE=" + s.Phase, "LIFEBOAT_FROM=" + shellQuote(b.p.From), "LIFEBOAT_TO=" + shellQuote(b.p.To)}
	for _, w := range h.Command {
		words = append(words, shellQuote(w))
	}
	return report.Instruction{Shell: strings.Join(words, " "), Shows: "it ends with 0"}
}

func first(flag string, values []string) []string {
	if len(values) == 0 {
		return nil
	}
	return []string{flag, shellQuote(values[0])}
}

func (b *runbook) fence() report.Instruction {
	f := Fence{By: "manual"}
	if declared := b.topology.Regions[b.left].Fence; declared != nil {
		f = *declared
	}
	topics := b.topicsIn(b.left)
	switch f.By {
	case "acl":
		rule := append(repeated("--deny-principal", f.Principals), "--operation", "Write")
		rule = append(rule, repeated("--topic", topics)...)
		return report.Instruction{Shell: b.kafka("kafka-acls", b.left, append([]string{"--add"}, rule...)...),
			Look:  b.kafka("kafka-acls", b.left, append([]string{"--list"}, first("--topic", topics)...)...),
			Shows: fmt.Sprintf("permissionType=DENY for operation WRITE of %s", strings.Join(f.Principals, ", ")),
			Back:  "take the denials away", Undo: b.kafka("kafka-acls", b.left, append([]string{"--remove", "--force"}, rule...)...)}
	case "config":
		var set, unset []string
		for _, t := range topics {
			at := []string{"--alter", "--entity-type", "topics", "--entity-name", t}
			set = append(set, b.kafka("kafka-configs", b.left, append(at, "--add-config", "max.message.bytes=0")...))
			unset = append(unset, b.kafka("kafka-configs", b.left, append(at, "--delete-config", "max.message.bytes")...))
		}
		return report.Instruction{Text: []string{"Transactions that are open can not end any more behind this: let their producers end them first. Note what was set before, if anything."},
			Shell: strings.Join(set, "\n"), Look: b.kafka("kafka-configs", b.left, append([]string{"--describe", "--entity-type", "topics"}, first("--entity-name", topics)...)...),
			Shows: "max.message.bytes=0 on every topic", Back: "take the limits away, or set what was set before", Undo: strings.Join(unset, "\n")}
	case "command":
		var words []string
		for _, w := range f.Command {
			words = append(words, shellQuote(w))
		}
		run := func(action string) string {
			return fmt.Sprintf("LIFEBOAT_REGION=%s LIFEBOAT_ACTION=%s %s", b.left, action, strings.Join(words, " "))
		}
		return report.Instruction{Shell: run("fence"), Look: "echo $?", Shows: "0", Back: "the same command undoes it", Undo: run("unfence")}
	}
	return report.Instruction{Text: []string{fmt.Sprintf("Stop everything that writes to %s in %s.", listed(topics), b.left)},
		Shows: "whoever answers for the writers says that they are stopped; the next step proves it", Back: "let the writers begin again"}
}

func (b *runbook) stopStatements() report.Instruction {
	patch := func(stopped bool) string {
		var lines []string
		for _, s := range b.p.Statements {
			if s.Kind == kindInsert {
				lines = append(lines, fmt.Sprintf(`curl -sSfn -X PATCH -H 'Content-Type: application/json-patch+json' %s/%s -d '[{"op":"replace","path":"/spec/stopped","value":%t}]' | jq '.status.phase'`,
					b.use(b.left, "STATEMENTS"), s.Name, stopped))
			}
		}
		return strings.Join(lines, "\n")
	}
	return report.Instruction{Shell: patch(true), Look: "curl -sSfn " + b.use(b.left, "STATEMENTS") + ` | jq -r '.data[] | .name + " " + .status.phase'`,
		Shows: "every one of them is STOPPED", Back: "they go on where they stopped", Undo: patch(false)}
}

func (b *runbook) offsets() report.Instruction {
	p := b.p
	var look []string
	for _, g := range p.Groups {
		for _, region := range []string{p.From, p.To} {
			look = append(look, b.kafka("kafka-consumer-groups", region, "--describe", "--offsets", "--group", shellQuote(g)))
		}
	}
	in := report.Instruction{Look: strings.Join(look, "\n"), Back: "nothing was changed that the groups of " + p.From + " read"}
	if len(p.Groups) == 0 {
		return report.Instruction{Text: []string{"No group's positions are copied."}, Back: "nothing was changed"}
	}
	in.Shows = "the same CURRENT-OFFSET in both regions: offsets mean the same, but where they are translated"
	in.Text = []string{fmt.Sprintf("A group that stands elsewhere in %s is set, while nobody reads in it there; OFFSET is the CURRENT-OFFSET of %s:", p.To, p.From)}
	in.Shell = b.kafka("kafka-consumer-groups", p.To, "--reset-offsets", "--group", shellQuote(p.Groups[0]), "--topic", "TOPIC:PARTITION", "--to-offset", "OFFSET", "--execute")
	return in
}

// configs are the commands that give promoted topics the source's configs.
func (b *runbook) configs() string {
	var lines []string
	for _, t := range b.p.Topics {
		var set []string
		for _, key := range slices.Sorted(maps.Keys(t.Configs)) {
			value := t.Configs[key]
			if strings.Contains(value, ",") {
				value = "[" + value + "]"
			}
			set = append(set, key+"="+value)
		}
		if len(set) > 0 {
			lines = append(lines, b.kafka("kafka-configs", b.p.To, "--alter", "--entity-type", "topics", "--entity-name", shellQuote(t.Name), "--add-config", shellQuote(strings.Join(set, ","))))
		}
	}
	return strings.Join(lines, "\n")
}

func (b *runbook) registry() report.Instruction {
	var do, look, undo []string
	for _, s := range b.p.Subjects {
		at := b.use(b.p.To, "REGISTRY") + "/mode/" + shellQuote(url.PathEscape(s))
		do = append(do, "curl -sSfn -X DELETE "+at)
		look = append(look, "curl -sSfn "+at+"'?defaultToGlobal=true'")
		undo = append(undo, fmt.Sprintf(`curl -sSfn -X PUT -H 'Content-Type: application/vnd.schemaregistry.v1+json' %s'?force=true' -d '{"mode":"IMPORT"}'`, at))
	}
	return report.Instruction{Shell: strings.Join(do, "\n"), Look: strings.Join(look, "\n"), Shows: `"mode":"READWRITE" of every one of them`,
		Back: "as long as nobody has registered anything", Undo: strings.Join(undo, "\n")}
}

func (b *runbook) start(name string) report.Instruction {
	at := b.use(b.p.To, "STATEMENTS")
	i := slices.IndexFunc(b.p.Statements, func(s StatementPlan) bool { return s.Name == name })
	if i < 0 {
		return report.Instruction{}
	}
	s := b.p.Statements[i]
	spec := map[string]any{"statement": s.SQL}
	if len(s.Properties) > 0 {
		spec["properties"] = s.Properties
	}
	body, err := json.MarshalIndent(map[string]any{"name": s.Name, "spec": spec}, "", "  ")
	if err != nil {
		return report.Instruction{Text: []string{err.Error()}}
	}
	want := "RUNNING"
	if s.Kind != kindInsert {
		want = "COMPLETED"
	}
	return report.Instruction{Shell: "curl -sSfn -X POST -H 'Content-Type: application/json' " + at + " -d @- <<'END'\n" + string(body) + "\nEND",
		Look: "curl -sSfn " + at + "/" + s.Name + " | jq '.status'", Shows: `"phase": "` + want + `"`,
		Back: "the statement goes; what it has written stays", Undo: "curl -sSfn -X DELETE " + at + "/" + s.Name}
}

func (b *runbook) after() report.Part {
	if b.p.Writers {
		return b.afterWriters()
	}
	p := b.p
	text := []string{
		fmt.Sprintf("Point producers, consumers and whatever else reads %s at %s: bootstrap servers %s.", p.From, p.To, strings.Join(b.to.Kafka.Bootstrap, ", ")),
		fmt.Sprintf("Until the first step that can not be undone, the way back is the steps' own, from the last to the first. From there on %s is the primary: "+
			"what %s still has is compared and kept before anything is mirrored back.", p.To, p.From),
		fmt.Sprintf("When it is over: `lifeboat verify`, and primary: %s in lifeboat.yaml.", p.To)}
	return report.Part{Heading: "Afterwards", Text: text}
}

// shellQuote is a word of a POSIX shell.
func shellQuote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@%+") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// part names the topics behind a verb of the link, where not all of them are moved at once.
func (b *runbook) part() string {
	if b.p.Share == nil && b.p.Migration == nil {
		return ""
	}
	return " " + strings.Join(b.topics(), " ")
}

// goesOn says what becomes of the link where a part of it is moved.
func (b *runbook) goesOn() string {
	s := b.p.Share
	if s == nil || len(s.Stays) == 0 {
		return ""
	}
	return fmt.Sprintf(" Behind it `lifeboat link run --link %s` goes on with what stays a mirror: %s.", b.p.Link, short(s.Stays, "topic"))
}
