package statements

// WindowSpec is ([name] [PARTITION BY …] [ORDER BY …] [frame]) of OVER and WINDOW. OVER name has the name alone.
type WindowSpec struct {
	Pos
	Name        *Ident // of a window of the WINDOW clause, which this one refines or is
	Bare        bool   // OVER name
	PartitionBy []Expr
	OrderBy     []*OrderItem
	Frame       *Frame
}

// Frame is {ROWS|RANGE} BETWEEN start AND end, or {ROWS|RANGE} start.
type Frame struct {
	Pos
	Range   bool // else ROWS
	Between bool
	Start   FrameBound
	End     FrameBound // CURRENT ROW without BETWEEN
}

// FrameBound is one end of a frame.
type FrameBound struct {
	Pos
	Current   bool // CURRENT ROW
	Following bool // else PRECEDING
	Offset    Expr // nil: UNBOUNDED
}

// Subquery is a query as a value, or ARRAY(query), MAP(query), MULTISET(query).
type Subquery struct {
	Pos
	Make  string // ARRAY, MAP, MULTISET or ""
	Query *Query
}

// Exists is EXISTS (query).
type Exists struct {
	Pos
	Query *Query
}

// Quantified is ANY, SOME or ALL behind a comparison: its right side.
type Quantified struct {
	Pos
	Word  string // ANY, SOME or ALL
	Query *Query
	List  []Expr
}

// Row is (a, b) or ROW(a, b). () is an empty one.
type Row struct {
	Pos
	Word  bool // ROW is written
	Items []Expr
}

// Collection is ARRAY[…], MAP[k, v, …] or MULTISET[…].
type Collection struct {
	Pos
	Kind  string
	Items []Expr // of a MAP key and value in turn
}

// Item is x[index]: the element of an array, the value of a map, the field of a row by its number.
type Item struct {
	Pos
	X, Index Expr
}

// FieldOf is a field of a row that is no column's name: (x).f, f(x).g, a[1].b.
type FieldOf struct {
	Pos
	X    Expr
	Name Ident
	Star bool // (x).*
}

// AtTimeZone is x AT TIME ZONE zone, or AT LOCAL.
type AtTimeZone struct {
	Pos
	X, Zone Expr // Zone is nil for AT LOCAL
}

// IsJSON is x IS [NOT] JSON [VALUE|SCALAR|ARRAY|OBJECT].
type IsJSON struct {
	Pos
	X    Expr
	Not  bool
	What string // "" for any
}

// JSONPath is JSON_EXISTS, JSON_VALUE or JSON_QUERY.
type JSONPath struct {
	Pos
	Func      string
	X, Path   Expr
	Returning *TypeName
	Wrapper   string // of JSON_QUERY: WITHOUT ARRAY WRAPPER, WITH CONDITIONAL ARRAY WRAPPER, …; "" where it is not written
	OnEmpty   *JSONOn
	OnError   *JSONOn
}

// JSONOn is what happens ON EMPTY or ON ERROR.
type JSONOn struct {
	What    string // NULL, ERROR, DEFAULT, EMPTY ARRAY, EMPTY OBJECT, TRUE, FALSE, UNKNOWN
	Default Expr
}

// JSONMake is JSON_OBJECT, JSON_ARRAY, JSON_OBJECTAGG or JSON_ARRAYAGG.
type JSONMake struct {
	Pos
	Func   string
	Keys   []Expr // of objects: as many as Values
	Values []Expr
	OnNull string // NULL or ABSENT; "" where it is not written
	Filter Expr
	Over   *WindowSpec
}

// Grouping is GROUPING SETS (…), ROLLUP (…) or CUBE (…) in GROUP BY. An item is an expression, a *Row of several, () or another Grouping.
type Grouping struct {
	Pos
	Kind  string
	Items []Expr
}

// TableArg is TABLE name or TABLE (query) as an argument, with PARTITION BY and ORDER BY. A name alone may be a table too: that is for the
// function's signature to say.
type TableArg struct {
	Pos
	Table       *TableRef // nil where it is a query
	Query       *Query
	PartitionBy []Expr
	OrderBy     []*OrderItem
}

// Descriptor is DESCRIPTOR(columns) as an argument.
type Descriptor struct {
	Pos
	Columns []Ident
}

// ModelArg is MODEL name as an argument.
type ModelArg struct {
	Pos
	Name Name
}

// DefaultArg is DEFAULT as an argument.
type DefaultArg struct{ Pos }

func (*Subquery) expr()   {}
func (*Exists) expr()     {}
func (*Quantified) expr() {}
func (*Row) expr()        {}
func (*Collection) expr() {}
func (*Item) expr()       {}
func (*FieldOf) expr()    {}
func (*AtTimeZone) expr() {}
func (*IsJSON) expr()     {}
func (*JSONPath) expr()   {}
func (*JSONMake) expr()   {}
func (*Grouping) expr()   {}
func (*TableArg) expr()   {}
func (*Descriptor) expr() {}
func (*ModelArg) expr()   {}
func (*DefaultArg) expr() {}
