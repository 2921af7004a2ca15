package txn_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/txn"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

func TestMain(m *testing.M) { each.Main(m) }

func client(t *testing.T, env *testenv.Env) (*kgo.Client, []kgo.Opt) {
	t.Helper()
	opts := []kgo.Opt{kgo.SeedBrokers(env.East.Bootstrap...)}
	c, err := kgo.NewClient(append(opts, kgo.MaxVersions(txn.Versions()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, opts
}

func open(t *testing.T, c *kgo.Client, id string) *txn.Producer {
	t.Helper()
	p, err := txn.Open(t.Context(), c, id, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func table(t *testing.T, opts []kgo.Opt, topic string) map[string]string {
	t.Helper()
	raw, err := txn.ReadTable(t.Context(), opts, topic)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for k, v := range raw {
		out[k] = string(v)
	}
	return out
}

func batches(t *testing.T, at txn.Partition, records ...txn.Record) []txn.Batch {
	t.Helper()
	out, err := txn.Records(at, time.Now(), records)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTable(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		c, opts := client(t, env)
		topic := each.Name(t, "table")
		if diff := cmp.Diff(map[string]string{}, table(t, opts, topic)); diff != "" {
			t.Errorf("a topic that does not exist: %s", diff)
		}
		for range 2 { // the second finds it there
			if err := txn.EnsureTopic(t.Context(), c, topic); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(map[string]string{}, table(t, opts, topic)); diff != "" {
			t.Errorf("empty: %s", diff)
		}
		at := txn.Partition{Topic: topic}
		write := func(p *txn.Producer, records ...txn.Record) {
			t.Helper()
			if err := p.Write(t.Context(), batches(t, at, records...)); err != nil {
				t.Fatal(err)
			}
		}
		p := open(t, c, each.Name(t, "id"))
		large := make([]byte, 700<<10)
		for i := range large {
			large[i] = byte('a' + rand.IntN(26))
		}
		write(p, txn.Record{Key: "a", Value: []byte("1")}, txn.Record{Key: "b", Value: []byte("1")}, txn.Record{Key: "large", Value: large}, txn.Record{Key: "c", Value: []byte("1")})
		write(p, txn.Record{Key: "a", Value: []byte("2")})
		if diff := cmp.Diff(map[string]string{}, table(t, opts, topic)); diff != "" {
			t.Errorf("not committed yet: %s", diff)
		}
		if err := p.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"a": "2", "b": "1", "c": "1", "large": string(large)}
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) { // EndTxn is answered before its marker is in the log
			if diff := cmp.Diff(want, table(t, opts, topic)); diff == "" {
				break
			} else if time.Now().After(deadline) {
				t.Fatalf("committed: %s", diff)
			}
		}
		write(p, txn.Record{Key: "a", Value: []byte("3")})
		if err := p.Abort(t.Context()); err != nil {
			t.Fatal(err)
		}
		write(p, txn.Record{Key: "b"})
		if err := p.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		open(t, c, each.Name(t, "id")) // returns when all that was decided is in the log
		delete(want, "b")
		if diff := cmp.Diff(want, table(t, opts, topic)); diff != "" {
			t.Errorf("aborted, then deleted: %s", diff)
		}
	})
}

// The one who comes later has the transactional id: what the other one began is gone, and it can write nothing more.
func TestFencing(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		c, opts := client(t, env)
		topic, id := each.Name(t, "table"), each.Name(t, "id")
		if err := txn.EnsureTopic(t.Context(), c, topic); err != nil {
			t.Fatal(err)
		}
		at := txn.Partition{Topic: topic}
		one := func(k string) []txn.Batch {
			return batches(t, at, txn.Record{Key: k, Value: []byte(k)})
		}
		older := open(t, c, id)
		if err := older.Write(t.Context(), one("lost")); err != nil {
			t.Fatal(err)
		}
		if mine, err := older.Current(t.Context()); !mine || err != nil {
			t.Errorf("before it is taken: %v, %v", mine, err)
		}
		newer := open(t, c, id)
		if mine, err := older.Current(t.Context()); mine || err != nil {
			t.Errorf("after it is taken: %v, %v", mine, err)
		}
		for what, err := range map[string]error{
			"write":  older.Write(t.Context(), one("more")),
			"commit": older.Commit(t.Context()),
			"touch":  older.Touch(t.Context(), at),
		} {
			if !errors.Is(err, txn.ErrFenced) {
				t.Errorf("%s of the older: %v", what, err)
			}
		}
		if err := newer.Touch(t.Context(), at); err != nil {
			t.Error(err)
		}
		if err := newer.Write(t.Context(), one("kept")); err != nil {
			t.Fatal(err)
		}
		if err := newer.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		open(t, c, id)
		if diff := cmp.Diff(map[string]string{"kept": "kept"}, table(t, opts, topic)); diff != "" {
			t.Error(diff)
		}
	})
}

// A batch whose answer is lost is sent again and stored once; a leader that is not known any more is asked for.
func TestFaults(t *testing.T) {
	env := each.Embedded(t)
	c, opts := client(t, env)
	if err := txn.EnsureTopic(t.Context(), c, "table"); err != nil {
		t.Fatal(err)
	}
	at := txn.Partition{Topic: "table"}
	p := open(t, c, "id")
	for i, code := range []int16{kerr.NotLeaderForPartition.Code, kerr.NotEnoughReplicas.Code} {
		env.East.Fake.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
			resp := req.ResponseKind().(*kmsg.ProduceResponse)
			for _, t := range req.(*kmsg.ProduceRequest).Topics {
				rt := kmsg.NewProduceResponseTopic()
				rt.Topic = t.Topic
				for _, rp := range t.Partitions {
					out := kmsg.NewProduceResponseTopicPartition()
					out.Partition, out.ErrorCode = rp.Partition, code
					rt.Partitions = append(rt.Partitions, out)
				}
				resp.Topics = append(resp.Topics, rt)
			}
			return resp, nil, true
		})
		key := fmt.Sprint(i)
		if err := p.Write(t.Context(), batches(t, at, txn.Record{Key: key, Value: []byte(key)})); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.Ends()[at]; got != 2 {
		t.Errorf("the transaction ends at offset %d, want 2", got)
	}
	if err := p.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"0": "0", "1": "1"}, table(t, opts, "table")); diff != "" {
		t.Error(diff)
	}
	if err := p.Write(t.Context(), []txn.Batch{{Partition: at, Bytes: []byte("no batch")}}); err == nil {
		t.Error("bytes that are no batch were written")
	}
}

// Batches of one partition in one Write go out in several requests: a broker would keep only the last of one request.
func TestOnePartitionManyBatches(t *testing.T) {
	env := each.Embedded(t)
	c, opts := client(t, env)
	admin := kadm.NewClient(c)
	if _, err := admin.CreateTopic(t.Context(), 3, 1, nil, "many"); err != nil {
		t.Fatal(err)
	}
	p := open(t, c, "id")
	var all []txn.Batch
	for i := range 10 {
		for n := range int32(3) {
			all = append(all, batches(t, txn.Partition{Topic: "many", Partition: n}, txn.Record{Key: fmt.Sprint(i), Value: []byte{}})...)
		}
	}
	if err := p.Write(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if err := p.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	ends, err := admin.ListEndOffsets(t.Context(), "many")
	if err != nil {
		t.Fatal(err)
	}
	for n := range int32(3) {
		if end, _ := ends.Lookup("many", n); end.Offset != 11 { // ten records and the marker
			t.Errorf("partition %d ends at %d, want 11", n, end.Offset)
		}
	}
	if got := len(table(t, opts, "many")); got != 10 {
		t.Errorf("%d keys, want 10", got)
	}
}
