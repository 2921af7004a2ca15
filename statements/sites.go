package statements

import (
	"maps"
	"slices"
)

// site is one call in a statement, and what its result is used for.
type site struct {
	Pos
	call      *Call
	condition bool // it decides which rows or groups there are, or which branch is taken
	output    int  // the output of the outermost SELECT that it is part of; -1 = none, or not to be told
	via       string
}

// sites lists the calls of a statement in the order of the text. A column that a query in FROM, or a common table expression, has computed by a call
// counts as that call where the query around it uses the column.
func sites(s Statement) []site {
	w := &siteWalker{}
	if n, ok := s.(*CreateTable); ok {
		for _, c := range n.Columns {
			if c.Expr != nil {
				w.walk(c.Expr, false, -1)
			}
		}
		if n.Watermark != nil {
			w.walk(n.Watermark.Expr, true, -1)
		}
	}
	out := w.out
	if _, ok := s.(*Explain); ok {
		return out // it runs nothing
	}
	for _, q := range queriesOf(s) {
		querySites(q, true, nil, &out)
	}
	return out
}

// sourced is what the columns of a query are computed from, by name and in their order.
type sourced struct {
	names []string
	from  map[string][]*Call
}

func (c *sourced) add(name string, calls ...*Call) {
	if c.from == nil {
		c.from = map[string][]*Call{}
	}
	if !slices.Contains(c.names, name) {
		c.names = append(c.names, name)
	}
	c.from[name] = append(c.from[name], calls...)
}

func (c *sourced) addAll(o sourced) {
	for _, name := range o.names {
		c.add(name, o.from[name]...)
	}
}

// renamed gives the columns the names of an alias or of a common table expression.
func (c sourced) renamed(names []Ident) sourced {
	if len(names) == 0 {
		return c
	}
	var out sourced
	for i, name := range names {
		if i < len(c.names) {
			out.add(name.Name, c.from[c.names[i]]...)
		}
	}
	return out
}

// querySites appends the calls of q, and returns what its columns are computed from. ctes are the common table expressions in sight.
func querySites(q *Query, outermost bool, ctes map[string]sourced, all *[]site) sourced {
	if len(q.With) > 0 {
		if ctes = maps.Clone(ctes); ctes == nil {
			ctes = map[string]sourced{}
		}
		for _, c := range q.With {
			ctes[c.Name.Name] = querySites(c.Query, false, ctes, all).renamed(c.Columns)
		}
	}
	out, below := bodySites(q.Body, outermost, ctes, all)
	w := &siteWalker{below: below, ctes: ctes}
	for _, o := range q.OrderBy {
		w.walk(o.Expr, true, -1)
	}
	*all = append(*all, w.out...)
	return out
}

// bodySites is querySites of a query's body; below is what its ORDER BY sees.
func bodySites(b QueryBody, outermost bool, ctes map[string]sourced, all *[]site) (out, below sourced) {
	switch n := b.(type) {
	case *Select:
		return selectSites(n, outermost, ctes, all)
	case *SetOperation:
		out, _ = bodySites(n.Left, outermost, ctes, all)
		right, _ := bodySites(n.Right, outermost, ctes, all)
		for i, name := range right.names { // rows of both sides stand under the names of the left one
			if i < len(out.names) {
				out.add(out.names[i], right.from[name]...)
			}
		}
	case *Nested:
		out = querySites(n.Query, outermost, ctes, all)
	case *NamedTable:
		if len(n.Name.Parts) == 1 {
			out = ctes[n.Name.Last()]
		}
	case *Values:
		w := &siteWalker{ctes: ctes}
		for _, row := range n.Rows {
			items := []Expr{row}
			if r, ok := row.(*Row); ok {
				items = r.Items
			}
			for i, item := range items {
				index := i
				if !outermost {
					index = -1
				}
				w.walk(item, false, index)
			}
		}
		*all = append(*all, w.out...)
	}
	return out, out
}

