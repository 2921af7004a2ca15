package statements

import (
	"fmt"
	"slices"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// RuleUndeclared is the rule under which tables are reported that the catalog does not know. Nothing is wrong with the statement.
const RuleUndeclared = "sql/undeclared-table"

// RuleSchema is the rule under which topics are reported whose schemas tell no columns.
const RuleSchema = "sql/schema"

// Undeclared says which tables a statement reads or writes that the catalog does not know, each once, where it stands first. unread has the reason of
// those that are topics with schemas, which would tell their columns if they could be read. What only lacks a CREATE TABLE has the table as its subject.
func Undeclared(p *Parsed, cat Catalog, unread map[string]string) []report.Finding {
	var found []report.Finding
	seen := map[string]bool{}
	look := func(n Name) {
		name := n.Last()
		if _, known := cat.Table(name); known || seen[name] {
			return
		}
		seen[name] = true
		if why := unread[name]; why != "" {
			f := p.src.finding(RuleSchema, n.Pos, why, "register what the schema refers to, or declare the table by CREATE TABLE")
			f.Severity = report.High
			f.Why = "the engine can not infer the table either, and refuses the statement; its names and types are not checked here"
			found = append(found, f)
			return
		}
		remedy := "add its CREATE TABLE (SHOW CREATE TABLE prints it)"
		if lister, ok := cat.(interface{ Names() []string }); ok {
			if meant := nearest(name, lister.Names()); meant != "" {
				remedy = "did you mean " + quoteName(meant) + "? Else " + remedy
			}
		}
		f := p.src.finding(RuleUndeclared, n.Pos, fmt.Sprintf("no CREATE TABLE declares %s", quoteName(clip(name))), remedy)
		f.Severity, f.Subject = report.Low, name
		f.Why = "its columns are not known, so what is read from it or written to it is not checked; where it is read it is taken for an append table with the default watermark"
		found = append(found, f)
	}
	switch n := p.Statement.(type) {
	case *Insert:
		look(n.Table)
	case *StatementSet:
		for _, i := range n.Inserts {
			look(i.Table)
		}
	}
	for _, t := range readTables(p.Statement) {
		look(t.Name)
	}
	if base, ok := like(p.Statement); ok {
		look(base)
	}
	if name, ok := Alters(p.Statement); ok {
		look(name)
	}
	return found
}

// NamedTables are the tables that a statement names: those that it reads, writes, alters, or makes another like.
func NamedTables(p *Parsed) []string {
	out := slices.Concat(Reads(p.Statement), Writes(p.Statement))
	if base, ok := like(p.Statement); ok {
		out = append(out, base.Last())
	}
	if name, ok := Alters(p.Statement); ok {
		out = append(out, name.Last())
	}
	return out
}

// Typed reports whether all columns of the tables that a statement names have a type: those of CREATE TABLE … AS may have none.
func Typed(p *Parsed, cat Catalog) bool {
	return !slices.ContainsFunc(NamedTables(p), func(name string) bool {
		t, ok := cat.Table(name)
		return ok && slices.ContainsFunc(t.Columns, func(c TableColumn) bool { return !known(c.Type) })
	})
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
