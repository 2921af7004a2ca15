package statements

import (
	"math"
	"time"
)

// CostClass is how heavy a row of a statement is for Confluent Cloud's engine: by its heaviest operator.
type CostClass string

const (
	CostStateless CostClass = "stateless" // filters, projections, UNION ALL
	CostWindowed  CostClass = "windowed"  // state that time bounds: windows, interval joins, OVER RANGE
	CostStateful  CostClass = "stateful"  // state that grows with the keys or the history: joins, Top-N, aggregation without a window
)

// Confluent publishes no figure for what a CFU takes. These are in the middle of what its field engineers and users have told; they are
// printed with every estimate that rests on them.
const (
	BytesPerCFU = 10e6 // bytes a second
	MaxCFU      = 50   // of a compute pool, unless Confluent has raised it
)

// RowsPerCFU is how many rows a second one CFU is taken to bear.
func (c CostClass) RowsPerCFU() float64 {
	switch c {
	case CostStateless:
		return 10_000
	case CostWindowed:
		return 5_000
	default:
		return 2_000
	}
}

// CostClassOf is the class of what a statement writes. A TTL makes it no lighter: it bounds how much is kept, not what a row takes.
func CostClassOf(writes ...*Write) CostClass {
	class := CostStateless
	for _, w := range writes {
		if newAnalysis().sink(w).Materialize {
			return CostStateful
		}
		class = heavier(class, classBelow(w))
	}
	return class
}

func classBelow(r Rel) CostClass {
	class := CostStateless
	for i, in := range Inputs(r) {
		var h Horizon
		if _, stateful := add(r, i, 0, nil, &h); stateful {
			own := CostWindowed
			if h.Unbounded && !sessions(r) {
				own = CostStateful
			}
			class = heavier(class, own)
		}
		class = heavier(class, classBelow(in))
	}
	return class
}

// sessions says whether an operator works by session windows: no bound is known of them, but they end.
func sessions(r Rel) bool {
	switch n := r.(type) {
	case *Aggregation:
		return n.Window != nil && n.Window.Kind == Session
	case *Ranking:
		return n.Window != nil && n.Window.Kind == Session
	}
	return false
}

func heavier(a, b CostClass) CostClass {
	if a.RowsPerCFU() <= b.RowsPerCFU() {
		return a
	}
	return b
}

// CFUs is how many CFUs a class takes for a load of all its inputs: one at least. 0 bytes were not measured.
func (c CostClass) CFUs(rowsPerSecond, bytesPerSecond float64) int {
	return max(1, int(math.Ceil(max(rowsPerSecond/c.RowsPerCFU(), bytesPerSecond/BytesPerCFU))))
}

// CatchUpCFUs is how many it takes to read a history again within a time, while new rows come: more than there are partitions can not be used.
func CatchUpCFUs(steady int, history, within time.Duration, partitions int) int {
	need := steady
	if within > 0 {
		need = int(math.Ceil(float64(steady) * (1 + history.Seconds()/within.Seconds())))
	}
	return max(1, min(need, max(partitions, 1), MaxCFU))
}

// Width is about how many bytes a row of these columns takes in a state store: fixed types as Flink's BinaryRowData holds them, eight bytes a
// column at least, and strings and nested values by what is assumed of them (assumedLength characters, assumedItems items).
func Width(columns []Column) int64 {
	const header = 8 // the null bits
	n := int64(header)
	for _, c := range columns {
		if !c.Hidden {
			n += width(c.Type)
		}
	}
	return n
}

const (
	assumedLength = 24
	assumedItems  = 4
)

func width(t Type) int64 {
	const slot = 8
	switch t.Kind {
	case KindDecimal:
		if t.Precision > 18 {
			return slot + 16
		}
	case KindChar, KindVarChar, KindBinary, KindVarBinary:
		if t.Length > 0 && t.Length < assumedLength {
			return slot + int64(t.Length)
		}
		return slot + assumedLength
	case KindArray, KindMultiset:
		return slot + assumedItems*width(*t.Elem)
	case KindMap:
		return slot + assumedItems*(width(*t.Key)+width(*t.Elem))
	case KindRow, KindStructured:
		n := int64(slot)
		for _, f := range t.Fields {
			n += width(f.Type)
		}
		return n
	case KindVariant, KindBitmap:
		return slot + assumedItems*assumedLength
	}
	return slot
}
