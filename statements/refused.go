package statements

import (
	"fmt"
	"slices"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// RuleDialect is the rule under which is reported what the dialect that a statement is written for does not take. What only the
// bundled engine can not run is another matter: see [Supported].
const RuleDialect = "sql/dialect"

// refusal is something that a dialect does not take.
type refusal struct {
	what   string    // the construct, in general
	in     []Dialect // those that refuse it
	why    string    // the reason; in the service's own words, quoted, where these are known
	remedy string
	// find says where a node is the construct and names it as it stands there; "" where it is not.
	find func(Node) (at Pos, name string)
}

// Sets of dialects that refuse the same.
var (
	ccloud     = []Dialect{CCloud2026, CCloud2025}
	before2026 = []Dialect{CCloud2025}
	flink      = []Dialect{Flink2}
	not2026    = []Dialect{CCloud2025, Flink2}
	everywhere = []Dialect{CCloud2026, CCloud2025, Flink2}
)

// refusals is all that a dialect does not take although Parse reads it.
var refusals = slices.Concat(refusedStatements, refusedQueries, refusedPatterns, refusedOptions)

// Refused says what of a statement its dialect does not take, each with the reason, in the order of the text. A statement that was not
// parsed has nothing to refuse.
func Refused(p *Parsed, d Dialect) []report.Finding {
	if p.Statement == nil {
		return nil
	}
	d = Dialect(d.Name())
	var apply []refusal
	for _, r := range refusals {
		if slices.Contains(r.in, d) {
			apply = append(apply, r)
		}
	}
	type place struct {
		at   Pos
		name string
	}
	seen := map[place]bool{}
	var found []report.Finding
	inspect(p.Statement, func(n Node) {
		for _, r := range apply {
			at, name := r.find(n)
			if name == "" || seen[place{at, name}] {
				continue
			}
			seen[place{at, name}] = true
			f := p.src.finding(RuleDialect, at, fmt.Sprintf("%s does not take %s: %s", d, name, r.why), r.remedy)
			f.Why = "the statement is refused in the region where it is started, on the day when it is needed"
			found = append(found, f)
		}
	})
	slices.SortStableFunc(found, func(a, b report.Finding) int {
		if a.Place.Line != b.Place.Line {
			return a.Place.Line - b.Place.Line
		}
		return a.Place.Column - b.Place.Column
	})
	return found
}

// on makes a find for one type of node.
func on[N Node](find func(N) (Pos, string)) func(Node) (Pos, string) {
	return func(n Node) (Pos, string) {
		if x, ok := n.(N); ok {
			return find(x)
		}
		return Pos{}, ""
	}
}

// calls makes a find for calls of these functions.
func calls(names ...string) func(Node) (Pos, string) {
	return on(func(n *Call) (Pos, string) {
		if slices.Contains(names, n.Func) && len(n.Of) == 0 {
			return n.Pos, n.Func
		}
		return Pos{}, ""
	})
}
