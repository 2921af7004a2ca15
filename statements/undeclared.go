package statements

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// RuleUndeclared is the rule under which tables are reported that the catalog does not know. Nothing is wrong with the statement.
const RuleUndeclared = "sql/undeclared-table"

// Undeclared says which tables a statement reads or writes that the catalog does not know, each once, where it stands first.
func Undeclared(p *Parsed, cat Catalog) []report.Finding {
	var found []report.Finding
	seen := map[string]bool{}
	look := func(n Name) {
		name := n.Last()
		if _, known := cat.Table(name); known || seen[name] {
			return
		}
		seen[name] = true
		f := p.src.finding(RuleUndeclared, n.Pos, fmt.Sprintf("no CREATE TABLE declares %s", quoteName(clip(name))),
			"add its CREATE TABLE (SHOW CREATE TABLE prints it)")
		f.Severity = report.Low
		f.Why = "its columns, key and watermark are not known, so names and types are not checked, and the default watermark is taken for its horizon"
		found = append(found, f)
	}
	if n, ok := p.Statement.(*Insert); ok {
		look(n.Table)
	}
	for _, t := range readTables(p.Statement) {
		look(t.Name)
	}
	return found
}
