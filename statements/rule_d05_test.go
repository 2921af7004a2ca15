package statements

import "testing"

func TestNonDeterministicUpdates(t *testing.T) {
	for _, c := range []struct {
		name, sql string
		want      int
	}{
		{"an append-only input is free", "INSERT INTO s SELECT UUID(), v FROM a", 0},
		{"a value that no key needs", "INSERT INTO su SELECT k, COUNT(*) + RAND_INTEGER(3) FROM a GROUP BY k", 0},
		{"a key of an updating query", "INSERT INTO su SELECT CONCAT(k, UUID()), COUNT(*) FROM a GROUP BY k", 1},
		{"a condition on an updating query", "INSERT INTO su SELECT k, n FROM (SELECT k, COUNT(*) AS n FROM a GROUP BY k) WHERE n > RAND_INTEGER(9)", 1},
		{"a condition before the aggregation", "INSERT INTO su SELECT k, COUNT(*) FROM a WHERE v > RAND_INTEGER(9) GROUP BY k", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := one(t, c.sql)
			got := checkD05(&judged{stmt: p.Statement, facts: Facts{Tables: tables(t, pathTables)}})
			if len(got) != c.want {
				t.Errorf("%d findings, want %d: %+v", len(got), c.want, got)
			}
		})
	}
}
