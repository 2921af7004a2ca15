package statements

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tableText writes a table in one line for each thing that it has.
func tableText(t *Table) string {
	var out []string
	for _, c := range t.Columns {
		line := c.Name + " "
		switch {
		case c.Type.Kind == KindInvalid:
			line += "?"
		default:
			line += c.Type.String()
		}
		if c.Kind != Physical {
			line += " " + c.Kind.String()
		}
		out = append(out, line)
	}
	if t.Watermark != nil {
		out = append(out, "WATERMARK "+t.Watermark.Column+" AS "+t.Watermark.Expr.SQL())
	}
	if len(t.PrimaryKey) > 0 {
		out = append(out, "KEY "+strings.Join(t.PrimaryKey, ", "))
	}
	if len(t.Distribution) > 0 {
		out = append(out, fmt.Sprintf("BY %s INTO %d", strings.Join(t.Distribution, ", "), t.Buckets))
	}
	for _, k := range slices.Sorted(maps.Keys(t.Options)) {
		out = append(out, k+"="+t.Options[k])
	}
	return strings.Join(out, "\n")
}

const likeTables = `
CREATE TABLE base (
  id BIGINT NOT NULL, shop STRING, amount DECIMAL(10, 2), double_amount AS amount * 2, ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp',
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND, PRIMARY KEY (id) NOT ENFORCED
) DISTRIBUTED BY (id) INTO 4 BUCKETS WITH ('changelog.mode' = 'append', 'kafka.retention.time' = '1 d');
CREATE TABLE plain (id BIGINT NOT NULL, shop STRING);`

