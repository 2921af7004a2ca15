package statements

import (
	"slices"
	"strconv"
)

// relScope is the row that an expression of a related query sees.
type relScope struct {
	scope
	made  map[Expr]int   // expressions that are columns of the row already: subqueries, OVER, aggregates
	texts map[string]int // above an aggregation: the keys, by their text
	outer *relScope      // of a correlated query
}

// scopeOf is the scope of a row under a table's name.
func scopeOf(rel Rel, table string) *relScope {
	return &relScope{scope: *named(rel.Columns(), table, nil)}
}

// wholeNumber is the value of a literal that is a whole number.
func wholeNumber(l *Literal) (int64, bool) {
	if l.Kind != NumberLiteral {
		return 0, false
	}
	v, err := strconv.ParseInt(l.Text, 10, 64)
	return v, err == nil
}

// bind relates an expression to the row: with its types where the resolver knows them all, else by its structure alone, with
// the types that are known.
func (r *relater) bind(e Expr, s *relScope) Scalar {
	if len(s.made) == 0 && len(s.texts) == 0 {
		var x Scalar
		bad := caught(func() { x = r.expr(e, &s.scope) })
		if bad == nil {
			return x
		}
		if bad.rule == RuleType && knownColumns(e, s) {
			r.bad = append(r.bad, bad)
		}
	}
	return r.loose(e, s)
}

func (r *relater) loose(e Expr, s *relScope) Scalar {
	if i, ok := s.made[e]; ok {
		return s.ref(e.At(), i)
	}
	if len(s.texts) > 0 {
		if i, ok := s.texts[e.SQL()]; ok {
			return s.ref(e.At(), i)
		}
	}
	op := &Op{Pos: e.At()}
	switch n := e.(type) {
	case *ColumnName:
		return r.looseColumn(n, s)
	case *Literal:
		return literal(n)
	case *Interval:
		return interval(n)
	case *Binary:
		op.Name = string(n.Op)
		op.Args = []Scalar{r.loose(n.X, s), r.loose(n.Y, s)}
		var typed Scalar
		bad := caught(func() { typed = r.apply(n, op.Args[0], op.Args[1]) })
		a, b := op.Args[0].Type(), op.Args[1].Type()
		switch {
		case bad == nil:
			return typed
		case bad.rule == RuleType && known(a) && known(b) && n.Op != OpOverlaps && !slices.ContainsFunc(r.bad, func(p *problem) bool { return p.Pos == bad.Pos }):
			r.bad = append(r.bad, bad)
		}
		if !arithmeticOperator(n.Op) {
			op.Of = Boolean().As(a.Nullable || b.Nullable || !known(a) || !known(b) || nullFields(a) || nullFields(b))
		}
		return op
	case *Cast:
		x := r.loose(n.X, s)
		op.Name, op.Args, op.Of = "CAST", []Scalar{x}, n.Type.Type.As(n.Try || !known(x.Type()) || x.Type().Nullable)
		return op
	case *Unary:
		op.Name = string(n.Op)
	case *Is:
		op.Name = string(n.Op)
	case *In:
		op.Name = "IN"
	case *Like:
		op.Name = "LIKE"
	case *Between:
		if !n.Not && !n.Symmetric {
			low := &Binary{Pos: n.Pos, Op: OpGe, X: n.X, Y: n.Low}
			high := &Binary{Pos: n.Pos, Op: OpLe, X: n.X, Y: n.High}
			return &Op{Pos: n.Pos, Name: string(OpAnd), Args: []Scalar{r.loose(low, s), r.loose(high, s)}, Of: Boolean()}
		}
		op.Name = "BETWEEN"
	case *Case:
		op.Name = "CASE"
	case *Call:
		op.Name = n.Func
		if i, ok := s.windowKey(n); ok { // TUMBLE_START of the window that is grouped by
			if s.columns[i].Window != nil {
				return s.ref(n.Pos, i)
			}
			op.Args, op.Of = []Scalar{s.ref(n.Pos, i)}, Timestamp(3)
			return op
		}
		if remedy := misspelt(n.Func); remedy != "" && len(n.Of) == 0 && !n.Declared {
			r.bad = append(r.bad, &problem{Pos: n.Pos, rule: RuleName, message: "there is no function " + clip(n.Func), remedy: remedy})
		}
	case *Extract:
		op.Name = "EXTRACT"
	case *RoundTo:
		op.Name = n.Func
	case *Item:
		op.Name = "ITEM"
	case *FieldOf:
		op.Name = "FIELD"
	case *Row:
		op.Name = "ROW"
	case *Collection:
		op.Name = n.Kind
	case *JSONPath:
		op.Name = n.Func
	case *JSONMake:
		op.Name = n.Func
	default:
		op.Name = "EXPRESSION"
	}
	for _, c := range children(e) {
		switch c.(type) {
		case *UnitName, *Descriptor, *ModelArg, *DefaultArg, *TableArg, *Star:
			continue
		}
		op.Args = append(op.Args, r.loose(c, s))
	}
	op.Of = typeOfLoose(e, op.Args)
	return op
}

// knownColumns reports whether all columns that an expression names have a type.
func knownColumns(e Expr, s *relScope) bool {
	all := true
	walkExpr(e, func(x Expr) bool {
		if c, ok := x.(*ColumnName); ok {
			for _, of := range s.columns {
				if of.Name == c.Last() || of.Name == c.Parts[0].Name {
					all = all && known(of.Type)
				}
			}
		}
		return true
	})
	return all
}

// nullFields reports whether a field of a row may be NULL: OVERLAPS of two is, then.
func nullFields(t Type) bool {
	return slices.ContainsFunc(t.Fields, func(f Field) bool { return f.Type.Nullable })
}

func arithmeticOperator(op Operator) bool {
	switch op {
	case OpAdd, OpSub, OpMul, OpDiv, OpMod, OpConcat:
		return true
	}
	return false
}

func (s *relScope) ref(at Pos, i int) Scalar {
	c := s.columns[i]
	return &ColumnRef{Pos: at, Index: i, Name: c.Name, Of: c.Type}
}

// looseColumn finds a column, or the column that the name is a field of.
func (r *relater) looseColumn(n *ColumnName, s *relScope) Scalar {
	parts := n.Parts
	if len(parts) > 1 {
		if i := s.find(parts[len(parts)-2].Name, parts[len(parts)-1].Name); i >= 0 {
			return s.ref(n.Pos, i)
		}
		if i := s.find(parts[0].Name, parts[1].Name); i >= 0 {
			return &Op{Pos: n.Pos, Name: "FIELD", Args: []Scalar{s.ref(n.Pos, i)}, Of: fieldsOf(s.columns[i].Type, parts[2:])}
		}
		if i := s.find("", parts[0].Name); i >= 0 {
			return &Op{Pos: n.Pos, Name: "FIELD", Args: []Scalar{s.ref(n.Pos, i)}, Of: fieldsOf(s.columns[i].Type, parts[1:])}
		}
	}
	return s.column(n)
}
