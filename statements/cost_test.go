package statements

import (
	"testing"
	"time"
)

func TestCostClassOf(t *testing.T) {
	for _, c := range []struct {
		name, sql string
		want      CostClass
	}{
		{"a filter", "INSERT INTO s SELECT k, v FROM a WHERE v > 1", CostStateless},
		{"a window", "INSERT INTO s SELECT k, COUNT(*) FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(t), INTERVAL '1' MINUTE)) GROUP BY k, window_start, window_end", CostWindowed},
		{"a session has no bound and ends", "INSERT INTO s SELECT k, COUNT(*) FROM TABLE(SESSION(TABLE a PARTITION BY k, DESCRIPTOR(t), INTERVAL '1' MINUTE)) GROUP BY k, window_start, window_end", CostWindowed},
		{"an interval join", "INSERT INTO s SELECT a.k, b.v FROM a JOIN b ON a.k = b.k AND a.t BETWEEN b.t - INTERVAL '10' MINUTE AND b.t", CostWindowed},
		{"OVER RANGE", "INSERT INTO s SELECT k, SUM(v) OVER (PARTITION BY k ORDER BY t RANGE BETWEEN INTERVAL '30' MINUTE PRECEDING AND CURRENT ROW) FROM a", CostWindowed},
		{"a regular join", "INSERT INTO s SELECT a.k, b.v FROM a JOIN b ON a.k = b.k", CostStateful},
		{"an aggregation without a window", "INSERT INTO su SELECT k, COUNT(*) FROM a GROUP BY k", CostStateful},
		{"an upsert source", "INSERT INTO su SELECT k, v FROM u", CostStateful},
		{"a sink that keeps all rows of a key", "INSERT INTO su SELECT CAST(v AS STRING), n FROM (SELECT k, v, COUNT(*) AS n FROM a GROUP BY k, v)", CostStateful},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := CostClassOf(related(t, c.sql)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestCFUs(t *testing.T) {
	for _, c := range []struct {
		name        string
		class       CostClass
		rows, bytes float64
		want        int
	}{
		{"one at least", CostStateless, 0, 0, 1},
		{"as many as its class bears", CostStateless, 10_000, 0, 1},
		{"one row more", CostStateless, 10_001, 0, 2},
		{"a heavier class", CostStateful, 10_000, 0, 5},
		{"wide rows", CostWindowed, 100, 25e6, 3},
	} {
		if got := c.class.CFUs(c.rows, c.bytes); got != c.want {
			t.Errorf("%s: %d CFUs, want %d", c.name, got, c.want)
		}
	}
	for _, c := range []struct {
		name            string
		steady          int
		history, within time.Duration
		partitions      int
		want            int
	}{
		{"nothing to read again", 2, 0, time.Minute, 6, 2},
		{"an hour within five minutes", 1, time.Hour, 5 * time.Minute, 20, 13},
		{"no more than there are partitions", 1, time.Hour, 5 * time.Minute, 6, 6},
		{"no more than a pool has", 4, 24 * time.Hour, 5 * time.Minute, 1000, MaxCFU},
		{"a topic that is not known", 1, time.Hour, time.Minute, 0, 1},
	} {
		if got := CatchUpCFUs(c.steady, c.history, c.within, c.partitions); got != c.want {
			t.Errorf("%s: %d CFUs, want %d", c.name, got, c.want)
		}
	}
}

func TestWidth(t *testing.T) {
	table := tables(t, "CREATE TABLE w (id BIGINT, ok BOOLEAN, name STRING, code CHAR(2), price DECIMAL(38, 2), tags ARRAY<INT>, p ROW<x DOUBLE, y DOUBLE>)")["w"]
	var row []Column
	for _, c := range table.Columns {
		row = append(row, Column{Name: c.Name, Type: c.Type})
	}
	// Null bits, two slots, a string, two characters, a large decimal, an array of four, a row of two.
	if got, want := Width(row), int64(8+2*8+(8+24)+(8+2)+(8+16)+(8+4*8)+(8+2*8)); got != want {
		t.Errorf("%d bytes, want %d", got, want)
	}
}
