package dr_test

import (
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

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
