package statements

import "time"

// The nodes of a related query beyond those that the bundled engine runs. Relate builds them for the analysis; Resolve never
// does, and a compiler that meets one refuses it by its name.

// SemiJoin and AntiJoin are what IN and EXISTS, and their negations, become.
const (
	SemiJoin JoinKind = "SEMI"
	AntiJoin JoinKind = "ANTI"
)

// JoinForm is how a join is run, recognised from its condition as Flink's planner does.
type JoinForm string

// The forms of join.
const (
	RegularJoin  JoinForm = "regular"  // all rows of both sides are kept
	IntervalJoin JoinForm = "interval" // both time attributes are bound to each other
	TemporalJoin JoinForm = "temporal" // FOR SYSTEM_TIME AS OF an event-time attribute
	LookupJoin   JoinForm = "lookup"   // FOR SYSTEM_TIME AS OF the processing time
	WindowJoin   JoinForm = "window"   // both bounds of equal windows are equal
)

// Joining joins two inputs. Its conditions count columns in the row of the left input followed by that of the right. Its own
// row is both, or the left one alone where Kind is SemiJoin or AntiJoin.
type Joining struct {
	Pos
	Left, Right Rel
	Kind        JoinKind // InnerJoin, LeftJoin, RightJoin, FullJoin, SemiJoin, AntiJoin
	Form        JoinForm
	On          []Scalar // all must hold
	Equal       []KeyPair
	Bounds      *TimeBounds      // IntervalJoin
	Window      *Windowing       // WindowJoin: the left one
	TTL         [2]time.Duration // of a STATE_TTL hint, left and right; 0 = none
	Row         []Column
}

// KeyPair is an equality of a left column with a right column, each counted in its own input's row.
type KeyPair struct{ Left, Right int }

// TimeBounds say that right.time is between left.time + Lower and left.time + Upper.
type TimeBounds struct {
	LeftTime, RightTime int // columns of the inputs
	Lower, Upper        time.Duration
}

// reach is how far apart the times of two rows that join can be.
func (b *TimeBounds) reach() time.Duration { return max(-b.Lower, b.Upper, 0) }

// reach is how far back rows of the i-th input count for an interval join. A row of an outer side waits until nothing can join it any more, and
// what has joined it may be as much older again.
func (n *Joining) reach(i int) time.Duration {
	outer := n.Kind == FullJoin || n.Kind == LeftJoin && i == 1 || n.Kind == RightJoin && i == 0
	if !outer {
		return n.Bounds.reach()
	}
	return max(-n.Bounds.Lower, 0) + max(n.Bounds.Upper, 0)
}

// mayBeBound reports whether a condition that is no equality is over columns that are not known: it may bind the times of both sides.
func (n *Joining) mayBeBound() bool {
	for _, x := range n.On {
		if op, ok := x.(*Op); ok && op.Name != string(OpEq) {
			open := false
			refs(x, func(i int) {
				row := n.Left.Columns()
				if i >= len(row) {
					i, row = i-len(row), n.Right.Columns()
				}
				open = open || row[i].Open
			})
			if open {
				return true
			}
		}
	}
	return false
}

// Combining is UNION, INTERSECT or EXCEPT.
type Combining struct {
	Pos
	Op          SetOperator
	All         bool
	Left, Right Rel
	Row         []Column
}

// SortKey is one expression of an order, over the input's row.
type SortKey struct {
	Value      Scalar
	Descending bool
}

// Over adds the results of OVER aggregations to each row: its row is the input's, then one column a call.
type Over struct {
	Pos
	In        Rel
	Partition []Scalar
	Order     []SortKey
	Range     bool           // else rows
	Preceding *time.Duration // of a RANGE frame; nil: UNBOUNDED, or a frame of rows
	Rows      int64          // of a ROWS frame, LAG's offset; -1 = UNBOUNDED
	Calls     []*Aggregate
	Row       []Column
}

// Ranking keeps the rows From to To of each partition in an order: Top-N, and deduplication where To is 1 and the order is a
// time attribute. Window is set where the bounds of a window are among the partition's columns.
type Ranking struct {
	Pos
	In        Rel
	Partition []Scalar
	Order     []SortKey
	From, To  int64
	Dedup     bool
	KeepLast  bool // of a deduplication
	Window    *Windowing
	Rank      bool // the rank is the last column of the row
	Row       []Column
}

// Sorting is ORDER BY and LIMIT of a query.
type Sorting struct {
	Pos
	In    Rel
	Order []SortKey
	Limit int64 // -1 = none
}

// Calling adds the columns of a table function's rows to each row: LATERAL TABLE(f(…)), UNNEST. In is nil where the function
// stands alone.
type Calling struct {
	Pos
	In    Rel
	Func  string
	Outer bool // a row without results is kept
	Args  []Scalar
	Row   []Column

	Table  bool  // the function reads whole tables: In, or those that it reads besides
	Others []Rel // tables that it reads besides In
}

// Matching is MATCH_RECOGNIZE.
type Matching struct {
	Pos
	In        Rel
	Partition []Scalar
	Order     []SortKey
	Measures  []Scalar
	Define    []Scalar      // of each condition, the columns that it looks at
	Within    time.Duration // 0 = none
	NextRow   bool          // AFTER MATCH SKIP TO NEXT ROW: every row may begin a match, whatever matched before
	Row       []Column
}

// Listing is VALUES.
type Listing struct {
	Pos
	Rows [][]Scalar
	Row  []Column
}

// Normalizing makes a full changelog of an upsert source: it remembers the last row of each key.
type Normalizing struct {
	Pos
	In  Rel
	Key []int
}

func (n *Joining) Columns() []Column     { return n.Row }
func (n *Combining) Columns() []Column   { return n.Row }
func (n *Over) Columns() []Column        { return n.Row }
func (n *Ranking) Columns() []Column     { return n.Row }
func (n *Sorting) Columns() []Column     { return n.In.Columns() }
func (n *Calling) Columns() []Column     { return n.Row }
func (n *Matching) Columns() []Column    { return n.Row }
func (n *Listing) Columns() []Column     { return n.Row }
func (n *Normalizing) Columns() []Column { return n.In.Columns() }

func (n *Joining) Input() Rel     { return n.Left }
func (n *Combining) Input() Rel   { return n.Left }
func (n *Over) Input() Rel        { return n.In }
func (n *Ranking) Input() Rel     { return n.In }
func (n *Sorting) Input() Rel     { return n.In }
func (n *Calling) Input() Rel     { return n.In }
func (n *Matching) Input() Rel    { return n.In }
func (n *Listing) Input() Rel     { return nil }
func (n *Normalizing) Input() Rel { return n.In }

// Inputs are the nodes below r, the left one first.
func Inputs(r Rel) []Rel {
	switch n := r.(type) {
	case *Joining:
		return []Rel{n.Left, n.Right}
	case *Combining:
		return []Rel{n.Left, n.Right}
	case *Calling:
		if n.In != nil {
			return append([]Rel{n.In}, n.Others...)
		}
	}
	if in := r.Input(); in != nil {
		return []Rel{in}
	}
	return nil
}
