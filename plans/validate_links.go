package plans

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// maxTasks bounds what a link is cut into: each task has its own connections and requests.
const maxTasks = 64

func (d *decoder) links(t *Topology) {
	regions := slices.Sorted(maps.Keys(t.Regions))
	names := make([]string, len(t.Links))
	for i, l := range t.Links {
		path := fmt.Sprintf("links[%d]", i)
		names[i] = l.Name
		d.required(path+".name", l.Name)
		d.name(path+".name", l.Name)
		for _, end := range []struct{ key, region string }{{".from", l.From}, {".to", l.To}} {
			d.required(path+end.key, end.region)
			d.region(path+end.key, end.region, regions)
		}
		if l.From != "" && l.From == l.To {
			d.add("link-loop", path+".to", fmt.Sprintf("link %q runs from %s to itself", l.Name, l.From), "name the other region")
		}
		if len(l.Topics.Include) == 0 && !l.OnlySubjects() && !d.reported(path+".topics") && !d.reported(path+".topics.include") && !d.reported(path) {
			d.add("missing-key", path+".topics.include", fmt.Sprintf("link %q names no topics", l.Name), `write topics: {include: ["name", "prefix-.*"]}`)
		}
		if l.OnlySubjects() && len(l.Groups.Include) > 0 {
			d.add("missing-key", path+".groups", fmt.Sprintf("link %q selects groups and no topics", l.Name), "positions are in topics: name those too, or leave the groups out")
		}
		d.rule(path+".topics", l.Topics.Rule)
		d.oneOf(path+".topics.drift", l.Topics.Drift, knownDrifts)
		d.oneOf(path+".topics.deletions", l.Topics.Deletions, knownDeletions)
		d.rule(path+".groups", l.Groups)
		d.rule(path+".subjects", l.Subjects.Rule)
		d.rule(path+".acls", l.ACLs.Rule)
		d.oneOf(path+".acls.writes", l.ACLs.Writes, knownWrites)
		d.oneOf(path+".gaps", l.Gaps, knownGaps)
		if l.Tasks < 0 || l.Tasks > maxTasks {
			d.add("bad-value", path+".tasks", fmt.Sprintf("link %q is cut into %d tasks", l.Name, l.Tasks), fmt.Sprintf("write a number from 1 to %d: at most so many link run processes mirror at a time", maxTasks))
		}
		d.oneOf(path+".offsets", l.Offsets, knownOffsets)
		d.prefixes(path, l)
		if l.AlignMax < 0 {
			d.add("bad-value", path+".alignMax", fmt.Sprintf("link %q may fill %d offsets", l.Name, l.AlignMax), "write a number of offsets, or leave it out for any number")
		}
	}
	d.unique("link", names, func(i int) string { return fmt.Sprintf("links[%d].name", i) })
	knowEachOther(t.Links)
	d.overlaps(t)
	d.cycles(t)
}

// rule reports patterns that are not RE2, with the caret under the part that is wrong.
func (d *decoder) rule(path string, r Rule) {
	for _, list := range []struct {
		key      string
		patterns []string
	}{{".include", r.Include}, {".exclude", r.Exclude}} {
		for i, p := range list.patterns {
			at := fmt.Sprintf("%s%s[%d]", path, list.key, i)
			if d.reported(at) {
				continue
			}
			if p == "" {
				d.add("bad-pattern", at, "an empty pattern matches no name", "remove it")
				continue
			}
			_, err := regexp.Compile(p)
			var bad *syntax.Error
			if err == nil || !errors.As(err, &bad) {
				continue
			}
			char := patternMistake(p, bad)
			n := d.node(at)
			d.add("bad-pattern", at, fmt.Sprintf("%q is not a pattern: %s at character %d: %s", p, bad.Code, char+1, bad.Expr), "patterns are RE2: .* for anything, \\. for a dot")
			if n != nil && n.Line-1 < len(d.src.lines) {
				// The value may be quoted; the caret moves only where the text stands in the line as it is.
				line := []rune(d.src.lines[n.Line-1])
				if n.Column-1 <= len(line) {
					if k := strings.Index(string(line[n.Column-1:]), p); k >= 0 && k <= 1 {
						f := &d.found[len(d.found)-1]
						f.Place.Column = n.Column + k + char
						f.Excerpt = d.src.excerpt(n.Line, f.Place.Column)
					}
				}
			}
		}
	}
}

// patternMistake is the character of p, from 0, at which err stands. RE2 names the wrong part, or all of the pattern where a
// bracket is never closed; that one is then the first bracket without which the rest is a pattern.
func patternMistake(p string, err *syntax.Error) int {
	at := strings.LastIndex(p, err.Expr)
	if err.Code == syntax.ErrMissingParen || err.Expr == p {
		open, closed := unbalanced(p)
		at = max(0, open)
		if closed >= 0 {
			at = closed
		}
	}
	return len([]rune(p[:max(0, at)]))
}

