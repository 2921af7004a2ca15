package linking

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// A request for markers that is late is not sent, on plain connections and with TLS; everything else is.
func TestMarkersAreNotSentAfterTheLease(t *testing.T) {
	env := each.Embedded(t)
	of, err := kgo.NewClient(kgo.SeedBrokers(env.West.Bootstrap...), kgo.DialTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer of.Close()
	var l lease
	cl, err := kgo.NewClient(append(of.Opts(), l.dialer(of))...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	meta, err := kmsg.NewPtrMetadataRequest().RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	ask := func() error {
		_, err := cl.Broker(int(meta.Brokers[0].NodeID)).Request(t.Context(), kmsg.NewPtrWriteTxnMarkersRequest())
		return err
	}
	if err := ask(); !errors.Is(err, errLeaseOver) {
		t.Errorf("without a lease: %v", err)
	}
	l.extend(time.Now().Add(time.Minute))
	if err := ask(); errors.Is(err, errLeaseOver) {
		t.Errorf("with a lease: %v", err)
	}
	l.extend(time.Now().Add(-time.Millisecond))
	if err := ask(); !errors.Is(err, errLeaseOver) {
		t.Errorf("after the lease: %v", err)
	}
	if _, err := kmsg.NewPtrMetadataRequest().RequestWith(t.Context(), cl); err != nil {
		t.Errorf("another request: %v", err)
	}
}

// What a network could not deliver is gone with the connection: nothing of it arrives when the network is mended.
func TestLeasedConnectionsThrowAwayWhatIsLeft(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	of, err := kgo.NewClient(kgo.SeedBrokers(server.Addr().String()), kgo.DialTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer of.Close()
	var l lease
	with, err := kgo.NewClient(l.dialer(of))
	if err != nil {
		t.Fatal(err)
	}
	defer with.Close()
	conn, err := with.OptValue(kgo.Dialer).(func(context.Context, string, string) (net.Conn, error))(t.Context(), "tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	peer, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	// More than the peer's window holds: the rest stays here, until the connection is closed.
	sent := 0
	if err := conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for {
		n, err := conn.Write(make([]byte, 1<<20))
		if sent += n; err != nil {
			break
		}
	}
	conn.Close()
	got, err := 0, error(nil)
	for n := 0; err == nil; {
		n, err = peer.Read(make([]byte, 1<<20))
		got += n
	}
	if got >= sent {
		t.Errorf("the peer got %d of %d bytes: %v", got, sent, err)
	}
}
