package statements

import (
	"slices"
	"strings"
)

// tables are the names by which a row's columns can be qualified, in the order of FROM; "" is a query without an alias.
func (s *scope) tables() []string {
	var out []string
	for _, c := range s.columns {
		if !slices.Contains(out, c.table) {
			out = append(out, c.table)
		}
	}
	return out
}

// sources names what the columns come from, for messages: "`a`, `b` or the query in FROM".
func (s *scope) sources(last string) string {
	tables := s.tables()
	if len(tables) < 2 {
		return s.table
	}
	var names []string
	for _, t := range tables {
		if t == "" {
			names = append(names, "a query without a name")
		} else {
			names = append(names, quoteName(clip(t)))
		}
	}
	names = clipList(names)
	return strings.Join(names[:len(names)-1], ", ") + " " + last + " " + names[len(names)-1]
}

// noTable throws that nothing in FROM has the name by which a column is qualified.
func (s *scope) noTable(at Pos, table string) {
	remedy := ""
	if meant := nearest(table, s.tables()); meant != "" {
		remedy = "did you mean " + quoteName(meant) + "?"
	}
	nameProblem(at, remedy, "there is no table %s in this query; it reads %s", quoteName(clip(table)), s.sources("and"))
}

// noColumn throws that a column is not known: in which tables it was looked for, and what was probably meant. table is "" where the name stands by itself.
func (s *scope) noColumn(at Pos, table, name string) {
	where, several := s.sources("or"), len(s.tables()) > 1
	var names []string
	var other string // a table that has the column, where another one was asked
	for _, c := range s.columns {
		switch {
		case c.Name == "":
		case table == "" || c.table == table:
			names = append(names, c.Name)
		case c.Name == name:
			other = c.table
		}
	}
	if table != "" {
		where, several = quoteName(clip(table)), false
	}
	remedy := ""
	switch meant := nearest(name, names); {
	case other != "":
		remedy = "it is a column of " + quoteName(other) + ": write " + quoteName(other) + "." + quoteName(name)
	case meant != "" && several:
		i := slices.IndexFunc(s.columns, func(c scopeColumn) bool { return c.Name == meant })
		if of := s.columns[i].table; of != "" {
			remedy = "did you mean " + quoteName(of) + "." + quoteName(meant) + "?"
			break
		}
		fallthrough
	case meant != "":
		remedy = "did you mean " + quoteName(meant) + "?"
	case len(names) > 0 && several:
		remedy = "they have " + strings.Join(clipList(names), ", ")
	case len(names) > 0:
		remedy = "it has " + strings.Join(clipList(names), ", ")
	}
	if where == "" {
		nameProblem(at, remedy, "there is no column %s here, since there is no table to take it from", quoteName(clip(name)))
	}
	nameProblem(at, remedy, "there is no column %s in %s", quoteName(clip(name)), where)
}

// ungrouped throws that a column of what is grouped is asked for above the aggregation.
func ungrouped(at Pos, name string) {
	typeProblem(at, "add it to GROUP BY, or aggregate it: MIN("+quoteName(name)+")", "the column %s is neither in GROUP BY nor inside an aggregate function", quoteName(clip(name)))
}

// ambiguous throws that a name without its table's means columns of two tables, or two of one.
func ambiguous(at Pos, name, a, b string) {
	column := quoteName(clip(name))
	switch {
	case a == b && a != "":
		nameProblem(at, "give one of the two another name", "%s names two columns of %s", column, quoteName(clip(a)))
	case a == b:
		nameProblem(at, "give one of the two another name", "%s names two columns of the query in FROM", column)
	case a == "" || b == "":
		nameProblem(at, "give the query in FROM an alias, and write it before the column", "%s may be the column of %s or of a query in FROM", column, quoteName(clip(a+b)))
	}
	nameProblem(at, "write "+quoteName(a)+"."+column+" or "+quoteName(b)+"."+column, "%s may be the column of %s or of %s", column, quoteName(clip(a)), quoteName(clip(b)))
}
