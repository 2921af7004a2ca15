package statements

import "strings"

// scanOption is how one table of a statement is read: the value of an option, and where it was given.
type scanOption struct {
	Pos          // of the hint's option, else of the table in the query
	table, value string
	from         string // "the property k", "the hint", "the table's option"
}

// scanOptions tell for each table that the statement reads what an option of it is; property is the statement's that stands for
// all of them, "" where there is none. A hint goes over the property, and that over the table's own option.
func (in *judged) scanOptions(property, option string) []scanOption {
	var out []scanOption
	for _, ref := range readTables(in.stmt) {
		name := ref.Name.Last()
		o := scanOption{Pos: ref.Pos, table: name}
		if t, ok := in.table(name); ok && t.Options[option] != "" {
			o.value, o.from = t.Options[option], "the table's option "+quoteString(option)
		}
		if v := in.facts.Properties[property]; property != "" && v != "" {
			o.value, o.from = v, "the property "+quoteString(property)
		}
		for _, h := range ref.Hints {
			for _, x := range h.Options {
				if h.Name == "OPTIONS" && x.Key == option {
					o.Pos, o.value, o.from = x.Pos, x.Value, "the hint"
				}
			}
		}
		if o.value != "" {
			o.value = strings.ToLower(o.value)
			out = append(out, o)
		}
	}
	return out
}

// keepsState names the first operator of the statement whose results depend on rows before the current one, "" where none does.
func (in *judged) keepsState() string {
	first := ""
	in.operators(func(r Rel) {
		held := false
		switch n := r.(type) {
		case *Aggregation, *Ranking, *Over, *Matching, *Normalizing:
			held = true
		case *Joining:
			held = n.Form != LookupJoin
		case *Sorting:
			held = n.Limit >= 0
		case *Combining:
			held = n.Op != Union || !n.All
		}
		if held && first == "" {
			first = OperatorName(r)
		}
	})
	return first
}
