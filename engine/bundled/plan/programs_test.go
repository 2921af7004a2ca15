package plan_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/corpus"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/plan"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// program is one of Flink's table programs.
type program struct {
	ID      string
	Sources []struct {
		Name    string
		Schema  []string
		Options map[string]string
		Rows    []programRow
		After   []programRow `json:"rows_after_restore"`
	}
	Sinks []struct {
		Name          string
		Schema        []string
		Expected      json.RawMessage
		Strings       []string        `json:"expected_strings"`
		After         json.RawMessage `json:"expected_after_restore"`
		AfterStrings  []string        `json:"expected_after_restore_strings"`
		Compare       string
		PartitionKeys []string `json:"partition_keys"`
	}
	SQL       []string
	Sets      [][]string        `json:"statement_sets"`
	Failing   []json.RawMessage `json:"failing_sql"`
	Setup     []string          `json:"setup_sql"`
	Config    map[string]any
	Functions []json.RawMessage
	Runners   []struct{ Mode string }
}

type programRow struct {
	Kind string
	Row  []json.RawMessage
}

// strings takes what a sink expects, which is a list of strings or of rows with their strings beside them.
func expectedRows(raw json.RawMessage, printed []string) []string {
	if printed != nil {
		return printed
	}
	var list []string
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	return list
}

