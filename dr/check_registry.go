package dr

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// checkRegistry compares the mirrored subjects: every version with the same id.
func checkRegistry(_ context.Context, c *checkup) []report.Check {
	from, to := c.seen.Regions[c.decl.From], c.seen.Regions[c.decl.To]
	var out []report.Check
	for _, name := range []string{c.decl.From, c.decl.To} {
		st := c.seen.Regions[name]
		if !st.Reachable || st.Registry == "" {
			continue
		}
		line := report.Check{Name: "registry of " + name + " answers", Outcome: report.Passed, Detail: fmt.Sprintf("%s, mode %s", counted(len(st.Subjects), "subject"), st.Mode)}
		if st.Registry != "ok" {
			line.Outcome, line.Detail = report.Failed, st.Registry
			line.Why, line.Remedy = "records whose schema is missing can not be read", "check regions."+name+".registry in lifeboat.yaml"
		}
		out = append(out, line)
	}
	if from.Registry != "ok" || to.Registry != "ok" {
		return out
	}
	var missing, other []string
	from = c.decl.View(from)
	n := 0
	for _, subject := range sortedKeys(from.Subjects) {
		if !c.decl.MirrorsSubject(subject) {
			continue
		}
		n++
		src, dst := from.Subjects[subject], to.Subjects[subject]
		for i, v := range src.Versions {
			at := -1
			if dst != nil {
				at = slices.Index(dst.Versions, v)
			}
			switch {
			case at < 0:
				missing = append(missing, fmt.Sprintf("%s v%d", subject, v))
			case dst.IDs[at] != src.IDs[i]:
				other = append(other, fmt.Sprintf("%s v%d: id %d, not %d", subject, v, dst.IDs[at], src.IDs[i]))
			}
		}
	}
	line := report.Check{Name: "schemas have the same ids in " + c.decl.To, Outcome: report.Passed, Detail: counted(n, "subject")}
	switch {
	case len(other) > 0:
		line.Outcome, line.Detail = report.Failed, strings.Join(other, ", ")
		line.Why, line.Remedy = "records name their schema by id: another id there means garbage or an error", "delete those subjects in "+c.decl.To+" and mirror them again"
	case len(missing) > 0:
		line.Outcome, line.Detail = report.Failed, "missing: "+strings.Join(missing, ", ")
		line.Why, line.Remedy = "records whose schema is missing can not be read", "lifeboat link run"
	}
	return append(append(out, line), checkSubjectNames(c)...)
}

// checkSubjectNames lists, for a link that calls its mirrors otherwise, the subjects whose names do not follow.
func checkSubjectNames(c *checkup) []report.Check {
	if !c.decl.Renames() {
		return nil
	}
	var same, passed []string
	for _, subject := range sortedKeys(c.seen.Regions[c.decl.From].Subjects) {
		switch mirror, ok := c.decl.MirrorSubject(subject); {
		case !ok && c.decl.Subjects.Match(subject):
			passed = append(passed, subject)
		case ok && mirror == subject && c.decl.SelectsSubject(subject):
			same = append(same, subject)
		}
	}
	var out []report.Check
	if len(same) > 0 {
		out = append(out, report.Check{Name: "subjects that are not named after a mirrored topic keep their names", Outcome: report.Passed, Detail: strings.Join(same, ", ")})
	}
	if len(passed) > 0 {
		out = append(out, report.Check{Name: "subjects that came from " + c.decl.To + ", or would meet a mirrored one, are not mirrored", Outcome: report.Passed, Detail: strings.Join(passed, ", ")})
	}
	return out
}
