package statements

// Rules for the types of expressions, as Flink's planner has them (LogicalTypeMerging and Calcite's leastRestrictive).

// digits is the DECIMAL that holds every value of an exact numeric type.
func digits(t Type) (precision, scale int) {
	switch t.Kind {
	case KindTinyInt:
		return 3, 0
	case KindSmallInt:
		return 5, 0
	case KindInt:
		return 10, 0
	case KindBigInt:
		return 19, 0
	}
	return t.Precision, t.Scale
}

// minScale is how much of a scale survives where a precision would exceed 38 digits.
const minScale = 6

// adjusted is DECIMAL(precision, scale), with the scale given up rather than digits before the point where it does not fit.
func adjusted(precision, scale int) Type {
	if precision <= MaxPrecision {
		return Decimal(precision, scale)
	}
	whole := precision - scale
	return Decimal(MaxPrecision, max(MaxPrecision-whole, min(scale, minScale)))
}

// decimalResult is the type of an operator on two exact numerics of which one at least is a DECIMAL.
func decimalResult(op Operator, a, b Type) Type {
	p1, s1 := digits(a)
	p2, s2 := digits(b)
	switch op {
	case OpMul:
		return adjusted(p1+p2+1, s1+s2)
	case OpDiv:
		scale := max(6, s1+p2+1)
		return adjusted(p1-s1+s2+scale, scale)
	case OpMod:
		scale := max(s1, s2)
		return adjusted(min(p1-s1, p2-s2)+scale, scale)
	default:
		scale := max(s1, s2)
		return adjusted(max(p1-s1, p2-s2)+scale+1, scale)
	}
}

// roundResult is the type of ROUND and TRUNCATE of a DECIMAL to a number of digits.
func roundResult(t Type, to int) Type {
	switch {
	case to >= t.Scale:
		return t
	case to < 0:
		return Decimal(min(MaxPrecision, 1+t.Precision-t.Scale), 0).As(t.Nullable)
	}
	return Decimal(1+t.Precision-t.Scale+to, to).As(t.Nullable)
}

// sumResult and avgResult are the types of SUM and AVG.
func sumResult(t Type) Type {
	if t.Kind == KindDecimal {
		return Decimal(MaxPrecision, t.Scale).As(t.Nullable)
	}
	return t
}

func avgResult(t Type) Type {
	if t.Kind == KindDecimal {
		return decimalResult(OpDiv, Decimal(MaxPrecision, t.Scale), Decimal(20, 0)).As(t.Nullable)
	}
	return t
}

// commonType is the type to which values of all these types are brought in CASE, COALESCE, comparisons and the like. It is
// nullable where one of them is; ok is false where there is none.
func commonType(types ...Type) (common Type, ok bool) {
	nullable := false
	for _, t := range types {
		nullable = nullable || t.Nullable || t.Kind == KindNull
		switch {
		case t.Kind == KindNull:
		case common.Kind == KindInvalid:
			common = t
		default:
			if common, ok = common2(common, t); !ok {
				return Type{}, false
			}
		}
	}
	if common.Kind == KindInvalid {
		common.Kind = KindNull
	}
	return common.As(nullable), true
}

func common2(a, b Type) (Type, bool) {
	switch {
	case a.WithNull().Equal(b.WithNull()):
		return a, true
	case a.IsString() && b.IsString():
		return commonLength(a, b, KindChar, KindVarChar), true
	case a.IsBytes() && b.IsBytes():
		return commonLength(a, b, KindBinary, KindVarBinary), true
	case a.IsNumeric() && b.IsNumeric():
		return commonNumeric(a, b), true
	case a.Kind == KindTime && b.Kind == KindTime:
		return Time(max(a.Precision, b.Precision)), true
	case a.IsTimestamp() && b.IsTimestamp():
		t := Timestamp(max(a.Precision, b.Precision))
		if a.Kind == KindTimestampLTZ || b.Kind == KindTimestampLTZ {
			t.Kind = KindTimestampLTZ
		}
		return t, true
	case a.Kind == b.Kind && a.IsInterval():
		return commonInterval(a, b), true
	case a.Kind == b.Kind && a.Kind >= KindArray:
		return commonParts(a, b)
	}
	return Type{}, false
}

// commonParts is the collection or row of what the parts of two of them have in common. Fields have the names of the first.
func commonParts(a, b Type) (Type, bool) {
	out := Type{Kind: a.Kind, Class: a.Class}
	ok := len(a.Fields) == len(b.Fields) && a.Class == b.Class
	join := func(x, y *Type) *Type {
		if x == nil || y == nil {
			return nil
		}
		t, fit := commonType(*x, *y)
		ok = ok && fit
		return &t
	}
	out.Key, out.Elem = join(a.Key, b.Key), join(a.Elem, b.Elem)
	for i := range a.Fields {
		if ok {
			out.Fields = append(out.Fields, Field{Name: a.Fields[i].Name, Type: *join(&a.Fields[i].Type, &b.Fields[i].Type)})
		}
	}
	return out, ok
}

