package simulate

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// network connects processes with servers, by address, inside this process.
type network struct {
	mu        sync.Mutex
	listeners map[string]*listener
	down      map[string]bool // addresses that take no connection
	conns     map[*conn]bool
}

func newNetwork() *network {
	return &network{listeners: map[string]*listener{}, down: map[string]bool{}, conns: map[*conn]bool{}}
}

func (n *network) listen(address string) net.Listener {
	l := &listener{address: address, waiting: make(chan net.Conn), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners[address] = l
	return l
}

// cut ends the connections that a test is about, at once.
func (n *network) cut(these func(*conn) bool) {
	n.mu.Lock()
	open := slices.Collect(maps.Keys(n.conns))
	n.mu.Unlock()
	for _, c := range open {
		if these(c) {
			c.Close()
		}
	}
}

// serve says whether an address takes connections; those that it had end where it takes none.
func (n *network) serve(address string, up bool) {
	n.mu.Lock()
	n.down[address] = !up
	n.mu.Unlock()
	if !up {
		n.cut(func(c *conn) bool { return c.to == address })
	}
}

type listener struct {
	address string
	waiting chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.waiting:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *listener) Addr() net.Addr { return address(l.address) }

type address string

func (a address) Network() string { return "tcp" }
func (a address) String() string  { return string(a) }

// verdict says what becomes of a request.
type verdict int

const (
	pass      verdict = iota
	dieBefore         // its process ends, and it is not sent
	dieAfter          // it is carried out, and then its process ends
	unheard           // it is carried out, and its connection ends without the answer
)

// process is something that dials: a lifeboat, a link, an engine, an application. It ends when it is killed: whatever its goroutines do then
// reaches nobody.
type process struct {
	name string
	net  *network
	// asked hears of every request that changes something, in front of it. It may block.
	asked func(request string) verdict

	ctx  context.Context // ends with it
	kill context.CancelFunc

	mu    sync.Mutex
	dead  bool
	cut   map[string]bool // addresses that it does not reach
	delay time.Duration   // of each request
	until time.Time       // when it wakes up
}

func (n *network) process(ctx context.Context, name string) *process {
	p := &process{name: name, net: n, cut: map[string]bool{}, asked: func(string) verdict { return pass }}
	var cancel context.CancelFunc
	p.ctx, cancel = context.WithCancel(ctx)
	p.kill = func() {
		p.mu.Lock()
		p.dead = true
		p.mu.Unlock()
		n.cut(func(c *conn) bool { return c.of == p })
		cancel()
	}
	return p
}

// reach says whether the process reaches an address; connections that it has end where it does not.
func (p *process) reach(address string, reaches bool) {
	p.mu.Lock()
	p.cut[address] = !reaches
	p.mu.Unlock()
	if !reaches {
		p.net.cut(func(c *conn) bool { return c.of == p && c.to == address })
	}
}

func (p *process) lag(delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = delay
}

// stop keeps back all that the process sends from now on, as SIGSTOP does.
func (p *process) stop(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Now().Add(d)
}

// wakes is when what it sends goes on.
func (p *process) wakes() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.until
}

func (p *process) alive() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.dead
}

var errRefused = errors.New("connection refused")

func (p *process) dial(ctx context.Context, _, to string) (net.Conn, error) {
	p.mu.Lock()
	refused := p.dead || p.cut[to]
	p.mu.Unlock()
	p.net.mu.Lock()
	l := p.net.listeners[to]
	refused = refused || l == nil || p.net.down[to]
	p.net.mu.Unlock()
	if refused {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: address(to), Err: errRefused}
	}
	near, far := net.Pipe()
	select {
	case l.waiting <- far:
	case <-l.closed:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: address(to), Err: errRefused}
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	c := &conn{Conn: near, of: p, to: to, in: bufio.NewReader(near)}
	p.net.mu.Lock()
	p.net.conns[c] = true
	p.net.mu.Unlock()
	return c, nil
}

// conn is a process's end of a connection.
type conn struct {
	net.Conn
	of *process
	to string
	in *bufio.Reader

	mu      sync.Mutex
	unheard map[int32]func() // by correlation id (0: HTTP): what is done in place of hearing the answer
	rest    bytes.Reader     // of the answer that is being read
}

