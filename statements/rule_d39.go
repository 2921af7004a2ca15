package statements

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d39 = Rule{
	ID:            "D39",
	Title:         "a declaration that an existing table does not take on",
	Why:           "CREATE TABLE IF NOT EXISTS changes nothing on a table that is there already, such as a mirrored one: statements would run with another watermark, key or mode than in the primary",
	Remedy:        "ALTER TABLE in the DR region, or drop the table there before the declaration runs",
	ActivePassive: report.Block,
	Leaves:        NonDeterministic,
	check:         checkD39,
	Page:          `Watermark, primary key, changelog mode and computed columns of a table are in no topic and in no schema, but in the catalog of one region. A mirrored topic has a table in the other region as soon as it is there, with what can be inferred: the declaration that comes later changes nothing.`,
	Wrong: `-- The mirrored topic has made a table of the same name in the DR region, without a watermark.
CREATE TABLE IF NOT EXISTS orders (item STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);`,
	Right: `-- In the DR region: ALTER TABLE orders MODIFY WATERMARK FOR ts AS ts - INTERVAL '5' SECOND, and then
CREATE TABLE IF NOT EXISTS orders (item STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);`,
}

func checkD39(in *judged) []hit {
	n, ok := in.stmt.(*CreateTable)
	if !ok || in.facts.Existing == nil {
		return nil
	}
	there, ok := in.facts.Existing.Table(n.Name.Last())
	if !ok {
		return nil
	}
	var declared *Table
	if caught(func() { declared = tableOf(n) }) != nil {
		return nil // the declaration itself is refused
	}
	var out []hit
	differs := func(at Pos, what, want, have string) {
		if want != have {
			out = append(out, hit{at: at, message: fmt.Sprintf("%s exists already with %s %s, declared is %s", n.Name.Last(), what, have, want)})
		}
	}
	at := n.Name.Pos
	if n.Watermark != nil {
		at = n.Watermark.Pos
	}
	differs(at, "the watermark", watermarkText(declared), watermarkText(there))
	at = n.Name.Pos
	if n.PrimaryKey != nil {
		at = n.PrimaryKey.Pos
	}
	differs(at, "the primary key", keyText(declared), keyText(there))
	differs(n.Name.Pos, "the changelog mode", string(declared.Mode()), string(there.Mode()))
	differs(n.Name.Pos, "the metadata and computed columns", derivedText(declared), derivedText(there))
	return out
}

func watermarkText(t *Table) string {
	if t.Watermark == nil || isCall(t.Watermark.Expr, "SOURCE_WATERMARK") && t.Watermark.Column == RowtimeColumn {
		return "of the default"
	}
	return fmt.Sprintf("FOR %s AS %s", quoteName(t.Watermark.Column), t.Watermark.Expr.SQL())
}

func keyText(t *Table) string {
	if len(t.PrimaryKey) == 0 {
		return "(none)"
	}
	return "(" + strings.Join(t.PrimaryKey, ", ") + ")"
}

// derivedText lists the columns that are neither in the record nor in a schema registry, so that only the catalog knows them.
func derivedText(t *Table) string {
	var out []string
	for _, c := range t.Columns {
		switch c.Kind {
		case Metadata:
			out = append(out, c.Name+" FROM "+quoteString(c.MetadataKey))
		case Computed:
			out = append(out, c.Name+" AS "+c.Expr.SQL())
		}
	}
	slices.Sort(out)
	return "(" + strings.Join(out, ", ") + ")"
}
