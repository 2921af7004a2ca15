package statements

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Kind is the root of a data type.
type Kind uint8

// The kinds of Flink's type system that SQL can name.
const (
	KindInvalid Kind = iota
	KindNull         // the type of a bare NULL
	KindBoolean
	KindTinyInt
	KindSmallInt
	KindInt
	KindBigInt
	KindFloat
	KindDouble
	KindDecimal
	KindChar
	KindVarChar // STRING is VARCHAR(MaxLength)
	KindBinary
	KindVarBinary // BYTES is VARBINARY(MaxLength)
	KindDate
	KindTime
	KindTimestamp    // without time zone
	KindTimestampLTZ // an instant, shown in the session's time zone
	KindIntervalYearMonth
	KindIntervalDayTime
	KindArray
	KindMap
	KindMultiset
	KindRow
	KindStructured // a ROW with the name of a class
	KindVariant    // a value that knows its own type, as JSON has them
	KindBitmap
)

// MaxLength is the length of STRING and BYTES; MaxPrecision is the largest precision of a DECIMAL.
const (
	MaxLength    = math.MaxInt32
	MaxPrecision = 38
)

// Type is a data type. Two types are compared with Equal.
type Type struct {
	Kind      Kind
	Nullable  bool
	Length    int     // CHAR, VARCHAR, BINARY, VARBINARY: characters or bytes
	Precision int     // DECIMAL: digits; TIME, TIMESTAMP, TIMESTAMP_LTZ: digits of the fraction; intervals: digits of the leading unit
	Scale     int     // DECIMAL: digits after the point; day-time intervals: digits of the fraction
	From, To  Unit    // intervals: the units, To equal to From where there is one
	Key       *Type   // MAP
	Elem      *Type   // ARRAY, MULTISET; the value of a MAP
	Fields    []Field // ROW, STRUCTURED
	Class     string  // STRUCTURED
}

// Field is a field of a ROW.
type Field struct {
	Name    string
	Type    Type
	Comment string
}

// Unit is a unit of time, in SQL's words.
type Unit string

// Units of time. Intervals use YEAR to SECOND; EXTRACT, FLOOR, CEIL and TIMESTAMPDIFF know the others too.
const (
	UnitYear        Unit = "YEAR"
	UnitQuarter     Unit = "QUARTER"
	UnitMonth       Unit = "MONTH"
	UnitWeek        Unit = "WEEK"
	UnitDay         Unit = "DAY"
	UnitHour        Unit = "HOUR"
	UnitMinute      Unit = "MINUTE"
	UnitSecond      Unit = "SECOND"
	UnitMillisecond Unit = "MILLISECOND"
	UnitMicrosecond Unit = "MICROSECOND"
	UnitNanosecond  Unit = "NANOSECOND"
	UnitEpoch       Unit = "EPOCH"
	UnitDoy         Unit = "DOY"
	UnitDow         Unit = "DOW"
	UnitIsoDow      Unit = "ISODOW"
	UnitIsoYear     Unit = "ISOYEAR"
	UnitDecade      Unit = "DECADE"
	UnitCentury     Unit = "CENTURY"
	UnitMillennium  Unit = "MILLENNIUM"
)

// NotNull returns t without NULL, WithNull with it, As with the nullability given.
func (t Type) NotNull() Type          { return t.As(false) }
func (t Type) WithNull() Type         { return t.As(true) }
func (t Type) As(nullable bool) Type  { t.Nullable = nullable; return t }
func (t Type) is(kinds ...Kind) bool  { return slices.Contains(kinds, t.Kind) }
func (t Type) between(a, b Kind) bool { return a <= t.Kind && t.Kind <= b }

// IsInteger, IsApproximate, IsNumeric, IsString, IsBytes, IsTimestamp, IsTemporal and IsInterval tell the family.
func (t Type) IsInteger() bool     { return t.between(KindTinyInt, KindBigInt) }
func (t Type) IsApproximate() bool { return t.is(KindFloat, KindDouble) }
func (t Type) IsNumeric() bool     { return t.between(KindTinyInt, KindDecimal) }
func (t Type) IsString() bool      { return t.is(KindChar, KindVarChar) }
func (t Type) IsBytes() bool       { return t.is(KindBinary, KindVarBinary) }
func (t Type) IsTimestamp() bool   { return t.is(KindTimestamp, KindTimestampLTZ) }
func (t Type) IsTemporal() bool    { return t.between(KindDate, KindTimestampLTZ) }
func (t Type) IsInterval() bool    { return t.is(KindIntervalYearMonth, KindIntervalDayTime) }

// Equal reports whether t and u are the same type, nullability included. Comments of fields do not count.
func (t Type) Equal(u Type) bool {
	if t.Kind != u.Kind || t.Nullable != u.Nullable || t.Length != u.Length || t.Precision != u.Precision || t.Scale != u.Scale || t.From != u.From || t.To != u.To || t.Class != u.Class {
		return false
	}
	same := func(a, b *Type) bool { return a == nil && b == nil || a != nil && b != nil && a.Equal(*b) }
	return same(t.Key, u.Key) && same(t.Elem, u.Elem) && slices.EqualFunc(t.Fields, u.Fields, func(a, b Field) bool {
		return a.Name == b.Name && a.Type.Equal(b.Type)
	})
}

