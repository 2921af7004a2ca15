package dr

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// study is one question asked of the statements' texts. fails says which findings stand against going on.
type study func(st *plans.Study, fails func(report.Finding) bool) []report.Check

// allOfStudy are the questions that need no region.
var allOfStudy = []study{studySyntax, studyDialect, studyEngine, studyNames, studyChangelog, studyLineage, studyDeterminism, studyHorizon}

// studyChecks asks: one line each where all is well, a line per statement where it is not.
func studyChecks(st *plans.Study, fails func(report.Finding) bool, questions ...study) []report.Check {
	var out []report.Check
	for _, ask := range questions {
		out = append(out, ask(st, fails)...)
	}
	return out
}

// byRule answers a check by the findings of some rules.
func byRule(st *plans.Study, fails func(report.Finding) bool, c report.Check, rules ...string) report.Check {
	c.Outcome = report.Passed
	var first report.Finding
	n := 0
	for _, f := range st.Findings {
		if !slices.Contains(rules, f.Rule) || f.Waived != "" || f.Severity == report.Low && !fails(f) {
			continue
		}
		if n++; n == 1 || f.Severity.Worse(first.Severity) {
			first = f
		}
		if fails(f) {
			c.Outcome = report.Failed
		} else if c.Outcome == report.Passed {
			c.Outcome = report.Warned
		}
	}
	if n > 0 {
		c.Detail = counted(n, "finding") + ", the worst: " + first.Message
	}
	return c
}

func studySyntax(st *plans.Study, fails func(report.Finding) bool) []report.Check {
	return []report.Check{byRule(st, fails, report.Check{ID: "syntax", Name: "every statement can be read", Detail: counted(len(st.Statements), "statement")},
		statements.RuleSyntax, statements.RuleLimit, statements.RuleText, "sql/empty", "topology/duplicate-name")}
}

func studyDialect(st *plans.Study, fails func(report.Finding) bool) []report.Check {
	var names []string
	for _, d := range st.Dialects {
		names = append(names, d.String())
	}
	return []report.Check{byRule(st, fails, report.Check{ID: "dialect", Name: "its dialect takes every statement", Detail: strings.Join(names, ", ")}, statements.RuleDialect)}
}

// studyEngine asks whether the bundled engine runs the statements, which decides something only where a region runs them by it.
func studyEngine(st *plans.Study, fails func(report.Finding) bool) []report.Check {
	c := report.Check{ID: "bundled-engine", Name: "the bundled engine runs every statement", Detail: counted(len(st.Statements), "statement")}
	if len(st.Beyond) > 0 {
		c.Detail = fmt.Sprintf("%d of %s it does not: %s", len(st.Beyond), counted(len(st.Statements), "statement"), shortList(st.Beyond))
	}
	switch {
	case len(st.Beyond) == 0:
		c.Outcome = report.Passed
	case slices.Contains(st.Engines, plans.Bundled):
		return []report.Check{byRule(st, fails, c, statements.RuleUnsupported)}
	case len(st.Engines) > 0:
		c.Outcome = report.Skipped
		c.Detail += "; the regions run them by " + strings.Join(st.Engines, " and ")
	default:
		c.Outcome = report.Skipped
		c.Detail += "; no region is declared to run them by it"
	}
	return []report.Check{c}
}

func studyNames(st *plans.Study, fails func(report.Finding) bool) []report.Check {
	checked := 0
	for _, s := range st.Statements {
		if s.Resolved {
			checked++
		}
	}
	c := byRule(st, fails, report.Check{ID: "names", Name: "names and types fit their tables", Detail: fmt.Sprintf("%d of %s checked", checked, counted(len(st.Statements), "statement"))},
		statements.RuleName, statements.RuleType, statements.RuleNoTopic)
	if checked < len(st.Statements) && c.Outcome == report.Passed {
		c.Detail += "; the others read or write tables that no CREATE TABLE declares here"
	}
	return []report.Check{c}
}

func studyChangelog(st *plans.Study, fails func(report.Finding) bool) []report.Check {
	writing := 0
	for _, s := range st.Statements {
		if len(s.Writes) > 0 {
			writing++
		}
	}
	if writing == 0 {
		return nil
	}
	return []report.Check{byRule(st, fails, report.Check{ID: "changelog", Name: "operators and sinks take the changes that they get", Detail: counted(writing, "statement")}, statements.RuleChangelog)}
}

func studyLineage(st *plans.Study, fails func(report.Finding) bool) []report.Check {
	var moving []plans.Studied
	written, outside := map[string]bool{}, map[string]bool{}
	for _, s := range st.Statements {
		if len(s.Writes) > 0 {
			moving = append(moving, s)
		}
		for _, t := range s.Writes {
			written[t] = true
		}
	}
	for _, s := range moving {
		for _, t := range s.Reads {
			outside[t] = !written[t]
		}
	}
	var from []string
	for _, t := range sortedKeys(outside) {
		if outside[t] {
			from = append(from, t)
		}
	}
	detail := fmt.Sprintf("%s over %s", counted(len(moving), "statement"), counted(len(written)+len(from), "topic"))
	if len(from) > 0 {
		detail += ", from " + shortList(from)
	}
	return []report.Check{byRule(st, fails, report.Check{ID: "lineage", Name: "statements follow one another without a loop", Detail: detail}, "sql/cycle", "sql/two-writers", "sql/two-creators")}
}

