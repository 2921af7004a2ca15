package plans

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// Rules of waivers that waive nothing, of lifeboat.yaml and of comments alike.
const (
	RuleUnusedWaiver  = "waiver/unused"
	RuleExpiredWaiver = "waiver/expired"
)

// applyWaivers marks the findings that a waiver of lifeboat.yaml, or of a comment of the judged statements, accepts on a day, and
// finds the waivers that are left over. today is YYYY-MM-DD, as waivers have it, so that dates are compared as text; "" where no waiver
// ends. Before the regions are seen, a waiver of a rule that asks them is not unused.
func applyWaivers(findings []report.Finding, d *Declared, judged map[string]*statements.Parsed, today string, seen bool) (left []report.Finding) {
	ended := func(until string) bool { return until != "" && today != "" && today > until }
	waive := func(rule, statement, reason string) (used bool) {
		for i := range findings {
			if f := &findings[i]; f.Rule == rule && (statement == "" || statement == f.Subject) {
				f.Waived, used = reason, true
			}
		}
		return used
	}
	for _, w := range d.Topology.Waivers {
		_, asked := judged[w.Statement]
		if ended(w.Until) || waive(w.Rule, w.Statement, w.Reason) || !seen && statements.NeedsRegions(w.Rule) ||
			!asked && (w.Statement != "" || len(judged) < len(d.Statements)) {
			continue // Load tells of those that have ended
		}
		f := d.waivedAt[w]
		f.Rule, f.Severity, f.Subject = RuleUnusedWaiver, report.Medium, w.Statement
		f.Message, f.Remedy = fmt.Sprintf("nothing is found that the waiver of %s would waive", w.Rule), "remove it"
		if others := foundIn(findings, w.Rule); w.Statement != "" && len(others) > 0 {
			f.Message += " in " + w.Statement
			f.Remedy = fmt.Sprintf("remove it, or name the statement that has %s: %s", w.Rule, strings.Join(others, ", "))
		}
		left = append(left, f)
	}
	for _, name := range slices.Sorted(maps.Keys(judged)) {
		u := judged[name]
		if u == nil {
			continue
		}
		for _, w := range u.Waivers {
			var f report.Finding
			switch {
			case ended(w.Until):
				f = u.Leftover(w, RuleExpiredWaiver, fmt.Sprintf("the waiver of %s ended on %s", w.Rule, w.Until), "mend what it waived, or agree on a new date")
			case waive(w.Rule, name, w.Reason) || !seen && statements.NeedsRegions(w.Rule):
				continue
			default:
				f = u.Leftover(w, RuleUnusedWaiver, fmt.Sprintf("nothing is found that the waiver of %s would waive", w.Rule), "remove it")
			}
			f.Subject = name
			left = append(left, f)
		}
	}
	return left
}

// foundIn are the statements in which a rule finds something that is not waived.
func foundIn(findings []report.Finding, rule string) []string {
	var out []string
	for _, f := range findings {
		if f.Rule == rule && f.Waived == "" && f.Subject != "" && !slices.Contains(out, f.Subject) {
			out = append(out, f.Subject)
		}
	}
	return out
}
