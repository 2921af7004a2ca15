package proxy_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
	"github.com/lifeboat-dr/lifeboat/testenv/proxy"
)

// echo is a server that sends back what it gets.
func echo(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func start(t *testing.T) *proxy.Proxy {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	p := proxy.New()
	t.Cleanup(p.Close)
	return p
}

func dial(t *testing.T, p *proxy.Proxy, addr string) net.Conn {
	t.Helper()
	c, err := p.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// roundTrip sends s and waits for it to come back within d.
func roundTrip(c net.Conn, s string, d time.Duration) error {
	c.SetDeadline(time.Now().Add(d))
	if _, err := io.WriteString(c, s); err != nil {
		return err
	}
	return expect(c, s)
}

func expect(c net.Conn, s string) error {
	b := make([]byte, len(s))
	if _, err := io.ReadFull(c, b); err != nil {
		return err
	}
	if string(b) != s {
		return errors.New("came back as " + string(b))
	}
	return nil
}

const long = 20 * time.Second // a deadline that only a bug meets

func TestPassesBytesAndTheEnd(t *testing.T) {
	p := start(t)
	c := dial(t, p, echo(t))
	want := make([]byte, 3<<20)
	for i := range want {
		want[i] = byte(i * i >> 3)
	}
	wrote := make(chan error, 1)
	go func() {
		_, err := c.Write(want)
		wrote <- errors.Join(err, c.(*net.TCPConn).CloseWrite())
	}()
	got, err := io.ReadAll(c)
	if err := errors.Join(err, <-wrote); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%d bytes went in and %d other bytes came out", len(want), len(got))
	}
}

func TestLatency(t *testing.T) {
	p := start(t)
	c := dial(t, p, echo(t))
	p.Latency(50 * time.Millisecond)
	begin := time.Now()
	if err := roundTrip(c, "slow", long); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < 100*time.Millisecond {
		t.Errorf("a round trip with 50 ms each way took %v", took)
	}
	p.Heal()
	if err := roundTrip(c, "quick", long); err != nil {
		t.Fatal(err)
	}
}

func TestBlackHole(t *testing.T) {
	p := start(t)
	addr := echo(t)
	c := dial(t, p, addr)
	p.BlackHole()
	if err := roundTrip(c, "lost", 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("in a black hole: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := p.DialContext(ctx, "tcp", addr); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("dialing into a black hole: %v", err)
	}
	p.Heal()
	c.SetDeadline(time.Now().Add(long))
	if err := expect(c, "lost"); err != nil {
		t.Errorf("what was held back, after Heal: %v", err)
	}
}

func TestReset(t *testing.T) {
	p := start(t)
	addr := echo(t)
	c := dial(t, p, addr)
	if err := roundTrip(c, "before", long); err != nil {
		t.Fatal(err)
	}
	p.Reset()
	c.SetDeadline(time.Now().Add(long))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reading after a reset: %v", err)
	}
	if err := roundTrip(dial(t, p, addr), "again", long); err != nil {
		t.Errorf("a new connection after a reset: %v", err)
	}
}

func TestRefuse(t *testing.T) {
	p := start(t)
	addr := echo(t)
	c := dial(t, p, addr)
	p.Refuse()
	if err := roundTrip(c, "x", long); err == nil {
		t.Error("a connection outlived Refuse")
	}
	if _, err := p.DialContext(t.Context(), "tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dialing: %v", err)
	}
	p.Heal()
	if err := roundTrip(dial(t, p, addr), "again", long); err != nil {
		t.Errorf("after Heal: %v", err)
	}
}

func TestServerGoneIsSeen(t *testing.T) {
	p := start(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	c := dial(t, p, addr)
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server.Close()
	c.SetDeadline(time.Now().Add(long))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("reading when the server closed: %v", err)
	}
	l.Close()
	if _, err := p.DialContext(t.Context(), "tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dialing where nobody listens: %v", err)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	p := start(t)
	addr := echo(t)
	c := dial(t, p, addr)
	p.BlackHole()
	if _, err := io.WriteString(c, "held"); err != nil {
		t.Fatal(err)
	}
	p.Close()
	c.SetDeadline(time.Now().Add(long))
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("reading after Close: %v", err)
	}
	if _, err := p.DialContext(t.Context(), "tcp", addr); err == nil {
		t.Error("dialing after Close succeeded")
	}
}

// TestClientSurvivesFaults produces through every fault in turn; after each Heal the client goes on by itself.
func TestClientSurvivesFaults(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		p := proxy.New()
		defer p.Close()
		topic := each.Name(t, "flights")
		each.Topic(t, env.East, topic, 1)
		cl := each.Client(t, env.East, kgo.Dialer(p.DialContext), kgo.DefaultProduceTopic(topic), kgo.RequestTimeoutOverhead(time.Second),
			kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }))
		send := func() <-chan error {
			acked := make(chan error, 1)
			cl.Produce(t.Context(), kgo.StringRecord("v"), func(_ *kgo.Record, err error) { acked <- err })
			return acked
		}
		await := func(when string, acked <-chan error) {
			t.Helper()
			select {
			case err := <-acked:
				if err != nil {
					t.Errorf("%s: %v", when, err)
				}
			case <-time.After(long):
				t.Fatalf("%s: a record is not acknowledged", when)
			}
		}
		await("before", send())
		for _, c := range []struct {
			name  string
			fault func()
			stops bool
		}{
			{"latency", func() { p.Latency(20 * time.Millisecond) }, false},
			{"reset", p.Reset, false},
			{"black hole", p.BlackHole, true},
			{"refuse", p.Refuse, true},
		} {
			c.fault()
			acked := send()
			if c.stops {
				select {
				case err := <-acked:
					t.Errorf("%s: answered: %v", c.name, err)
				case <-time.After(200 * time.Millisecond):
				}
			} else {
				await(c.name, acked)
				acked = send()
			}
			p.Heal()
			await(c.name+", healed", acked)
		}
	})
}

func TestMain(m *testing.M) { each.Main(m) }
