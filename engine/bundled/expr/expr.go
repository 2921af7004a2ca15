package expr

import (
	"errors"
	"fmt"
	"time"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// Env is what expressions are compiled against.
type Env struct {
	Columns []st.Type      // the batch's columns; a ColumnRef counts in them
	Zone    *time.Location // sql.local-time-zone; nil is UTC
}

// Compiler compiles the expressions of one operator: they share what they have in common. All of them are used by one goroutine.
type Compiler struct {
	env   Env
	ctx   *context
	nodes map[string]value // what is compiled already, by its text; nil while a lazy argument is compiled
}

// context is what a batch's evaluation shares.
type context struct {
	b     *vec.Batch
	epoch uint64
	zone  *time.Location
	all   []int32 // 0, 1, 2, …
}

// NewCompiler begins an operator's expressions.
func NewCompiler(env Env) *Compiler {
	if env.Zone == nil {
		env.Zone = time.UTC
	}
	return &Compiler{env: env, ctx: &context{zone: env.Zone}, nodes: map[string]value{}}
}

// Begin names the batch that the Compiler's expressions are computed over until the next Begin, and returns its selected rows. Until then
// the rows that Apply and Eval are asked for may only become fewer: what was computed for more rows is used again.
func (c *Compiler) Begin(b *vec.Batch) []int32 {
	c.ctx.b = b
	c.ctx.epoch++
	if b.Sel != nil {
		return b.Sel
	}
	return c.ctx.rows(b.N)
}

// rows returns the rows from 0 to n.
func (c *context) rows(n int) []int32 {
	for len(c.all) < n {
		c.all = append(c.all, int32(len(c.all)))
	}
	return c.all[:n]
}

// Expr is a compiled expression.
type Expr struct {
	Type st.Type
	Kind vec.Kind
	c    *context
	node node
}

// Eval computes the expression for the rows of the batch given to Begin. The vector is the Expr's (or the batch's own column), is as long as
// the batch, has values in those rows only, and is good until the next Begin. Error: *RowError.
func (e *Expr) Eval(rows []int32) (*vec.Vector, error) { return e.node.eval(e.c, rows) }

// RowError is a failure to compute a row's value.
type RowError struct {
	At     st.Pos
	Row    int
	Reason string
}

func (e *RowError) Error() string { return fmt.Sprintf("%s: %s", e.At, e.Reason) }

// Place adds where the row came from, and the column and line of the SQL.
func Place(err error, b *vec.Batch) error {
	var row *RowError
	if errors.As(err, &row) {
		if origin := b.Origin(row.Row); origin != "" {
			return fmt.Errorf("%s: line %d, column %d: %s", origin, row.At.Line, row.At.Column, row.Reason)
		}
		return fmt.Errorf("line %d, column %d: %s", row.At.Line, row.At.Column, row.Reason)
	}
	return err
}

// Expr compiles a scalar. Error: *engine.InvalidError.
func (c *Compiler) Expr(s st.Scalar) (*Expr, error) {
	v, err := c.compile(s)
	if err != nil {
		return nil, err
	}
	return &Expr{Type: v.typ, Kind: v.kind, c: c.ctx, node: v.node}, nil
}

// Filter keeps the rows for which all its conditions are TRUE.
type Filter struct {
	c     *context
	conds []condition
	buf   []int32
}

// Filter compiles conditions, which are tried in order.
func (c *Compiler) Filter(conds ...st.Scalar) (*Filter, error) {
	f := &Filter{c: c.ctx}
	for _, s := range conds {
		v, err := c.compile(s)
		if err != nil {
			return nil, err
		}
		f.conds = append(f.conds, conditionOf(v))
	}
	return f, nil
}

// Apply returns those of the rows that pass. The result is the Filter's and good until the next Apply.
func (f *Filter) Apply(rows []int32) ([]int32, error) {
	if len(f.conds) == 0 {
		return rows, nil
	}
	if cap(f.buf) < len(rows) {
		f.buf = make([]int32, max(len(rows), vec.Rows))
	}
	var err error
	for _, cond := range f.conds {
		if rows, err = cond.pass(f.c, rows, f.buf[:0]); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func invalid(at st.Pos, format string, args ...any) error {
	return &engine.InvalidError{Line: at.Line, Column: at.Column, Message: fmt.Sprintf(format, args...)}
}
