package linking_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
	"github.com/lifeboat-dr/lifeboat/testenv/proxy"
)

// through is a region behind a network that fails on command.
func through(t *testing.T, r *linking.Region, p *proxy.Proxy) *linking.Region {
	t.Helper()
	far, err := behind(r, p.DialContext)
	must(t, err)
	t.Cleanup(far.Close)
	return far
}

func TestNetworkFaultsLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topics := []string{each.Name(t, "a"), each.Name(t, "b")}
		p := newPair(t, env, topics...)
		for _, topic := range topics {
			each.Topic(t, env.East, topic, 4)
		}
		east, west := proxy.New(), proxy.New()
		t.Cleanup(east.Close)
		t.Cleanup(west.Close)
		plain := *p
		p.east, p.west = through(t, p.east, east), through(t, p.west, west)
		stop := plain.writing(topics...)
		defer stop()
		end := p.running()
		rnd := rand.New(rand.NewPCG(3, 1))
		for range 12 {
			network := []*proxy.Proxy{east, west, west}[rnd.IntN(3)]
			switch rnd.IntN(4) {
			case 0:
				network.Reset()
			case 1:
				network.BlackHole()
			case 2:
				network.Refuse()
			case 3:
				network.Latency(20 * time.Millisecond)
			}
			time.Sleep(time.Duration(50+rnd.IntN(300)) * time.Millisecond) // how long the fault lasts
			network.Heal()
			before := p.mirroredEnds(topics)
			plain.eventually("mirroring goes on after the fault", func() bool { return p.mirroredEnds(topics) > before })
		}
		stop()
		for _, topic := range topics {
			plain.await(topic)
		}
		if err := end(); !errors.Is(err, context.Canceled) {
			t.Errorf("the link ended with %v", err)
		}
		for _, topic := range topics {
			plain.identical(topic)
		}
	})
}

// mirroredEnds is how many offsets the mirrors have together.
func (p *pair) mirroredEnds(topics []string) int64 {
	var sum int64
	ends, err := p.west.Admin.ListEndOffsets(p.t.Context(), topics...)
	if err != nil {
		return 0
	}
	ends.Each(func(o kadm.ListedOffset) { sum += o.Offset })
	return sum
}

func TestKilledBrokersAreWaitedFor(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		each.Topic(t, env.East, topic, 3)
		workload(t, p.east, topic, 1, 20)
		stop := p.running()
		p.await(topic)
		for _, r := range []*testenv.Region{env.West, env.East} {
			must(t, r.Broker.Kill())
			if r == env.East {
				p.eventually("the source's absence is recorded", func() bool {
					states, err := p.link().States(t.Context())
					return err == nil && len(states) == 1 && states[0].State == linking.SourceUnavailable && states[0].Error != ""
				})
			}
			must(t, r.Broker.Start(t.Context()))
			workload(t, p.east, topic, uint64(len(r.Name)), 20)
			p.await(topic)
		}
		p.eventually("the source is recorded as back", func() bool {
			states, err := p.link().States(t.Context())
			return err == nil && len(states) == 1 && states[0].State == linking.Active
		})
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("the link ended with %v", err)
		}
		p.identical(topic)
	}, each.Private())
}

func TestOnceGivesUpOnADeadRegion(t *testing.T) {
	t.Parallel()
	for _, dead := range []string{"east", "west"} {
		t.Run(dead, func(t *testing.T) {
			env := each.Embedded(t)
			p := newPair(t, env, "t")
			each.Topic(t, env.East, "t", 1)
			put(t, p.east, "t", 0, 50)
			network := proxy.New()
			defer network.Close()
			if dead == "east" {
				p.east = through(t, p.east, network)
				network.Refuse()
			} else {
				p.west = through(t, p.west, network)
				env.West.Fake.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
					env.West.Fake.KeepControl()
					if req.(*kmsg.ProduceRequest).TransactionID == nil {
						network.Refuse() // the first data
					}
					return nil, nil, false
				})
			}
			l := linking.New(p.decl, p.east, p.west, linking.Options{Timeout: time.Second})
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			err := l.Run(ctx, linking.RunOptions{Once: true})
			if gone, ok := errors.AsType[*linking.UnreachableError](err); !ok || gone.Region != dead || len(gone.Addresses) == 0 {
				t.Errorf("ended with %v, want that %s is unreachable", err, dead)
			}
		})
	}
}

