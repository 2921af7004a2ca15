package plans

import (
	"fmt"
	"maps"
	"slices"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// A table's metadata (watermark, key, options, columns) is in no topic and in no registry: in the destination a table is what the pipelines' files say.
// So whatever has made it something else in the source, and is in no file, would be lost with the region.

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
		if st.Phase != "COMPLETED" || declared {
			continue
		}
		u, _ := statements.ParseOne(name, st.SQL)
		if u == nil || u.Statement == nil {
			continue
		}
		if altered, is := statements.Alters(u.Statement); is && used[altered.Last()] != "" {
			c.find(report.High, "statement/table-changed", name, fmt.Sprintf("statement %s has changed table %s in %s, and no pipeline declares it: %s has to do with that table", name, altered.Last(), c.link.From, used[altered.Last()]),
				fmt.Sprintf("in %s the table would be what it was before: what %s computes there may differ", c.link.To, used[altered.Last()]), "declare the same ALTER in a pipeline's SQL, or write it into the CREATE TABLE")
		}
		if created, is := statements.Created(u.Statement); is && slices.ContainsFunc(c.decl.Statements, func(s Statement) bool { return s.Name == name }) && used[created] != "" {
			c.find(report.High, "statement/table-changed", name, fmt.Sprintf("table %s was created otherwise in %s than statement %s declares it now", created, c.link.From, name),
				fmt.Sprintf("in %s it would be what is declared: what %s computes there may differ", c.link.To, used[created]), fmt.Sprintf("declare it as it is in %s, or change it there with ALTER TABLE as declared", c.link.From))
		}
	}
}
