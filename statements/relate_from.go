package statements

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// from relates what stands in FROM.
func (r *relater) from(t TableExpr, outer *relScope) (Rel, *relScope) {
	switch n := t.(type) {
	case nil:
		rel := &Listing{Rows: [][]Scalar{nil}}
		s := &relScope{}
		if outer != nil {
			s.outer = outer
		}
		return rel, s
	case *TableRef:
		rel, table := r.tableRef(n, outer)
		return rel, aliased(rel, table, n.Alias)
	case *WindowTable:
		return r.windowed(n, outer)
	case *Derived:
		rel := r.query(n.Query, outer)
		return rel, aliased(rel, "", n.Alias)
	case *Join:
		return r.join(n, outer)
	case *TableFunction:
		rel := r.tableFunction(n, nil, &relScope{})
		if n.Alias == nil {
			return rel, aliased(rel, "", nil)
		}
		return rel, aliased(rel, n.Alias.Name.Name, nil)
	case *Unnest:
		rel := r.unnest(n, nil, &relScope{})
		return rel, aliased(rel, "", nil)
	case *Match:
		return r.match(n, outer)
	}
	panic(unsupported(t.At(), "this table", ""))
}

func aliased(rel Rel, table string, alias *Alias) *relScope {
	return &relScope{scope: *named(rel.Columns(), table, alias)}
}

// tableRef is a table, a view or a common table expression by its name.
func (r *relater) tableRef(n *TableRef, outer *relScope) (Rel, string) {
	name := n.Name.Last()
	for i, ctes := range slices.Backward(r.ctes) {
		c, ok := ctes[name]
		if !ok || len(n.Name.Parts) > 1 {
			continue
		}
		saved := r.ctes
		r.ctes = append(slices.Clone(r.ctes[:i]), r.earlier(ctes, c))
		defer func() { r.ctes = saved }()
		return renamed(r.query(c.Query, outer), c.Columns), name
	}
	if views, ok := r.cat.(Views); ok {
		if v, ok := views.View(name); ok {
			if slices.Contains(r.views, name) {
				nameProblem(n.Pos, "", "the view %s reads itself", quoteName(clip(name)))
			}
			r.views = append(r.views, name)
			saved := r.ctes
			r.ctes = nil
			defer func() { r.views, r.ctes = r.views[:len(r.views)-1], saved }()
			return renamed(r.query(v.Query, nil), v.Columns), name
		}
	}
	t := r.table(n.Name)
	sc := &Scan{Pos: n.Pos, Table: t}
	for _, h := range n.Hints {
		for _, o := range h.Options {
			if sc.Options == nil {
				sc.Options = map[string]string{}
			}
			sc.Options[o.Key] = o.Value
		}
	}
	for _, c := range t.Row() {
		call, clock := c.Expr.(*Call)
		clock = clock && call.Func == "PROCTIME"
		sc.Row = append(sc.Row, Column{Name: c.Name, Type: c.Type, Time: c.Name == t.TimeColumn(), Clock: clock, Hidden: c.Kind == System, Open: t.Open && c.Kind != System})
	}
	if t.Source() != Upsert || n.AsOf != nil {
		return sc, name
	}
	norm := &Normalizing{Pos: n.Pos, In: sc}
	for i, c := range sc.Row {
		if slices.Contains(t.PrimaryKey, c.Name) {
			norm.Key = append(norm.Key, i)
		}
	}
	return norm, name
}

// earlier are the common tables that c may read: those written before it.
func (r *relater) earlier(ctes map[string]*CommonTable, c *CommonTable) map[string]*CommonTable {
	out := map[string]*CommonTable{}
	for name, other := range ctes {
		if r.order[other] < r.order[c] {
			out[name] = other
		}
	}
	return out
}

// renamed gives the columns of a view or common table their names.
func renamed(rel Rel, names []Ident) Rel {
	if len(names) == 0 {
		return rel
	}
	p := &Projection{Pos: rel.At(), In: rel}
	open := isOpen(rel.Columns())
	for i, c := range rel.Columns() {
		if open && i >= len(names) {
			break // all of its columns are named
		}
		c.Open = false
		if i < len(names) {
			c.Name = names[i].Name
		}
		p.pass(i, c)
	}
	return p
}

