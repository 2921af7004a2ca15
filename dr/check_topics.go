package dr

import (
	"context"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// checkTopics compares the link's topics in both regions: there, with as many partitions, and with enough replicas to be written.
func checkTopics(_ context.Context, c *checkup) []report.Check {
	from, to := c.decl.View(c.seen.Regions[c.decl.From]), c.seen.Regions[c.decl.To]
	if !from.Reachable || !to.Reachable {
		return []report.Check{{Name: "mirrored topics are the same in both regions", Outcome: report.Unknown, Detail: "a region does not answer"}}
	}
	mirrored, translated := map[string]bool{}, map[string]int{}
	for _, m := range c.seen.Mirrors[c.decl.Name] {
		mirrored[m.Topic], translated[m.Topic] = true, len(m.Translated)
	}
	var out []report.Check
	for _, name := range sortedKeys(from.Topics) {
		if !c.decl.Mirrors(name) {
			continue
		}
		src, dst := from.Topics[name], to.Topics[name]
		line := report.Check{Name: fmt.Sprintf("topic %s is mirrored in %s", name, c.decl.To), Outcome: report.Passed,
			Detail: counted(len(src.Partitions), "partition")}
		switch {
		case dst == nil:
			line.Outcome, line.Detail = report.Failed, fmt.Sprintf("topic %q does not exist in %s", name, c.decl.To)
			line.Why, line.Remedy = "its records would be lost with "+c.decl.From, "lifeboat link run"
		case len(dst.Partitions) != len(src.Partitions):
			line.Outcome = report.Failed
			line.Detail = fmt.Sprintf("%d partitions in %s, %d in %s", len(src.Partitions), c.decl.From, len(dst.Partitions), c.decl.To)
			line.Why = "offsets and key order hold per partition: counts must be equal"
			line.Remedy = fmt.Sprintf("let the link add partitions, or delete topic %q in %s and mirror it again", name, c.decl.To)
		case !mirrored[name]:
			line.Outcome, line.Detail = report.Failed, fmt.Sprintf("a topic of that name is in %s, and link %s has never mirrored into it", c.decl.To, c.decl.Name)
			line.Why = "what it holds is not what " + c.decl.From + " holds, at other offsets"
			line.Remedy = fmt.Sprintf("lifeboat link run; where that refuses it, delete topic %q in %s or exclude it from the link", name, c.decl.To)
		case translated[name] > 0:
			line.Detail += fmt.Sprintf(", %d with other offsets than in %s", translated[name], c.decl.From)
		}
		out = append(out, line)
	}
	if len(out) == 0 {
		out = append(out, report.Check{Name: "the link mirrors something", Outcome: report.Failed,
			Detail: fmt.Sprintf("no topic of %s matches link %s", c.decl.From, c.decl.Name), Remedy: "check links[].topics.include in lifeboat.yaml"})
	}
	return out
}
