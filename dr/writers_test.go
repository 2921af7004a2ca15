package dr

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestGrownSinceNamesWhoWrote wants those named who have written since, and nobody who only could have: a producer that is idle, or one whose
// transaction has ended meanwhile.
func TestGrownSinceNamesWhoWrote(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		topic := each.Name(t, "t")
		each.Topic(t, env.East, topic, 2)
		region, err := linking.Open(t.Context(), "east", &plans.Region{Kafka: plans.Kafka{Bootstrap: env.East.Bootstrap}}, linking.Options{Timeout: 10 * time.Second})
		must(err)
		defer region.Close()
		to := func(p int32) *kgo.Record { return &kgo.Record{Topic: topic, Partition: p, Value: []byte("x")} }
		client := func(opts ...kgo.Opt) (*kgo.Client, string) {
			cl := each.Client(t, env.East, append(opts, kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
			must(cl.ProduceSync(t.Context(), to(0), to(1)).FirstErr())
			id, _, err := cl.ProducerID(t.Context())
			must(err)
			return cl, fmt.Sprint(id)
		}
		_, _ = client() // idle from here on
		writer, id := client()
		other, otherID := client()
		anonymous, _ := client(kgo.DisableIdempotentWrite())
		tx := each.Client(t, env.East, kgo.TransactionalID(each.Name(t, "tx")), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		must(tx.BeginTransaction())
		must(tx.ProduceSync(t.Context(), to(1)).FirstErr())

		grown := func(ends plans.Positions) []string {
			t.Helper()
			list, err := grownSince(t.Context(), region, ends)
			must(err)
			return list
		}
		ends, err := logEnds(t.Context(), region, []string{topic})
		must(err)
		if list := grown(ends); len(list) != 0 {
			t.Errorf("nobody has written, and it tells of %q", list)
		}
		must(tx.EndTransaction(t.Context(), kgo.TryCommit))
		for now := ends; now[topic][1] == ends[topic][1]; { // its end is answered before its marker is in the log
			now, err = logEnds(t.Context(), region, []string{topic})
			must(err)
		}
		if list := grown(ends); len(list) != 0 {
			t.Errorf("a transaction has ended, and it tells of %q", list)
		}
		must(writer.ProduceSync(t.Context(), to(0)).FirstErr())
		at := fmt.Sprintf("%s-0 %d→%d ", topic, ends[topic][0], ends[topic][0]+1)
		if list := grown(ends); len(list) != 1 || list[0] != at+"(producer id "+id+")" {
			t.Errorf("it tells of %q, want %s of %s", list, at, id)
		}
		must(other.ProduceSync(t.Context(), to(1), to(1)).FirstErr())
		must(anonymous.ProduceSync(t.Context(), to(1)).FirstErr())
		at = fmt.Sprintf("%s-1 %d→%d ", topic, ends[topic][1], ends[topic][1]+4)
		if list := grown(ends); len(list) != 2 || list[1] != at+"(producer id "+otherID+", and a producer without an id: one with enable.idempotence=false)" {
			t.Errorf("it tells of %q, want %s of %s and an anonymous one as well", list, at, otherID)
		}
	})
}
