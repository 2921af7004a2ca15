package statements

// Query is a query with its order and limit.
type Query struct {
	Pos
	Body    QueryBody
	OrderBy []*OrderItem
	Limit   Expr // LIMIT n, or FETCH FIRST n ROWS ONLY
	LimitAt Pos  // of LIMIT or FETCH
	Fetch   bool // FETCH was written
	Offset  Expr
}

// QueryBody is what stands between WITH and ORDER BY: *Select.
type QueryBody interface {
	Node
	queryBody()
}

// OrderItem is one expression of ORDER BY.
type OrderItem struct {
	Pos
	Expr       Expr
	Descending bool
	Nulls      string // "", "FIRST" or "LAST"
}

// Select is SELECT … FROM … WHERE … GROUP BY … HAVING ….
type Select struct {
	Pos
	Hints    []Hint
	Distinct bool
	Items    []*SelectItem
	From     TableExpr // nil where there is no FROM
	Where    Expr
	GroupBy  []Expr
	GroupAt  Pos // of GROUP
	Having   Expr
}

func (*Select) queryBody() {}

// SelectItem is one output of a SELECT. Expr is a *Star for * and t.*.
type SelectItem struct {
	Pos
	Expr  Expr
	Alias *Ident
}

// TableExpr is what can stand in FROM: *TableRef, *WindowTable or *Derived.
type TableExpr interface {
	Node
	tableExpr()
}

// Alias is [AS] name [(columns)] after a table.
type Alias struct {
	Pos
	Name    Ident
	Columns []Ident
}

// TableRef is a table by its name.
type TableRef struct {
	Pos
	Name  Name
	Hints []Hint
	Alias *Alias
}

// WindowKind names a windowing table function.
type WindowKind string

// The windowing table functions.
const (
	Tumble   WindowKind = "TUMBLE"   // fixed windows without overlap
	Hop      WindowKind = "HOP"      // fixed windows that begin at every slide and overlap
	Cumulate WindowKind = "CUMULATE" // windows of one begin that grow by a step up to a size
	Session  WindowKind = "SESSION"  // windows that end where a key pauses
)

// WindowTable is a windowing table function: TABLE(TUMBLE(TABLE t, DESCRIPTOR(c), INTERVAL '1' HOUR)).
type WindowTable struct {
	Pos
	Kind        WindowKind
	Table       *TableRef
	PartitionBy []Ident   // of SESSION
	Time        Ident     // the column in DESCRIPTOR
	Step        *Interval // HOP's slide, CUMULATE's step; nil for the others
	Size        *Interval // a multiple of Step; for SESSION the gap
	Offset      *Interval // nil: windows begin at multiples of Size, HOP's of Step, since the epoch
	Alias       *Alias
}

// Derived is a query in FROM.
type Derived struct {
	Pos
	Query *Query
	Alias *Alias
}

func (*TableRef) tableExpr()    {}
func (*WindowTable) tableExpr() {}
func (*Derived) tableExpr()     {}
