package linking

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxInFlight is how many produce requests may be on their way to one broker: as many batches of a producer as a broker knows again per
// partition (KIP-98), so that whatever is sent again after a lost answer is met as a repeat.
const maxInFlight = 5

// lane keeps the produce requests to one broker in the order in which they were given to it, several on their way at a time: the client
// has one connection for them, and a broker works on a connection's requests one after the other. So a partition's next batch can be sent
// before the last one is answered. The order is for speed only: where a connection breaks, the partition's sequence refuses what came too
// early.
type lane struct {
	cl        *kgo.Client
	broker    int32
	inFlight  int           // the runner's loop counts
	cuts      int           // of its connection, one after the other, by requests larger than any that was answered
	cutAt     time.Time     // the last of them
	answered  int           // bytes of the largest request that was answered
	resolving bool          // the logs of some of its mirrors are being looked at
	last      chan struct{} // closed when the newest request has its place on the connection; nil before the first
}

func newLane(cl *kgo.Client, broker int32) *lane { return &lane{cl: cl, broker: broker} }

// turn is the place of one request in its lane. send or skip must be called.
type turn struct {
	lane   *lane
	before chan struct{}
	taken  func()
}

// place takes the next place in the lane.
func (l *lane) place() *turn {
	mine := make(chan struct{})
	t := &turn{l, l.last, sync.OnceFunc(func() { close(mine) })}
	l.last = mine
	return t
}

// skip leaves the place to those behind it.
func (t *turn) skip() { t.taken() }

// send sends a request behind those that were placed before it, and waits for the answer.
func (t *turn) send(ctx context.Context, req *kmsg.ProduceRequest) (kmsg.Response, error) {
	defer t.skip() // also where it never came so far
	if t.before != nil {
		select {
		case <-t.before:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return t.lane.cl.Broker(int(t.lane.broker)).Request(ctx, &placedRequest{req, t.taken})
}

// placedRequest tells when the client begins to write it: whatever is asked of the same broker after that is written after it.
type placedRequest struct {
	*kmsg.ProduceRequest
	taken func()
}

func (r *placedRequest) AppendTo(dst []byte) []byte {
	r.taken()
	return r.ProduceRequest.AppendTo(dst)
}