// TestFlinkPrograms runs those of Flink's table programs that use nothing beyond the SQL that is supported: to the end of the rows, stopped
// and restored, then to the end of the rest; and all at once.
func TestFlinkPrograms(t *testing.T) {
	in := bufio.NewScanner(corpus.Open(t, "flink-table-programs.jsonl"))
	in.Buffer(nil, 16<<20)
	passed, skipped := 0, map[string]int{}
	for in.Scan() {
		var p program
		if err := json.Unmarshal(in.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		if reason := unsupported(&p); reason != "" {
			skipped[reason]++
			continue
		}
		r, reason := resolveProgram(&p)
		if reason != "" {
			skipped[reason]++
			continue
		}
		passed++
		t.Run(p.ID, func(t *testing.T) { runProgram(t, &p, r) })
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
	t.Logf("%d ran, %d skipped:\n%s", passed, total, strings.Join(reasons, "\n"))
	if passed < 10 {
		t.Errorf("only %d programs ran", passed)
	}
}

func unsupported(p *program) string {
	switch {
	case p.ID == "calc-project-pushdown":
		return "VARCHAR without a length is VARCHAR(1) to the parser, STRING in Flink's CAST"
	case len(p.Functions) > 0:
		return "user-defined functions"
	case len(p.Setup) > 0:
		return "views"
	case len(p.Failing) > 0:
		return "statements that must fail"
	case len(p.SQL) != 1 || len(p.Sinks) != 1:
		return "several statements or sinks"
	}
	if !slices.ContainsFunc(p.Runners, func(r struct{ Mode string }) bool {
		return r.Mode == "restore" || r.Mode == "semantic" || r.Mode == "no-restore"
	}) {
		return "no run in streaming mode"
	}
	return ""
}

var (
	procTime = regexp.MustCompile(`(?i)AS PROCTIME\(\)`)
	metadata = regexp.MustCompile(`(?i)\s+METADATA\b.*$`)
)

// resolveProgram declares the tables. Processing time is left out of them: a program that uses it is refused by its name.
func resolveProgram(p *program) (*statements.Resolved, string) {
	cat := statements.Tables{}
	declare := func(name string, schema []string) string {
		var columns []string
		for _, c := range schema {
			if !procTime.MatchString(c) {
				columns = append(columns, metadata.ReplaceAllString(c, ""))
			}
		}
		u, findings := statements.ParseOne("p.sql", fmt.Sprintf("CREATE TABLE `%s` (%s)", name, strings.Join(columns, ", ")))
		if len(findings) > 0 {
			return "table: " + clip(findings[0].Message)
		}
		table, findings := statements.TableOf(u)
		if len(findings) > 0 {
			return "table: " + clip(findings[0].Message)
		}
		cat[name] = table
		return ""
	}
	for _, s := range p.Sources {
		reads := strings.Contains(p.SQL[0], s.Name)
		if mode := s.Options["changelog-mode"]; reads && mode != "" && mode != "I" {
			return nil, "a source with updates"
		}
		if reason := declare(s.Name, s.Schema); reason != "" && reads {
			return nil, reason
		}
	}
	if reason := declare(p.Sinks[0].Name, p.Sinks[0].Schema); reason != "" {
		return nil, reason
	}
	u, findings := statements.ParseOne("p.sql", p.SQL[0])
	if len(findings) > 0 {
		return nil, "parser: " + clip(findings[0].Message)
	}
	r, findings := statements.Resolve(u, cat)
	if len(findings) > 0 {
		return nil, "resolver: " + clip(findings[0].Message)
	}
	if _, err := plan.Compile(r, nil); err != nil {
		return nil, "planner: " + clip(err.Error())
	}
	return r, ""
}

func clip(s string) string {
	if i := strings.IndexAny(s, ";"); i > 0 {
		s = s[:i]
	}
	return s[:min(len(s), 70)]
}

func runProgram(t *testing.T, p *program, r *statements.Resolved) {
	props := map[string]string{}
	if zone, ok := p.Config["table.local-time-zone"].(string); ok {
		props["sql.local-time-zone"] = zone
	}
	open := func() *plan.Pipeline {
		out, err := plan.Compile(r, props)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	sink := p.Sinks[0]
	before, after := expectedRows(sink.Expected, sink.Strings), expectedRows(sink.After, sink.AfterStrings)
	pipeline, stored := open(), map[string][]byte{}
	var got []string
	f := &feeder{t: t, p: pipeline, mark: math.MinInt64, out: &got}
	for _, s := range p.Sources {
		if s.Name == pipeline.Input.Name {
			f.feed(s.Rows)
		}
	}
	restores := slices.ContainsFunc(p.Runners, func(r struct{ Mode string }) bool { return r.Mode == "restore" })
	if restores {
		equalRows(t, "before the stop", before, got)
		snapshot(t, pipeline, stored)
		f.p = open()
		restore(t, f.p, stored)
		for _, s := range p.Sources {
			if s.Name == pipeline.Input.Name {
				f.feed(s.After)
			}
		}
	}
	if err := f.p.Advance(math.MaxInt64, f.emit); err != nil {
		t.Fatal(err)
	}
	if !restores {
		equalRows(t, "from scratch", before, got)
		return
	}
	equalRows(t, "after the restart", append(slices.Clone(before), after...), got)
}

func equalRows(t *testing.T, when string, want, got []string) {
	t.Helper()
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))); diff != "" {
		t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

// feeder gives rows one by one, with a watermark after each.
type feeder struct {
	t    *testing.T
	p    *plan.Pipeline
	mark int64
	out  *[]string
}

func (f *feeder) feed(rows []programRow) {
	f.t.Helper()
	table := f.p.Input
	place := map[int]int{} // of a column among the values of a row
	n := 0
	for i, c := range table.Columns {
		if c.Kind != statements.Computed {
			place[i] = n
			n++
		}
	}
	for _, row := range rows {
		b := f.p.NewBatch()
		for at, index := range f.p.Wanted {
			value := json.RawMessage("null")
			if k, ok := place[index]; ok {
				value = row.Row[k]
			}
			if err := corpus.Append(&b.Cols[at], value, table.Row()[index].Type, time.UTC); err != nil {
				f.t.Fatal(err)
			}
		}
		b.N, b.RowTime = 1, append(b.RowTime, 0)
		mark, err := f.p.Watermark(b)
		if err != nil {
			f.t.Fatal(err)
		}
		if err := f.p.Process(b, f.emit); err != nil {
			f.t.Fatal(err)
		}
		if f.mark = max(f.mark, mark); table.Watermark != nil {
			if err := f.p.Advance(f.mark, f.emit); err != nil {
				f.t.Fatal(err)
			}
		}
		f.p.Release(b)
	}
}

func (f *feeder) emit(b *vec.Batch) error {
	each := func(i int) {
		var cells []string
		for at, index := range f.p.Targets {
			cells = append(cells, javaText(&b.Cols[at], i, f.p.Output.Columns[index].Type))
		}
		*f.out = append(*f.out, "+I["+strings.Join(cells, ", ")+"]")
	}
	if b.Sel == nil {
		for i := range b.N {
			each(i)
		}
	}
	for _, i := range b.Sel {
		each(int(i))
	}
	return nil
}

// javaText prints a value as Flink's Row.toString does.
func javaText(v *vec.Vector, i int, t statements.Type) string {
	switch {
	case v.Null(i):
		return "null"
	case t.IsTimestamp():
		ticks := vec.TicksPerMilli(t.Precision)
		at := time.UnixMilli(v.I64[i] / ticks).Add(time.Duration(v.I64[i]%ticks*(1_000_000/ticks)) * time.Nanosecond).UTC()
		s := at.Format("2006-01-02T15:04")
		if at.Second() != 0 || at.Nanosecond() != 0 || t.Kind == statements.KindTimestampLTZ {
			s += at.Format(":05.999999999")
		}
		if t.Kind == statements.KindTimestampLTZ {
			s += "Z"
		}
		return s
	case t.Kind == statements.KindDate:
		return time.Unix(v.I64[i]*86_400, 0).UTC().Format(time.DateOnly)
	}
	switch v.Kind {
	case vec.Float64:
		s := strconv.FormatFloat(v.F64[i], 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	case vec.Decimal:
		return string(decimal.Append(nil, v.Dec[i], t.Scale))
	case vec.Bool:
		return fmt.Sprint(v.Bool[i])
	case vec.Int64:
		return fmt.Sprint(v.I64[i])
	default:
		return string(v.Value(i))
	}
}