// studyDeterminism has a line for every statement of which something is found, and one for the others.
func studyDeterminism(st *plans.Study, fails func(report.Finding) bool) []report.Check {
	bySubject := map[string][]report.Finding{}
	for _, f := range st.Findings {
		if strings.HasPrefix(f.Rule, "D") && f.Waived == "" && (f.Severity != report.Low || fails(f)) {
			bySubject[f.Subject] = append(bySubject[f.Subject], f)
		}
	}
	var out []report.Check
	count, n := map[string]int{}, 0
	for _, s := range st.Statements {
		found := bySubject[s.Name]
		if len(found) == 0 {
			switch {
			case s.Verdict == string(statements.NonDeterministic):
				out = append(out, report.Check{ID: "determinism", Name: s.Name + " computes the same in both regions", Outcome: report.Warned, Detail: s.Verdict + ": " + s.VerdictWhy, Place: s.Place()})
			case s.Verdict != "":
				count[s.Verdict]++
				n++
			}
			continue
		}
		c := report.Check{ID: "determinism", Name: s.Name + " computes the same in both regions", Outcome: report.Warned, Detail: s.Verdict, Place: s.Place()}
		var rules []string
		for _, f := range found {
			if fails(f) {
				c.Outcome = report.Failed
			}
			if !slices.Contains(rules, f.Rule) {
				rules = append(rules, f.Rule)
			}
		}
		if why := strings.Join(rules, ", ") + ", see findings"; s.Verdict == "" { // a query that writes nothing
			c.Detail = why
		} else {
			c.Detail += " (" + why + ")"
		}
		out = append(out, c)
	}
	if n == 0 {
		return out
	}
	var verdicts []string
	for _, v := range sortedKeys(count) {
		verdicts = append(verdicts, fmt.Sprintf("%d %s", count[v], v))
	}
	name := "statements compute the same in both regions"
	if len(out) > 0 {
		name = "the other " + name
	}
	return append(out, report.Check{ID: "determinism", Name: name, Outcome: report.Passed, Detail: strings.Join(verdicts, ", ")})
}

// studyHorizon has a line for every statement whose history has no bound, one for those of which nothing is known, and one for the others.
func studyHorizon(st *plans.Study, _ func(report.Finding) bool) []report.Check {
	var out []report.Check
	var unknown []string
	reason, bounded := "", 0
	for _, s := range st.Statements {
		whole, data, open := reach(s)
		c := report.Check{ID: "horizon", Name: s.Name + " can be rebuilt from a bounded history", Outcome: report.Warned, Detail: s.Horizon(), Place: s.Place()}
		switch {
		case len(whole) > 0:
			c.Why = "it can only be rebuilt where all of " + shortList(whole) + " is still there, from its first record on"
			c.Remedy = s.Horizons[whole[0]].Remedy()
			out = append(out, c)
		case len(data) > 0:
			c.Why = "how far back the records of " + shortList(data) + " go that count, the data alone tell"
			c.Remedy = s.Horizons[data[0]].Remedy()
			out = append(out, c)
		case len(open) > 0:
			unknown = append(unknown, s.Name)
			reason = cmp.Or(reason, s.Horizon())
		case len(s.Writes) > 0:
			bounded++
		}
	}
	name := "history needed to rebuild statements is bounded"
	if len(out)+len(unknown) > 0 {
		name = "history needed to rebuild the others is bounded"
	}
	if len(unknown) > 0 {
		out = append(out, report.Check{ID: "horizon", Name: "history needed to rebuild " + shortList(unknown) + " is known", Outcome: report.Warned, Detail: reason,
			Why: "whether enough of it is there can not be told", Remedy: "declare the tables that are read with CREATE TABLE, and mend what is found of the statements"})
	}
	if bounded > 0 {
		out = append(out, report.Check{ID: "horizon", Name: name, Outcome: report.Passed, Detail: counted(bounded, "statement")})
	}
	return out
}

// reach are the inputs of which everything counts, those of which the data tell how much does, and those of which it is not known.
func reach(s plans.Studied) (whole, data, unknown []string) {
	for _, topic := range slices.Sorted(maps.Keys(s.Horizons)) {
		switch h := s.Horizons[topic]; {
		case h.Unbounded && !h.Data:
			whole = append(whole, topic)
		case h.Unbounded:
			data = append(data, topic)
		case h.Unknown != "" || h.Assumed != "":
			unknown = append(unknown, topic)
		}
	}
	return whole, data, unknown
}

// shortList names the first few of many.
func shortList(names []string) string {
	const most = 6
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
