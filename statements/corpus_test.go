package statements

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// corpus opens a file of the shared corpora, which stand beside the repository; it skips the test where they are not there.
func corpus(t *testing.T, name string) *bufio.Scanner {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		f, err := os.Open(filepath.Join(dir, "..", "shared", "corpus", "flink", name))
		if err == nil {
			t.Cleanup(func() { f.Close() })
			lines := bufio.NewScanner(f)
			lines.Buffer(nil, 16<<20)
			return lines
		}
		if dir == filepath.Dir(dir) {
			if slices.Contains(strings.Split(os.Getenv("LIFEBOAT_REQUIRE"), ","), "shared") {
				t.Fatalf("LIFEBOAT_REQUIRE names shared: the corpus %s is not beside the repository", name)
			}
			t.Skipf("the shared corpus %s is not here", name)
		}
	}
}

func each[T any](t *testing.T, name string, visit func(T)) {
	t.Helper()
	lines := corpus(t, name)
	n := 0
	for lines.Scan() {
		var v T
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		visit(v)
		n++
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		t.Fatalf("%s is empty", name)
	}
}

// tally counts what becomes of the corpus' statements: parsed, or refused by name.
type tally struct {
	parsed, refused int
	elsewhere       int // of the parsed ones, those that Confluent Cloud does not take
	why             map[string]int
}

// check parses valid Flink SQL, which must either parse, and print back to an equal tree, or be refused by its name.
func (c *tally) check(t *testing.T, id, sql string) {
	t.Helper()
	script, findings := Parse(id, sql)
	for _, f := range findings {
		if f.Rule != RuleUnsupported {
			t.Errorf("%s: %s at %d:%d: %s\n%s", id, f.Rule, f.Place.Line, f.Place.Column, f.Message, f.Excerpt)
			continue
		}
		if f.Place.Line == 0 || !strings.Contains(f.Message, "not supported") {
			t.Errorf("%s: a refusal without place or name: %+v", id, f)
		}
		c.refused++
		if c.why == nil {
			c.why = map[string]int{}
		}
		c.why[f.Message]++
	}
	for _, p := range script.Statements {
		if p.Statement == nil {
			continue
		}
		c.parsed++
		printsBack(t, id, p.Statement)
		for _, f := range Refused(p, Flink2) { // these are Flink's own programs
			t.Errorf("%s: %s\n%s", id, f.Message, f.Excerpt)
		}
		if len(Refused(p, CCloud2026)) > 0 {
			c.elsewhere++
		}
	}
}

func printsBack(t *testing.T, id string, s Statement) {
	t.Helper()
	once := s.SQL()
	again, findings := ParseOne(id, once)
	if len(findings) > 0 {
		t.Errorf("%s: what was printed does not parse: %s\n%s", id, findings[0].Message, clip(once))
		return
	}
	if twice := again.Statement.SQL(); twice != once {
		t.Errorf("%s: printed and parsed again it is another statement:\n%.2000s\n%.2000s", id, once, twice)
	}
}

func (c *tally) log(t *testing.T) {
	t.Helper()
	t.Logf("%d statements parsed, %d refused by name; %d of the parsed are not in Confluent Cloud's dialect", c.parsed, c.refused, c.elsewhere)
	for _, why := range sortedKeys(c.why) {
		t.Logf("%5d %s", c.why[why], why)
	}
}

func TestCorpusTablePrograms(t *testing.T) {
	type table struct {
		Name   string
		Schema []string
	}
	type program struct {
		ID      string
		Sources []table
		Sinks   []table
		SQL     []string
		Sets    [][]string             `json:"statement_sets"`
		Setup   []string               `json:"setup_sql"`
		Failing []struct{ SQL string } `json:"failing_sql"`
	}
	var c tally
	each(t, "flink-table-programs.jsonl", func(p program) {
		for _, tb := range append(p.Sources, p.Sinks...) {
			if strings.Contains(strings.Join(tb.Schema, " "), "PROCTIME()") || len(tb.Schema) > 0 {
				c.check(t, p.ID+"/"+tb.Name, "CREATE TABLE "+quoteName(tb.Name)+" ("+strings.Join(tb.Schema, ", ")+")")
			}
		}
		all := append(p.SQL, p.Setup...)
		for _, set := range p.Sets {
			all = append(all, set...)
		}
		for _, f := range p.Failing {
			all = append(all, f.SQL)
		}
		for _, sql := range all {
			c.check(t, p.ID, sql)
		}
	})
	c.log(t)
}

func TestCorpusFunctions(t *testing.T) {
	type field struct{ Name, Type string }
	type function struct {
		ID      string
		Fields  []field
		SQL     string
		Type    string
		Error   *string
		UsesUDF bool `json:"uses_udf"`
	}
	var c tally
	typed, related, other := 0, 0, map[string]int{}
	each(t, "flink-functions.jsonl", func(f function) {
		c.check(t, f.ID, "INSERT INTO out_t SELECT "+f.SQL+" FROM t")
		if f.Error != nil || f.UsesUDF || f.Type == "" {
			return
		}
		for _, x := range f.Fields {
			if x.Type == "" {
				return // its type follows from a Java class
			}
		}
		p, findings := ParseOne(f.ID, "INSERT INTO out_t SELECT "+f.SQL+" FROM t")
		if len(findings) > 0 {
			return
		}
		s := &scope{table: "t"}
		for _, x := range f.Fields {
			typ, ok := typeOf(x.Type)
			if !ok {
				return
			}
			s.columns = append(s.columns, scopeColumn{Column: Column{Name: x.Name, Type: typ}, table: "t"})
		}
		want, ok := typeOf(f.Type)
		if !ok {
			return
		}
		item := p.Statement.(*Insert).Query.Body.(*Select).Items[0]
		var got Scalar
		if bad := caught(func() { got = (&resolver{}).expr(item.Expr, s) }); bad != nil {
			if bad.rule != RuleUnsupported {
				t.Errorf("%s: %s: %s: %s", f.ID, f.SQL, bad.rule, bad.message)
			}
			r := newRelater(Tables{}, nil)
			if bad := caught(func() { got = r.loose(item.Expr, &relScope{scope: *s}) }); bad != nil || !known(got.Type()) {
				other[f.SQL]++
				return
			}
			related++
		}
		typed++
		if !got.Type().Equal(want) {
			t.Errorf("%s: %s is %s, Flink says %s", f.ID, f.SQL, got.Type(), want)
		}
	})
	c.log(t)
	t.Logf("%d types compared with Flink's, %d of them of what the engine does not run", typed, related)
	for _, why := range sortedKeys(other) {
		t.Logf("%5d %s", other[why], why)
	}
	if typed < 760 {
		t.Errorf("only %d types were compared", typed)
	}
}

// typeOf parses a data type.
func typeOf(text string) (Type, bool) {
	p, findings := ParseOne("", "CREATE TABLE t (c "+text+")")
	if len(findings) > 0 {
		return Type{}, false
	}
	return p.Statement.(*CreateTable).Columns[0].Type.Type, true
}

func TestCorpusAggregates(t *testing.T) {
	type aggregate struct{ ID, SQL string }
	var c tally
	each(t, "flink-aggregates.jsonl", func(a aggregate) { c.check(t, a.ID, "INSERT INTO out_t "+a.SQL) })
	c.log(t)
}
