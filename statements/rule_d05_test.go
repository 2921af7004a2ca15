package statements

import "testing"

const updateTables = `
CREATE TABLE um (k STRING, v INT, o BIGINT METADATA FROM 'offset' VIRTUAL, PRIMARY KEY (k) NOT ENFORCED);
CREATE TABLE rm (k STRING, v INT, o BIGINT METADATA FROM 'offset' VIRTUAL, PRIMARY KEY (k) NOT ENFORCED) WITH ('changelog.mode' = 'retract');
CREATE TABLE am (k STRING, v INT, o BIGINT METADATA FROM 'offset' VIRTUAL);
CREATE TABLE sr (k STRING, v BIGINT) WITH ('changelog.mode' = 'retract');
`

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

		// As Flink's NonDeterministicDagTest has them: sources that change, and joins.
		{"a changing source without anything of chance", "INSERT INTO su SELECT k, v FROM u", 0},
		{"a column of a changing source that no key needs", "INSERT INTO su SELECT k, v + RAND_INTEGER(3) FROM u", 0},
		{"a changing source into a sink without a key", "INSERT INTO sr SELECT k, v + RAND_INTEGER(3) FROM u", 1},
		{"a condition on a changing source", "INSERT INTO su SELECT k, v FROM u WHERE v > RAND_INTEGER(9)", 1},
		{"a metadata column of a changing source in the key", "INSERT INTO su SELECT CAST(o AS STRING), v FROM rm", 1},
		{"a metadata column of a changing source that no key needs", "INSERT INTO su SELECT k, o FROM rm", 0},
		{"a metadata column of a changing source into a sink without a key", "INSERT INTO sr SELECT k, o FROM rm", 1},
		{"a metadata column of a source whose last rows are remembered", "INSERT INTO sr SELECT k, o FROM um", 0},
		{"a metadata column of an append-only source", "INSERT INTO s SELECT k, o FROM am", 0},
		{"a join of append-only sides by chance", "INSERT INTO s SELECT a.k, b.v FROM a JOIN b ON a.k = b.k AND b.v > RAND_INTEGER(9)", 0},
		{"a join by a column of chance of a changing side", "INSERT INTO su SELECT x.k, x.v FROM (SELECT k, v, CONCAT(k, UUID()) AS j FROM u) x JOIN u y ON x.j = y.k", 1},
		{"a join that passes a column of chance of a changing side on, to no key", "INSERT INTO su SELECT x.k, x.j FROM (SELECT k, v + RAND_INTEGER(3) AS j FROM u) x JOIN u y ON x.k = y.k", 0},
		{"an aggregation of a changing side's column of chance", "INSERT INTO su SELECT k, SUM(j) FROM (SELECT k, v + RAND_INTEGER(3) AS j FROM u) GROUP BY k", 1},
		{"a sink that keeps all rows of a key needs all columns", "INSERT INTO su SELECT CAST(v AS STRING), n + RAND_INTEGER(3) FROM (SELECT k, v, COUNT(*) AS n FROM a GROUP BY k, v)", 1},
		{"Top-N by a column of chance of a changing side", "INSERT INTO su SELECT k, r FROM (SELECT k, ROW_NUMBER() OVER (PARTITION BY k ORDER BY j) AS r FROM (SELECT k, v + RAND_INTEGER(3) AS j FROM u)) WHERE r <= 3", 1},
		{"Top-N of append-only rows by a column of chance", "INSERT INTO su SELECT k, r FROM (SELECT k, ROW_NUMBER() OVER (PARTITION BY k ORDER BY j) AS r FROM (SELECT k, v + RAND_INTEGER(3) AS j FROM a)) WHERE r <= 3", 0},
		{"a union of two changing sides, one of chance", "INSERT INTO sr SELECT k, v FROM u UNION ALL SELECT k, v + RAND_INTEGER(3) FROM u", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := one(t, c.sql)
			got := checkD05(&judged{stmt: p.Statement, facts: Facts{Tables: tables(t, pathTables+updateTables)}})
			if len(got) != c.want {
				t.Errorf("%d findings, want %d: %+v", len(got), c.want, got)
			}
		})
	}
}
