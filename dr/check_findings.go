package dr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// compute plans the failovers that could be carried out now.
func (c *checkup) compute() {
	if c.err = c.world.Errs[c.decl.To]; c.err != nil {
		return
	}
	op := plans.OpFailover
	if c.decl.Renames() && c.world.Declared.Topology.OtherWay(c.decl) == nil { // no pipeline fails over along it
		op = plans.OpLink
	}
	c.plan, c.err = plans.Compute(op, plans.Options{Link: c.decl.Name}, c.world.Declared, c.seen)
	if c.err == nil && op == plans.OpFailover && c.seen.Regions[c.decl.From].Reachable {
		c.planned, _ = plans.Compute(op, plans.Options{Link: c.decl.Name, Planned: true}, c.world.Declared, c.seen) // what stands against it stands against the other
	}
}

// found is what both kinds of failover would be told, each thing once. A waiver that one of them uses is used.
func (c *checkup) found() []report.Finding {
	nobody := func(f report.Finding) bool { return f.Rule == "failover/unfenced" || f.Rule == "failover/done" } // nobody fails over now
	out := slices.DeleteFunc(slices.Clone(c.plan.Findings), nobody)
	if c.planned == nil {
		return out
	}
	unplanned, planned := keysOf(c.plan.Findings), keysOf(c.planned.Findings)
	out = slices.DeleteFunc(out, func(f report.Finding) bool { return f.Rule == plans.RuleUnusedWaiver && !planned[findingKey(f)] })
	for _, f := range c.planned.Findings {
		if !unplanned[findingKey(f)] && f.Rule != plans.RuleUnusedWaiver && !nobody(f) {
			out = append(out, f)
		}
	}
	plans.SortFindings(out)
	return out
}

// merged adds what the statements' texts tell to what the plan found. The plan judges determinism with more knowledge, where there is one.
func merged(plan, study []report.Finding, planned bool) []report.Finding {
	known := keysOf(plan)
	for _, f := range study {
		if !known[findingKey(f)] && !(planned && (strings.HasPrefix(f.Rule, "D") || f.Rule == plans.RuleUnusedWaiver)) {
			plan = append(plan, f)
		}
	}
	return plan
}

// keysOf are the keys of findings.
func keysOf(fs []report.Finding) map[string]bool {
	keys := map[string]bool{}
	for _, f := range fs {
		keys[findingKey(f)] = true
	}
	return keys
}

// findingKey is the same for two findings that tell the same.
func findingKey(f report.Finding) string { return fmt.Sprint(f.Rule, f.Place, f.Message) }