func TestGapsOfEverySize(t *testing.T) {
	t.Parallel()
	for _, gaps := range []string{"auto", "fenced", "markers"} {
		t.Run(gaps, func(t *testing.T) {
			each.Run(t, func(t *testing.T, env *testenv.Env) {
				topic := each.Name(t, "t")
				p := newPair(t, env, topic)
				p.decl.Gaps = gaps
				each.Topic(t, env.East, topic, 2)
				cl, err := kgo.NewClient(append(p.east.Client.Opts(), kgo.TransactionalID(each.Name(t, "txn")), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
				must(t, err)
				defer cl.Close()
				for _, n := range []int{1, 5, 40, 600} { // the last of them is filled where bulk markers are not to be had
					must(t, cl.BeginTransaction())
					for i := range n {
						cl.Produce(t.Context(), &kgo.Record{Topic: topic, Value: fmt.Append(nil, "aborted ", i)}, nil)
					}
					must(t, cl.Flush(t.Context()))
					must(t, cl.EndTransaction(t.Context(), kgo.TryAbort))
					put(t, p.east, topic, 0, 2)
				}
				must(t, p.once())
				p.identical(topic)
			})
		})
	}
}

// TestRefusedBulkMarkersAreWrittenAsTransactions refuses WriteTxnMarkers in the ways brokers do: what is left is written
// by empty transactions, and nothing is asked for again.
func TestRefusedBulkMarkersAreWrittenAsTransactions(t *testing.T) {
	for _, code := range []*kerr.Error{kerr.ClusterAuthorizationFailed, kerr.UnsupportedVersion, kerr.TransactionCoordinatorFenced, kerr.InvalidProducerEpoch, kerr.UnknownServerError} {
		t.Run(code.Message, func(t *testing.T) {
			env := each.Embedded(t)
			p := newPair(t, env, "t")
			each.Topic(t, env.East, "t", 1)
			cl, err := kgo.NewClient(append(p.east.Client.Opts(), kgo.TransactionalID("gaps"))...)
			must(t, err)
			defer cl.Close()
			must(t, cl.BeginTransaction())
			for i := range 60 {
				cl.Produce(t.Context(), &kgo.Record{Topic: "t", Value: fmt.Append(nil, "aborted ", i)}, nil)
			}
			must(t, cl.Flush(t.Context()))
			must(t, cl.EndTransaction(t.Context(), kgo.TryAbort))
			put(t, p.east, "t", 0, 2)
			asked := 0
			env.West.Fake.ControlKey(int16(kmsg.WriteTxnMarkers), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
				env.West.Fake.KeepControl()
				req := kreq.(*kmsg.WriteTxnMarkersRequest)
				asked++
				resp := req.ResponseKind().(*kmsg.WriteTxnMarkersResponse)
				m := kmsg.NewWriteTxnMarkersResponseMarker()
				m.ProducerID = req.Markers[0].ProducerID
				rt := kmsg.NewWriteTxnMarkersResponseMarkerTopic()
				rt.Topic = "t"
				rp := kmsg.NewWriteTxnMarkersResponseMarkerTopicPartition()
				rp.ErrorCode = code.Code
				rt.Partitions = append(rt.Partitions, rp)
				m.Topics = append(m.Topics, rt)
				resp.Markers = append(resp.Markers, m)
				return resp, nil, true
			})
			must(t, p.once())
			if asked != 1 {
				t.Errorf("bulk markers were asked for %d times, want once", asked)
			}
			p.identical("t")
		})
	}
}

// TestFillerStandsForManyAbortedRecords mirrors long aborted transactions without bulk markers: in a few transactions, whatever happens
// to their requests, and one offset at a time where filler is forbidden.
func TestFillerStandsForManyAbortedRecords(t *testing.T) {
	t.Parallel()
	aborted := func(p *pair, topic string, n int) {
		cl, err := kgo.NewClient(append(p.east.Client.Opts(), kgo.TransactionalID(each.Name(t, "txn")), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
		must(t, err)
		defer cl.Close()
		must(t, cl.BeginTransaction())
		for i := range n {
			cl.Produce(t.Context(), &kgo.Record{Topic: topic, Partition: int32(i % 2), Value: fmt.Append(nil, "aborted ", i)}, nil)
		}
		must(t, cl.Flush(t.Context()))
		must(t, cl.EndTransaction(t.Context(), kgo.TryAbort))
		put(t, p.east, topic, 0, 3)
	}
	t.Run("identical", func(t *testing.T) {
		each.Run(t, func(t *testing.T, env *testenv.Env) {
			topic := each.Name(t, "t")
			p := newPair(t, env, topic)
			p.decl.Gaps = "fenced"
			each.Topic(t, env.East, topic, 2)
			put(t, p.east, topic, 1, 2)
			aborted(p, topic, 30_000)
			aborted(p, topic, 10)
			aborted(p, topic, 5_000)
			must(t, p.once())
			p.identical(topic)
			put(t, p.east, topic, 1, 2)
			must(t, p.once())
			p.identical(topic)
		})
	})
	for _, c := range []struct {
		name, gaps  string
		key         kmsg.Key
		fail        func(n int64) bool
		n           int
		least, most int64 // transactions
	}{
		{"few transactions", "fenced", kmsg.EndTxn, func(int64) bool { return false }, 4000, 2, 12},
		{"one offset at a time where filler is forbidden", "markers", kmsg.EndTxn, func(int64) bool { return false }, 1000, 500, 700},
		{"connections that break when a transaction ends", "fenced", kmsg.EndTxn, func(n int64) bool { return n%2 == 1 }, 4000, 2, 40},
		{"connections that break in front of filler", "fenced", kmsg.Produce, func(n int64) bool { return n%3 == 1 }, 4000, 0, 0},
		{"partitions that can not be enrolled for a moment", "fenced", kmsg.AddPartitionsToTxn, func(n int64) bool { return n%2 == 1 }, 4000, 2, 40},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := each.Embedded(t)
			p := newPair(t, env, "t")
			p.decl.Gaps = c.gaps
			each.Topic(t, env.East, "t", 2)
			aborted(p, "t", c.n)
			aborted(p, "t", 2)
			var seen, ended atomic.Int64
			gapsID := "lifeboat." + p.decl.Name + ".gaps"
			env.West.Fake.ControlKey(int16(kmsg.WriteTxnMarkers), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
				env.West.Fake.KeepControl()
				resp := kreq.ResponseKind().(*kmsg.WriteTxnMarkersResponse)
				resp.Markers = []kmsg.WriteTxnMarkersResponseMarker{{Topics: []kmsg.WriteTxnMarkersResponseMarkerTopic{{
					Topic: "t", Partitions: []kmsg.WriteTxnMarkersResponseMarkerTopicPartition{{ErrorCode: kerr.ClusterAuthorizationFailed.Code}}}}}}
				return resp, nil, true
			})
			env.West.Fake.ControlKey(int16(c.key), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
				env.West.Fake.KeepControl()
				switch req := kreq.(type) {
				case *kmsg.EndTxnRequest:
					if req.TransactionalID != gapsID {
						return nil, nil, false
					}
					ended.Add(1)
				case *kmsg.AddPartitionsToTxnRequest:
					if req.TransactionalID != gapsID {
						return nil, nil, false
					}
				case *kmsg.ProduceRequest:
					if req.TransactionID == nil || *req.TransactionID != gapsID {
						return nil, nil, false
					}
				}
				if c.fail(seen.Add(1)) {
					return nil, errors.New("the connection breaks"), true
				}
				return nil, nil, false
			})
			must(t, p.once())
			if n := ended.Load(); c.key == kmsg.EndTxn && (n < c.least || n > c.most) {
				t.Errorf("%d transactions were ended, want %d to %d", n, c.least, c.most)
			}
			p.identical("t")
		})
	}
}

