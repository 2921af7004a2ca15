// Package fetch reads partitions as raw record batches, read_committed, from explicit offsets. It is the reader that the mirror and
// the statement engine share: no consumer group, no records decoded, no position stored.
//
// One long-poll request per leader covers all of its partitions (fair, because their order changes: KIP-74), the next one is sent while
// the chunks of the last are worked on, and the bytes asked for or handed out and not yet released are bounded: softly where the caller may need
// one partition before it can release another (a join of two topics), and with Options.Limit hard, where it needs none. Leaders are found and
// found again, and what a retry can mend is retried; the rest ends the partition it concerns, and no other.
//
// Logs in message formats v0 and v1 are read as v2, so nobody behind it needs to know them.
//
// It knows offsets only: finding one by time or at an edge of the log is kadm's.
package fetch

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
)

// Options bound a Fetcher. Zero fields take the defaults in brackets.
type Options struct {
	MaxBytes          int32         // of one answer [16 MiB]
	MaxPartitionBytes int32         // of one partition in one answer [2 MiB]
	MaxWait           time.Duration // a broker may hold a request that has nothing to answer [500 ms]
	MaxBuffered       int64         // bytes asked for, or handed out and not released; beyond it 64 KiB of every partition [64 MiB]
	Limit             int64         // of those bytes with what goes beyond MaxBuffered, but for a batch that is larger than what was asked for [no limit]
	Rate              int64         // bytes a second from all brokers together, on average over a second [no limit]
	ReadUncommitted   bool          // read up to the high watermark instead of the last stable offset
	Rack              string        // where this process is: leaders may name a nearer replica to read from (KIP-392) [read from leaders]
	Session           bool          // keep a fetch session with every broker (KIP-227): for many partitions that are read for long

	// Called is what the brokers call a topic, where the caller calls it otherwise: Add, Remove and chunks have the caller's names [the same].
	Called func(topic string) string
}

func (o *Options) fill() {
	if o.MaxBytes == 0 {
		o.MaxBytes = 16 << 20
	}
	if o.MaxPartitionBytes == 0 {
		o.MaxPartitionBytes = 2 << 20
	}
	if o.MaxWait == 0 {
		o.MaxWait = 500 * time.Millisecond
	}
	if o.MaxBuffered == 0 {
		o.MaxBuffered = 64 << 20
	}
}

// Chunk is what one answer holds of one partition: whole batches, possibly none where only the log's bounds moved.
type Chunk struct {
	Topic       string
	Partition   int32
	TopicID     [16]byte
	LeaderEpoch int32  // of the leader that answered, -1 on brokers that do not tell
	Offset      int64  // asked for; the first batch may begin before it
	Next        int64  // behind the last whole batch: where fetching goes on
	Records     []byte // whole batches in format v2, for batch.Next; the caller may write to them until Release

	HighWatermark int64              // -1 where it is not known
	LastStable    int64              // equals HighWatermark on brokers that do not tell
	LogStart      int64              // -1 on brokers that do not tell
	Aborted       []batch.AbortedTxn // for batch.Aborted

	// Err says that the partition can not be read on from here: kerr.OffsetOutOfRange (with the log's bounds, looked up where the answer
	// does not tell them), kerr.UnknownTopicOrPartition or kerr.UnknownTopicID (deleted, or deleted and created again), an authorization
	// error, or batch.ErrCorrupt. The partition is not fetched any more until it is added again. What a retry can mend
	// never shows here.
	Err error

	release func()
}

// Release gives the chunk's bytes back to the fetcher's budget. Records must not be used afterwards.
func (c *Chunk) Release() {
	if c.release != nil {
		c.release()
		c.release = nil
	}
}

// partition is one partition's state; the Fetcher's lock guards it.
type partition struct {
	topic    string
	number   int32
	id       [16]byte
	leader   int32 // -1 = not known
	epoch    int32
	near     int32 // the replica in our rack that the leader has named, -1 = none
	nearTill time.Time
	next     int64
	inFlight bool
	held     int       // chunks handed out and not released
	alone    bool      // its first batch was cut off: ask for it by itself
	lost     bool      // its offset is out of range: only its end is to be told
	missing  time.Time // since when metadata does not know it
	seen     bounds    // as last handed out
	in       *reading  // whose session has it
}

// nearFor is how long a replica that a leader has named is read from before the leader is asked again.
const nearFor = 5 * time.Minute

// reader is the broker to read from, -1 where it is not known.
func (p *partition) reader() int32 {
	if p.leader >= 0 && p.near >= 0 && time.Now().Before(p.nearTill) {
		return p.near
	}
	return p.leader
}

// bounds are the offsets that an answer tells of a log.
type bounds struct{ highWatermark, lastStable, logStart int64 }

var unknown = bounds{-1, -1, -1}

// heldMax is how many chunks of one partition may be out: what is on its way to where it is copied, and what comes next.
const heldMax = 4

type key struct {
	topic     string
	partition int32
}

