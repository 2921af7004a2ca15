package plans

import (
	"fmt"
	"strings"

	"github.com/lifeboat-dr/lifeboat/statements"
)

// StrategyOption is a strategy that a statement does not get, and why.
type StrategyOption struct {
	Strategy Strategy `json:"strategy"`
	Possible bool     `json:"possible"` // it could be declared
	Why      string   `json:"why"`
}

// otherStrategies are those that were not chosen for a statement, the better ones first: what loses least, and starts soonest, is best.
func (c *computation) otherStrategies(sp *StatementPlan) []StrategyOption {
	var out []StrategyOption
	add := func(s Strategy, possible bool, why string) {
		if s != sp.Strategy {
			out = append(out, StrategyOption{s, possible, why})
		}
	}
	stateful := c.stateful(sp.Name)
	if c.hot() {
		add(Parallel, true, fmt.Sprintf("it would have to run in %s already", c.link.To))
	} else {
		add(Parallel, false, "the pattern is active-passive")
	}
	add(Restore, false, fmt.Sprintf("the state of the engine of %s is not mirrored", c.link.From))
	switch short := c.tooShort(sp); {
	case !stateful: // it is nothing else than to resume
	case short != "":
		add(Rebuild, false, short)
	default:
		add(Rebuild, true, "its state is whole after "+sp.Rebuild)
	}
	if stateful {
		add(Resume, true, "what its state held at the failover comes out too small")
	} else {
		add(Resume, true, "positions in its input are all it needs")
	}
	add(Fresh, true, fmt.Sprintf("what %s had not put out is lost", c.link.From))
	return out
}

// tooShort says which input of a statement does not reach back far enough to rebuild its state, "" where all do.
func (c *computation) tooShort(sp *StatementPlan) string {
	for _, v := range sp.Retention {
		if v.Verdict == string(statements.Insufficient) {
			return v.Topic + " does not reach back far enough"
		}
	}
	return ""
}

// otherWords tells the strategies that a statement does not get in a line.
func (s StatementPlan) otherWords() string {
	var can, not []string
	for _, o := range s.Others {
		text := fmt.Sprintf("%s (%s)", o.Strategy, o.Why)
		if o.Possible {
			can = append(can, text)
		} else {
			not = append(not, "not "+text)
		}
	}
	return strings.Join(append(can, not...), ", ")
}
