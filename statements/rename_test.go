package statements_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/statements"
)

func TestRenameTables(t *testing.T) {
	to := map[string]string{"out": "box.out", "mid": "box.mid"}
	for _, c := range []struct{ name, sql, want string }{
		{"a sink", "INSERT INTO `out` SELECT a FROM src", "INSERT INTO `box.out` SELECT a FROM src"},
		{"a sink in a database", "INSERT INTO cat.db.`out` SELECT a FROM src", "INSERT INTO cat.db.`box.out` SELECT a FROM src"},
		{"a table", "CREATE TABLE `out` (a INT) WITH ('connector' = 'confluent')", "CREATE TABLE `box.out` (a INT) WITH ('connector' = 'confluent')"},
		{"a table like another", "CREATE TABLE `out` LIKE mid", "CREATE TABLE `box.out` LIKE `box.mid`"},
		{"what is read keeps its name as alias", "INSERT INTO `out` SELECT mid.a FROM mid JOIN src ON mid.k = src.k", "INSERT INTO `box.out` SELECT mid.a FROM `box.mid` AS mid JOIN src ON mid.k = src.k"},
		{"unless it has another", "INSERT INTO `out` SELECT m.a FROM mid AS m", "INSERT INTO `box.out` SELECT m.a FROM `box.mid` AS m"},
		{"a window's input", "INSERT INTO `out` SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE mid, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start",
			"INSERT INTO `box.out` SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE `box.mid`, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start"},
		{"not a common table of that name", "INSERT INTO `out` WITH mid AS (SELECT a FROM src) SELECT a FROM mid", "INSERT INTO `box.out` WITH mid AS (SELECT a FROM src) SELECT a FROM mid"},
		{"within a subquery", "INSERT INTO `out` SELECT a FROM src WHERE EXISTS (SELECT 1 FROM mid WHERE mid.a = src.a)", "INSERT INTO `box.out` SELECT a FROM src WHERE EXISTS (SELECT 1 FROM `box.mid` AS mid WHERE mid.a = src.a)"},
		{"several at once", "EXECUTE STATEMENT SET BEGIN INSERT INTO `out` SELECT a FROM mid; INSERT INTO mid SELECT a FROM src; END",
			"EXECUTE STATEMENT SET BEGIN INSERT INTO `box.out` SELECT a FROM `box.mid` AS mid; INSERT INTO `box.mid` SELECT a FROM src; END"},
		{"a whole table", "INSERT INTO `out` TABLE mid", "INSERT INTO `box.out` TABLE `box.mid`"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := statements.RenameTables(c.sql, to)
			if err != nil {
				t.Fatal(err)
			}
			want, findings := statements.ParseOne("want", c.want)
			if len(findings) > 0 {
				t.Fatal(findings)
			}
			if diff := cmp.Diff(want.Statement.SQL(), got); diff != "" {
				t.Error(diff)
			}
			if same, err := statements.RenameTables(c.sql, nil); err != nil || strings.Contains(same, "box") {
				t.Errorf("renamed nothing: %s, %v", same, err)
			}
		})
	}
	if _, err := statements.RenameTables("SELEC 1", to); err == nil {
		t.Error("what does not parse was renamed")
	}
}
