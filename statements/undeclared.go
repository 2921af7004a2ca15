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
		remedy := "add its CREATE TABLE (SHOW CREATE TABLE prints it)"
		if lister, ok := cat.(interface{ Names() []string }); ok {
			if meant := nearest(name, lister.Names()); meant != "" {
				remedy = "did you mean " + quoteName(meant) + "? Else " + remedy
			}
		}
		f := p.src.finding(RuleUndeclared, n.Pos, fmt.Sprintf("no CREATE TABLE declares %s", quoteName(clip(name))), remedy)
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

// RuleNoTopic is the rule under which tables are reported that no topic backs.
const RuleNoTopic = "sql/no-topic"

// Unbacked says which tables a statement reads of which backed says that there is no topic, each once.
func Unbacked(p *Parsed, where string, backed func(table string) bool) []report.Finding {
	var found []report.Finding
	seen := map[string]bool{}
	for _, t := range readTables(p.Statement) {
		name := t.Name.Last()
		if seen[name] || backed(name) {
			continue
		}
		seen[name] = true
		f := p.src.finding(RuleNoTopic, t.Name.Pos, fmt.Sprintf("there is no topic %s in %s, and no statement writes it", quoteName(clip(name)), where),
			"create the topic, or mend the name")
		f.Severity = report.High
		f.Why = "the engine refuses the statement, or it waits for rows that never come"
		found = append(found, f)
	}
	return found
}
