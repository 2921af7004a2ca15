package format

import (
	"fmt"
	"math"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// avroOp is what a step does with the next bytes.
type avroOp uint8

const (
	opSkipVarint avroOp = iota
	opSkipBytes         // a length and so many bytes
	opSkipFixed         // size bytes
	opSkipAny           // whatever node says
	opInt               // a varint of 32 bits into an int64 column
	opLong
	opLongTimes  // …multiplied by factor
	opLongDivide // …divided by factor, rounded down
	opLongFloat  // a varint into a float64 column
	opFloat
	opDouble
	opBool
	opBytes // a length and bytes into a bytes column
	opFixed
	opEnum
	opDecimalBytes
	opDecimalFixed
	opUnion // a branch index, then that branch's steps
	opNull  // no bytes: NULL
)

// avroStep handles one field of a record.
type avroStep struct {
	op        avroOp
	null      int8 // the index of null in a union of two, which goes before the value; -1: no union
	required  bool // the column is NOT NULL
	check     bool // the value must be within low and high
	col       int32
	size      int32
	factor    int64
	low, high int64
	precision int
	from, to  int // scales of a decimal
	node      *avroNode
	symbols   []string
	branches  []avroStep
	field     string
}

// avroProgram decodes records of one writer schema into the wanted columns.
type avroProgram struct {
	steps   []avroStep
	missing []missing // columns for which the writer has no field
}

// missing is a column that gets the same value in every record.
type missing struct {
	col   int
	value *vec.Vector // one row
}

// compileAvro makes the program for a writer's schema. reader may be nil; it tells the aliases and defaults of fields.
func compileAvro(writer, reader *avroNode, p *part) (*avroProgram, error) {
	prog := &avroProgram{}
	root, null := writer.optional()
	if root.kind != avroRecord {
		if len(p.fields) != 1 {
			return nil, fmt.Errorf("the schema is %s, the table has %d columns in the %s", root.kind, len(p.fields), p.name)
		}
		for _, c := range p.columns {
			s, err := columnStep(writer, c)
			if err != nil {
				return nil, err
			}
			s.field = c.field
			prog.steps = append(prog.steps, s)
		}
		return prog, nil
	}
	if null >= 0 {
		return nil, fmt.Errorf("the schema is a union of null and a record at the top, which is not supported")
	}
	if reader != nil && reader.kind != avroRecord {
		reader = nil
	}
	byWriter := map[string]column{}
	for _, c := range p.columns {
		f, ok := writerField(root, reader, c.field)
		if !ok {
			v, err := missingValue(reader, c)
			if err != nil {
				return nil, err
			}
			prog.missing = append(prog.missing, missing{c.at, v})
			continue
		}
		byWriter[f] = c
	}
	for _, f := range root.fields {
		c, wanted := byWriter[f.name]
		if !wanted {
			prog.steps = append(prog.steps, skipStep(f.node))
			continue
		}
		s, err := columnStep(f.node, c)
		if err != nil {
			return nil, fmt.Errorf("field %q: %w", f.name, err)
		}
		s.field = f.name
		prog.steps = append(prog.steps, s)
	}
	// What stands after the last field that is wanted need not be read.
	for n := len(prog.steps); n > 0 && prog.steps[n-1].op <= opSkipAny; n-- {
		prog.steps = prog.steps[:n-1]
	}
	prog.steps = joinSkips(prog.steps)
	return prog, nil
}

// joinSkips makes one step of neighbouring fields of fixed width that nobody wants.
func joinSkips(steps []avroStep) []avroStep {
	out := steps[:0]
	for _, s := range steps {
		if n := len(out); n > 0 && s.op == opSkipFixed && out[n-1].op == opSkipFixed && s.null < 0 && out[n-1].null < 0 {
			out[n-1].size += s.size
			continue
		}
		out = append(out, s)
	}
	return out
}

// writerField finds the writer's field of a column: by its name, or by an alias that the reader's schema has for it.
func writerField(writer, reader *avroNode, name string) (string, bool) {
	names := []string{name}
	if reader != nil {
		for _, f := range reader.fields {
			if f.name == name {
				names = append(names, f.aliases...)
			}
		}
	}
	for _, n := range names {
		for _, f := range writer.fields {
			if f.name == n {
				return n, true
			}
		}
	}
	return "", false
}

// missingValue is what a column has in records whose schema does not have its field: the default of the reader's schema, else NULL.
func missingValue(reader *avroNode, c column) (*vec.Vector, error) {
	v := &vec.Vector{Kind: c.kind}
	if reader != nil {
		for _, f := range reader.fields {
			if f.name == c.field && f.hasDefault && f.def != nil {
				if err := appendDefault(v, f.node, f.def, c); err != nil {
					return nil, fmt.Errorf("field %q: its default: %w", f.name, err)
				}
				return v, nil
			}
		}
	}
	if !c.typ.Nullable {
		return nil, fmt.Errorf("column %q is %s, and the record's schema has no field for it and no default", c.name, c.typ)
	}
	v.AppendNull()
	return v, nil
}

// appendDefault decodes a default by writing it as the reader's schema would and reading it back as the column.
func appendDefault(v *vec.Vector, n *avroNode, def any, c column) error {
	wire, err := avroDefault(nil, n, def)
	if err != nil {
		return err
	}
	c.at = 0
	s, err := columnStep(n, c)
	if err != nil {
		return err
	}
	cols := []vec.Vector{*v}
	_, _, err = runAvro([]avroStep{s}, cols, wire, 0)
	*v = cols[0]
	return err
}

// skipStep passes over a field.
func skipStep(n *avroNode) avroStep {
	inner, null := n.optional()
	s := avroStep{null: null}
	switch inner.kind {
	case avroNull:
		s.op = opSkipFixed
	case avroBoolean:
		s.op, s.size = opSkipFixed, 1
	case avroInt, avroLong, avroEnum:
		s.op = opSkipVarint
	case avroFloat:
		s.op, s.size = opSkipFixed, 4
	case avroDouble:
		s.op, s.size = opSkipFixed, 8
	case avroBytes, avroString:
		s.op = opSkipBytes
	case avroFixed:
		s.op, s.size = opSkipFixed, int32(inner.size)
	default:
		return avroStep{op: opSkipAny, null: -1, node: n}
	}
	return s
}

// columnStep decodes a value into a column, promoting it where Avro's rules allow.
func columnStep(n *avroNode, c column) (avroStep, error) {
	inner, null := n.optional()
	if inner.kind == avroUnion {
		s := avroStep{op: opUnion, null: -1, col: int32(c.at), field: c.field}
		for _, b := range inner.branches {
			branch, err := columnStep(b, c)
			if err != nil {
				return s, err
			}
			s.branches = append(s.branches, branch)
		}
		return s, nil
	}
	s, err := valueStep(inner, c)
	s.null, s.col, s.required, s.field = null, int32(c.at), !c.typ.Nullable, c.field
	return s, err
}

func valueStep(n *avroNode, c column) (avroStep, error) {
	t := c.typ
	mismatch := func() (avroStep, error) {
		name := n.kind.String()
		if n.logical != "" {
			name += " (" + n.logical + ")"
		}
		return avroStep{}, fmt.Errorf("avro %s cannot be read as column %q of type %s", name, c.name, t)
	}
	if n.kind == avroNull {
		return avroStep{op: opNull}, nil
	}
	switch {
	case t.Kind == st.KindBoolean && n.kind == avroBoolean:
		return avroStep{op: opBool}, nil
	case t.IsInteger():
		switch n.kind {
		case avroInt, avroLong:
			s := avroStep{op: opLong}
			s.low, s.high, s.check = integerRange(t.Kind)
			if n.kind == avroInt {
				s.op, s.check = opInt, s.check && t.Kind != st.KindInt
			}
			return s, nil
		}
	case t.IsApproximate():
		switch n.kind {
		case avroInt, avroLong:
			return avroStep{op: opLongFloat}, nil
		case avroFloat:
			return avroStep{op: opFloat}, nil
		case avroDouble:
			if t.Kind == st.KindDouble {
				return avroStep{op: opDouble}, nil
			}
		}
	case t.Kind == st.KindDecimal && n.logical == "decimal":
		s := avroStep{op: opDecimalBytes, precision: t.Precision, from: n.scale, to: t.Scale}
		if n.scale > t.Scale {
			return s, fmt.Errorf("a decimal of scale %d cannot be read as column %q of type %s without loss", n.scale, c.name, t)
		}
		switch n.kind {
		case avroFixed:
			s.op, s.size = opDecimalFixed, int32(n.size)
			return s, nil
		case avroBytes:
			return s, nil
		}
	case t.IsString():
		switch n.kind {
		case avroString:
			return avroStep{op: opBytes}, nil
		case avroBytes:
			if n.logical == "" {
				return avroStep{op: opBytes}, nil
			}
		case avroEnum:
			return avroStep{op: opEnum, symbols: n.symbols}, nil
		}
	case t.IsBytes():
		switch n.kind {
		case avroBytes, avroString:
			return avroStep{op: opBytes}, nil
		case avroFixed:
			return avroStep{op: opFixed, size: int32(n.size)}, nil
		}
	case t.Kind == st.KindDate && n.kind == avroInt:
		return avroStep{op: opInt}, nil
	case t.Kind == st.KindTime && n.kind == avroInt:
		return avroStep{op: opInt, check: true, high: 86_399_999}, nil
	case t.Kind == st.KindTime && n.kind == avroLong && n.logical == "time-micros":
		return avroStep{op: opLongDivide, factor: 1_000, check: true, high: 86_399_999}, nil
	case t.IsTimestamp() && n.kind == avroLong:
		from, ok := timestampTicks[n.logical]
		if !ok {
			return mismatch()
		}
		switch to := vec.TicksPerMilli(t.Precision); {
		case from == to:
			return avroStep{op: opLong}, nil
		case from < to:
			return avroStep{op: opLongTimes, factor: to / from}, nil
		default:
			return avroStep{op: opLongDivide, factor: from / to}, nil
		}
	}
	return mismatch()
}

// timestampTicks are the units of Avro's timestamps, in ticks per millisecond.
var timestampTicks = map[string]int64{
	"timestamp-millis": 1, "timestamp-micros": 1_000, "timestamp-nanos": 1_000_000,
	"local-timestamp-millis": 1, "local-timestamp-micros": 1_000, "local-timestamp-nanos": 1_000_000,
}

// integerRange is the range of an integer type, and whether it is less than 64 bits.
func integerRange(k st.Kind) (low, high int64, narrow bool) {
	switch k {
	case st.KindTinyInt:
		return math.MinInt8, math.MaxInt8, true
	case st.KindSmallInt:
		return math.MinInt16, math.MaxInt16, true
	case st.KindInt:
		return math.MinInt32, math.MaxInt32, true
	default:
		return math.MinInt64, math.MaxInt64, false
	}
}
