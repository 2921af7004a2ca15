// Package expr compiles resolved SQL expressions to functions over vectors.
//
// An expression is compiled once for a statement: constants are folded, equal parts are computed once a batch, and each operator becomes a
// loop for its types. At run time a [Filter] shrinks the selection before anything else is computed, and a [Expr] computes its value for the
// rows that are left, into a vector of its own. SQL's three-valued logic, Flink's rules for decimals, casts, overflow and time zones hold
// exactly; AND, OR, CASE, COALESCE and IF compute an argument only for the rows that need it, so that 1/x behind x <> 0 does not fail.
//
// Which type an expression has is package statements' work; what this package cannot compute it refuses by name, with its position.
package expr
