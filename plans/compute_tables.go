package plans

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// A table's metadata (watermark, key, options, columns) is in no topic and in no registry: in the destination a table is what the pipelines' files say.
// So whatever has made it something else in the source, and is in no file, would be lost with the region.

// carryChanges is the declaration with what the source's engine was told of its tables besides, as far as it remembers: an ALTER that no file tells is
// carried out in the destination, behind the table's CREATE and in front of what reads or writes it. Where the destination's engine takes none, or there is no
// source to ask, it stays what changedTables tells.
func (d *Declared) carryChanges(from, to string, o *Observed) *Declared {
	e, source, dest := d.Topology.Regions[to].Engine, o.Regions[from], o.Regions[to]
	if e == nil || source == nil || dest == nil {
		return d
	}
	var more []Statement
	for _, name := range slices.Sorted(maps.Keys(source.Statements)) {
		st := source.Statements[name]
		u, _ := statements.ParseOne(name, st.SQL)
		if st.Phase != "COMPLETED" || u == nil || u.Statement == nil || d.hasText(name, st.SQL) || dest.did(st.SQL) {
			continue
		}
		table, alters := statements.Alters(u.Statement)
		user := slices.IndexFunc(d.Statements, func(s Statement) bool {
			p, _ := statements.ParseOne(s.Name, s.SQL)
			return p != nil && p.Statement != nil && slices.Contains(statements.NamedTables(p), table.Last())
		})
		if alters && user >= 0 && (e.Backend != Bundled || len(statements.Supported(u)) == 0) {
			more = append(more, Statement{Pipeline: d.Statements[user].Pipeline, Name: name, File: "statement " + name + " of " + from, SQL: st.SQL})
		}
	}
	if len(more) == 0 {
		return d
	}
	slices.SortStableFunc(more, func(a, b Statement) int {
		return source.Statements[a.Name].Created.Compare(source.Statements[b.Name].Created)
	})
	next := *d
	next.Statements = slices.Concat(d.Statements, more)
	return &next
}

// hasText says whether a statement is declared with this text, or another one under its name.
func (d *Declared) hasText(name, sql string) bool {
	return slices.ContainsFunc(d.Statements, func(s Statement) bool { return s.Name == name || sameText(s.SQL, sql) })
}

// did says whether a region's engine has carried out a statement of this text.
func (r *RegionState) did(sql string) bool {
	for _, st := range r.Statements {
		if st.Phase == "COMPLETED" && sameText(st.SQL, sql) {
			return true
		}
	}
	return false
}

// changedTables reports tables of the plan's statements that the source's engine was told otherwise of than the files tell.
func (c *computation) changedTables() {
	used := map[string]string{} // table → a statement that has to do with it
	for _, t := range c.touches() {
		for _, table := range t.tables {
			if used[table] == "" || len(t.writes) > 0 {
				used[table] = t.statement
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.from.Statements)) {
		st := c.from.Statements[name]
		declared := slices.ContainsFunc(c.decl.Statements, func(s Statement) bool { return sameText(s.SQL, st.SQL) })
		if st.Phase != "COMPLETED" || declared && !c.carried[name] {
			continue
		}
		u, _ := statements.ParseOne(name, st.SQL)
		if u == nil || u.Statement == nil {
			continue
		}
		altered, is := statements.Alters(u.Statement)
		switch {
		case is && c.to.did(st.SQL): // there too
		case is && c.carried[name] && c.started(name):
			c.find(report.Low, "statement/table-changed", name, fmt.Sprintf("statement %s has changed table %s in %s, and no pipeline declares it: it is carried out in %s too", name, altered.Last(), c.link.From, c.link.To),
				"what an engine has forgotten of a table, and what is asked for without "+c.link.From+", is not carried over", "declare the same ALTER in a pipeline's SQL, or write it into the CREATE TABLE")
		case is && used[altered.Last()] != "":
			c.find(report.High, "statement/table-changed", name, fmt.Sprintf("statement %s has changed table %s in %s, and no pipeline declares it: %s has to do with that table", name, altered.Last(), c.link.From, used[altered.Last()]),
				fmt.Sprintf("in %s the table would be what it was before: what %s computes there may differ", c.link.To, used[altered.Last()]), "declare it in a pipeline's SQL, or write it into the CREATE TABLE: "+oneLine(st.SQL))
		}
		if created, is := statements.Created(u.Statement); is && slices.ContainsFunc(c.decl.Statements, func(s Statement) bool { return s.Name == name }) && used[created] != "" {
			c.find(report.High, "statement/table-changed", name, fmt.Sprintf("table %s was created otherwise in %s than statement %s declares it now", created, c.link.From, name),
				fmt.Sprintf("in %s it would be what is declared: what %s computes there may differ", c.link.To, used[created]), fmt.Sprintf("declare it as it is in %s, or change it there with ALTER TABLE as declared", c.link.From))
		}
	}
}

// oneLine is a statement as a sentence holds it.
func oneLine(sql string) string { return strings.Join(strings.Fields(sql), " ") }
