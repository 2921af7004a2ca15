package statements

import (
	"testing"
	"time"
)

// TestReachOfData: what timestamps tell is said to be less than all where the log may go on in front of them.
func TestReachOfData(t *testing.T) {
	log := func(rows ...int64) (out []Logged) { // of one key, in seconds
		for _, s := range rows {
			out = append(out, Logged{Key: 1, At: s * 1000})
		}
		return out
	}
	two := []Logged{{1, 0}, {2, 10_000}, {1, 20_000}, {2, 30_000}, {2, 100_000}}
	chain := Dependence{Chain: 15 * time.Second}
	keyed := Dependence{Chain: 15 * time.Second, Keyed: true}
	for name, tc := range map[string]struct {
		on    Dependence
		rows  []Logged
		whole bool
		want  time.Duration
		more  bool
	}{
		"nothing is there":                               {chain, nil, true, 0, false},
		"nothing was read of what is there":              {chain, nil, false, 0, true},
		"a row alone waits for one pause":                {chain, log(7), true, 15 * time.Second, false},
		"a pause as long as the gap parts nothing":       {chain, log(0, 15, 30), true, 45 * time.Second, false},
		"a longer one does":                              {chain, log(0, 16, 31), true, 30 * time.Second, false},
		"the first may belong to what was not read":      {chain, log(0, 16, 31), false, 30 * time.Second, true},
		"all keys together":                              {chain, two, true, 45 * time.Second, false},
		"key by key":                                     {keyed, two, true, 15 * time.Second, false},
		"three rows, and the row that comes upon them":   {Dependence{Rows: 3, Keyed: true}, log(0, 10, 20, 100, 110), true, 100 * time.Second, false},
		"fewer rows than that reach to the first":        {Dependence{Rows: 3, Keyed: true}, log(0, 10), true, 10 * time.Second, false},
		"a key that is silent is as old as it is":        {Dependence{Rows: 1, Keyed: true}, two, true, 80 * time.Second, false},
		"of rows, what was not read may hold older ones": {Dependence{Rows: 1, Keyed: true}, two, false, 80 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got, more := tc.on.Reach(tc.rows, tc.whole); got != tc.want || more != tc.more {
				t.Errorf("%s, and more: %t; want %s, %t", got, more, tc.want, tc.more)
			}
		})
	}
}

// TestDependences: only where a log has the operator's own keys and all of its rows do its records tell.
func TestDependences(t *testing.T) {
	cat := tables(t, referenceTables)
	session := func(from, by string) string {
		return "INSERT INTO s SELECT 'x', COUNT(*) FROM TABLE(SESSION(" + from + " PARTITION BY (" + by + "), DESCRIPTOR(t), INTERVAL '5' SECOND)) GROUP BY " + by + ", window_start, window_end"
	}
	over := func(from, by string) string {
		return "INSERT INTO s SELECT k, SUM(v) OVER (" + by + " ORDER BY t ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) FROM " + from
	}
	rows := func(topic string, keyed bool) Dependence { return Dependence{Topic: topic, Rows: 3, Keyed: keyed} }
	chain := func(topic string, keyed bool) Dependence {
		return Dependence{Topic: topic, Chain: 5 * time.Second, Keyed: keyed}
	}
	for sql, want := range map[string]Dependence{
		session("TABLE a", "k"):                                    chain("a", true),
		session("TABLE a", "v"):                                    chain("a", false), // rows of several record keys are one session
		session("TABLE a", "k, v"):                                 chain("a", true),
		session("TABLE b", "k"):                                    chain("b", false), // nothing says what its records' keys are
		session("(SELECT * FROM a WHERE v > 1)", "k"):              chain("a", true),  // fewer rows are no longer chain
		over("a", "PARTITION BY k"):                                rows("a", true),
		over("a", ""):                                              rows("a", false),
		over("a", "PARTITION BY v"):                                rows("", false),
		over("b", "PARTITION BY k"):                                rows("", false),
		over("(SELECT * FROM a WHERE v > 1)", "PARTITION BY k"):    rows("", true),
		over("(SELECT k, v + 1 AS v, t FROM a)", "PARTITION BY k"): rows("a", true),
		"INSERT INTO su SELECT k, v FROM u":                        {Topic: "u", Last: true},
	} {
		t.Run(sql, func(t *testing.T) {
			for _, h := range HorizonOf(one(t, sql).Statement, cat, 0) {
				if len(h.Depends) != 1 {
					t.Fatalf("%s depends on %v", h, h.Depends)
				}
				got := h.Depends[0]
				if got.Topic == "" {
					got.Keyed = want.Keyed
				}
				if got != want {
					t.Errorf("it depends on %+v, want %+v", got, want)
				}
			}
		})
	}
}