// commonLength: two fixed lengths that differ give a varying one, so that nothing is padded.
func commonLength(a, b Type, fixed, varying Kind) Type {
	t := Type{Kind: varying, Length: max(a.Length, b.Length)}
	if a.Kind == fixed && b.Kind == fixed && a.Length == b.Length {
		t.Kind = fixed
	}
	return t
}

func commonNumeric(a, b Type) Type {
	switch {
	case a.IsApproximate() && b.IsApproximate():
		return Double()
	case a.IsApproximate() || b.IsApproximate():
		if a.Kind == KindDecimal || b.Kind == KindDecimal {
			return Double()
		}
		if a.IsApproximate() {
			return a
		}
		return b
	case a.Kind == KindDecimal || b.Kind == KindDecimal:
		p1, s1 := digits(a)
		p2, s2 := digits(b)
		scale := max(s1, s2)
		return adjusted(max(p1-s1, p2-s2)+scale, scale)
	case a.Kind > b.Kind:
		return a
	}
	return b
}

func commonInterval(a, b Type) Type {
	t := a
	if intervalRank(b.From) < intervalRank(t.From) {
		t.From = b.From
	}
	if intervalRank(b.To) > intervalRank(t.To) {
		t.To = b.To
	}
	t.Precision, t.Scale = max(a.Precision, b.Precision), max(a.Scale, b.Scale)
	return t
}

// castable reports whether CAST allows the conversion.
func castable(from, to Type) bool {
	if from.Kind == KindNull || from.Kind == to.Kind && (to.Kind <= KindIntervalDayTime || to.Kind >= KindVariant) {
		return true
	}
	switch {
	case from.Kind == KindVariant:
		return to.Kind < KindArray && !to.IsInterval() // what it holds is found when it runs
	case to.IsString():
		return from.Kind != KindMultiset
	case to.Kind == KindBoolean:
		return from.IsString() || from.IsInteger()
	case to.IsNumeric():
		return from.IsNumeric() || from.IsString() || from.Kind == KindBoolean
	case to.IsBytes():
		return from.IsBytes() || from.IsString()
	case to.Kind == KindDate:
		return from.IsTimestamp() || from.IsString()
	case to.Kind == KindTime:
		return from.IsTimestamp() || from.IsString()
	case to.IsTimestamp():
		return from.IsTemporal() || from.IsString()
	case to.Kind == KindArray || to.Kind == KindMultiset:
		return from.Kind == to.Kind && castable(*from.Elem, *to.Elem)
	case to.Kind == KindMap:
		return from.Kind == to.Kind && castable(*from.Key, *to.Key) && castable(*from.Elem, *to.Elem)
	case to.Kind == KindRow || to.Kind == KindStructured:
		if from.Kind != KindRow && from.Kind != KindStructured || len(from.Fields) != len(to.Fields) {
			return false
		}
		for i, f := range from.Fields {
			if !castable(f.Type, to.Fields[i].Type) {
				return false
			}
		}
		return true
	}
	return false
}

// storable reports whether INSERT converts a value of one type to a column of the other by itself. A NULL for a column that
// is NOT NULL is found when it comes.
func storable(from, to Type) bool {
	if from.Kind == KindNull || from.Kind == to.Kind && (to.Kind <= KindIntervalDayTime || to.Kind >= KindVariant) {
		return true
	}
	switch {
	case to.Kind == KindVarChar:
		return from.IsString()
	case to.Kind == KindVarBinary:
		return from.IsBytes()
	case to.IsInteger():
		return from.IsInteger() && from.Kind <= to.Kind
	case to.Kind == KindFloat:
		return from.IsInteger() || from.Kind == KindDecimal
	case to.Kind == KindDecimal, to.Kind == KindDouble:
		return from.IsNumeric()
	case to.Kind == KindDate, to.Kind == KindTime:
		return from.Kind == KindTimestamp
	case to.IsTimestamp():
		return from.IsTimestamp()
	case to.Kind == KindArray || to.Kind == KindMultiset:
		return from.Kind == to.Kind && storable(*from.Elem, *to.Elem)
	case to.Kind == KindMap:
		return from.Kind == to.Kind && storable(*from.Key, *to.Key) && storable(*from.Elem, *to.Elem)
	case to.Kind == KindRow || to.Kind == KindStructured:
		if from.Kind != to.Kind || from.Class != to.Class || len(from.Fields) != len(to.Fields) {
			return false
		}
		for i, f := range from.Fields {
			if !storable(f.Type, to.Fields[i].Type) {
				return false
			}
		}
		return true
	}
	return false
}
