package statements

// site is one call in a statement, and what its result is used for.
type site struct {
	Pos
	call      *Call
	condition bool // it decides which rows or groups there are, or which branch is taken
	output    int  // the output of the outermost SELECT that it is part of; -1 = none, or not to be told
	via       string
}

// sites lists the calls of a statement in the order of the text. A column of a query in FROM that was computed by a call counts
// as that call where the outer query uses it.
func sites(s Statement) []site {
	switch n := s.(type) {
	case *Insert:
		var out []site
		querySites(n.Query, true, &out)
		return out
	case *CreateTable:
		w := &siteWalker{}
		for _, c := range n.Columns {
			if c.Expr != nil {
				w.walk(c.Expr, false, -1)
			}
		}
		if n.Watermark != nil {
			w.walk(n.Watermark.Expr, true, -1)
		}
		return w.out
	}
	return nil
}

// querySites appends the calls of q, and returns for each of its outputs the calls that it is computed from.
func querySites(q *Query, outermost bool, all *[]site) map[string][]*Call {
	sel, ok := q.Body.(*Select)
	if !ok {
		return nil
	}
	w := &siteWalker{}
	if d, ok := sel.From.(*Derived); ok {
		w.below = querySites(d.Query, false, all)
	}
	outputs := map[string][]*Call{}
	star := false
	for i, item := range sel.Items {
		if _, ok := item.Expr.(*Star); ok {
			star = true
			for name, calls := range w.below {
				outputs[name] = append(outputs[name], calls...)
			}
			continue
		}
		index := i
		if star || !outermost {
			index = -1
		}
		before := len(w.out)
		w.walk(item.Expr, false, index)
		for _, s := range w.out[before:] {
			name := itemName(item, i)
			outputs[name] = append(outputs[name], s.call)
		}
	}
	for _, e := range append([]Expr{sel.Where, sel.Having}, sel.GroupBy...) {
		w.walk(e, true, -1)
	}
	for _, o := range q.OrderBy {
		w.walk(o.Expr, true, -1)
	}
	*all = append(*all, w.out...)
	return outputs
}

type siteWalker struct {
	below map[string][]*Call // what the columns of a query in FROM are computed from
	out   []site
}

func (w *siteWalker) walk(e Expr, condition bool, output int) {
	if e == nil {
		return
	}
	walkExpr(e, func(x Expr) bool {
		switch n := x.(type) {
		case *ColumnName:
			for _, c := range w.below[n.Last()] {
				w.out = append(w.out, site{Pos: n.Pos, call: c, condition: condition, output: output, via: n.Last()})
			}
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
