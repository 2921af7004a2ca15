package statements

import "time"

// Resolved is a statement whose names have columns and whose expressions have types: what an engine compiles.
type Resolved struct {
	Statement Statement
	Table     *Table // CREATE TABLE: the table declared
	Write     *Write // INSERT INTO
}

// Rel is a node of a resolved query: *Scan, *Windowing, *Filter, *Aggregation, *Projection or *Write, and in a query that was
// related for the analysis one of those in relations.go. Its expressions
// count columns in the row of its input; Columns is the row that it gives.
type Rel interface {
	At() Pos
	Columns() []Column
	// Input is the node below, nil for a Scan.
	Input() Rel
}

// Column is a column of a resolved row.
type Column struct {
	Name   string
	Type   Type
	Time   bool          // an event-time attribute: watermarks hold for it
	Clock  bool          // a processing-time attribute: the wall clock when the row is read
	Hidden bool          // left out of SELECT *
	Open   bool          // of a row whose columns are not known: it may not be there
	Window *WindowColumn // set where the column is a bound of a window that this row was assigned to
}

// WindowColumn says which bound of which window a column is.
type WindowColumn struct {
	Of    *Windowing
	Bound WindowBound
}

// WindowBound is one of the columns that a windowing table function adds.
type WindowBound uint8

// The columns that a windowing table function adds. WindowTime is WindowEnd minus one millisecond and a time attribute.
const (
	WindowStart WindowBound = iota
	WindowEnd
	WindowTime
)

func (b WindowBound) String() string {
	return [...]string{"window_start", "window_end", "window_time"}[b]
}

// Scan reads a table. Its row is Table.Row().
type Scan struct {
	Pos
	Table   *Table
	Options map[string]string // of an OPTIONS hint
	Row     []Column
}

// Windowing assigns each row to its window and adds window_start, window_end and window_time to the row.
type Windowing struct {
	Pos
	In           Rel
	Kind         WindowKind
	Time         int // the time attribute's column
	Size, Offset time.Duration
	Step         time.Duration // HOP's slide, CUMULATE's step; 0 for the others
	Partition    []int         // SESSION: the columns of its keys
	Row          []Column
}

// Filter keeps the rows for which Cond is TRUE.
type Filter struct {
	Pos
	In   Rel
	Cond Scalar
}

// Aggregation groups rows and computes one row a group. Its row is the keys, then the aggregates. With a Window, the
// window's start and end are among the keys, and a group is complete when the watermark passes the window's end.
type Aggregation struct {
	Pos
	In         Rel
	Window     *Windowing
	Keys       []Scalar
	Sets       int // grouping sets; 0 for a plain GROUP BY
	Aggregates []*Aggregate
	TTL        time.Duration // of a STATE_TTL hint; 0 = none
	Row        []Column
}

// Projection computes a row from a row.
type Projection struct {
	Pos
	In    Rel
	Exprs []Scalar
	Row   []Column
}

// Write writes rows to a table. Its input's row is Targets: one column for each persisted column of the table, in the
// table's order, cast to the column's type; a column that the INSERT does not name is NULL.
type Write struct {
	Pos
	In      Rel
	Table   *Table
	Mode    ChangelogMode
	Targets []int // indexes in Table.Columns
}

func (n *Scan) Columns() []Column        { return n.Row }
func (n *Windowing) Columns() []Column   { return n.Row }
func (n *Filter) Columns() []Column      { return n.In.Columns() }
func (n *Aggregation) Columns() []Column { return n.Row }
func (n *Projection) Columns() []Column  { return n.Row }
func (n *Write) Columns() []Column       { return nil }

func (n *Scan) Input() Rel        { return nil }
func (n *Windowing) Input() Rel   { return n.In }
func (n *Filter) Input() Rel      { return n.In }
func (n *Aggregation) Input() Rel { return n.In }
func (n *Projection) Input() Rel  { return n.In }
func (n *Write) Input() Rel       { return n.In }

// Scalar is a resolved expression: *ColumnRef, *Constant or *Op. Where SQL converts a value by itself, the conversion is a
// CAST in the tree, so that the arguments of comparisons, CASE and the like have one type.
type Scalar interface {
	At() Pos
	Type() Type
}

// ColumnRef is a column of the input row.
type ColumnRef struct {
	Pos
	Index int
	Name  string
	Of    Type
}

// Constant is a literal. Value is nil for NULL, else by kind: bool; int64 for integers, DATE (days since the epoch), TIME
// (milliseconds of the day), year-month intervals (months) and day-time intervals (milliseconds); float64; *big.Int for
// DECIMAL (the unscaled value, at the type's scale); string; []byte; Instant for timestamps.
type Constant struct {
	Pos
	Of    Type
	Value any
}

// Instant is a point in time: milliseconds since 1970-01-01T00:00:00, and the nanoseconds within the millisecond.
// A TIMESTAMP without time zone counts as if it were UTC.
type Instant struct {
	Millis int64
	Nanos  int32 // 0 to 999 999
}

// Op is an operator or function on arguments. Name is an Operator or a function's name in upper case; besides those SQL
// has, these: CASE with arguments condition, value, … , else; CAST and TRY_CAST to Of; BETWEEN is two comparisons; IN with
// the list as further arguments; LIKE with pattern and escape; NEG is unary minus; EXTRACT, FLOOR, CEIL and TIMESTAMPDIFF with
// Unit; TRIM with Side and the characters as second argument.
type Op struct {
	Pos
	Name string
	Args []Scalar
	Of   Type
	Unit Unit   // EXTRACT, FLOOR, CEIL, TIMESTAMPDIFF, TIMESTAMPADD
	Side string // TRIM: BOTH, LEADING, TRAILING
}

func (e *ColumnRef) Type() Type { return e.Of }
func (e *Constant) Type() Type  { return e.Of }
func (e *Op) Type() Type        { return e.Of }

// Aggregate is one aggregate function over a group.
type Aggregate struct {
	Pos
	Func     string // COUNT, SUM, MIN, MAX, AVG
	Distinct bool
	Star     bool // COUNT(*): Args is empty
	Args     []Scalar
	Filter   Scalar // FILTER (WHERE …), or nil
	Of       Type
}
