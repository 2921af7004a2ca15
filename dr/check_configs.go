package dr

import (
	"context"
	"fmt"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
)

// checkConfigs asks of every mirror topic which configs are not the source's and why, and whether the destination's brokers keep its records
// as safely. Topics of which nothing has to be known share one line.
func checkConfigs(ctx context.Context, c *checkup) []report.Check {
	line := report.Check{Name: "mirror topics have the configs that the link gave them", Outcome: report.Unknown}
	l, err := c.world.OpenLink(c.decl)
	if err != nil {
		line.Detail = err.Error()
		return []report.Check{line}
	}
	notes, err := l.Configs(ctx)
	if err != nil {
		line.Detail = err.Error()
		line.Remedy = "lifeboat link grants shows what the link needs to see them"
		return []report.Check{line}
	}
	line.Outcome = report.Passed
	counts := map[string]int{}
	var out []report.Check
	for _, n := range notes {
		counts[n.State]++
		answer := report.Check{Name: fmt.Sprintf("topic %s: %s", n.Topic, n.Key), Outcome: report.Warned, Why: n.Why,
			Detail: fmt.Sprintf("%s: %s in %s, %s in %s", n.State, orUnset(n.Source), c.decl.From, orUnset(n.Dest), c.decl.To)}
		switch n.State {
		case linking.ConfigOverridden, linking.ConfigHeld:
			continue // as declared
		case linking.ConfigUnwritable:
			answer.Outcome, answer.Remedy = report.Failed, fmt.Sprintf("lower min.insync.replicas of %s in %s, or add replicas", n.Topic, c.decl.To)
		case linking.ConfigDrift:
			answer.Remedy = driftRemedy(c.decl)
		case linking.ConfigNotCopied, linking.ConfigRestored:
			answer.Outcome = report.Passed
		}
		out = append(out, answer)
	}
	var parts []string
	for _, state := range sortedKeys(counts) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[state], state))
	}
	line.Detail = strings.Join(parts, ", ")
	if counts[linking.ConfigDrift] > 0 {
		line.Outcome, line.Why = report.Warned, "what somebody else has set is not what the source does, and may change what is mirrored"
	}
	return append([]report.Check{line}, out...)
}

func orUnset(value string) string {
	if value == "" {
		return "not set"
	}
	return value
}