func (c *conn) Close() error {
	c.of.net.mu.Lock()
	delete(c.of.net.conns, c)
	c.of.net.mu.Unlock()
	return c.Conn.Close()
}

// changing are the requests of Kafka that change something.
var changing = []kmsg.Key{kmsg.CreateTopics, kmsg.DeleteTopics, kmsg.DeleteRecords, kmsg.IncrementalAlterConfigs, kmsg.CreateACLs, kmsg.DeleteACLs, kmsg.InitProducerID,
	kmsg.AddPartitionsToTxn, kmsg.AddOffsetsToTxn, kmsg.TxnOffsetCommit, kmsg.EndTxn, kmsg.WriteTxnMarkers, kmsg.OffsetCommit, kmsg.OffsetDelete, kmsg.DeleteGroups, kmsg.Produce}

// request names what b begins with, "" where that changes nothing, and its correlation id.
func (c *conn) request(b []byte) (string, int32) {
	if c.http() {
		line, _, _ := strings.Cut(string(b[:min(len(b), 200)]), "\r\n")
		words := strings.Fields(line)
		if len(words) == 3 && slices.Contains([]string{"POST", "PUT", "PATCH", "DELETE"}, words[0]) && strings.HasPrefix(words[2], "HTTP/") {
			return c.to + " " + words[0], 0
		}
		return "", 0
	}
	if len(b) < 12 {
		return "", 0
	}
	key := kmsg.Key(binary.BigEndian.Uint16(b[4:]))
	if !slices.Contains(changing, key) {
		return "", 0
	}
	region, _, _ := strings.Cut(c.to, ":")
	return region + " " + key.Name(), int32(binary.BigEndian.Uint32(b[8:]))
}

func (c *conn) http() bool { return !strings.HasSuffix(c.to, brokerPort) }

// Write is called once for each request by the clients of Kafka, and with its first line first by those of HTTP.
func (c *conn) Write(b []byte) (int, error) {
	c.of.mu.Lock()
	delay := c.of.delay
	c.of.mu.Unlock()
	time.Sleep(max(delay, time.Until(c.of.wakes())))
	what, id := c.request(b)
	if what == "" {
		n, err := c.Conn.Write(b)
		return n, c.reset("write", err)
	}
	instead := func(do func()) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.unheard == nil {
			c.unheard = map[int32]func(){}
		}
		c.unheard[id] = do
	}
	switch c.of.asked(what) {
	case dieBefore:
		c.of.kill()
	case dieAfter:
		instead(c.of.kill)
	case unheard:
		instead(func() { c.Close() })
	}
	time.Sleep(time.Until(c.of.wakes()))
	if !c.of.alive() {
		return 0, io.ErrClosedPipe
	}
	n, err := c.Conn.Write(b)
	return n, c.reset("write", err)
}

// reset is an error of a connection as the network tells of one that has been cut.
func (c *conn) reset(op string, err error) error {
	if errors.Is(err, io.ErrClosedPipe) {
		return &net.OpError{Op: op, Net: "tcp", Addr: address(c.to), Err: os.NewSyscallError(op, syscall.ECONNRESET)}
	}
	return err
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.read(b)
	return n, c.reset("read", err)
}

func (c *conn) read(b []byte) (int, error) {
	if c.http() {
		n, err := c.in.Read(b)
		if do := c.insteadOf(0); do != nil && err == nil {
			do()
			return 0, io.EOF
		}
		return n, err
	}
	if c.rest.Len() == 0 {
		frame, err := c.frame()
		if err != nil {
			return 0, err
		}
		c.rest.Reset(frame)
	}
	return c.rest.Read(b)
}

// frame reads one answer of a broker.
func (c *conn) frame() ([]byte, error) {
	head := make([]byte, 8)
	if _, err := io.ReadFull(c.in, head); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head)
	if size < 4 {
		return nil, fmt.Errorf("an answer of %d bytes", size)
	}
	frame := append(head, make([]byte, size-4)...)
	if _, err := io.ReadFull(c.in, frame[8:]); err != nil {
		return nil, err
	}
	if do := c.insteadOf(int32(binary.BigEndian.Uint32(head[4:]))); do != nil {
		do()
		return nil, io.EOF
	}
	return frame, nil
}

func (c *conn) insteadOf(id int32) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	do := c.unheard[id]
	delete(c.unheard, id)
	return do
}