func TestOpenTransactionHoldsTheMirrorBackAsItHoldsReaders(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		each.Topic(t, env.East, topic, 1)
		put(t, p.east, topic, 0, 3)
		cl, err := kgo.NewClient(append(p.east.Client.Opts(), kgo.TransactionalID(each.Name(t, "txn")))...)
		must(t, err)
		defer cl.Close()
		must(t, cl.BeginTransaction())
		must(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("pending")}).FirstErr())
		put(t, p.east, topic, 0, 2) // behind it: not to be seen yet
		must(t, p.once())
		if end := p.end(p.west, topic, 0); end != 3 {
			t.Errorf("the mirror ends at @%d, want the last stable offset @3", end)
		}
		must(t, cl.EndTransaction(t.Context(), kgo.TryCommit))
		must(t, p.once())
		p.identical(topic)
	})
}

func TestLogAppendTimesAreKept(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		each.Topic(t, env.East, topic, 2, "message.timestamp.type=LogAppendTime")
		workload(t, p.east, topic, 21, 20)
		must(t, p.once())
		east, west := consume(t, p.east, topic), consume(t, p.west, topic)
		for partition, recs := range east.Records {
			for i, rec := range recs {
				if i >= len(west.Records[partition]) || west.Records[partition][i] != rec {
					t.Fatalf("partition %d record %d differs: %s", partition, i, rec)
				}
			}
		}
		p.identical(topic)
	})
}

