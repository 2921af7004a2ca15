package statements

import (
	"maps"
	"reflect"
	"slices"
)

// Expand replaces the views that a statement reads by their queries, so that whatever is asked of it is asked of the tables behind them. What comes
// from a view stands where the statement names it. The statement itself is not changed; where it reads no view it is returned. A view that reads
// itself stays, as does one that is read AS OF a time.
func Expand(p *Parsed, views map[string]*CreateView) *Parsed {
	reads := func(s Statement) bool {
		return slices.ContainsFunc(readTables(s), func(t *TableRef) bool { return views[t.Name.Last()] != nil })
	}
	if p.Statement == nil || len(views) == 0 || !reads(p.Statement) {
		return p
	}
	x := &expansion{views: views, used: map[string]bool{}}
	if n, ok := p.Statement.(*CreateView); ok {
		x.open = []string{n.Name.Last()}
	}
	out := *p
	out.Statement = x.copy(reflect.ValueOf(&p.Statement).Elem(), nil).Interface().(Statement)
	out.views = slices.Sorted(maps.Keys(x.used))
	return &out
}

// expansion copies a tree and puts the queries of views into it.
type expansion struct {
	views map[string]*CreateView
	open  []string        // the views that are being put in
	at    *Pos            // where everything stands that comes from a view
	used  map[string]bool // views by name
}

var (
	posType       = reflect.TypeFor[Pos]()
	queryType     = reflect.TypeFor[*Query]()
	tableExprType = reflect.TypeFor[TableExpr]()
	queryBodyType = reflect.TypeFor[QueryBody]()
)

// copy is a deep copy of v. ctes are the common tables in sight, which hide views of their names.
func (x *expansion) copy(v reflect.Value, ctes []string) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		switch n := v.Interface().(type) {
		case *TableRef:
			if q, alias := x.view(n, ctes); q != nil && v.Type() == tableExprType {
				out.Set(reflect.ValueOf(&Derived{Pos: x.place(n.Pos), Query: q, Alias: alias}))
				return out
			}
		case *NamedTable:
			if q, alias := x.view(&TableRef{Pos: n.Pos, Name: n.Name}, ctes); q != nil && v.Type() == queryBodyType {
				star := &SelectItem{Pos: x.place(n.Pos), Expr: &Star{Pos: x.place(n.Pos)}}
				out.Set(reflect.ValueOf(&Select{Pos: x.place(n.Pos), Items: []*SelectItem{star}, From: &Derived{Pos: x.place(n.Pos), Query: q, Alias: alias}}))
				return out
			}
		}
		out.Set(x.copy(v.Elem(), ctes))
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		if v.Type() == queryType {
			return x.query(v, ctes)
		}
		out.Set(reflect.New(v.Type().Elem()))
		out.Elem().Set(x.copy(v.Elem(), ctes))
		x.tables(v, out, ctes)
	case reflect.Struct:
		out.Set(v)
		if v.Type() == posType {
			if x.at != nil && v.Interface() != (Pos{}) { // no place says that something is not written
				out.Set(reflect.ValueOf(*x.at))
			}
			return out
		}
		for i := range v.NumField() {
			if f := out.Field(i); f.CanSet() {
				f.Set(x.copy(v.Field(i), ctes))
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(x.copy(v.Index(i), ctes))
		}
	default:
		out.Set(v)
	}
	return out
}

// query copies a query: each of its common tables sees those before it, its body all of them.
func (x *expansion) query(v reflect.Value, ctes []string) reflect.Value {
	n := *v.Interface().(*Query)
	with := n.With
	n.With = nil
	var copied []*CommonTable
	for _, c := range with {
		copied = append(copied, x.copy(reflect.ValueOf(c), ctes).Interface().(*CommonTable))
		ctes = append(slices.Clip(ctes), c.Name.Name)
	}
	out := x.copy(reflect.ValueOf(n), ctes).Interface().(Query)
	out.With = copied
	return reflect.ValueOf(&out)
}

// tables puts queries of views into the places that hold a table by its name, or else a query.
func (x *expansion) tables(from, to reflect.Value, ctes []string) {
	switch n := to.Interface().(type) {
	case *WindowTable:
		if n.Table == nil {
			return
		}
		if q, alias := x.view(from.Interface().(*WindowTable).Table, ctes); q != nil {
			n.Table, n.Query = nil, q
			if n.Alias == nil {
				n.Alias = alias
			}
		}
	case *TableArg:
		if n.Table == nil {
			return
		}
		if q, _ := x.view(from.Interface().(*TableArg).Table, ctes); q != nil {
			n.Table, n.Query = nil, q
		}
	}
}

// view is the query of the view that a table's name means, with the name that its columns are qualified by; nil where it means none.
func (x *expansion) view(n *TableRef, ctes []string) (*Query, *Alias) {
	name := n.Name.Last()
	v := x.views[name]
	if v == nil || n.AsOf != nil || slices.Contains(x.open, name) || len(n.Name.Parts) == 1 && slices.Contains(ctes, name) {
		return nil, nil
	}
	x.used[name] = true
	at := x.place(n.Pos)
	inner := &expansion{views: x.views, open: append(slices.Clip(x.open), name), at: &at, used: x.used}
	q := inner.query(reflect.ValueOf(v.Query), nil).Interface().(*Query)
	alias := &Alias{Pos: at, Name: Ident{Pos: at, Name: name}}
	if n.Alias != nil {
		alias = x.copy(reflect.ValueOf(n.Alias), nil).Interface().(*Alias)
	}
	if len(alias.Columns) == 0 {
		alias.Columns = inner.copy(reflect.ValueOf(v.Columns), nil).Interface().([]Ident)
	}
	return q, alias
}

func (x *expansion) place(at Pos) Pos {
	if x.at != nil {
		return *x.at
	}
	return at
}
