package linking_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// hole writes records of which compaction leaves the first and the last few, with a hole of n offsets between them.
func (w plant) hole(n int) {
	w.p.t.Helper()
	value := make([]byte, 10)
	w.write(w.p.east, w.record(1), w.record(2))
	cl, err := kgo.NewClient(append(slices.Clone(w.p.east.Client.Opts()), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(1<<20), kgo.ProducerBatchCompression(kgo.Lz4Compression()))...)
	must(w.p.t, err)
	defer cl.Close()
	for i := range n + 1 {
		cl.Produce(w.p.t.Context(), &kgo.Record{Topic: w.topic, Key: []byte("again and again"), Value: fmt.Append(value[:0:0], i)}, func(_ *kgo.Record, err error) {
			if err != nil {
				w.p.t.Error(err)
			}
		})
	}
	must(w.p.t, cl.Flush(w.p.t.Context()))
	w.write(w.p.east, w.record(3))
	w.write(w.p.east, w.record(4))
}

// fillers counts the filler among what a consumer sees, and gives the rest.
func fillers(l log) (n int, rest []string) {
	for _, text := range l.Records[0] {
		if strings.Contains(text, batch.FillerKey) {
			n++
		} else {
			rest = append(rest, text)
		}
	}
	return n, rest
}

// TestLargeHolesAreFilled mirrors a compacted topic whose hole is larger than what a brokers' principal without cluster rights could mark in
// reasonable time, and smaller than what it would fill with them.
func TestLargeHolesAreFilled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, gaps string
		rights     bool // to write markers in bulk
		hole, want int
	}{
		{"in the mirror of a principal without cluster rights", plans.GapsFiller, false, 5000, 5000},
		{"not where bulk markers are to be had", plans.GapsFiller, true, 5000, 0},
		{"in spite of bulk markers where it is very large", plans.GapsFiller, true, 250_000, 250_000},
		{"not where it is small", plans.GapsFiller, false, 400, 0},
		{"not where the topology does not allow it", "", true, 5000, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := each.Embedded(t)
			p := newPair(t, env, "t")
			p.decl.Gaps = c.gaps
			each.Topic(t, env.East, "t", 1, "cleanup.policy=compact", "retention.ms=-1")
			if !c.rights {
				withoutClusterRights(env.West)
			}
			plant{p, "t"}.hole(c.hole)
			env.East.Fake.Compact()
			east := consume(t, p.east, "t")
			if left := len(east.Records[0]); left != 5 {
				t.Fatalf("the source has %d records: it was not compacted", left)
			}
			gaps, err := p.link().Gaps(t.Context(), []string{"t"}, nil)
			must(t, err)
			seen := plans.Gaps{Offsets: int64(c.hole), Looked: east.Ends[0], Of: east.Ends[0]}
			if c.hole >= 500 {
				seen.Runs = seen.Offsets
			}
			if c.hole >= 100_000 {
				seen.Large = seen.Offsets
			}
			if diff := cmp.Diff(&seen, gaps["t"][0]); diff != "" {
				t.Errorf("what a plan is told of the hole: %s", diff)
			}
			must(t, p.once())
			west := consume(t, p.west, "t")
			n, rest := fillers(west)
			if n != c.want {
				t.Errorf("%d offsets are filled, want %d", n, c.want)
			}
			if diff := cmp.Diff(east.Records[0], rest); diff != "" || east.Ends[0] != west.Ends[0] {
				t.Errorf("the mirror ends at @%d, the source at @%d; records %s", west.Ends[0], east.Ends[0], diff)
			}
			plant{p, "t"}.write(p.east, plant{p, "t"}.record(5)) // and on from there
			must(t, p.once())
			if v := p.verify(linking.VerifyOptions{}); len(v.Differences()) > 0 || v.Topics[0].Records != 6 {
				t.Errorf("%+v", v.Topics[0])
			}
		})
	}
}

