package statements

// Expr is an expression as written: *ColumnName, *Star, *Literal, *Interval, *Unary, *Binary, *Is, *Between, *In, *Like,
// *Case, *Cast, *Call, *Extract, *RoundTo, *Trim, *UnitName, *NamedArg, or one of those in ast_more.go.
type Expr interface {
	Node
	expr()
}

// ColumnName is a column, possibly qualified: c, t.c. Which part is the table is for the resolver to find out.
type ColumnName struct{ Name }

// Star is * or t.* in a SELECT list.
type Star struct {
	Pos
	Table *Ident
}

// LiteralKind tells literals apart.
type LiteralKind uint8

const (
	NullLiteral      LiteralKind = iota
	BoolLiteral                  // Text is TRUE or FALSE
	NumberLiteral                // Text as written: 1, 1.50, 1e3. Exact where it has no exponent
	StringLiteral                // Text is the string itself
	BytesLiteral                 // Text is upper-case hex
	DateLiteral                  // Text is yyyy-MM-dd
	TimeLiteral                  // Text is HH:mm:ss[.fraction]
	TimestampLiteral             // Text is yyyy-MM-dd HH:mm:ss[.fraction]
)

// Literal is a constant other than an interval.
type Literal struct {
	Pos
	Kind LiteralKind
	Text string
}

// Interval is INTERVAL 'text' unit [TO unit].
type Interval struct {
	Pos
	Negative  bool   // INTERVAL -'…'
	Text      string // between the quotes
	From, To  Unit   // To equals From where there is one unit
	Precision int    // of the leading unit; -1 = not written
	Scale     int    // of the seconds' fraction; -1 = not written
}

// Operator is a unary or binary operator, in SQL's words.
type Operator string

// The operators of expressions.
const (
	OpNot       Operator = "NOT"
	OpAnd       Operator = "AND"
	OpOr        Operator = "OR"
	OpEq        Operator = "="
	OpNe        Operator = "<>"
	OpLt        Operator = "<"
	OpLe        Operator = "<="
	OpGt        Operator = ">"
	OpGe        Operator = ">="
	OpAdd       Operator = "+"
	OpSub       Operator = "-"
	OpMul       Operator = "*"
	OpDiv       Operator = "/"
	OpMod       Operator = "%"
	OpConcat    Operator = "||"
	OpDistinct  Operator = "IS DISTINCT FROM"
	OpSame      Operator = "IS NOT DISTINCT FROM"
	OpIsNull    Operator = "IS NULL"
	OpIsTrue    Operator = "IS TRUE"
	OpIsFalse   Operator = "IS FALSE"
	OpIsUnknown Operator = "IS UNKNOWN"
	OpOverlaps  Operator = "OVERLAPS"
)

// Unary is -x, +x or NOT x.
type Unary struct {
	Pos
	Op Operator
	X  Expr
}

// Binary is x op y for arithmetic, ||, comparisons, IS [NOT] DISTINCT FROM, AND and OR. Pos is the operator's place.
type Binary struct {
	Pos
	Op   Operator
	X, Y Expr
}

// Is is x IS [NOT] NULL, TRUE, FALSE or UNKNOWN.
type Is struct {
	Pos
	X   Expr
	Not bool
	Op  Operator // OpIsNull, OpIsTrue, OpIsFalse, OpIsUnknown
}

// Between is x [NOT] BETWEEN [SYMMETRIC] low AND high.
type Between struct {
	Pos
	X, Low, High   Expr
	Not, Symmetric bool
}

// In is x [NOT] IN (list), or IN (query).
type In struct {
	Pos
	X     Expr
	Not   bool
	List  []Expr // nil where it is a query
	Query *Query
}

// Like is x [NOT] LIKE pattern [ESCAPE c], or SIMILAR TO.
type Like struct {
	Pos
	X, Pattern, Escape Expr // Escape may be nil
	Not, Similar       bool
}

// Case is CASE [operand] WHEN … THEN … [ELSE …] END.
type Case struct {
	Pos
	Operand Expr // nil in the searched form
	Whens   []When
	Else    Expr // nil: NULL
}

// When is one branch of a CASE.
type When struct{ Cond, Then Expr }

// Cast is CAST(x AS type) or TRY_CAST(x AS type).
type Cast struct {
	Pos
	X    Expr
	Type *TypeName
	Try  bool
}

// Call is a function call. CEIL, FLOOR, EXTRACT and TRIM have nodes of their own for the forms with words in them;
// POSITION(a IN b) and SUBSTRING(x FROM a FOR b) are calls with two and three arguments.
type Call struct {
	Pos
	Of       []Ident // catalog and database of a user-defined function
	Func     string  // in upper case
	Bare     bool    // written without parentheses: CURRENT_TIMESTAMP
	Declared bool    // it is a function of the user's: see DeclareFunctions
	Distinct bool
	Star     bool // COUNT(*)
	Args     []Expr
	Nulls    string       // IGNORE NULLS or RESPECT NULLS
	OrderBy  []*OrderItem // in the call of an aggregate, or WITHIN GROUP (ORDER BY …)
	Within   bool         // WITHIN GROUP is written
	Filter   Expr         // FILTER (WHERE …) of an aggregate
	Over     *WindowSpec  // OVER (…) or OVER name
}

// Extract is EXTRACT(unit FROM x).
type Extract struct {
	Pos
	Unit Unit
	X    Expr
}

// RoundTo is FLOOR(x TO unit) or CEIL(x TO unit).
type RoundTo struct {
	Pos
	Func string // FLOOR or CEIL
	X    Expr
	Unit Unit
}

// Trim is TRIM([BOTH|LEADING|TRAILING] [chars] FROM x). TRIM(x) is a Call.
type Trim struct {
	Pos
	Side  string // BOTH, LEADING or TRAILING
	Chars Expr   // nil: blanks
	X     Expr
}

// UnitName is a unit of time as an argument: TIMESTAMPDIFF(HOUR, a, b).
type UnitName struct {
	Pos
	Unit Unit
}

// NamedArg is name => value in a call.
type NamedArg struct {
	Pos
	Name  Ident
	Value Expr
}

func (*ColumnName) expr() {}
func (*Star) expr()       {}
func (*Literal) expr()    {}
func (*Interval) expr()   {}
func (*Unary) expr()      {}
func (*Binary) expr()     {}
func (*Is) expr()         {}
func (*Between) expr()    {}
func (*In) expr()         {}
func (*Like) expr()       {}
func (*Case) expr()       {}
func (*Cast) expr()       {}
func (*Call) expr()       {}
func (*Extract) expr()    {}
func (*RoundTo) expr()    {}
func (*Trim) expr()       {}
func (*UnitName) expr()   {}
func (*NamedArg) expr()   {}
