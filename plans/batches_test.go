package plans

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// told writes batches as one line each.
func told(list []Batch) (lines []string) {
	for _, b := range list {
		line := b.Name + ": " + strings.Join(b.Topics, " ")
		for _, part := range []struct {
			name  string
			names []string
		}{{"run", b.Statements}, {"write", b.Derived}, {"groups", b.Groups}} {
			if len(part.names) > 0 {
				line += "; " + part.name + " " + strings.Join(part.names, " ")
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func TestBatches(t *testing.T) {
	loads := func(names ...string) (list []load) {
		for i, name := range names {
			list = append(list, load{topic: name, partitions: 3, offsets: int64(100 * (i + 1))})
		}
		return list
	}
	insert := func(name, writes string, reads ...string) touch {
		return touch{statement: name, tables: append(reads, writes), writes: []string{writes}}
	}
	many := make([]load, 23)
	for i := range many {
		many[i] = load{topic: fmt.Sprintf("t%02d", i), partitions: 1, offsets: int64(i)}
	}
	for _, c := range []struct {
		name    string
		topics  []load
		touches []touch
		groups  map[string][]string
		want    []string
	}{
		{"topics that have nothing to do with each other share a batch", loads("a", "b"), nil, nil, []string{"a: a b"}},
		{"a statement joins what it reads", loads("a", "b", "c"), []touch{insert("s", "out", "a", "c")}, nil,
			[]string{"b: b", "a: a c; run s; write out"}},
		{"through a derived topic", loads("a", "b"), []touch{insert("s", "mid", "a"), insert("u", "out", "mid", "b")}, nil,
			[]string{"a: a b; run s u; write mid out"}},
		{"two pipelines are two batches, the smaller first", loads("big", "small")[:2], []touch{insert("s", "x", "small"), insert("u", "y", "big")}, nil,
			[]string{"big: big; run u; write y", "small: small; run s; write x"}},
		{"a group joins what it reads", loads("a", "b", "c"), []touch{insert("s", "out", "a")}, map[string][]string{"ops": {"a", "c"}},
			[]string{"b: b", "a: a c; run s; write out; groups ops"}},
		{"a group of one topic goes with it", loads("a", "b"), nil, map[string][]string{"ops": {"b"}, "idle": nil}, []string{"a: a b; groups ops"}},
		{"a table goes with what reads it", loads("a"), []touch{{statement: "t", tables: []string{"out"}}, insert("s", "out", "a")}, nil,
			[]string{"a: a; run t s; write out"}},
		{"a table that another is made like", loads("a", "b"), []touch{{statement: "t", tables: []string{"a"}}, {statement: "u", tables: []string{"b"}, needs: []string{"t"}}}, nil,
			[]string{"a: a b; run t u"}},
		{"what touches no topic goes first", loads("a", "b"), []touch{{statement: "lonely", tables: []string{"x"}}, insert("s", "out", "b")}, nil,
			[]string{"a: a; run lonely", "b: b; run s; write out"}},
		{"what touches no topic, alone", nil, []touch{{statement: "lonely", tables: []string{"x"}}}, nil, nil},
		{"many are split", many, nil, nil, []string{"t00: t00 t01 t02 t03 t04 t05 t06 t07 t08 t09", "t10: t10 t11 t12 t13 t14 t15 t16 t17 t18 t19", "t20: t20 t21 t22"}},
		{"by partitions too", []load{{topic: "a", partitions: 60}, {topic: "b", partitions: 60}, {topic: "c", partitions: 500}}, nil, nil, []string{"a: a", "b: b", "c: c"}},
		{"nothing", nil, nil, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, told(batches(together(c.topics, c.touches, c.groups)))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestBatchesHoldTogether: whatever there is, everything moves once, what a statement or a group has to do with moves with it, and only a unit that
// can not be split is larger than a batch may be.
func TestBatchesHoldTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := func(kind string) *rapid.Generator[string] {
			return rapid.Map(rapid.IntRange(0, 30), func(i int) string { return fmt.Sprint(kind, i) })
		}
		var topics []load
		for _, n := range rapid.SliceOfDistinct(name("t"), rapid.ID[string]).Draw(t, "topics") {
			topics = append(topics, load{n, rapid.IntRange(1, 40).Draw(t, "partitions"), rapid.Int64Range(0, 9).Draw(t, "offsets"), 0})
		}
		tables := rapid.SliceOfN(rapid.OneOf(name("t"), name("derived")), 1, 3)
		var touches []touch
		for i := range rapid.IntRange(0, 8).Draw(t, "statements") {
			touches = append(touches, touch{statement: fmt.Sprint("s", i), tables: tables.Draw(t, "tables")})
		}
		mirrored := map[string]bool{}
		for _, l := range topics {
			mirrored[l.topic] = true
		}
		groups := map[string][]string{}
		for i := range rapid.IntRange(0, 4).Draw(t, "groups") {
			read := slices.DeleteFunc(tables.Draw(t, "read"), func(n string) bool { return !mirrored[n] })
			groups[fmt.Sprint("g", i)] = slices.Compact(slices.Sorted(slices.Values(read)))
		}
		got := batches(together(topics, touches, groups))
		at := map[string]int{} // of a topic, statement or group: its batch
		names := map[string]bool{}
		for i, b := range got {
			if names[b.Name] || b.Name != b.Topics[0] {
				t.Fatalf("batch %q is called after nothing of its own: %v", b.Name, told(got))
			}
			names[b.Name] = true
			for _, n := range slices.Concat(b.Topics, b.Statements, b.Groups) {
				if j, twice := at[n]; twice {
					t.Fatalf("%s is in batches %d and %d: %v", n, j, i, told(got))
				}
				at[n] = i
			}
		}
		where := func(n string) int {
			i, known := at[n]
			if !known {
				t.Fatalf("%s is in no batch: %v", n, told(got))
			}
			return i
		}
		for _, l := range topics {
			where(l.topic)
		}
		units := map[string]string{} // derived topic → a statement that has to do with it
		for _, s := range touches {
			if len(topics) == 0 {
				break
			}
			mine := slices.DeleteFunc(slices.Clone(s.tables), func(n string) bool { return !mirrored[n] })
			for _, n := range mine {
				if where(n) != where(s.statement) {
					t.Fatalf("%s moves without %s: %v", s.statement, n, told(got))
				}
			}
			for _, n := range s.tables {
				if other, shared := units[n]; shared && where(other) != where(s.statement) && !mirrored[n] {
					t.Fatalf("%s and %s share %s, and move in two batches: %v", s.statement, other, n, told(got))
				}
				units[n] = s.statement
			}
		}
		for g, read := range groups {
			for _, n := range read {
				if where(n) != where(g) {
					t.Fatalf("%s moves without %s: %v", g, n, told(got))
				}
			}
		}
		whole := together(topics, touches, groups)
		for _, b := range got {
			unit := slices.ContainsFunc(whole, func(u Batch) bool { return slices.Equal(u.Topics, b.Topics) })
			if !unit && (len(b.Topics) > batchTopics || b.Partitions > batchPartitions || len(b.Derived) > 0) {
				t.Fatalf("batch %s is too large, and could be split: %v", b.Name, told(got))
			}
		}
		shuffled := rapid.Permutation(topics).Draw(t, "topics in another order")
		if diff := cmp.Diff(got, batches(together(shuffled, touches, maps.Clone(groups)))); diff != "" {
			t.Fatalf("the order of the topics tells: %s", diff)
		}
	})
}
