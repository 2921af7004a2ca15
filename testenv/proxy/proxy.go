// Package proxy puts a network that fails on command between a client and its servers: latency, a black hole, resets, refused
// connections, and healing. It needs no rights and works on every kind of test region, through the client's dialer:
//
//	p := proxy.New()
//	defer p.Close()
//	cl, err := region.Client(kgo.Dialer(p.DialContext))
//	p.BlackHole()
//
// The bytes pass through two real loopback connections, so a client meets the errors that a real network gives it. What a
// broker process does when it is killed or stopped is for testenv.Broker.
package proxy

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// DialTimeout is how long a dial into a black hole takes to fail when its context does not end before.
const DialTimeout = 10 * time.Second

// Proxy is the network of one client or of several. Its faults hold for all of its connections, until Heal.
type Proxy struct {
	mu      sync.Mutex
	faults  faults
	changed chan struct{} // closed and replaced when faults change
	pairs   map[*pair]struct{}
	closed  bool
	pumps   sync.WaitGroup
}

// faults are what the network does now.
type faults struct {
	latency time.Duration
	hold    bool // nothing arrives
	refuse  bool
}

// New is a network without faults.
func New() *Proxy {
	return &Proxy{changed: make(chan struct{}), pairs: map[*pair]struct{}{}}
}

// Latency delays every byte by d, in both directions and beginning with those not read yet; so a request and its answer take 2d
// more. Nothing is lost and the order is kept.
func (p *Proxy) Latency(d time.Duration) { p.set(func(f *faults) { f.latency = d }) }

// BlackHole lets nothing arrive any more, as a network does that drops packets: connections stay open and silent, new ones hang.
// What was sent meanwhile arrives after Heal, as TCP sends it again.
func (p *Proxy) BlackHole() { p.set(func(f *faults) { f.hold = true }) }

// Refuse resets every connection and refuses new ones, as a machine does whose server is gone.
func (p *Proxy) Refuse() {
	p.set(func(f *faults) { f.refuse = true })
	p.Reset()
}

// Reset ends every connection with a TCP reset: each side's next read or write fails. New connections work.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.pairs {
		c.reset()
	}
}

// Heal ends all faults.
func (p *Proxy) Heal() { p.set(func(f *faults) { *f = faults{} }) }

// Close resets every connection, and returns when nothing of the proxy runs any more. Later dials fail.
func (p *Proxy) Close() {
	p.set(func(f *faults) { f.refuse = true })
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.Reset()
	p.set(func(f *faults) { *f = faults{refuse: true} }) // what was held is let go when there is nowhere left to go
	p.pumps.Wait()
}

// DialContext is for kgo.Dialer, or http.Transport.
func (p *Proxy) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	failed := func(err error) error {
		return &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("%s: %w", addr, err)}
	}
	timeout := time.NewTimer(DialTimeout)
	defer timeout.Stop()
	for {
		f, changed := p.now()
		if f.refuse {
			return nil, failed(os.NewSyscallError("connect", syscall.ECONNREFUSED))
		}
		if !f.hold {
			break
		}
		select {
		case <-changed:
		case <-timeout.C:
			return nil, failed(os.ErrDeadlineExceeded)
		case <-ctx.Done():
			return nil, failed(ctx.Err())
		}
	}
	var d net.Dialer
	server, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	near, far, err := loopback(ctx)
	if err != nil {
		server.Close()
		return nil, failed(err)
	}
	c := &pair{client: far, server: server.(*net.TCPConn), ended: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.reset()
		near.Close()
		return nil, failed(net.ErrClosed)
	}
	p.pairs[c] = struct{}{}
	p.pumps.Go(func() {
		c.run(p)
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.pairs, c)
	})
	return near, nil
}

func (p *Proxy) set(change func(*faults)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.faults)
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Proxy) now() (faults, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults, p.changed
}

// loopback is the two ends of a new TCP connection.
func loopback(ctx context.Context) (near net.Conn, far *net.TCPConn, err error) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	var d net.Dialer
	near, err = d.DialContext(ctx, "tcp", l.Addr().String()) // the kernel completes it before Accept
	if err != nil {
		return nil, nil, err
	}
	for {
		far, err = l.AcceptTCP()
		if err != nil {
			near.Close()
			return nil, nil, err
		}
		if far.RemoteAddr().String() == near.LocalAddr().String() {
			return near, far, nil
		}
		far.Close() // a stranger found the port
	}
}
