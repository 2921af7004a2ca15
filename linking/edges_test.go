package linking_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// edge writes one partition of a source.
type edge struct {
	*wire
	w *writer
}

// empty makes a transaction without data: what it leaves in the log is its marker.
func (e edge) empty(role string) {
	e.t.Helper()
	pid, epoch := e.init(role)
	end := e.end(0) // not waited for
	if got := words(e.enrol(role, pid, epoch), e.abort(role, pid, epoch)); got != "ok ok" {
		e.t.Fatalf("an empty transaction: %s", got)
	}
	for e.end(0) == end { // it is answered before its marker is in the log
		e.pause()
	}
}

// begins leaves a transaction open with a record in it.
func (e edge) begins(i int) {
	e.t.Helper()
	must(e.t, e.w.txns[i].BeginTransaction())
	must(e.t, e.w.txns[i].ProduceSync(e.t.Context(), &kgo.Record{Topic: e.topic, Value: []byte("of a transaction")}).FirstErr())
}

func (e edge) ends(i int, how kgo.TransactionEndTry) {
	e.t.Helper()
	must(e.t, e.w.txns[i].EndTransaction(e.t.Context(), how))
}

func (e edge) plain() {
	e.t.Helper()
	must(e.t, e.w.plain[0].ProduceSync(e.t.Context(), &kgo.Record{Topic: e.topic, Value: []byte("of no transaction")}).FirstErr())
}

// Logs whose first, last or only offsets are markers, and transactions that lie across each other.
func TestEdgesOfLogs(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		write func(edge)
		more  func(edge) // when it was mirrored; nil: a record
	}{
		{"the log starts at a marker", func(e edge) {
			e.begins(0)
			e.ends(0, kgo.TryCommit)
			e.plain()
			e.deleteRecords(1)
		}, nil},
		{"the log starts behind a marker", func(e edge) {
			e.begins(0)
			e.ends(0, kgo.TryAbort)
			e.plain()
			e.deleteRecords(2)
		}, nil},
		{"the only offset left is a marker", func(e edge) {
			e.begins(0)
			e.ends(0, kgo.TryCommit)
			e.deleteRecords(1)
		}, nil},
		{"nothing is left, and the last was a marker", func(e edge) {
			e.begins(0)
			e.ends(0, kgo.TryCommit)
			e.deleteRecords(2)
		}, nil},
		{"markers only", func(e edge) {
			e.empty("a")
			e.empty("b")
			e.empty("a")
		}, nil},
		{"a marker is last", func(e edge) {
			e.plain()
			e.begins(0)
			e.ends(0, kgo.TryCommit)
		}, nil},
		{"markers of empty transactions first, between and last", func(e edge) {
			e.empty("a")
			e.plain()
			e.empty("a")
			e.begins(0)
			e.ends(0, kgo.TryCommit)
			e.empty("b")
		}, func(e edge) { e.empty("a") }},
		{"an empty transaction inside of another's", func(e edge) {
			e.begins(0)
			e.empty("a")
			e.ends(0, kgo.TryCommit)
		}, nil},
		{"two are open, the first to begin commits first", func(e edge) {
			e.plain()
			e.begins(0)
			e.plain()
			e.begins(1)
			e.ends(0, kgo.TryCommit)
		}, func(e edge) { e.ends(1, kgo.TryAbort) }},
		{"two are open, the last to begin commits first", func(e edge) {
			e.begins(0)
			e.begins(1)
			e.plain()
			e.ends(1, kgo.TryCommit)
		}, func(e edge) { e.ends(0, kgo.TryAbort) }},
		{"two are open and stay so", func(e edge) {
			e.begins(0)
			e.begins(1)
		}, func(e edge) {
			e.ends(1, kgo.TryAbort)
			e.ends(0, kgo.TryCommit)
		}},
	}
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		p := newPair(t, env, each.Name(t, "edge")+"-.*")
		edges := make([]edge, len(cases))
		for i, c := range cases {
			topic := each.Name(t, "edge") + "-" + string(rune('a'+i))
			each.Topic(t, env.East, topic, 1)
			edges[i] = edge{newWire(t, env.East, topic, 0), newWriter(t, p.east, topic, uint64(i))}
			edges[i].name += topic
			c.write(edges[i])
		}
		same := func(when string) {
			t.Helper()
			must(t, p.once())
			for i, c := range cases {
				if p.identical(edges[i].topic); t.Failed() {
					t.Fatalf("%s, %s", c.name, when)
				}
			}
		}
		same("when it was begun")
		for i, c := range cases {
			if c.more == nil {
				c.more = edge.plain
			}
			c.more(edges[i])
		}
		same("when it went on")
	})
}
