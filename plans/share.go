package plans

import (
	"fmt"
	"regexp"
	"strings"
)

// Share is what of its link a failover moves, where that is not all of it: what stays goes on as a mirror, and the process that serves the link with it.
type Share struct {
	Pipeline string   `json:"pipeline,omitempty"` // whose lineage it is
	Topics   []string `json:"topics,omitempty"`   // or the patterns that select it
	Stays    []string `json:"stays,omitempty"`    // topics of the link that go on being mirrored
}

// String is what the share was asked for by: "pipeline orders", "topics orders.*".
func (s *Share) String() string {
	if s.Pipeline != "" {
		return "pipeline " + s.Pipeline
	}
	return "topics " + strings.Join(s.Topics, " and ")
}

// only is the link for what a plan moves: a link back that selected more would mirror what has never left.
func (l *Link) only(p *Plan) *Link {
	next := *l
	literal := func(names []string) Rule {
		var r Rule
		for _, name := range names {
			r.Include = append(r.Include, regexp.QuoteMeta(name))
		}
		return r
	}
	next.Topics.Rule, next.Groups, next.Subjects.Rule = literal(namesOf(p.Topics)), literal(p.Groups), literal(p.Subjects)
	return &next
}

func namesOf(topics []TopicPlan) []string {
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.Name
	}
	return names
}

// rest says what becomes of the rest.
func (s *Share) rest(link, from string, back bool) string {
	if back {
		return fmt.Sprintf("Only %s comes back.", s)
	}
	if len(s.Stays) == 0 {
		return fmt.Sprintf("Only %s is moved, with every topic of link %s: statements that are not listed here stay in %s.", s, link, from)
	}
	return fmt.Sprintf("Only %s is moved. %s %s with %s in %s, mirrored by link %s, whose process goes on.", s, short(s.Stays, "topic"), verb(len(s.Stays), "stays", "stay"),
		verb(len(s.Stays), "its primary", "their primary"), from, link)
}
