package vec

import "github.com/lifeboat-dr/lifeboat/statements"

// KindOf is the kind of vector that holds a type; ok is false for types that batches cannot hold (nested ones, and those without values).
func KindOf(t statements.Type) (k Kind, ok bool) {
	switch {
	case t.Kind == statements.KindBoolean:
		return Bool, true
	case t.IsInteger(), t.IsTemporal(), t.IsInterval():
		return Int64, true
	case t.IsApproximate():
		return Float64, true
	case t.Kind == statements.KindDecimal:
		return Decimal, true
	case t.IsString(), t.IsBytes():
		return Bytes, true
	default:
		return 0, false
	}
}

// TicksPerMilli is how many units of a timestamp with so many fractional digits make a millisecond: 1, 1 000 or 1 000 000.
func TicksPerMilli(precision int) int64 {
	switch {
	case precision <= 3:
		return 1
	case precision <= 6:
		return 1_000
	default:
		return 1_000_000
	}
}