func selectSites(sel *Select, outermost bool, ctes map[string]sourced, all *[]site) (out, below sourced) {
	w := &siteWalker{ctes: ctes}
	if sel.From != nil {
		w.below = fromSites(sel.From, ctes, all, w)
	}
	star := false
	for i, item := range sel.Items {
		if _, ok := item.Expr.(*Star); ok {
			star = true
			out.addAll(w.below)
			continue
		}
		index := i
		if star || !outermost {
			index = -1
		}
		before := len(w.out)
		w.walk(item.Expr, false, index)
		name := itemName(item, i)
		out.add(name)
		for _, s := range w.out[before:] {
			out.add(name, s.call)
		}
	}
	for _, e := range append([]Expr{sel.Where, sel.Having, sel.Qualify}, sel.GroupBy...) {
		w.walk(e, true, -1)
	}
	for _, named := range sel.Windows {
		for _, e := range named.Spec.exprs() {
			w.walk(e, true, -1)
		}
	}
	*all = append(*all, w.out...)
	return out, w.below
}

// fromSites returns what the columns of a table expression are computed from. Conditions of joins and arguments of functions go to w.
func fromSites(t TableExpr, ctes map[string]sourced, all *[]site, w *siteWalker) (below sourced) {
	alias := func(c sourced, a *Alias) sourced {
		if a == nil {
			return c
		}
		return c.renamed(a.Columns)
	}
	switch n := t.(type) {
	case *Derived:
		return alias(querySites(n.Query, false, ctes, all), n.Alias)
	case *TableRef:
		if len(n.Name.Parts) == 1 {
			below = ctes[n.Name.Last()]
		}
		w.walk(n.AsOf, true, -1)
		return alias(below, n.Alias)
	case *WindowTable:
		if n.Query != nil {
			below = querySites(n.Query, false, ctes, all)
		} else if n.Table != nil {
			below = fromSites(n.Table, ctes, all, w)
		}
		return alias(below, n.Alias)
	case *Join:
		below.addAll(fromSites(n.Left, ctes, all, w))
		below.addAll(fromSites(n.Right, ctes, all, w))
		on := &siteWalker{below: below, ctes: ctes}
		on.walk(n.On, true, -1)
		w.out = append(w.out, on.out...)
	case *TableFunction:
		for _, a := range n.Args {
			w.walk(a, true, -1)
		}
	case *Unnest:
		for _, a := range n.Args {
			w.walk(a, true, -1)
		}
	case *Match:
		below = fromSites(n.Table, ctes, all, w)
		in := &siteWalker{below: below, ctes: ctes}
		for _, d := range n.Define {
			in.walk(d.Cond, true, -1)
		}
		for _, m := range n.Measures {
			in.walk(m.Expr, false, -1)
		}
		w.out = append(w.out, in.out...)
	}
	return below
}

type siteWalker struct {
	below sourced // what the columns of FROM are computed from
	ctes  map[string]sourced
	out   []site
}

func (w *siteWalker) walk(e Expr, condition bool, output int) {
	if e == nil {
		return
	}
	walkExpr(e, func(x Expr) bool {
		switch n := x.(type) {
		case *ColumnName:
			for _, c := range w.below.from[n.Last()] {
				w.out = append(w.out, site{Pos: n.Pos, call: c, condition: condition, output: output, via: n.Last()})
			}
		case *Subquery:
			w.query(n.Query, condition, output)
		case *Exists:
			w.query(n.Query, true, output)
		case *In:
			w.query(n.Query, true, output)
		case *Quantified:
			w.query(n.Query, true, output)
		case *TableArg:
			w.query(n.Query, true, output)
		case *Case:
			if n.Operand != nil {
				w.walk(n.Operand, true, output)
			}
			for _, when := range n.Whens {
				w.walk(when.Cond, true, output)
				w.walk(when.Then, condition, output)
			}
			w.walk(n.Else, condition, output)
			return false
		case *Call:
			w.out = append(w.out, site{Pos: n.Pos, call: n, condition: condition, output: output})
			for i, a := range n.Args {
				w.walk(a, condition || n.Func == "IF" && i == 0, output)
			}
			w.walk(n.Filter, true, output)
			return false
		}
		return true
	})
}

// query takes in the calls of a query within an expression, which count as calls of the expression.
func (w *siteWalker) query(q *Query, condition bool, output int) {
	if q == nil {
		return
	}
	before := len(w.out)
	querySites(q, false, w.ctes, &w.out)
	for i := range w.out[before:] {
		s := &w.out[before+i]
		s.condition, s.output = s.condition || condition, output
	}
}

// what names the call of a site in a message.
func (s site) what() string {
	name := s.call.Func
	if !s.call.Bare {
		name += "()"
	}
	if s.via != "" {
		return name + " in the column " + quoteName(clip(s.via))
	}
	return name
}