func (r *relater) windowed(n *WindowTable, outer *relScope) (Rel, *relScope) {
	var in Rel
	var table string
	alias := n.Alias
	if n.Table != nil {
		in, table = r.tableRef(n.Table, outer)
		if alias == nil {
			alias = n.Table.Alias
		}
	} else {
		in = r.query(n.Query, outer)
	}
	s := scopeOf(in, table)
	i := s.find("", n.Time.Name)
	if i < 0 {
		s.column(&ColumnName{Name{Pos: n.Time.Pos, Parts: []Ident{n.Time}}})
	}
	if c := s.columns[i]; !c.Time && !c.Clock && !c.Open {
		remedy := "window on a column that is passed on as it is from a table that declares a WATERMARK for it"
		if sc, ok := in.(*Scan); ok {
			remedy = "window on " + quoteName(sc.Table.TimeColumn()) + ", or declare WATERMARK FOR " + quoteName(clip(n.Time.Name)) + " on the table"
		}
		typeProblem(n.Time.Pos, remedy, "%s is not the time attribute of %s: no watermark holds for it", quoteName(clip(n.Time.Name)), s.table)
	}
	w := &Windowing{Pos: n.Pos, In: in, Kind: n.Kind, Time: i}
	w.Size, _ = n.Size.Millis()
	if n.Step != nil {
		w.Step, _ = n.Step.Millis()
	}
	if n.Offset != nil {
		w.Offset, _ = n.Offset.Millis()
	}
	for _, id := range n.PartitionBy {
		if k := s.find("", id.Name); k >= 0 {
			w.Partition = append(w.Partition, k)
		}
	}
	w.Row = slices.Clone(in.Columns())
	w.bounded()
	return w, aliased(w, table, alias)
}

// join relates a join; a table function or a lateral query on its right side sees the left one.
func (r *relater) join(n *Join, outer *relScope) (Rel, *relScope) {
	left, s := r.from(n.Left, outer)
	if rel, out, ok := r.lateral(n, left, s); ok {
		return rel, out
	}
	right, rs := r.from(n.Right, outer)
	j := &Joining{Pos: n.Pos, Left: left, Right: right, Kind: n.Kind, Form: RegularJoin}
	if n.Kind == CrossJoin || n.Kind == CommaJoin {
		j.Kind = InnerJoin
	}
	if ref, ok := n.Right.(*TableRef); ok && ref.AsOf != nil {
		j.Form = asOf(r.bind(ref.AsOf, s), s)
	}
	for i, side := range []Rel{left, right} {
		j.TTL[i] = r.hinted(side)
	}
	both := side(s, rs)
	for _, id := range usingColumns(n, s, rs) {
		li, ri := s.find("", id.Name), rs.find("", id.Name)
		if li < 0 || ri < 0 {
			nameProblem(id.Pos, "", "USING names %s, which is not a column of both sides", quoteName(clip(id.Name)))
		}
		j.On = append(j.On, &Op{Pos: id.Pos, Name: string(OpEq), Args: []Scalar{both.ref(id.Pos, li), both.ref(id.Pos, len(s.columns)+ri)}, Of: Boolean()})
		both.columns[len(s.columns)+ri].Name = "" // the left one stands for both
	}
	if n.On != nil {
		j.On = append(j.On, scalarConjuncts(r.bind(n.On, both))...)
	}
	j.Row = slices.Concat(left.Columns(), right.Columns())
	for i := range j.Row { // a row without a partner has NULL for the other side
		if i < len(left.Columns()) && (j.Kind == RightJoin || j.Kind == FullJoin) || i >= len(left.Columns()) && (j.Kind == LeftJoin || j.Kind == FullJoin) {
			j.Row[i].Type.Nullable, both.columns[i].Type.Nullable = true, true
		}
	}
	j.classify()
	return j, both
}

func usingColumns(n *Join, l, r *relScope) []Ident {
	if !n.Natural {
		return n.Using
	}
	var out []Ident
	for _, c := range l.columns {
		if !c.Hidden && !c.Open && c.Name != "" && r.known(c.Name) {
			out = append(out, Ident{Pos: n.Pos, Name: c.Name})
		}
	}
	return out
}

// asOf tells an event-time from a processing-time FOR SYSTEM_TIME AS OF.
func asOf(x Scalar, s *relScope) JoinForm {
	if ref, ok := x.(*ColumnRef); ok && !s.columns[ref.Index].Clock {
		return TemporalJoin
	}
	return LookupJoin
}

