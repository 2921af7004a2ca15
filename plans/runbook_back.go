package plans

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// otherStep is a step of a failback or a migration that a failover does not have.
func (b *runbook) otherStep(s Step) report.Instruction {
	p := b.p
	status := func(link string) string { return "lifeboat link status --link " + link }
	switch s.Kind {
	case StepCatchUp:
		return report.Instruction{By: "lifeboat link run --link " + p.Link, Text: []string{"Let the link go on until it has nothing left to mirror; writers go on meanwhile."},
			Look: status(p.Link), Shows: "lag 0, or next to it, on every partition", Back: "nothing was changed"}
	case StepDiverge:
		return report.Instruction{By: "lifeboat failback --dry-run", Text: []string{fmt.Sprintf("It compares the records of both regions from the failover point backwards, and changes nothing. By hand only the logs' ends can be compared: "+
			"where %s has a topic that ends behind the failover point, it holds records that never came through the link.", p.To)},
			Look: b.ends(p.To) + "\n" + b.ends(p.From), Shows: b.partings(), Back: "nothing was changed"}
	case StepSalvage:
		return b.salvage(s.Subject)
	case StepForget:
		at := b.use(p.To, "STATEMENTS")
		return report.Instruction{Shell: "curl -sSfn -X DELETE " + at + "/" + s.Subject, Look: "curl -sSn -o /dev/null -w '%{http_code}\\n' " + at + "/" + s.Subject, Shows: "404"}
	case StepEmpty:
		return b.empty(s.Subject)
	case StepRecreate:
		return report.Instruction{Shell: b.kafka("kafka-topics", p.To, "--delete", "--topic", shellQuote(s.Subject)),
			Look: b.kafka("kafka-topics", p.To, "--list"), Shows: s.Subject + " is not there; the link makes it anew, as a mirror"}
	case StepReverse:
		return report.Instruction{By: "lifeboat link reverse --link " + p.Failback.Forward + "; then lifeboat link run --link " + p.Link,
			Text: []string{"Which offsets a mirror goes on from, only a link remembers: there is no tool of Kafka's that does this."},
			Look: status(p.Link), Shows: "every topic ACTIVE", Back: "lifeboat link failover --link " + p.Link + " ends the mirrors again"}
	case StepProtect:
		link := "BACK"
		if p.Failback != nil {
			link = p.Failback.Forward
		}
		return report.Instruction{By: "lifeboat link reverse --link " + p.Link, Text: []string{fmt.Sprintf("The region that was left becomes the mirror, under link %s, which a process has to run.", link)},
			Look: status(link), Shows: "every topic ACTIVE", Back: "lifeboat link failover ends the mirrors again"}
	case StepOutputs:
		return report.Instruction{By: "lifeboat verify --link " + p.Link, Text: []string{"Outputs are compared row by row; by hand, compare a few of them."}, Look: "lifeboat verify --link " + p.Link,
			Shows: s.Subject + " puts out the same in both regions", Back: "nothing was changed"}
	case StepIdentical:
		return report.Instruction{By: "lifeboat link verify --link " + p.Link, Look: "lifeboat link verify --link " + p.Link, Shows: "every record of " + listed(b.topics()) + " equal, up to the promotion",
			Back: "nothing was changed"}
	case StepRestart:
		back := b.stopStatements()
		return report.Instruction{Shell: back.Undo, Look: back.Look, Shows: "every one of them is RUNNING", Back: "they stop again", Undo: back.Shell}
	}
	return report.Instruction{Text: []string{"See the reason; there is no command for it outside of lifeboat."}}
}

// ends are the ends of the step's topics.
func (b *runbook) ends(region string) string {
	return b.kafka("kafka-get-offsets", region, "--topic-partitions", shellQuote(strings.Join(b.topicsIn(region), ",")), "--time", "latest")
}

// partings say where the logs of both regions parted when the plan was made.
func (b *runbook) partings() string {
	f := b.p.Failback
	if len(f.Anew) == 0 {
		return "no topic of " + b.p.To + " ends behind where the other region's log stood at the failover"
	}
	var parts []string
	for _, t := range f.Anew {
		for _, p := range slices.Sorted(maps.Keys(t.From)) {
			parts = append(parts, fmt.Sprintf("%s-%d from %v on", t.Name, p, t.From[p]))
		}
	}
	return "as planned: only " + b.p.To + " has " + listed(parts)
}

// returning is a topic of which a failback removes something.
func (b *runbook) returning(topic string) ReturningTopic {
	for _, t := range slices.Concat(b.p.Failback.Anew, b.p.Failback.Emptied) {
		if t.Name == topic {
			return t
		}
	}
	return ReturningTopic{Name: topic}
}

func (b *runbook) salvage(topic string) report.Instruction {
	t, dir := b.returning(topic), b.p.Failback.Salvage
	do := []string{"mkdir -p " + shellQuote(dir)}
	for _, p := range slices.Sorted(maps.Keys(t.From)) {
		do = append(do, b.kafka("kafka-console-consumer", b.p.To, "--topic", shellQuote(topic), "--partition", fmt.Sprint(p), "--offset", fmt.Sprint(int64(t.From[p])), "--isolation-level", "read_committed",
			"--timeout-ms", "10000", "--property", "print.timestamp=true", "--property", "print.offset=true", "--property", "print.headers=true", "--property", "print.key=true")+
			" > "+shellQuote(fmt.Sprintf("%s/%s-%d.txt", dir, topic, p)))
	}
	return report.Instruction{By: "lifeboat failback --salvage " + dir, Text: []string{"Text is not what was written where values are binary: lifeboat exports the batches as they are, and can produce them again."},
		Shell: strings.Join(do, "\n"), Look: "wc -l " + shellQuote(dir) + "/" + shellQuote(topic) + "-*.txt",
		Shows: fmt.Sprintf("about %s, less where transactions were aborted", counted(t.Offsets, "record")), Back: "nothing was changed"}
}

func (b *runbook) empty(topic string) report.Instruction {
	var parts []string
	for _, p := range slices.Sorted(maps.Keys(b.returning(topic).From)) {
		parts = append(parts, fmt.Sprintf(`{"topic":%q,"partition":%d,"offset":-1}`, topic, p))
	}
	return report.Instruction{Shell: fmt.Sprintf("echo '{\"version\":1,\"partitions\":[%s]}' > empty.json\n", strings.Join(parts, ",")) + b.kafka("kafka-delete-records", b.p.To, "--offset-json-file", "empty.json"),
		Look: b.kafka("kafka-get-offsets", b.p.To, "--topic-partitions", shellQuote(topic), "--time", "earliest"), Shows: "the log starts where it ends"}
}