// unbalanced returns the places of the innermost ( that is never closed and of the first ) that was never opened, -1 for none.
func unbalanced(p string) (open, closed int) {
	var stack []int
	class := false
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '(':
			stack = append(stack, i)
		case c == ')' && len(stack) == 0:
			return -1, i
		case c == ')':
			stack = stack[:len(stack)-1]
		}
	}
	if len(stack) == 0 {
		return -1, -1
	}
	return stack[len(stack)-1], -1
}

// overlaps reports two links that write the same topic into one region. Patterns are compared by names that they match; an overlap
// that only real topics show is found when a plan is computed.
func (d *decoder) overlaps(t *Topology) {
	for i, a := range t.Links {
		for j, b := range t.Links[:i] {
			if a.To == "" || a.To != b.To {
				continue
			}
			if topic := commonTopic(a, b); topic != "" {
				d.add("overlapping-links", fmt.Sprintf("links[%d].topics", i), fmt.Sprintf("links %q and %q (line %d) both write topics such as %q into %s",
					a.Name, b.Name, d.node(fmt.Sprintf("links[%d]", j)).Line, topic, a.To), "a topic has one source: narrow one of the patterns")
			}
		}
	}
}

// cycles reports links along which a topic would come back to where it began.
func (d *decoder) cycles(t *Topology) {
	closed := map[int]bool{}
	for i, l := range t.Links {
		for _, topic := range l.witnesses() {
			if closed[i] {
				break
			}
			route := []string{l.From}
			at := l.To
			name, _ := l.Names().Mirror(topic)
			for hops := 0; hops < len(t.Links); hops++ {
				route = append(route, at)
				if at == l.From {
					break
				}
				next := slices.IndexFunc(t.Links[:i], func(m *Link) bool { return m.From == at && m.To != at && m.Selects(name) })
				if next < 0 {
					break
				}
				at = t.Links[next].To
				name, _ = t.Links[next].Names().Mirror(name)
			}
			if at == l.From && l.From != l.To && l.From != "" && l.Selects(name) {
				closed[i] = true
				d.add("link-cycle", fmt.Sprintf("links[%d]", i), fmt.Sprintf("topics such as %q would be mirrored in a circle: %s", topic, strings.Join(route, " → ")),
					"the way back is a link that is reversed after a failover, not a second one; or mirror other topics")
			}
		}
	}
}

// commonTopic returns a name of a mirror that both links would write, "" where none was found.
func commonTopic(a, b *Link) string {
	for _, l := range []*Link{a, b} {
		for _, source := range l.witnesses() {
			if mirror, ok := l.Names().Mirror(source); ok && a.Mirrors(mirror) && b.Mirrors(mirror) {
				return mirror
			}
		}
	}
	return ""
}

// roundTrip returns a topic of l's source that back would bring there again, "" where none was found.
func roundTrip(l, back *Link) string {
	for _, source := range l.witnesses() {
		if mirror, ok := l.Names().Mirror(source); ok && back.Selects(mirror) {
			return source
		}
	}
	return ""
}

// witnesses returns names of the source's topics that the link selects.
func (l *Link) witnesses() []string {
	var names []string
	for _, bare := range witnesses(l.Topics.Rule) {
		if source := l.StripPrefix + bare; l.Selects(source) {
			names = append(names, source)
		}
	}
	return names
}

// witnesses returns names that the rule selects: for each pattern the shortest, and one with something in every place that may
// hold something.
func witnesses(r Rule) []string {
	var names []string
	for _, p := range r.Include {
		re, err := syntax.Parse(p, syntax.Perl)
		if err != nil {
			continue
		}
		for _, filled := range []bool{true, false} {
			var b strings.Builder
			witness(&b, re, filled)
			if name := b.String(); r.Match(name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func witness(b *strings.Builder, re *syntax.Regexp, filled bool) {
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		b.WriteRune(classMember(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpCapture, syntax.OpPlus:
		witness(b, re.Sub[0], filled)
	case syntax.OpStar, syntax.OpQuest:
		if filled {
			witness(b, re.Sub[0], filled)
		}
	case syntax.OpRepeat:
		for range min(max(re.Min, map[bool]int{true: 1}[filled]), 100) {
			witness(b, re.Sub[0], filled)
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			witness(b, sub, filled)
		}
	case syntax.OpAlternate:
		witness(b, re.Sub[0], filled)
	}
}

// classMember returns a letter or digit of a class where it has one, else its first character.
func classMember(ranges []rune) rune {
	for _, want := range "xa0" {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= want && want <= ranges[i+1] {
				return want
			}
		}
	}
	if len(ranges) == 0 {
		return 'x'
	}
	return ranges[0]
}
