package expr_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/corpus"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/expr"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// functionCase is a line of Flink's published function tests.
type functionCase struct {
	ID       string
	Function string
	SQL      string
	Fields   []struct {
		Name  string
		Type  *string
		Java  string
		Value json.RawMessage
	}
	Expected   json.RawMessage
	Type       *string
	Error      *string
	ErrorPhase string `json:"error_phase"`
	Config     map[string]string
	UsesUDF    bool  `json:"uses_udf"`
	CheckValue *bool `json:"check_value"`
}

// knownDifferences are cases that do not pass, and why.
var knownDifferences = map[string]string{
	"CastFunctionITCase/014/036":     "Flink's test loses the fraction of a TIME on its way into the table",
	"CastFunctionITCase/019/028":     "Flink's test loses the fraction of a TIME on its way into the table",
	"CastFunctionMiscITCase/013/000": "VARCHAR without a length is VARCHAR(1) to the parser, STRING in Flink's CAST",
}

// TestFlinkFunctions runs Flink's own function tests: each one is skipped by a reason that is counted, or passes.
func TestFlinkFunctions(t *testing.T) {
	in := bufio.NewScanner(corpus.Open(t, "flink-functions.jsonl"))
	in.Buffer(nil, 16<<20)
	passed, skipped := 0, map[string]int{}
	for in.Scan() {
		var c functionCase
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if reason := skip(&c); reason != "" {
			skipped[reason]++
			continue
		}
		got, refused, err := evaluate(&c)
		switch {
		case refused != "":
			skipped[refused]++
		case c.Error != nil && err == nil:
			t.Errorf("%s: %s gives %s, want an error: %s", c.ID, c.SQL, got, *c.Error)
		case c.Error != nil:
			passed++
		case err != nil:
			t.Errorf("%s: %s: %v", c.ID, c.SQL, err)
		default:
			want, err := expected(c.Expected, *c.Type)
			if err != nil {
				t.Errorf("%s: %v", c.ID, err)
				continue
			}
			if c.CheckValue != nil && !*c.CheckValue {
				want = got
			}
			if got != want {
				t.Errorf("%s: %.200s\n fields %s\n gives %s\n want  %s", c.ID, c.SQL, fields(&c), got, want)
				continue
			}
			passed++
		}
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	var reasons []string
	total := 0
	for r, n := range skipped {
		reasons = append(reasons, fmt.Sprintf("%4d %s", n, r))
		total += n
	}
	slices.Sort(reasons)
	slices.Reverse(reasons)
	t.Logf("%d passed, %d skipped:\n%s", passed, total, strings.Join(reasons, "\n"))
	if passed < 250 {
		t.Errorf("only %d cases ran", passed)
	}
}

func fields(c *functionCase) string {
	var out []string
	for _, f := range c.Fields {
		if used(c.SQL, f.Name) {
			out = append(out, fmt.Sprintf("%s %s = %.80s", f.Name, typeOf(*c, f.Name), f.Value))
		}
	}
	return strings.Join(out, ", ")
}

// skip says why a case cannot be run here at all.
func skip(c *functionCase) string {
	if reason := knownDifferences[c.ID]; reason != "" {
		return reason
	}
	if c.UsesUDF {
		return "uses a Java function"
	}
	for key := range c.Config {
		if key != "table.local-time-zone" {
			return "needs the option " + key
		}
	}
	for _, word := range []string{"ARRAY", "MAP", "ROW", "MULTISET", "STRUCTURED", "RAW(", "VARIANT", "BITMAP"} {
		if strings.Contains(strings.ToUpper(c.SQL), word) || c.Type != nil && strings.Contains(*c.Type, word) {
			return "nested types"
		}
	}
	return ""
}

// typeOf is a field's type: as stated, or as Flink infers it from the Java class of the value.
func typeOf(c functionCase, name string) string {
	for _, f := range c.Fields {
		if f.Name != name {
			continue
		}
		if f.Type != nil {
			return *f.Type
		}
		switch f.Java {
		case "String":
			var s string
			if json.Unmarshal(f.Value, &s) == nil {
				return fmt.Sprintf("CHAR(%d) NOT NULL", max(1, len([]rune(s))))
			}
		case "Integer":
			return "INT NOT NULL"
		case "Long":
			return "BIGINT NOT NULL"
		case "Double":
			return "DOUBLE NOT NULL"
		case "Boolean":
			return "BOOLEAN NOT NULL"
		case "BigDecimal":
			var w struct{ V string }
			if json.Unmarshal(f.Value, &w) == nil {
				whole, fraction, _ := strings.Cut(strings.TrimPrefix(w.V, "-"), ".")
				return fmt.Sprintf("DECIMAL(%d, %d) NOT NULL", len(whole)+len(fraction), len(fraction))
			}
		}
	}
	return ""
}

// used reports whether a field stands in the SQL as a word.
func used(sql, name string) bool {
	for at := 0; ; {
		i := strings.Index(sql[at:], name)
		if i < 0 {
			return false
		}
		end := at + i + len(name)
		if end == len(sql) || !strings.ContainsRune("0123456789", rune(sql[end])) {
			return true
		}
		at = end
	}
}

// evaluate runs a case as SELECT over one row. refused is why the dialect's resolver does not take it.
func evaluate(c *functionCase) (got, refused string, err error) {
	ddl := "CREATE TABLE t (`dummy` INT"
	names := []string{"dummy"}
	for _, f := range c.Fields {
		if !used(c.SQL, f.Name) {
			continue
		}
		typ := typeOf(*c, f.Name)
		if typ == "" {
			return "", "a field's type is not known", nil
		}
		ddl += fmt.Sprintf(", `%s` %s", f.Name, typ)
		names = append(names, f.Name)
	}
	source, reason := declare(ddl + ")")
	if reason != "" {
		return "", "fields: " + reason, nil
	}
	result := "STRING"
	if c.Type != nil {
		result = strings.TrimSuffix(*c.Type, " NOT NULL")
	}
	sink, reason := declare("CREATE TABLE s (v " + result + ")")
	if reason != "" {
		return "", "result: " + reason, nil
	}
	u, findings := statements.ParseOne("case.sql", "INSERT INTO s SELECT "+c.SQL+" FROM t")
	if len(findings) > 0 {
		if c.Error != nil {
			return "", "", fmt.Errorf("%s", findings[0].Message)
		}
		return "", "parser: " + short(findings[0].Message), nil
	}
	r, findings := statements.Resolve(u, statements.Tables{"t": source, "s": sink})
	if len(findings) > 0 {
		if c.Error != nil {
			return "", "", fmt.Errorf("%s", findings[0].Message)
		}
		return "", "resolver: " + short(findings[0].Message), nil
	}
	s := r.Write.In.Input().(*statements.Projection).Exprs[0] // below the one that brings it to the sink's type
	env := expr.Env{Zone: time.UTC}
	if zone := c.Config["table.local-time-zone"]; zone != "" {
		if env.Zone, err = expr.Zone(zone); err != nil {
			return "", "", err
		}
	}
	b := vec.New()
	for _, col := range source.Row() {
		env.Columns = append(env.Columns, col.Type)
		kind, ok := vec.KindOf(col.Type)
		if !ok {
			return "", "fields: type " + col.Type.String(), nil
		}
		v := vec.Vector{Kind: kind}
		value := json.RawMessage("null")
		for _, f := range c.Fields {
			if f.Name == col.Name {
				value = f.Value
			}
		}
		if err := corpus.Append(&v, value, col.Type, env.Zone); err != nil {
			return "", "", fmt.Errorf("field %s: %w", col.Name, err)
		}
		b.Cols = append(b.Cols, v)
	}
	b.N = 1
	compiler := expr.NewCompiler(env)
	e, err := compiler.Expr(s)
	if err != nil {
		return "", "", err
	}
	out, err := e.Eval(compiler.Begin(b))
	if err != nil {
		return "", "", err
	}
	return render(out, 0, e.Type), "", nil
}

func short(s string) string {
	for _, mark := range []string{"; ", ": ", " not ", " does", ", "} {
		if i := strings.Index(s, mark); i > 20 {
			s = s[:i]
		}
	}
	return s
}

func declare(ddl string) (*statements.Table, string) {
	u, findings := statements.ParseOne("ddl.sql", ddl)
	if len(findings) == 0 {
		table, findings := statements.TableOf(u)
		if len(findings) == 0 {
			return table, ""
		}
		return nil, short(findings[0].Message)
	}
	return nil, short(findings[0].Message)
}

// expected renders the value that Flink's test states, as render does ours.
func expected(raw json.RawMessage, typ string) (string, error) {
	typ = strings.TrimSuffix(typ, " NOT NULL")
	table, reason := declare("CREATE TABLE e (v " + typ + ")")
	if reason != "" {
		return "", fmt.Errorf("type %s: %s", typ, reason)
	}
	t := table.Columns[0].Type
	if bytes.HasPrefix(raw, []byte(`{"$type": "DECIMAL"`)) && t.Kind == statements.KindDecimal {
		_, text, err := corpus.Unwrap(raw)
		return text, err // its scale counts too
	}
	kind, _ := vec.KindOf(t)
	v := vec.Vector{Kind: kind}
	if err := corpus.Append(&v, raw, t, time.UTC); err != nil {
		return "", err
	}
	return render(&v, 0, t), nil
}

// render prints a value in a form that tells all of it.
func render(v *vec.Vector, i int, t statements.Type) string {
	if v.Null(i) {
		return "null"
	}
	switch v.Kind {
	case vec.Int64:
		if t.IsTimestamp() {
			return fmt.Sprintf("%d ticks of 1/%d ms (%s)", v.I64[i], vec.TicksPerMilli(t.Precision), time.UnixMilli(v.I64[i]/vec.TicksPerMilli(t.Precision)).UTC())
		}
		return fmt.Sprint(v.I64[i])
	case vec.Float64:
		return fmt.Sprint(v.F64[i])
	case vec.Decimal:
		return string(decimal.Append(nil, v.Dec[i], t.Scale))
	case vec.Bool:
		return fmt.Sprint(v.Bool[i])
	default:
		return fmt.Sprintf("%q", v.Value(i))
	}
}
