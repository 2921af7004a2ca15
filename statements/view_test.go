package statements

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// views are the CREATE VIEWs of a script.
func views(t *testing.T, sql string) map[string]*CreateView {
	t.Helper()
	out := map[string]*CreateView{}
	script, found := Parse("views.sql", sql)
	if len(found) > 0 {
		t.Fatal(found)
	}
	for _, p := range script.Statements {
		v := p.Statement.(*CreateView)
		out[v.Name.Last()] = v
	}
	return out
}

func TestExpand(t *testing.T) {
	all := views(t, `
CREATE VIEW cheap AS SELECT id, shop FROM orders WHERE amount < 10;
CREATE VIEW named (a, b) AS SELECT id, shop FROM cheap;
CREATE VIEW twice AS WITH x AS (SELECT id FROM cheap), y AS (SELECT id FROM x) SELECT id FROM y;
CREATE VIEW self AS SELECT id FROM self;
CREATE VIEW ping AS SELECT id FROM pong;
CREATE VIEW pong AS SELECT id FROM ping;`)
	const cheap = "(SELECT `id`, `shop` FROM `orders` WHERE `amount` < 10)"
	for _, tc := range []struct{ name, sql, want string }{
		{"a view", "INSERT INTO o SELECT id FROM cheap", "INSERT INTO `o` SELECT `id` FROM " + cheap + " AS `cheap`"},
		{"its name with the database's", "INSERT INTO o SELECT id FROM db.cheap", "INSERT INTO `o` SELECT `id` FROM " + cheap + " AS `cheap`"},
		{"an alias", "INSERT INTO o SELECT c.id FROM cheap AS c", "INSERT INTO `o` SELECT `c`.`id` FROM " + cheap + " AS `c`"},
		{"a view of a view, with names", "INSERT INTO o SELECT a FROM named", "INSERT INTO `o` SELECT `a` FROM (SELECT `id`, `shop` FROM " + cheap + " AS `cheap`) AS `named` (`a`, `b`)"},
		{"names of the reader count", "INSERT INTO o SELECT x FROM named AS n (x, y)", "INSERT INTO `o` SELECT `x` FROM (SELECT `id`, `shop` FROM " + cheap + " AS `cheap`) AS `n` (`x`, `y`)"},
		{"a join", "INSERT INTO o SELECT c.id FROM orders JOIN cheap AS c ON c.id = orders.id", "INSERT INTO `o` SELECT `c`.`id` FROM `orders` JOIN " + cheap + " AS `c` ON `c`.`id` = `orders`.`id`"},
		{"a subquery", "INSERT INTO o SELECT id FROM orders WHERE id IN (SELECT id FROM cheap)", "INSERT INTO `o` SELECT `id` FROM `orders` WHERE `id` IN (SELECT `id` FROM " + cheap + " AS `cheap`)"},
		{"a window", "INSERT INTO o SELECT id FROM TABLE(TUMBLE(TABLE cheap, DESCRIPTOR(ts), INTERVAL '1' HOUR))",
			"INSERT INTO `o` SELECT `id` FROM TABLE(TUMBLE(TABLE " + cheap + ", DESCRIPTOR(`ts`), INTERVAL '1' HOUR)) AS `cheap`"},
		{"TABLE as a query", "INSERT INTO o TABLE cheap", "INSERT INTO `o` SELECT * FROM " + cheap + " AS `cheap`"},
		{"a common table hides it", "INSERT INTO o WITH cheap AS (SELECT id FROM orders) SELECT id FROM cheap", "INSERT INTO `o` WITH `cheap` AS (SELECT `id` FROM `orders`) SELECT `id` FROM `cheap`"},
		{"but not in its own query", "INSERT INTO o WITH cheap AS (SELECT id FROM cheap) SELECT id FROM cheap", "INSERT INTO `o` WITH `cheap` AS (SELECT `id` FROM " + cheap + " AS `cheap`) SELECT `id` FROM `cheap`"},
		{"common tables within", "INSERT INTO o SELECT id FROM twice", "INSERT INTO `o` SELECT `id` FROM (WITH `x` AS (SELECT `id` FROM " + cheap + " AS `cheap`), `y` AS (SELECT `id` FROM `x`) SELECT `id` FROM `y`) AS `twice`"},
		{"a view of itself", "INSERT INTO o SELECT id FROM self", "INSERT INTO `o` SELECT `id` FROM (SELECT `id` FROM `self`) AS `self`"},
		{"views of each other", "INSERT INTO o SELECT id FROM ping", "INSERT INTO `o` SELECT `id` FROM (SELECT `id` FROM (SELECT `id` FROM `ping`) AS `pong`) AS `ping`"},
		{"no view", "INSERT INTO o SELECT id FROM orders", "INSERT INTO `o` SELECT `id` FROM `orders`"},
		{"a statement set", "EXECUTE STATEMENT SET BEGIN INSERT INTO o SELECT id FROM cheap; INSERT INTO p SELECT id FROM orders; END",
			"EXECUTE STATEMENT SET BEGIN INSERT INTO `o` SELECT `id` FROM " + cheap + " AS `cheap`; INSERT INTO `p` SELECT `id` FROM `orders`; END"},
		{"CREATE TABLE AS", "CREATE TABLE o AS SELECT id FROM cheap", "CREATE TABLE `o` AS SELECT `id` FROM " + cheap + " AS `cheap`"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := one(t, tc.sql)
			before := p.Statement.SQL()
			got := Expand(p, all)
			if diff := cmp.Diff(flat(tc.want), flat(got.Statement.SQL())); diff != "" {
				t.Error(diff)
			}
			if after := p.Statement.SQL(); after != before {
				t.Errorf("the statement was changed to %s", after)
			}
		})
	}
}

// TestFindingsThroughViews has what is wrong behind a view stand where the statement names it.
func TestFindingsThroughViews(t *testing.T) {
	cat := tables(t, "CREATE TABLE orders (id BIGINT, shop STRING); CREATE TABLE o (id BIGINT)")
	p := Expand(one(t, "INSERT INTO o\n  SELECT id FROM odd"), views(t, "\n\n\n     CREATE VIEW odd AS WITH a AS (SELECT id FROM orders), b AS (SELECT id FROM a) SELECT id FROM b WHERE RAND() > 0.5"))
	if _, found := Relate(p, cat); len(found) > 0 {
		t.Fatal(found)
	}
	found, _ := Judge("s", p, Facts{Pattern: ActivePassive, Tables: cat})
	if len(found) == 0 {
		t.Fatal("RAND in a view is not found")
	}
	for _, f := range found {
		if f.Place.Line != 2 || f.Place.Column != 18 {
			t.Errorf("%s stands at %d:%d", f.Message, f.Place.Line, f.Place.Column)
		}
	}
	if diff := cmp.Diff([]string{"orders"}, Reads(p.Statement)); diff != "" {
		t.Error(diff)
	}
}

// flat is SQL in one line.
func flat(sql string) string {
	sql = strings.Join(strings.Fields(sql), " ")
	return strings.NewReplacer("( ", "(", " )", ")").Replace(sql)
}
