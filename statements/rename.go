package statements

import "fmt"

// RenameTables returns a statement's SQL with other names for the tables that it declares, reads or writes: to[table] where there is one. A table that is
// read under another name keeps its own as alias, so that columns that are qualified by it go on meaning the same. Error: sql is not one
// statement of the dialect.
func RenameTables(sql string, to map[string]string) (string, error) {
	parsed, findings := ParseOne("statement", sql)
	if len(findings) > 0 || parsed == nil || parsed.Statement == nil {
		for _, f := range findings {
			return "", fmt.Errorf("%d:%d: %s", f.Place.Line, f.Place.Column, f.Message)
		}
		return "", fmt.Errorf("there is no statement in %q", sql)
	}
	rename := func(n *Name) bool {
		last := &n.Parts[len(n.Parts)-1]
		name, ok := to[last.Name]
		if ok {
			last.Name = name
		}
		return ok
	}
	argument := map[*TableRef]bool{} // of a function, where no alias can be
	v := queryVisitor{
		table: func(t TableExpr) {
			switch n := t.(type) {
			case *WindowTable:
				argument[n.Table] = true
			case *TableFunction:
				for _, a := range n.Args {
					if arg, ok := unnamed(a).(*TableArg); ok {
						argument[arg.Table] = true
					}
				}
			case *Match:
				if ref, ok := n.Table.(*TableRef); ok {
					argument[ref] = true
				}
			}
		},
		name: func(t *TableRef) {
			was := t.Name.Parts[len(t.Name.Parts)-1]
			if rename(&t.Name) && t.Alias == nil && !argument[t] {
				t.Alias = &Alias{Name: was}
			}
		},
	}
	switch n := parsed.Statement.(type) {
	case *CreateTable:
		rename(&n.Name)
		if n.Like != nil {
			rename(&n.Like.Table)
		}
	case *CreateView:
		rename(&n.Name)
	case *CreateMaterialized:
		rename(&n.Name)
	case *Insert:
		rename(&n.Table)
	case *Alter:
		rename(&n.Name)
	case *StatementSet:
		for _, i := range n.Inserts {
			rename(&i.Table)
		}
	}
	for _, q := range queriesOf(parsed.Statement) {
		v.walkQuery(q, nil)
	}
	return parsed.Statement.SQL(), nil
}
