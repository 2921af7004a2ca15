package statements_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/statements"
)

// TestCallsAreFoundEverywhere has the clock, or a random value, in every place that a query can have one.
func TestCallsAreFoundEverywhere(t *testing.T) {
	for _, c := range []struct {
		name, sql string
		want      []string // rules
	}{
		{"nowhere", "INSERT INTO s SELECT a FROM t", nil},
		{"an output", "INSERT INTO s SELECT NOW() FROM t", []string{"D02"}},
		{"a common table expression", "INSERT INTO s WITH c AS (SELECT NOW() AS n FROM t) SELECT n FROM c", []string{"D02"}},
		{"its column in a condition", "INSERT INTO s WITH c (x, y) AS (SELECT a, NOW() FROM t) SELECT x FROM c WHERE y > x", []string{"D02", "D03"}},
		{"the right side of a union", "INSERT INTO s SELECT a FROM t UNION ALL SELECT RAND() FROM t", []string{"D04"}},
		{"a union's column in a condition", "INSERT INTO s SELECT x FROM (SELECT a AS x FROM t UNION ALL SELECT NOW() FROM t) WHERE x > 1", []string{"D02", "D03"}},
		{"a join's condition", "INSERT INTO s SELECT t.a FROM t JOIN u ON t.a = u.a AND u.ts > NOW()", []string{"D03"}},
		{"one side of a join", "INSERT INTO s SELECT t.a FROM t JOIN (SELECT UUID() AS id FROM u) AS v ON t.a = v.id", []string{"D04"}},
		{"a subquery", "INSERT INTO s SELECT a FROM t WHERE a IN (SELECT a FROM u WHERE ts > NOW())", []string{"D03"}},
		{"EXISTS", "INSERT INTO s SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE RAND() > 0.5)", []string{"D04"}},
		{"a table that a query makes", "CREATE TABLE s AS SELECT NOW() AS n FROM t", []string{"D02"}},
		{"a set of statements", "EXECUTE STATEMENT SET BEGIN INSERT INTO s SELECT a FROM t; INSERT INTO s2 SELECT UUID() FROM t; END", []string{"D04"}},
		{"the rows of VALUES", "INSERT INTO s VALUES (NOW())", []string{"D02"}},
		{"a pattern", "INSERT INTO s SELECT x FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES A.a AS x PATTERN (A) DEFINE A AS A.ts > NOW())", []string{"D03"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, findings := statements.ParseOne("s", c.sql)
			if len(findings) > 0 {
				t.Fatal(findings)
			}
			found, _ := statements.Judge("s", p, statements.Facts{})
			var got []string
			for _, f := range found {
				if slices.Contains([]string{"D02", "D03", "D04"}, f.Rule) && !slices.Contains(got, f.Rule) {
					got = append(got, f.Rule)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
