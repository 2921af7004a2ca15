package plans

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/statements"
)

// verdicts judge chains of statements: none agrees between two regions further than what it reads. What is mirrored is the same in both, and ends a
// chain.
type verdicts struct {
	writers  map[string][]string // by topic
	mirrored func(topic string) bool
	known    map[string]statements.Judgement
}

func newVerdicts(g *statements.Graph, mirrored func(string) bool) *verdicts {
	return &verdicts{writers: g.Writers(), mirrored: mirrored, known: map[string]statements.Judgement{}}
}

// of is the verdict of a statement along its chain. Statements are asked in the order of the graph, each after those that it reads from.
func (v *verdicts) of(name string, reads []string, own statements.Judgement) statements.Judgement {
	for _, topic := range reads {
		if v.mirrored(topic) {
			continue
		}
		for _, writer := range v.writers[topic] {
			up, ok := v.known[writer]
			if !ok {
				continue // on a cycle, which a finding tells
			}
			if !strings.HasPrefix(up.Reason, "it reads what ") {
				up.Reason = fmt.Sprintf("it reads what %s writes: %s", writer, up.Reason)
			}
			own = statements.Weakest(own, up)
		}
	}
	v.known[name] = own
	return own
}

// changelog are the modes of the tables that a statement writes: one word where it is the same for all that are known.
func (a *analysis) changelog(writes []string) string {
	var modes, each []string
	for _, topic := range writes {
		t, ok := a.tables.Table(topic)
		if !ok {
			continue
		}
		each = append(each, fmt.Sprintf("%s %s", topic, t.Mode()))
		if mode := string(t.Mode()); !slices.Contains(modes, mode) {
			modes = append(modes, mode)
		}
	}
	if len(modes) == 1 {
		return modes[0]
	}
	return strings.Join(each, ", ")
}
