package statements

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestUnknownNames: where a name was looked for, which name was probably meant, and all the names of a statement that are not known.
func TestUnknownNames(t *testing.T) {
	columns := func(names ...string) []TableColumn {
		var out []TableColumn
		for _, n := range names {
			out = append(out, TableColumn{Name: n, Type: String()})
		}
		return out
	}
	cat := Tables{
		"orders":    {Name: "orders", Columns: columns("id", "customer", "amount")},
		"customers": {Name: "customers", Columns: columns("id", "name", "country")},
		"dst":       {Name: "dst", Columns: columns("a", "b")},
	}
	for _, tt := range []struct {
		name, sql string
		want      []string
	}{
		{"a column of one table", "INSERT INTO dst SELECT id, amuont FROM orders", []string{"1:28 there is no column `amuont` in `orders` [did you mean `amount`?]"}},
		{"nothing near", "INSERT INTO dst SELECT id, zzz FROM orders", []string{"1:28 there is no column `zzz` in `orders` [it has id, customer, amount, $rowtime]"}},
		{"another case", "INSERT INTO dst SELECT id, Amount FROM orders", []string{"1:28 there is no column `Amount` in `orders` [did you mean `amount`?]"}},
		{"a column of a join", "INSERT INTO dst SELECT customer, contry FROM orders AS o JOIN customers AS c ON o.customer = c.id",
			[]string{"1:34 there is no column `contry` in `o` or `c` [did you mean `c`.`country`?]"}},
		{"the table of another", "INSERT INTO dst SELECT o.customer, o.country FROM orders AS o JOIN customers AS c ON o.customer = c.id",
			[]string{"1:38 there is no column `country` in `o` [it is a column of `c`: write `c`.`country`]"}},
		{"a table that is not read", "INSERT INTO dst SELECT o.customer, cust.name FROM orders AS o JOIN customers AS cst ON o.customer = cst.id",
			[]string{"1:36 there is no table `cust` in this query; it reads `o` and `cst` [did you mean `cst`?]"}},
		{"the name behind an alias", "INSERT INTO dst SELECT orders.id, orders.amount FROM orders AS o",
			[]string{"1:24 there is no table `orders` in this query; it reads `o` []", "1:35 there is no table `orders` in this query; it reads `o` []"}},
		{"ambiguous", "INSERT INTO dst SELECT id, name FROM orders AS o JOIN customers AS c ON o.customer = c.id",
			[]string{"1:24 `id` may be the column of `o` or of `c` [write `o`.`id` or `c`.`id`]"}},
		{"an unknown table", "INSERT INTO dst SELECT id, id FROM ordres", []string{"1:36 there is no table `ordres` [did you mean `orders`?]"}},
		{"an unknown sink", "INSERT INTO dt SELECT id, id FROM orders", []string{"1:13 there is no table `dt` [did you mean `dst`?]"}},
		{"an unknown column of the sink", "INSERT INTO dst (a, bb) SELECT id, id FROM orders", []string{"1:21 there is no column `bb` in `dst` [it has a, b]"}},
		{"several", "INSERT INTO dst SELECT idd, amuont FROM orders WHERE custmer = 'x'", []string{
			"1:24 there is no column `idd` in `orders` [did you mean `id`?]", "1:29 there is no column `amuont` in `orders` [did you mean `amount`?]",
			"1:54 there is no column `custmer` in `orders` [did you mean `customer`?]"}},
		{"each statement of a set", "EXECUTE STATEMENT SET BEGIN INSERT INTO dst SELECT idd, id FROM orders; INSERT INTO dst SELECT id, nam FROM customers; END", []string{
			"1:52 there is no column `idd` in `orders` [did you mean `id`?]", "1:100 there is no column `nam` in `customers` [did you mean `name`?]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, findings := ParseOne("x.sql", tt.sql)
			if len(findings) > 0 {
				t.Fatal(findings[0].Message)
			}
			_, findings = Relate(p, cat)
			byPlace := map[int]string{}
			for _, f := range findings {
				if f.Rule != RuleName {
					t.Errorf("rule %s: %s", f.Rule, f.Message)
				}
				byPlace[f.Place.Column] = fmt.Sprintf("%d:%d %s [%s]", f.Place.Line, f.Place.Column, f.Message, f.Remedy)
			}
			var got []string
			for col := range len(tt.sql) + 2 {
				if s := byPlace[col]; s != "" {
					got = append(got, s)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
