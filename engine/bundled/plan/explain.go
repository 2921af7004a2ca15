package plan

import (
	"fmt"
	"strings"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/expr"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// explain prints the plan in the layout of the dialect's EXPLAIN: the operators from the sink to the source, then their details.
func (c *compiler) explain(p *Pipeline) string {
	var ops, details []string
	add := func(name string, lines ...string) {
		ops = append(ops, name)
		details = append(details, lines...)
		details = append(details, "")
	}
	mode := func(m st.ChangelogMode) string { return "Changelog mode: " + string(m) }
	columns := func(t *st.Table) string {
		var names []string
		for _, i := range p.Targets {
			names = append(names, t.Columns[i].Name)
		}
		return "Columns: " + strings.Join(names, ", ")
	}
	add("StreamSink", "Table: "+p.Output.Name, columns(p.Output), "Primary key: "+orNone(strings.Join(p.Output.PrimaryKey, ", ")), mode(p.Mode))
	if c.agg != nil {
		if len(c.after.conds) > 0 || !identity(c.after.row) {
			add("StreamCalc", append(calcLines(c.after, c.aggNames()), mode(st.Append))...)
		}
		add("StreamWindowAggregate", append(c.windowLines(), mode(st.Append), "State size: medium")...)
		if len(c.before.conds) > 0 {
			add("StreamCalc", append(conditionLines(c.before.conds, c.names()), mode(st.Append))...)
		}
	} else {
		add("StreamCalc", append(calcLines(c.before, c.names()), mode(st.Append))...)
	}
	mark := "$rowtime - 180 ms"
	if w := c.scan.Table.Watermark; w != nil {
		mark = w.Expr.SQL()
	}
	add("StreamTableSourceScan", "Table: "+p.Input.Name, "Columns: "+orNone(strings.Join(c.names(), ", ")), "Watermark: "+mark, mode(p.Input.Mode()))

	var b strings.Builder
	b.WriteString("== Physical Plan ==\n\n")
	for i, name := range ops {
		if i > 0 {
			b.WriteString(strings.Repeat("  ", i-1) + "+- ")
		}
		fmt.Fprintf(&b, "%s [%d]\n", name, len(ops)-i)
	}
	b.WriteString("\n== Physical Details ==\n\n")
	k := 0
	for i, name := range ops {
		fmt.Fprintf(&b, "[%d] %s\n", len(ops)-i, name)
		for ; details[k] != ""; k++ {
			b.WriteString(details[k] + "\n")
		}
		k++
		if i < len(ops)-1 {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func (c *compiled) explain(*Pipeline) string { return c.text }

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

// names are those of the wanted columns.
func (c *compiler) names() []string {
	row := c.scan.Table.Row()
	var out []string
	for _, i := range c.wanted {
		out = append(out, row[i].Name)
	}
	return out
}

func (c *compiler) aggNames() []string {
	var out []string
	for _, col := range c.agg.Row {
		out = append(out, col.Name)
	}
	return out
}

// identity reports whether a row is just its input.
func identity(row []st.Scalar) bool {
	for i, s := range row {
		if ref, ok := s.(*st.ColumnRef); !ok || ref.Index != i {
			return false
		}
	}
	return true
}

func calcLines(s stage, names []string) []string {
	lines := conditionLines(s.conds, names)
	var list []string
	for _, e := range s.row {
		list = append(list, expr.Format(e, names))
	}
	return append(lines, "Select: "+strings.Join(list, ", "))
}

func conditionLines(conds []st.Scalar, names []string) []string {
	var list []string
	for _, e := range conds {
		list = append(list, expr.Format(e, names))
	}
	if len(list) == 0 {
		return nil
	}
	return []string{"Where: " + strings.Join(list, " AND ")}
}

func (c *compiler) windowLines() []string {
	names := c.names()
	window := fmt.Sprintf("Window: %s(%s, %s", c.window.Kind, expr.Format(c.time, names), c.window.Size)
	if c.window.Offset != 0 {
		window += fmt.Sprintf(", offset %s", c.window.Offset)
	}
	var keys, aggs []string
	for i, k := range c.keys {
		if c.bounds[i] >= 0 {
			keys = append(keys, st.WindowBound(c.bounds[i]).String())
		} else {
			keys = append(keys, expr.Format(k, names))
		}
	}
	for i, a := range c.aggs {
		text := a.Func + "("
		switch {
		case a.Star:
			text += "*"
		case a.Distinct:
			text += "DISTINCT " + expr.Format(a.arg, names)
		default:
			text += expr.Format(a.arg, names)
		}
		text += ")"
		if a.filter != nil {
			text += " FILTER (WHERE " + expr.Format(a.filter, names) + ")"
		}
		aggs = append(aggs, fmt.Sprintf("%s %s AS %s", text, a.Of, c.agg.Row[len(c.keys)+i].Name))
	}
	lines := []string{window + ")", "Keys: " + strings.Join(keys, ", ")}
	if len(aggs) > 0 {
		lines = append(lines, "Aggregates: "+strings.Join(aggs, ", "))
	}
	return lines
}

// signature is what state depends on: the window, the keys and the aggregates, over which columns of which table, and the conditions
// before. State of a plan with another signature is not this plan's.
func (c *compiler) signature() string {
	lines := append(c.windowLines(), conditionLines(c.before.conds, c.names())...)
	for i, t := range c.types {
		lines = append(lines, c.names()[i]+" "+t.String())
	}
	return strings.Join(append(lines, c.scan.Table.Name, c.zone.String()), "\n")
}
