package statements

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d32 = Rule{
	ID:           "D32",
	Title:        "another schema under the same name",
	Why:          "a record names its schema by an id: where the other registry gives that version another id, or checks new versions by another rule, the same bytes are another row, or none",
	Remedy:       "let the link copy the schemas with their ids (links: subjects), and set the same compatibility in both registries",
	ActiveActive: report.Medium, ActivePassive: report.High,
	check: checkD32,
	Page:  `The rule compares the versions that both registries have, and how they check new ones. A version that only one of them has is no finding: a link may bring it.`,
	Wrong: `-- Version 2 of orders-value has the id 7 in east and 9 in west.
CREATE TABLE orders (item STRING);
CREATE TABLE copies (item STRING);
INSERT INTO copies SELECT item FROM orders;`,
	Right: `-- Both registries have the same ids.
CREATE TABLE orders (item STRING);
CREATE TABLE copies (item STRING);
INSERT INTO copies SELECT item FROM orders;`,
}

func checkD32(in *judged) []hit {
	var out []hit
	seen := map[string]bool{}
	for _, t := range readTables(in.stmt) {
		topic := t.Name.Last()
		if seen[topic] {
			continue
		}
		seen[topic] = true
		for _, subject := range []string{topic + "-key", topic + "-value"} {
			if what := in.subjectDiffers(subject); what != "" {
				out = append(out, hit{at: t.Pos, message: what})
			}
		}
	}
	return out
}

// subjectDiffers compares a subject in the regions whose registries have it. A version that only one of them has is no
// difference: a link may bring it.
func (in *judged) subjectDiffers(subject string) string {
	firstIn := ""
	var first SubjectFacts
	for _, region := range sortedKeys(in.facts.Regions) {
		s, ok := in.facts.Regions[region].Subjects[subject]
		switch {
		case !ok:
			continue
		case firstIn == "":
			firstIn, first = region, s
			continue
		}
		for version := 1; version <= maxVersion(first.IDs); version++ {
			a, have := first.IDs[version]
			if b, both := s.IDs[version]; have && both && a != b {
				return fmt.Sprintf("version %d of %s has the id %d in %s and %d in %s", version, subject, a, firstIn, b, region)
			}
		}
		if first.Compatibility != "" && s.Compatibility != "" && first.Compatibility != s.Compatibility {
			return fmt.Sprintf("%s is checked for %s in %s and for %s in %s", subject, first.Compatibility, firstIn, s.Compatibility, region)
		}
	}
	return ""
}

func maxVersion(ids map[int]int) int {
	most := 0
	for v := range ids {
		most = max(most, v)
	}
	return most
}
