package statements

import (
	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// Resolve gives the names of a statement their columns and its expressions their types. It needs the tables that the
// statement reads and writes; what can be parsed but not yet run is refused here, by its name. On a finding there is no
// result. A computed column stands in a Scan's row like any other; its expression is the table's.
func Resolve(p *Parsed, cat Catalog) (*Resolved, []report.Finding) {
	out := &Resolved{Statement: p.Statement}
	bad := caught(func() {
		switch n := p.Statement.(type) {
		case *CreateTable:
			supported(n)
			out.Table = tableOf(n)
		case *Insert:
			supported(n)
			r := &resolver{cat: cat}
			out.Write = r.write(n)
		case nil:
			panic(&problem{Pos: p.Pos, rule: RuleSyntax, message: "the statement was not understood"})
		default:
			supported(n)
		}
	})
	if bad != nil {
		return nil, []report.Finding{p.finding(bad)}
	}
	return out, nil
}

// caught runs f and returns the problem that it throws.
func caught(f func()) (bad *problem) {
	defer func() {
		if v := recover(); v != nil {
			var ok bool
			if bad, ok = v.(*problem); !ok {
				panic(v)
			}
		}
	}()
	f()
	return nil
}

func (p *Parsed) finding(bad *problem) report.Finding { return p.src.problem(bad) }
