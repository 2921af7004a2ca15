package statements

// columnsUsed are, for each operator of a related query, the columns of its row that what stands above it has a use for.
func columnsUsed(w *Write) map[Rel]map[int]bool {
	u := used{}
	all := map[int]bool{}
	for i := range w.In.Columns() {
		all[i] = true
	}
	u.visit(w.In, all)
	return u
}

type used map[Rel]map[int]bool

func (u used) visit(r Rel, need map[int]bool) {
	u[r] = need
	below := map[int]bool{}
	take := func(xs ...Scalar) {
		for _, x := range xs {
			if x != nil {
				refs(x, func(i int) { below[i] = true })
			}
		}
	}
	pass := func(width int) {
		for i := range need {
			if i < width {
				below[i] = true
			}
		}
	}
	in := r.Input()
	switch n := r.(type) {
	case nil, *Scan, *Listing:
		return
	case *Joining:
		u.join(n, need)
		return
	case *Combining:
		if n.Op != Union || !n.All {
			need = everyColumn(r)
		}
		u.visit(n.Left, need)
		u.visit(n.Right, need)
		return
	case *Projection:
		for i := range need {
			take(n.Exprs[i])
		}
	case *Filter:
		pass(len(in.Columns()))
		take(n.Cond)
	case *Windowing:
		pass(len(in.Columns()))
		below[n.Time] = true
		for _, i := range n.Partition {
			below[i] = true
		}
	case *Aggregation:
		take(n.Keys...)
		for i, a := range n.Aggregates {
			if need[len(n.Keys)+i] {
				take(append([]Scalar{a.Filter}, a.Args...)...)
			}
		}
	case *Over:
		pass(len(in.Columns()))
		take(n.Partition...)
		takeOrder(n.Order, take)
		for i, a := range n.Calls {
			if need[len(in.Columns())+i] {
				take(append([]Scalar{a.Filter}, a.Args...)...)
			}
		}
	case *Ranking:
		pass(len(in.Columns()))
		take(n.Partition...)
		takeOrder(n.Order, take)
	case *Sorting:
		pass(len(in.Columns()))
		takeOrder(n.Order, take)
	case *Normalizing:
		pass(len(in.Columns()))
		for _, i := range n.Key {
			below[i] = true
		}
	case *Calling:
		if in == nil || n.Table { // a function of whole tables may look at all of their columns
			for _, x := range Inputs(r) {
				u.visit(x, everyColumn(x))
			}
			return
		}
		pass(len(in.Columns()))
		take(n.Args...)
	case *Matching:
		take(n.Partition...)
		takeOrder(n.Order, take)
		take(n.Define...)
		for i, x := range n.Measures {
			if need[len(n.Partition)+i] {
				take(x)
			}
		}
	default: // what it does with its input is not known column by column
		if in == nil {
			return
		}
		below = everyColumn(in)
	}
	u.visit(in, below)
}

func takeOrder(order []SortKey, take func(...Scalar)) {
	for _, k := range order {
		take(k.Value)
	}
}

func everyColumn(r Rel) map[int]bool {
	all := map[int]bool{}
	for i := range r.Columns() {
		all[i] = true
	}
	return all
}

func (u used) join(n *Joining, need map[int]bool) {
	width := len(n.Left.Columns())
	left, right := map[int]bool{}, map[int]bool{}
	take := func(i int) {
		if i < width {
			left[i] = true
		} else {
			right[i-width] = true
		}
	}
	for i := range need {
		take(i)
	}
	for _, x := range n.On {
		refs(x, take)
	}
	u.visit(n.Left, left)
	u.visit(n.Right, right)
}
