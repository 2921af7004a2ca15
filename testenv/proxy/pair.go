package proxy

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// pair is one connection of a client: its half to the client and its half to the server.
type pair struct {
	client, server *net.TCPConn
	once           sync.Once
	ended          chan struct{}
}

// chunk is bytes on their way; nil bytes are the end of the stream.
type chunk struct {
	bytes []byte
	due   time.Time
}

// window bounds the chunks on their way in one direction.
const window = 256

// run passes bytes both ways until both directions ended.
func (c *pair) run(p *Proxy) {
	var pumps sync.WaitGroup
	for _, way := range [][2]*net.TCPConn{{c.client, c.server}, {c.server, c.client}} {
		from, to := way[0], way[1]
		line := make(chan chunk, window)
		pumps.Go(func() { c.read(p, from, line) })
		pumps.Go(func() { c.write(p, to, line) })
	}
	pumps.Wait()
	c.client.Close()
	c.server.Close()
}

func (c *pair) read(p *Proxy, from *net.TCPConn, line chan<- chunk) {
	defer close(line)
	for {
		b := make([]byte, 32<<10)
		n, err := from.Read(b)
		f, _ := p.now()
		if n > 0 {
			select {
			case line <- chunk{bytes: b[:n], due: time.Now().Add(f.latency)}:
			case <-c.ended:
				return
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			select {
			case line <- chunk{due: time.Now().Add(f.latency)}:
			case <-c.ended:
			}
			return
		case err != nil:
			c.reset() // one half was reset, and so is the other
			return
		}
	}
}

func (c *pair) write(p *Proxy, to *net.TCPConn, line <-chan chunk) {
	for ch := range line {
		if !c.wait(p, ch.due) {
			return
		}
		if ch.bytes == nil {
			to.CloseWrite()
			return
		}
		if _, err := to.Write(ch.bytes); err != nil {
			c.reset()
			return
		}
	}
}

// wait returns when the chunk may arrive; false when the connection ended before.
func (c *pair) wait(p *Proxy, due time.Time) bool {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.ended:
		return false
	}
	for {
		f, changed := p.now()
		if !f.hold {
			return true
		}
		select {
		case <-changed:
		case <-c.ended:
			return false
		}
	}
}

// reset ends both halves with a TCP reset.
func (c *pair) reset() {
	c.once.Do(func() {
		close(c.ended)
		for _, half := range []*net.TCPConn{c.client, c.server} {
			half.SetLinger(0)
			half.Close()
		}
	})
}