// Fetcher reads any number of partitions. Add, Remove and Poll may be called at any time; Run must be running for chunks to arrive.
type Fetcher struct {
	cl *kgo.Client
	o  Options

	mu       sync.Mutex
	parts    map[key]*partition
	brokers  map[int32]*reading // those that are served
	buffered int64              // handed out, or waiting for Poll
	reserved int64              // room of requests in flight
	tight    bool               // buffered and reserved leave no room
	changed  time.Time          // when a partition last came, or was held back, or let go
	ready    []Chunk
	topics   map[[16]byte]string // names by id, as they were asked for
	callers  map[string]string   // with Called: what the caller calls topics, by the brokers' names
	nearSeen time.Time           // when nearer replicas were last looked at
	paid     time.Time           // with Rate: up to when what was read is within it
	failing  error               // of the newest request, nil once one has succeeded
	since    time.Time

	polled  chan struct{} // something is ready
	refresh chan struct{} // metadata is wanted
}

// New returns a fetcher over the client's brokers. The client's own consuming options play no part.
func New(cl *kgo.Client, o Options) *Fetcher {
	o.fill()
	return &Fetcher{cl: cl, o: o, parts: map[key]*partition{}, brokers: map[int32]*reading{}, topics: map[[16]byte]string{}, callers: map[string]string{},
		polled: make(chan struct{}, 1), refresh: make(chan struct{}, 1)}
}

// Add fetches a partition from an offset on. Adding it again moves it there; chunks of the former position that were not polled yet
// are dropped.
func (f *Fetcher) Add(topic string, number int32, offset int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	topic = f.called(topic)
	f.drop(topic, number)
	f.remove(f.parts[key{topic, number}])
	f.parts[key{topic, number}] = &partition{topic: topic, number: number, leader: -1, epoch: -1, near: -1, next: offset, seen: unknown}
	f.changed = time.Now()
	signal(f.refresh)
}

// Remove stops fetching a partition. Its chunks that were not polled yet are dropped.
func (f *Fetcher) Remove(topic string, number int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	topic = f.called(topic)
	f.drop(topic, number)
	f.remove(f.parts[key{topic, number}])
}

// called is what the brokers call a topic. The lock is held.
func (f *Fetcher) called(topic string) string {
	if f.o.Called == nil {
		return topic
	}
	own := f.o.Called(topic)
	f.callers[own] = topic
	return own
}

// remove forgets a partition; nil is none.
func (f *Fetcher) remove(p *partition) {
	if p != nil {
		f.touch(p)
		delete(f.parts, key{p.topic, p.number})
	}
}

func (f *Fetcher) drop(topic string, number int32) {
	kept := f.ready[:0]
	for _, c := range f.ready {
		if c.Topic == topic && c.Partition == number {
			f.buffered -= int64(len(c.Records))
			continue
		}
		kept = append(kept, c)
	}
	if len(kept) < len(f.ready) {
		f.wakeAll()
	}
	f.ready = kept
}

// Poll returns the chunks that have arrived, waiting for the first. Chunks of one partition come in order of offset. It returns the
// context's error when ctx ends.
func (f *Fetcher) Poll(ctx context.Context) ([]Chunk, error) {
	for {
		f.mu.Lock()
		ready := f.ready
		f.ready = nil
		if f.o.Called != nil {
			for i := range ready {
				ready[i].Topic = f.callers[ready[i].Topic]
			}
		}
		f.mu.Unlock()
		if len(ready) > 0 {
			return ready, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-f.polled:
		}
	}
}

// Health returns the error that requests have been failing with and since when, or nil while they succeed.
//
//lint:ignore ST1008 the error is the answer here, and since when belongs to it
func (f *Fetcher) Health() (error, time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failing, f.since
}

// Run sends requests until ctx ends, and returns its error when every request has come to its end. One Run at a time.
func (f *Fetcher) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		for wait := backoff; ; {
			again := f.discover(ctx)
			f.explain(ctx)
			for _, r := range f.newBrokers() {
				g.Go(func() error { return f.serve(ctx, r) })
			}
			if again {
				pause(ctx, wait)
				wait = min(2*wait, maxBackoff)
			} else {
				wait = backoff
				select {
				case <-ctx.Done():
				case <-f.refresh:
				}
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	})
	err := g.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.parts {
		p.in = nil
	}
	clear(f.brokers)
	return err
}

// newBrokers wakes the brokers that are served, and returns those to be read from that are not.
func (f *Fetcher) newBrokers() []*reading {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wakeAll()
	var started []*reading
	for _, p := range f.parts {
		broker := p.reader()
		if broker < 0 {
			continue
		}
		if f.brokers[broker] == nil {
			f.brokers[broker] = &reading{broker: broker, wake: make(chan struct{}, 1), changed: map[*partition]struct{}{}, entries: map[key]entry{}}
			started = append(started, f.brokers[broker])
		}
		if p.in == nil {
			f.touch(p)
		}
	}
	return started
}

// release gives a chunk's bytes back.
func (f *Fetcher) release(p *partition, bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buffered -= bytes
	if p.held == heldMax || f.tight {
		f.changed = time.Now()
	}
	if p.held--; p.held == heldMax-1 {
		f.touch(p)
	}
	f.wakeAll()
}

func (f *Fetcher) wakeAll() {
	for _, r := range f.brokers {
		signal(r.wake)
	}
}

func (f *Fetcher) failed(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil && f.failing == nil {
		f.since = time.Now()
	}
	f.failing = err
}

// signal wakes a waiter without waiting for it.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// pause waits for d or for ctx to end.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