// TestFillerOnceOnlyWhateverHappens breaks connections and refuses requests while a hole of several batches is filled, in front of the broker
// and behind it, and stops the link in the middle of it.
func TestFillerOnceOnlyWhateverHappens(t *testing.T) {
	t.Parallel()
	env := each.Embedded(t)
	p := newPair(t, env, "t")
	p.decl.Gaps = plans.GapsFiller
	each.Topic(t, env.East, "t", 1, "cleanup.policy=compact", "retention.ms=-1")
	withoutClusterRights(env.West)
	plant{p, "t"}.hole(420_000)
	env.East.Fake.Compact()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	requests := 0
	env.West.Fake.ControlKey(int16(kmsg.Produce), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		env.West.Fake.KeepControl()
		req := kreq.(*kmsg.ProduceRequest)
		if req.TransactionID != nil {
			return nil, nil, false
		}
		switch requests++; requests {
		case 2, 5:
			return nil, errors.New("the connection breaks"), true
		case 3:
			return produceRefused(req, kerr.NotLeaderForPartition), nil, true
		case 7:
			cancel()
		}
		return nil, nil, false
	})
	if err := p.link().Run(ctx, linking.RunOptions{}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	must(t, p.once())
	east, west := consume(t, p.east, "t"), consume(t, p.west, "t")
	n, rest := fillers(west)
	if diff := cmp.Diff(east.Records[0], rest); diff != "" || east.Ends[0] != west.Ends[0] || n < 400_000 {
		t.Errorf("%d offsets are filled; the mirror ends at @%d, the source at @%d; records %s", n, west.Ends[0], east.Ends[0], diff)
	}
}

// withoutClusterRights has a region say that nobody may do anything to the cluster, and refuse bulk markers.
func withoutClusterRights(r *testenv.Region) {
	r.Fake.ControlKey(int16(kmsg.DescribeCluster), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		r.Fake.KeepControl()
		req := kreq.(*kmsg.DescribeClusterRequest)
		resp := req.ResponseKind().(*kmsg.DescribeClusterResponse)
		resp.ClusterAuthorizedOperations = 1 << kmsg.ACLOperationDescribe
		return resp, nil, true
	})
	r.Fake.ControlKey(int16(kmsg.WriteTxnMarkers), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		r.Fake.KeepControl()
		req := kreq.(*kmsg.WriteTxnMarkersRequest)
		resp := req.ResponseKind().(*kmsg.WriteTxnMarkersResponse)
		m := kmsg.NewWriteTxnMarkersResponseMarker()
		m.Topics = []kmsg.WriteTxnMarkersResponseMarkerTopic{{Topic: req.Markers[0].Topics[0].Topic,
			Partitions: []kmsg.WriteTxnMarkersResponseMarkerTopicPartition{{ErrorCode: kerr.ClusterAuthorizationFailed.Code}}}}
		resp.Markers = append(resp.Markers, m)
		return resp, nil, true
	})
}

// TestFilledHolesAreHolesAfterPromotion has the cleaner of a real broker remove the filler once the promoted topic is compacted.
func TestFilledHolesAreHolesAfterPromotion(t *testing.T) {
	t.Parallel()
	env := each.Kafka(t)
	topic := each.Name(t, "t")
	p := newPair(t, env, topic)
	p.decl.Gaps = plans.GapsFiller
	each.Topic(t, env.East, topic, 1, "cleanup.policy=compact", "segment.ms=200", "min.cleanable.dirty.ratio=0.01", "delete.retention.ms=100")
	w := plant{p, topic}
	w.hole(300_000)
	n := 10
	roll := func(r *linking.Region) { // a record with a later time begins a segment, and what is in front of it is cleaned
		n++
		rec := w.record(n)
		rec.Timestamp = time.Now().Add(time.Duration(n) * time.Second)
		w.write(r, rec)
	}
	p.eventually("the source's cleaner has run", func() bool {
		roll(p.east)
		return len(consume(t, p.east, topic).Records[0]) < 100
	})
	_, err := p.east.Admin.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "min.cleanable.dirty.ratio", Value: kadm.StringPtr("1")}}, topic)
	must(t, err)
	must(t, p.once())
	east, west := consume(t, p.east, topic), consume(t, p.west, topic)
	filled, rest := fillers(west)
	if filled < 200_000 || east.Ends[0] != west.Ends[0] {
		t.Fatalf("%d offsets are filled; the mirror ends at @%d, the source at @%d", filled, west.Ends[0], east.Ends[0])
	}
	for _, rec := range east.Records[0] {
		if !slices.Contains(rest, rec) {
			t.Errorf("missing in the mirror: %s", rec)
		}
	}
	if v := p.verify(linking.VerifyOptions{}); len(v.Differences()) > 0 {
		t.Errorf("%+v", v.Topics[0])
	}
	_, err = p.link().Promote(t.Context(), linking.PromoteOptions{})
	must(t, err)
	_, err = p.west.Admin.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "min.cleanable.dirty.ratio", Value: kadm.StringPtr("0.01")}}, topic)
	must(t, err)
	p.eventually("the destination's cleaner has removed the filler", func() bool {
		roll(p.west)
		left, _ := fillers(consume(t, p.west, topic))
		return left <= 1 // the last one stays for delete.retention.ms, and goes with a cleaning after that
	})
}
