package statements

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const typedTables = `
CREATE TABLE l (id BIGINT NOT NULL, name STRING NOT NULL, price DECIMAL(10, 2) NOT NULL, seen TIMESTAMP_LTZ(3), tags ARRAY<STRING NOT NULL>, sizes MAP<STRING NOT NULL, INT> NOT NULL,
  address ROW<street STRING NOT NULL, town ROW<zip INT NOT NULL>> NOT NULL, part ROW<n INT NOT NULL>);
CREATE TABLE r (id BIGINT NOT NULL, n INT NOT NULL, rate DOUBLE NOT NULL);`

// TestTypesOfRelatedExpressions has the type of the one column that a query gives. Each reads two tables, so that the engine does not type it.
func TestTypesOfRelatedExpressions(t *testing.T) {
	for _, tc := range []struct{ expr, want string }{
		{"l.price * r.n", "DECIMAL(21, 2) NOT NULL"},
		{"l.price / l.price", "DECIMAL(23, 13) NOT NULL"},
		{"l.price + 1", "DECIMAL(13, 2) NOT NULL"},
		{"CAST(l.price AS DECIMAL(38, 18)) * CAST(1 AS DECIMAL(38, 18))", "DECIMAL(38, 6) NOT NULL"},
		{"l.price * r.rate", "DOUBLE NOT NULL"},
		{"l.name || 'x'", "STRING NOT NULL"},
		{"SHA1(l.name)", "CHAR(40) NOT NULL"},
		{"SHA1(l.address.street)", "CHAR(40) NOT NULL"},
		{"COALESCE(l.part.n, 0)", "INT NOT NULL"},
		{"COALESCE(l.part.n, l.price)", "DECIMAL(12, 2) NOT NULL"},
		{"CASE WHEN r.n > 1 THEN l.part.n ELSE 0 END", "INT"},
		{"CASE WHEN r.n > 1 THEN REGEXP_EXTRACT(l.name, 'a', 0) END", "STRING"},
		{"CASE l.tags[1] WHEN 'a' THEN 1 WHEN 'b' THEN 2.5 ELSE 3 END", "DECIMAL(11, 1) NOT NULL"},
		{"l.tags", "ARRAY<STRING NOT NULL>"},
		{"l.tags[1]", "STRING"},
		{"l.sizes['a']", "INT"},
		{"l.address.street", "STRING NOT NULL"},
		{"l.address.town.zip", "INT"},
		{"l.part.n", "INT"},
		{"l.part.n + 1", "INT"},
		{"CARDINALITY(l.tags)", "INT"},
		{"ARRAY[l.id, r.n]", "ARRAY<BIGINT NOT NULL> NOT NULL"},
		{"MAP['a', r.n, 'bc', NULL]", "MAP<VARCHAR(2) NOT NULL, INT> NOT NULL"},
		{"ROW(l.id, l.name)", "ROW<`EXPR$0` BIGINT NOT NULL, `EXPR$1` STRING NOT NULL> NOT NULL"},
		{"MAP_KEYS(l.sizes)", "ARRAY<STRING NOT NULL> NOT NULL"},
		{"ARRAY_AGG(r.n) OVER (PARTITION BY l.id ORDER BY l.seen)", "ARRAY<INT NOT NULL>"},
		{"LAG(r.n) OVER (PARTITION BY l.id ORDER BY l.seen)", "INT"},
		{"ROW_NUMBER() OVER (PARTITION BY l.id ORDER BY l.seen)", "BIGINT NOT NULL"},
		{"JSON_VALUE(l.name, '$.a' RETURNING INT)", "INT"},
		{"JSON_VALUE(l.name, '$.a')", "STRING"},
		{"JSON_OBJECT('a' VALUE r.n)", "STRING NOT NULL"},
		{"l.name IS JSON", "BOOLEAN NOT NULL"},
		{"l.tags IS NULL", "BOOLEAN NOT NULL"},
		{"l.tags[1] = 'a'", "BOOLEAN"},
		{"NOT (l.tags[1] IN ('a', 'b'))", "BOOLEAN"},
		{"TRY_CAST(l.tags[1] AS INT)", "INT"},
		{"CAST(l.sizes['a'] AS DECIMAL(5, 1))", "DECIMAL(5, 1)"},
		{"CURRENT_TIMESTAMP", "TIMESTAMP_LTZ(3) NOT NULL"},
		{"TIMESTAMPADD(DAY, 1, l.seen)", "TIMESTAMP_LTZ(3)"},
		{"EXTRACT(YEAR FROM l.seen)", "BIGINT"},
		{"FLOOR(l.seen TO DAY)", "TIMESTAMP_LTZ(3)"},
		{"PARSE_JSON(l.name)", "VARIANT NOT NULL"},
		{"PARSE_JSON(l.name)['a'][1]", "VARIANT"},
		{"CAST(PARSE_JSON(l.name)['a'] AS INT)", "INT"},
		{"TRY_PARSE_JSON(l.name)", "VARIANT"},
		{"OBJECT_OF('shop.Point', 'x', r.n, 'y', l.price)", "STRUCTURED<'shop.Point', `x` INT NOT NULL, `y` DECIMAL(10, 2) NOT NULL>"},
		{"OBJECT_UPDATE(OBJECT_OF('shop.Point', 'x', r.n), 'x', l.id)", "STRUCTURED<'shop.Point', `x` BIGINT NOT NULL>"},
		{"my_function(l.id)", "INVALID NOT NULL"},
		{"my_function(l.id) + 1", "INVALID NOT NULL"},
		{"COALESCE(my_function(l.id), 1)", "INVALID NOT NULL"},
	} {
		t.Run(tc.expr, func(t *testing.T) {
			got := queryTypes(t, "SELECT "+tc.expr+" AS c FROM l JOIN r ON l.id = r.id")
			if diff := cmp.Diff([]string{"c " + tc.want}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// queryTypes are the columns that a query gives, with their types.
func queryTypes(t *testing.T, query string) []string {
	t.Helper()
	p := one(t, "CREATE TABLE out_t AS "+query)
	writes, found := Relate(p, tables(t, typedTables))
	if len(found) > 0 {
		t.Fatalf("%s: %s", query, found[0].Message)
	}
	var out []string
	for _, c := range writes[0].Table.Columns {
		out = append(out, c.Name+" "+c.Type.String())
	}
	return out
}

func TestTypesOfQueries(t *testing.T) {
	for _, tc := range []struct {
		name, query string
		want        []string
	}{
		{"an outer join", "SELECT l.name, r.n FROM l LEFT JOIN r ON l.id = r.id", []string{"name STRING NOT NULL", "n INT"}},
		{"the other side", "SELECT l.name, r.n FROM l RIGHT JOIN r ON l.id = r.id", []string{"name STRING", "n INT NOT NULL"}},
		{"both sides", "SELECT l.name, r.n FROM l FULL JOIN r ON l.id = r.id", []string{"name STRING", "n INT"}},
		{"a union", "SELECT id AS x FROM l UNION ALL SELECT n FROM r UNION ALL SELECT rate FROM r", []string{"x DOUBLE NOT NULL"}},
		{"a union with NULL", "SELECT id AS x FROM l UNION ALL SELECT CAST(NULL AS INT) FROM r", []string{"x BIGINT"}},
		{"groups", "SELECT l.name, SUM(l.price) AS s, AVG(r.rate) AS a, COUNT(*) AS c, MAX(r.n) AS m, LISTAGG(l.name) AS g FROM l JOIN r ON l.id = r.id GROUP BY l.name",
			[]string{"name STRING NOT NULL", "s DECIMAL(38, 2)", "a DOUBLE", "c BIGINT NOT NULL", "m INT", "g STRING"}},
		{"unnested", "SELECT l.id, t.tag FROM l CROSS JOIN UNNEST(l.tags) AS t (tag)", []string{"id BIGINT NOT NULL", "tag STRING NOT NULL"}},
		{"measures", `SELECT * FROM l MATCH_RECOGNIZE (PARTITION BY name ORDER BY seen MEASURES A.id AS first_id, LAST(B.price) AS last_price, LAST(B.price) - FIRST(A.price) AS gain,
			SUM(B.price) AS total, AVG(CAST(B.price AS DOUBLE)) AS mean, COUNT(B.id) AS n, MAX(B.id) + 1 AS high, UPPER(LAST(B.name)) AS shout, A.seen AS begun, B.tags[1] AS tag,
			MATCH_ROWTIME() AS plain, MATCH_ROWTIME(seen) AS ended, MATCH_PROCTIME() AS now_, my_function(A.id) AS mine, CASE WHEN LAST(B.id) > 1 THEN 'up' ELSE 'down' END AS way
			ONE ROW PER MATCH PATTERN (A B+) DEFINE B AS B.price > A.price)`,
			[]string{"name STRING NOT NULL", "first_id BIGINT", "last_price DECIMAL(10, 2)", "gain DECIMAL(11, 2)", "total DECIMAL(38, 2)", "mean DOUBLE", "n BIGINT NOT NULL", "high BIGINT",
				"shout STRING", "begun TIMESTAMP_LTZ(3)", "tag STRING", "plain TIMESTAMP(3)", "ended TIMESTAMP_LTZ(3)", "now_ TIMESTAMP_LTZ(3) NOT NULL", "mine INVALID NOT NULL", "way VARCHAR(4) NOT NULL"}},
		{"values", "SELECT v.a, v.b FROM (VALUES (1, 'a'), (2.5, 'bcd')) AS v (a, b)", []string{"a DECIMAL(11, 1) NOT NULL", "b VARCHAR(3) NOT NULL"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, queryTypes(t, tc.query)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestTypeMistakes has what Flink refuses in statements that the engine does not run, too.
func TestTypeMistakes(t *testing.T) {
	cat := tables(t, typedTables+`
CREATE TABLE sink (id BIGINT NOT NULL, price DECIMAL(10, 2), name STRING, tags ARRAY<STRING>, seen TIMESTAMP_LTZ(3));`)
	const from = " FROM l JOIN r ON l.id = r.id"
	for _, tc := range []struct {
		name, sql string
		want      []string
	}{
		{"all fits", "INSERT INTO sink SELECT l.id, l.price * r.n, l.name, l.tags, l.seen" + from, nil},
		{"a smaller integer, and a narrower string", "INSERT INTO sink (id, name) SELECT r.n, SHA1(l.name)" + from, nil},
		{"a column of another type", "INSERT INTO sink (id, price) SELECT l.id, l.name" + from, []string{"1:43 column 2 of the query is STRING; `price` of `sink` is DECIMAL(10, 2)"}},
		{"two of them", "INSERT INTO sink (id, price, seen) SELECT l.name, l.price, l.price" + from,
			[]string{"1:43 column 1 of the query is STRING; `id` of `sink` is BIGINT", "1:60 column 3 of the query is DECIMAL(10, 2); `seen` of `sink` is TIMESTAMP_LTZ(3)"}},
		{"elements of another type", "INSERT INTO sink (id, tags) SELECT l.id, ARRAY[r.n]" + from, []string{"1:42 column 2 of the query is ARRAY<INT NOT NULL>; `tags` of `sink` is ARRAY<STRING>"}},
		{"an integer that is too wide", "INSERT INTO r SELECT l.id, l.id, r.rate" + from, []string{"1:28 column 2 of the query is BIGINT; `n` of `r` is INT"}},
		{"no value", "INSERT INTO sink (name) SELECT l.name" + from, []string{"1:13 the column `id` of `sink` is NOT NULL and gets no value"}},
		{"what is not known fits", "INSERT INTO sink (id, price) SELECT my_function(l.id), my_function(l.name)" + from, nil},
		{"an operand", "INSERT INTO sink (id, price) SELECT l.id, l.price + l.name" + from, []string{"1:51 DECIMAL(10, 2) + STRING is not defined"}},
		{"an argument", "INSERT INTO sink (id, name) SELECT l.id, UPPER(l.price)" + from, []string{"1:48 UPPER needs a string here, not DECIMAL(10, 2)"}},
		{"a condition", "INSERT INTO sink (id) SELECT l.id" + from + " WHERE l.tags = r.n", []string{"1:77 ARRAY<STRING NOT NULL> = INT: the two are not comparable"}},
		{"a union", "INSERT INTO sink (id) SELECT id FROM l UNION ALL SELECT name FROM l", []string{"1:40 column 1 of UNION is BIGINT on the left side and STRING on the right"}},
		{"a statement set", "EXECUTE STATEMENT SET BEGIN INSERT INTO sink (id, price) SELECT id, name FROM l; END", []string{"1:69 column 2 of the query is STRING; `price` of `sink` is DECIMAL(10, 2)"}},
		{"a condition that is none", "INSERT INTO sink (id) SELECT l.id" + from + " WHERE r.n", []string{"1:70 a condition must be a BOOLEAN, not INT"}},
		{"a column that is not grouped", "INSERT INTO sink (id, price) SELECT l.id, l.price" + from + " GROUP BY l.id", []string{"1:43 the column `price` is neither in GROUP BY nor inside an aggregate function"}},
		{"a column beside a count", "INSERT INTO sink (id) SELECT id + COUNT(*) FROM l", []string{"1:30 the column `id` is neither in GROUP BY nor inside an aggregate function"}},
		{"a column in HAVING", "INSERT INTO sink (id) SELECT l.id" + from + " GROUP BY l.id HAVING l.price > 1", []string{"1:85 the column `price` is neither in GROUP BY nor inside an aggregate function"}},
		{"an aggregate", "INSERT INTO sink (id, price) SELECT l.id, SUM(l.name)" + from + " GROUP BY l.id", []string{"1:47 SUM needs a number, not STRING"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, found := Relate(one(t, tc.sql), cat)
			var got []string
			for _, f := range found {
				got = append(got, Pos{Line: f.Place.Line, Column: f.Place.Column}.String()+" "+f.Message)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
