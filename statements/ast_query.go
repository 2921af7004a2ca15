package statements

// Query is a query with its common table expressions, order and limit.
type Query struct {
	Pos
	Recursive bool
	With      []*CommonTable
	Body      QueryBody
	OrderBy   []*OrderItem
	Limit     Expr // LIMIT n, or FETCH FIRST n ROWS ONLY
	LimitAt   Pos  // of LIMIT or FETCH
	Fetch     bool // FETCH was written
	Offset    Expr
}

// CommonTable is name [(columns)] AS (query) of WITH.
type CommonTable struct {
	Pos
	Name    Ident
	Columns []Ident
	Query   *Query
}

// QueryBody is what stands between WITH and ORDER BY: *Select, *SetOperation, *Values, *NamedTable or *Nested.
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

// SetOperator is UNION, INTERSECT or EXCEPT.
type SetOperator string

// The set operators.
const (
	Union     SetOperator = "UNION"
	Intersect SetOperator = "INTERSECT"
	Except    SetOperator = "EXCEPT"
)

// SetOperation is left UNION [ALL] right and the like. INTERSECT binds closer than UNION and EXCEPT, which go from left to right.
type SetOperation struct {
	Pos         // of the operator
	Op          SetOperator
	All         bool
	Left, Right QueryBody
}

// Values is VALUES row, row, …; a row of one value may stand without parentheses.
type Values struct {
	Pos
	Rows []Expr // *Row, or the value of a row with one column
}

// NamedTable is TABLE name as a query.
type NamedTable struct {
	Pos
	Name Name
}

// Nested is a query in parentheses that has an order, a limit or common tables of its own.
type Nested struct {
	Pos
	Query *Query
}

func (*SetOperation) queryBody() {}
func (*Values) queryBody()       {}
func (*NamedTable) queryBody()   {}
func (*Nested) queryBody()       {}

// Select is SELECT … FROM … WHERE … GROUP BY … HAVING ….
type Select struct {
	Pos
	Hints    []Hint
	Distinct bool
	Items    []*SelectItem
	From     TableExpr // nil where there is no FROM
	Where    Expr
	GroupBy  []Expr // *Grouping for GROUPING SETS, ROLLUP and CUBE; an empty *Row for ()
	GroupAt  Pos    // of GROUP
	Having   Expr
	Windows  []*WindowDef
	Qualify  Expr
}

// WindowDef is name AS (window) of the WINDOW clause.
type WindowDef struct {
	Pos
	Name Ident
	Spec *WindowSpec
}

func (*Select) queryBody() {}

// SelectItem is one output of a SELECT. Expr is a *Star for * and t.*.
type SelectItem struct {
	Pos
	Expr  Expr
	Alias *Ident
}

// TableExpr is what can stand in FROM: *TableRef, *WindowTable, *Derived, *Join, *TableFunction, *Unnest or *Match.
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
	AsOf  Expr // FOR SYSTEM_TIME AS OF
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
	Table       *TableRef // nil where the input is a query
	Query       *Query
	PartitionBy []Ident   // of SESSION
	Time        Ident     // the column in DESCRIPTOR
	Step        *Interval // HOP's slide, CUMULATE's step; nil for the others
	Size        *Interval // a multiple of Step; for SESSION the gap
	Offset      *Interval // nil: windows begin at multiples of Size, HOP's of Step, since the epoch
	Alias       *Alias
}

// Derived is a query in FROM. With Lateral it may refer to the tables before it.
type Derived struct {
	Pos
	Lateral bool
	Query   *Query
	Alias   *Alias
}

// JoinKind is how rows without a partner are treated.
type JoinKind string

// The kinds of join.
const (
	InnerJoin JoinKind = "INNER"
	LeftJoin  JoinKind = "LEFT"
	RightJoin JoinKind = "RIGHT"
	FullJoin  JoinKind = "FULL"
	CrossJoin JoinKind = "CROSS"
	CommaJoin JoinKind = "," // tables side by side in FROM
)

// Join is left [NATURAL] kind JOIN right [ON condition | USING (columns)].
type Join struct {
	Pos         // of the first word of the join
	Kind        JoinKind
	Natural     bool
	Left, Right TableExpr
	On          Expr
	Using       []Ident
}

// TableFunction is [LATERAL] TABLE(f(arguments)) or f(arguments) in FROM, where f is no windowing function. Arguments are expressions, *TableArg,
// *Descriptor, *ModelArg, or *NamedArg around these.
type TableFunction struct {
	Pos
	Lateral bool
	Func    Name
	Args    []Expr
	Alias   *Alias
}

// Unnest is UNNEST(collections) [WITH ORDINALITY].
type Unnest struct {
	Pos
	Args       []Expr
	Ordinality bool
	Alias      *Alias
}

// Match is table MATCH_RECOGNIZE (…).
type Match struct {
	Pos         // of MATCH_RECOGNIZE
	Table       TableExpr
	PartitionBy []Expr
	OrderBy     []*OrderItem
	Measures    []*SelectItem
	AllRows     bool   // ALL ROWS PER MATCH
	RowsOption  string // SHOW EMPTY MATCHES and the like, behind ALL ROWS PER MATCH
	OneRow      bool   // ONE ROW PER MATCH is written
	After       *AfterMatch
	Pattern     RowPattern
	Within      *Interval
	Subsets     []Subset
	Define      []*PatternDef
	Alias       *Alias
}

// AfterMatch says where matching goes on.
type AfterMatch struct {
	Pos
	To       string // PAST LAST ROW, TO NEXT ROW, TO FIRST, TO LAST or TO
	Variable *Ident // of TO FIRST, TO LAST and TO
}

// RowPattern is a row pattern: *PatternVariable, *PatternSequence, *PatternChoice, *PatternRepeat or *PatternPermute.
type RowPattern interface {
	Node
	pattern()
}

// PatternVariable is a variable, or an anchor ^ or $.
type PatternVariable struct{ Ident }

// PatternSequence is one after the other.
type PatternSequence struct {
	Pos
	Items []RowPattern
}

// PatternChoice is a | b.
type PatternChoice struct {
	Pos
	Items []RowPattern
}

// PatternRepeat is p*, p+, p?, p{n,m}, and the same with ? behind it.
type PatternRepeat struct {
	Pos
	Item      RowPattern
	Min, Max  int // Max is -1 where there is no bound
	Reluctant bool
}

// PatternPermute is PERMUTE(a, b, …); with Exclude it is {- p -}.
type PatternPermute struct {
	Pos
	Exclude bool
	Items   []RowPattern
}

// Subset is name = (variables).
type Subset struct {
	Name      Ident
	Variables []Ident
}

// PatternDef is variable AS condition of DEFINE.
type PatternDef struct {
	Pos
	Name Ident
	Cond Expr
}

func (*PatternVariable) pattern() {}
func (*PatternSequence) pattern() {}
func (*PatternChoice) pattern()   {}
func (*PatternRepeat) pattern()   {}
func (*PatternPermute) pattern()  {}

func (*Join) tableExpr()          {}
func (*TableFunction) tableExpr() {}
func (*Unnest) tableExpr()        {}
func (*Match) tableExpr()         {}
func (*TableRef) tableExpr()      {}
func (*WindowTable) tableExpr()   {}
func (*Derived) tableExpr()       {}
