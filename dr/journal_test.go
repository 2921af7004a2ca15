package dr_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestEntryOutOfOrderIsWrittenAgain has the broker refuse every fifth entry of the journal as one that does not follow the one before, as a broker does
// that has just become a partition's leader: its transaction is aborted, so nothing stands in the way of writing it again.
func TestEntryOutOfOrderIsWrittenAgain(t *testing.T) {
	env := each.Embedded(t, each.Private())
	p := newPipeline(t, env, 50)
	p.mirror()
	var entries, refused atomic.Int64
	env.West.Fake.ControlKey(kmsg.Produce.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		env.West.Fake.KeepControl()
		produce := req.(*kmsg.ProduceRequest)
		if produce.TransactionID == nil || *produce.TransactionID != "lifeboat.west.runs" || entries.Add(1)%5 != 0 {
			return nil, nil, false
		}
		refused.Add(1)
		resp := produce.ResponseKind().(*kmsg.ProduceResponse)
		for _, t := range produce.Topics {
			rt := kmsg.NewProduceResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewProduceResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, kerr.OutOfOrderSequenceNumber.Code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
	w := p.open()
	defer w.Close()
	_, err := p.planned(w)
	must(t, err)
	if refused.Load() < 3 {
		t.Errorf("%d entries were refused: too few to show anything", refused.Load())
	}
}

// TestLeaseLostInTheMiddleOfAnEntry has another process take the lease between the requests of an entry's transaction. The in-process broker says to the next of
// them that there is no such transaction; it is a lost lease all the same, and nothing more is journaled.
func TestLeaseLostInTheMiddleOfAnEntry(t *testing.T) {
	for _, key := range []kmsg.Key{kmsg.Produce, kmsg.EndTxn} {
		t.Run(key.Name(), func(t *testing.T) {
			env := each.Embedded(t, each.Private())
			p := newPipeline(t, env, 50)
			p.mirror()
			other := each.Client(t, env.West, kgo.TransactionalID("lifeboat.west.runs"))
			var asked atomic.Int64
			var taken error
			env.West.Fake.ControlKey(key.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
				env.West.Fake.KeepControl()
				id := ""
				switch r := req.(type) {
				case *kmsg.ProduceRequest:
					if r.TransactionID != nil {
						id = *r.TransactionID
					}
				case *kmsg.EndTxnRequest:
					id = r.TransactionalID
				}
				if id == "lifeboat.west.runs" && asked.Add(1) == 10 {
					env.West.Fake.SleepControl(func() { _, _, taken = other.ProducerID(t.Context()) })
				}
				return nil, nil, false
			})
			w := p.open()
			defer w.Close()
			_, err := p.planned(w)
			must(t, taken)
			if !errors.Is(err, dr.ErrLeaseLost) {
				t.Errorf("the run ended with %v", err)
			}
			if n := asked.Load(); n != 10 {
				t.Errorf("%d requests were made behind the one that told of it", n-10)
			}
		})
	}
}
