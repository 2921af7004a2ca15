package linking_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// changing are the requests by which a link changes something in its destination.
var changing = []kmsg.Key{kmsg.Produce, kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.EndTxn, kmsg.WriteTxnMarkers, kmsg.CreateTopics, kmsg.CreatePartitions,
	kmsg.DeleteRecords, kmsg.AlterConfigs, kmsg.IncrementalAlterConfigs, kmsg.OffsetCommit}

// calls counts the requests of clients that change something, as they go out.
type calls struct {
	data bool                                        // those with mirrored records are all that is counted
	met  func(call int64, behind bool, key kmsg.Key) // told of each, before it is written and when it was; nil: nobody
	n    atomic.Int64
	bulk atomic.Int64 // requests for markers that are about to be written
}

// dialer has the requests on connections made by dial counted.
func (c *calls) dialer(dial dialed) dialed {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &countedConn{Conn: conn, calls: c}, nil
	}
}

type countedConn struct {
	net.Conn
	calls *calls
}

// Write is called with whole requests: their length, 4 bytes, their API key and its version, 2 bytes each, come first.
func (c *countedConn) Write(request []byte) (int, error) {
	if len(request) < 8 {
		return c.Conn.Write(request)
	}
	key, version := kmsg.Key(binary.BigEndian.Uint16(request[4:])), binary.BigEndian.Uint16(request[6:])
	counts := slices.Contains(changing, key)
	if c.calls.data {
		counts = key == kmsg.Produce && version > 11 // what is written in transactions is so in the first version of them
	}
	if !counts {
		return c.Conn.Write(request)
	}
	n := c.calls.n.Add(1)
	if c.calls.met == nil {
		return c.Conn.Write(request)
	}
	if key == kmsg.WriteTxnMarkers {
		c.calls.bulk.Add(1)
	}
	c.calls.met(n, false, key)
	written, err := c.Conn.Write(request)
	if key == kmsg.WriteTxnMarkers {
		c.calls.bulk.Add(-1)
	}
	c.calls.met(n, true, key)
	return written, err
}

// TestLinkStruckAtEveryCall kills and stalls a link at the calls that change something in its destination, each before its request is written and
// when it was. Another process goes on; one that was stalled wakes up then, in the middle of the call. Nothing is lost or doubled, and one of the two
// knows that it was taken over. Each time it takes other calls, unless LIFEBOAT_CRASHES=all has it take all of them.
func TestLinkStruckAtEveryCall(t *testing.T) {
	t.Parallel()
	env := each.Kafka(t) // the in-process broker does not fence
	unbroken := newEventful(t, env)
	counted := calls{}
	west, err := behind(unbroken.west, counted.dialer((&net.Dialer{}).DialContext))
	must(t, err)
	t.Cleanup(west.Close)
	unbroken.west = west
	must(t, unbroken.once())
	unbroken.same()
	all := counted.n.Load()
	if all < 30 {
		t.Fatalf("a link makes %d calls: too few to be all", all)
	}
	step, first := crashes(t, max(1, 2*all/6))
	for n := first; n < 2*all; n += step {
		for name, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "stalled": syscall.SIGSTOP} {
			s := strike{At: n/2 + 1, Behind: n%2 == 1, Signal: signal}
			t.Run(fmt.Sprintf("%s/%d/%t", name, s.At, s.Behind), func(t *testing.T) {
				t.Parallel()
				newEventful(t, env).struck(s)
			})
		}
	}
}

// eventful is a link that has a bit of everything to do: a log that starts above 0, gaps that are written with and without a fence, groups.
type eventful struct {
	*pair
	topic string
	w     *writer
}

func newEventful(t *testing.T, env *testenv.Env) *eventful {
	t.Helper()
	topic, group := each.Name(t, "t"), each.Name(t, "group")
	p := newPair(t, env, topic)
	p.decl.Groups = plans.Rule{Include: []string{group}}
	each.Topic(t, env.East, topic, 4)
	e := &eventful{p, topic, newWriter(t, p.east, topic, rand.Uint64())}
	for range 12 {
		must(t, e.w.step(t.Context()))
	}
	must(t, e.w.abort(t.Context(), 0, 60))
	put(t, p.east, topic, 1, 4)
	trimTo(t, p.east, topic, 1, 3)
	commitAs(t, p.east, group, "", topic, 1, 4)
	return e
}

// same wants both regions to have the same.
func (e *eventful) same() { e.t.Helper(); e.identical(e.topic) }

// struck has a link process struck at a call while the source is written, and others go on.
func (e *eventful) struck(s strike) {
	t := e.t
	t.Helper()
	stop := e.writes(20*time.Millisecond, e.w)
	defer stop()
	old := e.processStruck(s)
	call := old.struck()
	t.Logf("%s at %s", s.Signal, call)
	if s.Signal == syscall.SIGKILL {
		if status := old.ended(); status != -1 {
			t.Errorf("the link process ended with status %d: %s", status, old.stderr.String())
		}
	} else {
		successor := e.process()
		successor.until(1 + rand.IntN(60))
		old.signal(syscall.SIGCONT)
		// One that was stalled before it had taken the link over takes it over now.
		if ended, status := firstToEnd(t, old, successor); status != childTakenOver {
			t.Errorf("the first to end, of pid %d, ended with status %d, want %d: %s", ended.cmd.Process.Pid, status, childTakenOver, ended.stderr.String())
		}
	}
	stop()
	err := e.once()
	if err != nil && strings.Contains(old.stderr.String(), markersOut) {
		// Nothing keeps such a request back between its last look at the lease and the system call: what it does is found, and mended.
		for _, m := range mirrorErrors(t, err) {
			t.Log("markers that came late: ", m)
			if !strings.Contains(m, linking.CodeForeignWriter) && !strings.Contains(m, linking.CodeMarkerTwice) {
				t.Errorf("mirrors that failed: %s", m)
			}
		}
		_, err = e.repair(t.Context())
		must(t, err)
		err = e.once()
	}
	must(t, err)
	e.same()
	if t.Failed() {
		for _, line := range bytes.Split(old.stderr.Bytes(), []byte("\n")) {
			t.Logf("the old one: %s", line)
		}
	}
}

// firstToEnd is the process that ends first, and its status; the others are killed then.
func firstToEnd(t *testing.T, list ...*process) (*process, int) {
	t.Helper()
	type end struct {
		c      *process
		status int
	}
	ends := make(chan end, len(list))
	for _, c := range list {
		go func() { ends <- end{c, c.ended()} }()
	}
	var first end
	select {
	case first = <-ends:
	case <-time.After(time.Minute):
		t.Error("none of the processes has ended after a minute")
	}
	for _, c := range list {
		c.signal(syscall.SIGKILL)
	}
	n := len(list)
	if first.c == nil {
		first = <-ends
	}
	for range n - 1 {
		<-ends
	}
	return first.c, first.status
}