// Constructors of the types that the rules of expressions give; all are nullable.
func simple(k Kind) Type      { return Type{Kind: k, Nullable: true} }
func Boolean() Type           { return simple(KindBoolean) }
func Int() Type               { return simple(KindInt) }
func BigInt() Type            { return simple(KindBigInt) }
func Double() Type            { return simple(KindDouble) }
func Date() Type              { return simple(KindDate) }
func String() Type            { return VarChar(MaxLength) }
func Bytes() Type             { return VarBinary(MaxLength) }
func VarChar(n int) Type      { return Type{Kind: KindVarChar, Nullable: true, Length: n} }
func Char(n int) Type         { return Type{Kind: KindChar, Nullable: true, Length: n} }
func VarBinary(n int) Type    { return Type{Kind: KindVarBinary, Nullable: true, Length: n} }
func Time(precision int) Type { return Type{Kind: KindTime, Nullable: true, Precision: precision} }
func Timestamp(precision int) Type {
	return Type{Kind: KindTimestamp, Nullable: true, Precision: precision}
}
func TimestampLTZ(precision int) Type {
	return Type{Kind: KindTimestampLTZ, Nullable: true, Precision: precision}
}
func Decimal(precision, scale int) Type {
	return Type{Kind: KindDecimal, Nullable: true, Precision: precision, Scale: scale}
}

var kindNames = map[Kind]string{
	KindInvalid: "INVALID", KindNull: "NULL", KindBoolean: "BOOLEAN", KindTinyInt: "TINYINT", KindSmallInt: "SMALLINT", KindInt: "INT",
	KindBigInt: "BIGINT", KindFloat: "FLOAT", KindDouble: "DOUBLE", KindDecimal: "DECIMAL", KindChar: "CHAR", KindVarChar: "VARCHAR",
	KindBinary: "BINARY", KindVarBinary: "VARBINARY", KindDate: "DATE", KindTime: "TIME", KindTimestamp: "TIMESTAMP",
	KindTimestampLTZ: "TIMESTAMP_LTZ", KindIntervalYearMonth: "INTERVAL", KindIntervalDayTime: "INTERVAL", KindArray: "ARRAY", KindMap: "MAP",
	KindMultiset: "MULTISET", KindRow: "ROW", KindStructured: "STRUCTURED",
	KindVariant: "VARIANT", KindBitmap: "BITMAP",
}

func (k Kind) String() string { return kindNames[k] }

// String returns the type as Flink's summaries write it: "DECIMAL(10, 2) NOT NULL", "STRING", "ROW<`a` INT>". It is valid SQL.
func (t Type) String() string {
	var b strings.Builder
	t.write(&b)
	return b.String()
}

func (t Type) write(b *strings.Builder) {
	switch t.Kind {
	case KindDecimal:
		fmt.Fprintf(b, "DECIMAL(%d, %d)", t.Precision, t.Scale)
	case KindChar, KindBinary:
		fmt.Fprintf(b, "%s(%d)", t.Kind, t.Length)
	case KindVarChar, KindVarBinary:
		switch {
		case t.Length != MaxLength:
			fmt.Fprintf(b, "%s(%d)", t.Kind, t.Length)
		case t.Kind == KindVarChar:
			b.WriteString("STRING")
		default:
			b.WriteString("BYTES")
		}
	case KindTime, KindTimestamp, KindTimestampLTZ:
		fmt.Fprintf(b, "%s(%d)", t.Kind, t.Precision)
	case KindIntervalYearMonth, KindIntervalDayTime:
		t.writeInterval(b)
	case KindArray, KindMultiset:
		b.WriteString(t.Kind.String())
		b.WriteByte('<')
		t.Elem.write(b)
		b.WriteByte('>')
	case KindMap:
		b.WriteString("MAP<")
		t.Key.write(b)
		b.WriteString(", ")
		t.Elem.write(b)
		b.WriteByte('>')
	case KindRow, KindStructured:
		b.WriteString(t.Kind.String())
		b.WriteByte('<')
		if t.Kind == KindStructured {
			b.WriteString(quoteString(t.Class))
		}
		for i, f := range t.Fields {
			if i > 0 || t.Kind == KindStructured {
				b.WriteString(", ")
			}
			b.WriteString(quoteName(f.Name))
			b.WriteByte(' ')
			f.Type.write(b)
			if f.Comment != "" {
				b.WriteByte(' ')
				b.WriteString(quoteString(f.Comment))
			}
		}
		b.WriteByte('>')
	default:
		b.WriteString(t.Kind.String())
	}
	if !t.Nullable {
		b.WriteString(" NOT NULL")
	}
}

// writeInterval leaves out precisions that are the defaults: 2 for the leading unit, 6 for the fraction of a second.
func (t Type) writeInterval(b *strings.Builder) {
	b.WriteString("INTERVAL ")
	b.WriteString(string(t.From))
	switch {
	case t.From == UnitSecond && (t.Precision != 2 || t.Scale != 6):
		fmt.Fprintf(b, "(%d, %d)", t.Precision, t.Scale)
	case t.From != UnitSecond && t.Precision != 2:
		fmt.Fprintf(b, "(%d)", t.Precision)
	}
	if t.To != t.From {
		b.WriteString(" TO " + string(t.To))
		if t.To == UnitSecond && t.Scale != 6 {
			fmt.Fprintf(b, "(%d)", t.Scale)
		}
	}
}

// quoteName writes a name in backticks, quoteString a text in quotes, as SQL has them.
func quoteName(s string) string   { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }
func quoteString(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
