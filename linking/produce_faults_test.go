package linking_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/testenv/each"
	"github.com/lifeboat-dr/lifeboat/testenv/proxy"
)

// TestLostProduceAnswers takes away answers to produce requests that have been carried out, and ones that have not.
func TestLostProduceAnswers(t *testing.T) {
	t.Parallel()
	env := each.Embedded(t)
	p := newPair(t, env, "t")
	each.Topic(t, env.East, "t", 3)
	workload(t, p.east, "t", 9, 60)
	network := proxy.New()
	defer network.Close()
	var n atomic.Int64
	env.West.Fake.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		env.West.Fake.KeepControl()
		if req.(*kmsg.ProduceRequest).TransactionID != nil {
			return nil, nil, false
		}
		switch n.Add(1) % 5 {
		case 1:
			return nil, errors.New("the connection breaks before the request is carried out"), true
		case 3:
			network.Latency(30 * time.Millisecond) // the answer is on its way …
			time.AfterFunc(10*time.Millisecond, func() { network.Reset(); network.Heal() })
		}
		return nil, nil, false
	})
	direct := p.west
	p.west = through(t, p.west, network)
	must(t, p.once())
	p.west = direct
	if n.Load() < 10 {
		t.Errorf("only %d requests were made: nothing was lost", n.Load())
	}
	p.identical("t")
}

// TestProduceErrorsThatPass answers produce requests with errors that a broker gives while it moves leaders.
func TestProduceErrorsThatPass(t *testing.T) {
	t.Parallel()
	for _, code := range []*kerr.Error{kerr.NotLeaderForPartition, kerr.RequestTimedOut, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.KafkaStorageError} {
		t.Run(code.Message, func(t *testing.T) {
			t.Parallel()
			env := each.Embedded(t)
			p := newPair(t, env, "t")
			each.Topic(t, env.East, "t", 2)
			workload(t, p.east, "t", 3, 20)
			refused := 0
			env.West.Fake.ControlKey(int16(kmsg.Produce), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
				env.West.Fake.KeepControl()
				req := kreq.(*kmsg.ProduceRequest)
				if refused++; req.TransactionID != nil || refused%3 != 0 {
					return nil, nil, false
				}
				return produceRefused(req, code), nil, true
			})
			must(t, p.once())
			p.identical("t")
		})
	}
}

// produceRefused is an answer that refuses every partition.
func produceRefused(req *kmsg.ProduceRequest, code *kerr.Error) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	for _, rt := range req.Topics {
		t := kmsg.NewProduceResponseTopic()
		t.Topic, t.TopicID = rt.Topic, rt.TopicID
		for _, rp := range rt.Partitions {
			p := kmsg.NewProduceResponseTopicPartition()
			p.Partition, p.ErrorCode, p.BaseOffset = rp.Partition, code.Code, -1
			t.Partitions = append(t.Partitions, p)
		}
		resp.Topics = append(resp.Topics, t)
	}
	return resp
}