func TestTableIn(t *testing.T) {
	const columns = "id BIGINT NOT NULL\nshop STRING\namount DECIMAL(10, 2)\n"
	for _, tc := range []struct{ name, sql, want string }{
		{"LIKE takes all", "CREATE TABLE t LIKE base", columns + "double_amount DECIMAL(21, 2) computed\nts TIMESTAMP_LTZ(3) metadata\n" +
			"WATERMARK ts AS `ts` - INTERVAL '5' SECOND\nKEY id\nBY id INTO 4\nchangelog.mode=append\nkafka.retention.time=1 d"},
		{"options are overwritten", "CREATE TABLE t WITH ('kafka.retention.time' = '2 d', 'value.format' = 'json-registry') LIKE plain", "id BIGINT NOT NULL\nshop STRING\nkafka.retention.time=2 d\nvalue.format=json-registry"},
		{"columns are added", "CREATE TABLE t (more INT) LIKE plain", "id BIGINT NOT NULL\nshop STRING\nmore INT"},
		{"a key is added", "CREATE TABLE t (PRIMARY KEY (id) NOT ENFORCED) LIKE plain", "id BIGINT NOT NULL\nshop STRING\nKEY id"},
		{"nothing but columns", "CREATE TABLE t LIKE base (EXCLUDING ALL)", strings.TrimSpace(columns)},
		{"ALL, but for options", "CREATE TABLE t LIKE base (EXCLUDING ALL INCLUDING OPTIONS)", columns + "changelog.mode=append\nkafka.retention.time=1 d"},
		{"the exception may stand first", "CREATE TABLE t LIKE base (INCLUDING OPTIONS EXCLUDING ALL)", columns + "changelog.mode=append\nkafka.retention.time=1 d"},
		{"without computed columns", "CREATE TABLE t LIKE base (EXCLUDING GENERATED EXCLUDING WATERMARKS EXCLUDING CONSTRAINTS EXCLUDING PARTITIONS EXCLUDING OPTIONS)", columns + "ts TIMESTAMP_LTZ(3) metadata"},
		{"a computed column is overwritten", "CREATE TABLE t (double_amount AS amount + 1) LIKE base (EXCLUDING ALL OVERWRITING GENERATED)", columns + "double_amount DECIMAL(13, 2) computed"},
		{"a watermark is overwritten", "CREATE TABLE t (WATERMARK FOR ts AS ts) LIKE base (EXCLUDING ALL INCLUDING METADATA OVERWRITING WATERMARKS)", columns + "ts TIMESTAMP_LTZ(3) metadata\nWATERMARK ts AS `ts`"},
		{"AS takes the query's columns", "CREATE TABLE t AS SELECT id, amount * 2 AS twice, UPPER(shop) AS s, $rowtime AS t FROM base", "id BIGINT NOT NULL\ntwice DECIMAL(21, 2)\ns STRING\nt TIMESTAMP_LTZ(3) NOT NULL"},
		{"declared columns stand first", "CREATE TABLE t (note STRING, c AS note || 'x') AS SELECT id, shop FROM base", "note STRING\nc STRING computed\nid BIGINT NOT NULL\nshop STRING"},
		{"a declared type counts", "CREATE TABLE t (id DECIMAL(20, 0)) AS SELECT id, shop FROM base", "id DECIMAL(20, 0)\nshop STRING"},
		{"names alone order", "CREATE TABLE t (shop, id) AS SELECT id, shop FROM base", "shop STRING\nid BIGINT NOT NULL"},
		{"with a key", "CREATE TABLE t (PRIMARY KEY (shop) NOT ENFORCED) DISTRIBUTED BY (shop) INTO 3 BUCKETS AS SELECT shop, COUNT(*) AS n FROM base GROUP BY shop",
			"shop STRING NOT NULL\nn BIGINT NOT NULL\nKEY shop\nBY shop INTO 3"},
		{"a type that is not known", "CREATE TABLE t AS SELECT id, my_function(shop) AS s FROM base", "id BIGINT NOT NULL\ns ?"},
		{"a materialized table", "CREATE MATERIALIZED TABLE t (PRIMARY KEY (shop) NOT ENFORCED) FRESHNESS = INTERVAL '1' MINUTE AS SELECT shop, SUM(amount) AS total FROM base GROUP BY shop",
			"shop STRING NOT NULL\ntotal DECIMAL(38, 2)\nKEY shop"},

		{"no such table", "CREATE TABLE t LIKE bases", "there is no table `bases`"},
		{"a column twice", "CREATE TABLE t (id INT) LIKE plain", "`plain` has a column `id` already, which LIKE takes over"},
		{"a computed column twice", "CREATE TABLE t (double_amount AS 1) LIKE base", "`base` has a column `double_amount` already, which LIKE takes over; write LIKE base (EXCLUDING GENERATED)"},
		{"a key twice", "CREATE TABLE t (PRIMARY KEY (shop) NOT ENFORCED) LIKE base", "`base` has a primary key already, which LIKE takes over; write LIKE base (EXCLUDING CONSTRAINTS)"},
		{"a watermark twice", "CREATE TABLE t (WATERMARK FOR ts AS ts) LIKE base", "`base` has a watermark already, which LIKE takes over; write LIKE base (EXCLUDING WATERMARKS)"},
		{"a distribution twice", "CREATE TABLE t DISTRIBUTED BY (id) INTO 2 BUCKETS LIKE base", "`base` has a distribution already, which LIKE takes over; write LIKE base (EXCLUDING PARTITIONS)"},
		{"an option twice", "CREATE TABLE t WITH ('changelog.mode' = 'retract') LIKE base (INCLUDING OPTIONS)", "`base` has the option 'changelog.mode' already, which LIKE takes over; write LIKE base (EXCLUDING OPTIONS)"},
		{"what can not be overwritten", "CREATE TABLE t LIKE base (OVERWRITING CONSTRAINTS)", "LIKE can not overwrite CONSTRAINTS; write INCLUDING or EXCLUDING CONSTRAINTS"},
		{"said twice", "CREATE TABLE t LIKE base (INCLUDING OPTIONS EXCLUDING OPTIONS)", "LIKE says twice what it does with OPTIONS; say it once"},
		{"a watermark of a column that is left out", "CREATE TABLE t LIKE base (EXCLUDING METADATA)", "the watermark names `ts`, which is no column of the table"},
		{"two columns of one name", "CREATE TABLE t AS SELECT id, shop AS id FROM base", "the query gives two columns `id`; give one of them another name with AS"},
		{"NULL alone", "CREATE TABLE t AS SELECT id, NULL AS n FROM base", "the query gives `n` as NULL, which no column can be of; CAST it to a type"},
		{"a name that the query does not give", "CREATE TABLE t (shops, id) AS SELECT id, shop FROM base", "the query gives no column `shops`"},
		{"a type that does not fit", "CREATE TABLE t (shop BIGINT) AS SELECT id, shop FROM base", "the query gives `shop` as STRING; it is declared BIGINT; write CAST(… AS BIGINT)"},
		{"a column without a value", "CREATE TABLE t (x INT NOT NULL) AS SELECT id FROM base", "the column `x` is NOT NULL, and the query gives it no value; leave NOT NULL out"},
		{"a column that is not there", "CREATE TABLE t AS SELECT idd FROM base", "there is no column `idd` in `base`; did you mean `id`?"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, found := TableIn(one(t, tc.sql), tables(t, likeTables))
			text := ""
			switch {
			case len(found) > 0:
				text = found[0].Message
				if found[0].Remedy != "" && strings.Contains(tc.want, "; ") {
					text += "; " + found[0].Remedy
				}
			default:
				text = tableText(got)
			}
			if diff := cmp.Diff(tc.want, text); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestLikeResolvesAgain has a computed column and a watermark count in the row of the new table, where columns before them were left out.
func TestLikeResolvesAgain(t *testing.T) {
	cat := tables(t, "CREATE TABLE b (x AS 1, a INT, m STRING METADATA FROM 'topic' VIRTUAL, c AS a + 1, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)")
	got, found := TableIn(one(t, "CREATE TABLE t LIKE b (EXCLUDING METADATA)"), cat)
	if len(found) > 0 {
		t.Fatal(found)
	}
	for _, s := range []Scalar{got.Columns[2].Value, got.Watermark.Value} {
		ref := s.(*Op).Args[0].(*ColumnRef)
		if name := got.Row()[ref.Index].Name; name != ref.Name {
			t.Errorf("%s is column %d, which is %s", ref.Name, ref.Index, name)
		}
	}
}
