package linking

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking/fetch"
)

// Nothing at the broker fences WriteTxnMarkers off: one that comes late writes markers where records belong. So such a request is sent while
// the store's lease lasts or not at all, no connection holds it back for later, and whoever does not know what became of one waits until it
// is over.

// errLeaseOver keeps an unfenced request back.
var errLeaseOver = errors.New("the lease for unfenced writes was over when the request was to be sent")

// lease is the time until which this process may send unfenced requests.
type lease struct{ until atomic.Int64 }

func (l *lease) extend(until time.Time) { l.until.Store(until.UnixNano()) }
func (l *lease) left() time.Duration    { return time.Until(time.Unix(0, l.until.Load())) }

// dialer makes connections that look at the lease once more when an unfenced request goes out, for the process may have been stopped between
// deciding to send it and now; and that throw away what was not delivered when they are closed, for it could arrive when a network is mended.
func (l *lease) dialer(of *kgo.Client) kgo.Opt {
	dial := of.OptValue(kgo.Dialer).(func(context.Context, string, string) (net.Conn, error))
	return kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		inner := conn
		if t, ok := conn.(*tls.Conn); ok {
			inner = t.NetConn()
		}
		if t, ok := inner.(*net.TCPConn); ok {
			if err := t.SetLinger(0); err != nil {
				conn.Close()
				return nil, err
			}
		}
		return &leasedConn{conn, l}, nil
	})
}

type leasedConn struct {
	net.Conn
	lease *lease
}

// Write is called with whole requests: their length, 4 bytes, and their API key, 2 bytes, come first.
func (c *leasedConn) Write(request []byte) (int, error) {
	if len(request) >= 6 && kmsg.Key(binary.BigEndian.Uint16(request[4:])) == kmsg.WriteTxnMarkers && c.lease.left() <= 0 {
		return 0, errLeaseOver
	}
	return c.Conn.Write(request)
}

// outwait returns when unfenced requests that were sent before have come into the logs of topics or never will. A broker that was stopped
// answers those who ask it now before, or while, it carries out what it was asked before: so its answer is waited for, and then bulkGrace.
func outwait(ctx context.Context, r *Region, topics []string) error {
	if len(topics) > 0 {
		if _, err := fetch.Offsets(ctx, r.Admin.ListEndOffsets, topics...); err != nil {
			return fmt.Errorf("%s: waiting for what was asked of it before: %w", r.Name, err)
		}
	}
	return wait(ctx, bulkGrace)
}