func TestCompactedTopicIsMirroredWithItsHoles(t *testing.T) {
	env := each.Kafka(t)
	topic := each.Name(t, "t")
	p := newPair(t, env, topic)
	each.Topic(t, env.East, topic, 1, "cleanup.policy=compact", "segment.ms=200", "min.cleanable.dirty.ratio=0.01", "delete.retention.ms=100")
	cl, err := kgo.NewClient(append(p.east.Client.Opts(), kgo.ProducerBatchCompression(kgo.Lz4Compression()))...)
	must(t, err)
	defer cl.Close()
	write := func(n int) {
		for i := range n {
			recs := []*kgo.Record{{Topic: topic, Key: fmt.Append(nil, "k", i%7), Value: fmt.Append(nil, i)}, {Topic: topic, Key: fmt.Append(nil, "only", i), Value: []byte("x")},
				{Topic: topic, Key: fmt.Append(nil, "k", i%3), Value: fmt.Append(nil, i)}}
			must(t, cl.ProduceSync(t.Context(), recs...).FirstErr())
		}
	}
	write(100)
	p.eventually("the cleaner has run", func() bool {
		write(1) // rolls the segment
		return len(consume(t, p.east, topic).Records[0]) < 250
	})
	p.east.Admin.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "min.cleanable.dirty.ratio", Value: kadm.StringPtr("1")}}, topic)
	must(t, p.once())
	east, west := consume(t, p.east, topic), consume(t, p.west, topic)
	if len(east.Records[0]) == int(east.Ends[0]) {
		t.Fatal("the source has no holes: nothing is proved")
	}
	if east.Ends[0] != west.Ends[0] {
		t.Errorf("the mirror ends at @%d, the source at @%d", west.Ends[0], east.Ends[0])
	}
	inWest := map[string]bool{}
	for _, rec := range west.Records[0] {
		inWest[rec] = true
	}
	for _, rec := range east.Records[0] { // the source may have been cleaned once more meanwhile
		if !inWest[rec] {
			t.Errorf("missing in the mirror: %s", rec)
		}
	}
}

// TestFaultsWithManyBatchesOnTheirWay breaks connections and refuses batches in the middle of a backlog of small batches, where several of
// each partition are on their way.
func TestFaultsWithManyBatchesOnTheirWay(t *testing.T) {
	t.Parallel()
	env := each.Embedded(t)
	p := newPair(t, env, "t")
	each.Topic(t, env.East, "t", 3)
	cl, err := kgo.NewClient(append(p.east.Client.Opts(), kgo.ProducerBatchMaxBytes(16<<10), kgo.ProducerBatchCompression(kgo.Lz4Compression()),
		kgo.ProducerLinger(5*time.Millisecond), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))...)
	must(t, err)
	defer cl.Close()
	random := rand.NewChaCha8([32]byte{1})
	for range 20_000 {
		value := make([]byte, 1000) // that compresses to nothing less: batches stay as large as they are
		_, _ = random.Read(value)
		cl.Produce(t.Context(), &kgo.Record{Topic: "t", Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	must(t, cl.Flush(t.Context()))
	var requests, faults atomic.Int64
	env.West.Fake.ControlKey(int16(kmsg.Produce), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		env.West.Fake.KeepControl()
		req := kreq.(*kmsg.ProduceRequest)
		if req.TransactionID != nil {
			return nil, nil, false
		}
		switch requests.Add(1) % 5 {
		case 4:
			faults.Add(1)
			return nil, errors.New("the connection breaks"), true
		case 2:
			faults.Add(1)
			return produceRefused(req, kerr.NotLeaderForPartition), nil, true
		}
		return nil, nil, false
	})
	must(t, p.once())
	if faults.Load() < 4 {
		t.Errorf("%d faults in %d requests: too few", faults.Load(), requests.Load())
	}
	p.identical("t")
}
