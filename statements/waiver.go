package statements

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// RuleWaiver is the rule of a comment that was meant to waive something and can not be read.
const RuleWaiver = "sql/waiver"

// Waiver is a comment in a script that accepts a rule's findings of the statement that it stands in or before:
//
//	-- lifeboat:allow D17 reason="2 ulp agreed with the users" until=2027-01-31
type Waiver struct {
	Pos
	Rule, Reason string
	Until        string // the last day on which it holds, YYYY-MM-DD; "" = for ever
}

// waiverMark begins what a comment says to lifeboat.
const waiverMark = "lifeboat:allow"

var (
	waiverForm = regexp.MustCompile(`^(\S+)((?:\s+[a-z]+=(?:"[^"]*"|[^\s"]+))*)\s*$`)
	waiverPart = regexp.MustCompile(`([a-z]+)=(?:"([^"]*)"|([^\s"]+))`)
)

// readWaiver reads a comment, without its -- or /* */. It is none where the comment does not begin with the mark.
func readWaiver(at Pos, comment string) (*Waiver, *problem) {
	text, ok := strings.CutPrefix(strings.TrimSpace(comment), waiverMark)
	if !ok {
		return nil, nil
	}
	bad := func(format string, args ...any) (*Waiver, *problem) {
		return nil, &problem{Pos: at, rule: RuleWaiver, message: fmt.Sprintf(format, args...), remedy: `write -- lifeboat:allow D17 reason="why, and who agreed" until=2027-01-31`}
	}
	m := waiverForm.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return bad("this waiver can not be read")
	}
	w := &Waiver{Pos: at, Rule: m[1]}
	if !slices.ContainsFunc(rules, func(r Rule) bool { return r.ID == w.Rule }) {
		return bad("there is no rule %s to waive", quoteString(clip(w.Rule)))
	}
	for _, part := range waiverPart.FindAllStringSubmatch(m[2], -1) {
		switch value := part[2] + part[3]; part[1] {
		case "reason":
			w.Reason = strings.TrimSpace(value)
		case "until":
			if _, err := time.Parse(time.DateOnly, value); err != nil {
				return bad("%s is not a date", quoteString(clip(value)))
			}
			w.Until = value
		default:
			return bad("a waiver has a reason and until, not %s", quoteString(clip(part[1])))
		}
	}
	if w.Reason == "" {
		return bad("the waiver of %s gives no reason", w.Rule)
	}
	return w, nil
}

// Leftover is a finding at the place of a waiver that waives nothing: it has ended, or there is nothing to waive.
func (p *Parsed) Leftover(w *Waiver, rule, message, remedy string) report.Finding {
	f := p.src.finding(rule, w.Pos, message, remedy)
	f.Severity = report.Medium
	return f
}

// comment is a comment of a script: its text without the marks.
type comment struct {
	Pos
	text string
}

// waivers takes what the comments up to the end of a statement say to lifeboat.
func (lx *lexer) waivers() (out []*Waiver, bad []*problem) {
	for _, c := range lx.comments {
		w, p := readWaiver(c.Pos, c.text)
		if p != nil {
			bad = append(bad, p)
		}
		if w != nil {
			out = append(out, w)
		}
	}
	lx.comments = nil
	return out, bad
}

// seenInRegions are the rules that find nothing, or not all, before the regions are seen.
var seenInRegions = wordSet(`D08 D18 D19 D21 D24 D27 D31 D32 D33 D35 D37 D38 D39 D40`)

// NeedsRegions reports whether a rule may find more where the regions are seen than in the SQL alone.
func NeedsRegions(rule string) bool { return seenInRegions[rule] }