func (r *relater) lateral(n *Join, left Rel, s *relScope) (Rel, *relScope, bool) {
	var c *Calling
	var alias *Alias
	switch right := n.Right.(type) {
	case *TableFunction:
		c, alias = r.tableFunction(right, left, s), right.Alias
	case *Unnest:
		c, alias = r.unnest(right, left, s), right.Alias
	case *Derived:
		if !right.Lateral {
			return nil, nil, false
		}
		rel := r.subJoin(n.Pos, left, s, right.Query, nil, InnerJoin).(*Joining)
		rel.Row = slices.Concat(left.Columns(), rel.Right.Columns())
		names := named(rel.Right.Columns(), "", right.Alias)
		return rel, side(s, &relScope{scope: *names}), true
	default:
		return nil, nil, false
	}
	c.Outer = n.Kind == LeftJoin
	added := c.Row[len(left.Columns()):]
	if alias != nil && len(alias.Columns) > 0 && len(alias.Columns) != len(added) {
		c.Row = c.Row[:len(left.Columns())]
		for range alias.Columns {
			c.Row = append(c.Row, Column{})
		}
		added = c.Row[len(left.Columns()):]
	}
	if alias != nil {
		for i, id := range alias.Columns {
			added[i].Name = id.Name
		}
	}
	rs := &relScope{scope: *named(added, "", nil)}
	if alias != nil {
		for i := range rs.columns {
			rs.columns[i].table = alias.Name.Name
		}
	}
	both := side(s, rs)
	var rel Rel = c
	if l, ok := n.On.(*Literal); n.On != nil && !(ok && strings.EqualFold(l.Text, "TRUE")) {
		rel = &Filter{Pos: n.On.At(), In: c, Cond: r.bind(n.On, both)}
	}
	return rel, both, true
}

func (r *relater) unnest(n *Unnest, in Rel, s *relScope) *Calling {
	c := &Calling{Pos: n.Pos, In: in, Func: "UNNEST"}
	if in != nil {
		c.Row = slices.Clone(in.Columns())
	}
	for _, a := range n.Args {
		x := r.bind(a, s)
		c.Args = append(c.Args, x)
		t := x.Type()
		switch {
		case t.Kind == KindMap:
			c.Row = append(c.Row, Column{Name: "KEY", Type: *t.Key}, Column{Name: "VALUE", Type: *t.Elem})
		case t.Elem != nil && t.Elem.Kind == KindRow:
			for _, f := range t.Elem.Fields {
				c.Row = append(c.Row, Column{Name: f.Name, Type: f.Type})
			}
		case t.Elem != nil:
			c.Row = append(c.Row, Column{Name: "EXPR$0", Type: *t.Elem})
		default:
			c.Row = append(c.Row, Column{Name: "EXPR$0"})
		}
	}
	if n.Ordinality {
		c.Row = append(c.Row, Column{Name: "ORDINALITY", Type: Int().NotNull()})
	}
	return c
}

// ttlHints are the durations of STATE_TTL hints by table or alias.
func ttlHints(hints []Hint) map[string]time.Duration {
	out := map[string]time.Duration{}
	for _, h := range hints {
		if h.Name != "STATE_TTL" {
			continue
		}
		for _, o := range h.Options {
			if d, ok := ParseTTL(o.Value); ok {
				out[o.Key] = d
			}
		}
	}
	return out
}

// hinted is the STATE_TTL of the table that rel reads.
func (r *relater) hinted(rel Rel) time.Duration {
	if len(r.ttl) == 0 {
		return 0
	}
	var out time.Duration
	for _, sc := range Scans(rel) {
		out = max(out, r.ttl[sc.Table.Name])
	}
	return out
}

// Scans are the reads of tables below r, from left to right.
func Scans(r Rel) []*Scan {
	if sc, ok := r.(*Scan); ok {
		return []*Scan{sc}
	}
	var out []*Scan
	for _, in := range Inputs(r) {
		out = append(out, Scans(in)...)
	}
	return out
}

// ParseTTL reads a duration as Flink writes it: "6 d", "6 h", "10 min"; a number alone is milliseconds.
func ParseTTL(s string) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	cut := strings.IndexFunc(s, func(c rune) bool { return !unicode.IsDigit(c) })
	if cut < 0 {
		cut = len(s)
	}
	n, err := strconv.ParseInt(s[:cut], 10, 64)
	unit, ok := ttlUnits[strings.ToLower(strings.TrimSpace(s[cut:]))]
	if err != nil || !ok || n > int64(1<<63-1)/int64(unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}

// ttlUnits are the units of Flink's TimeUtils; none is milliseconds.
var ttlUnits = map[string]time.Duration{
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour, "h": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
	"": time.Millisecond, "ms": time.Millisecond, "milli": time.Millisecond, "millis": time.Millisecond, "millisecond": time.Millisecond, "milliseconds": time.Millisecond,
	"µs": time.Microsecond, "micro": time.Microsecond, "micros": time.Microsecond, "microsecond": time.Microsecond, "microseconds": time.Microsecond,
	"ns": time.Nanosecond, "nano": time.Nanosecond, "nanos": time.Nanosecond, "nanosecond": time.Nanosecond, "nanoseconds": time.Nanosecond,
}
