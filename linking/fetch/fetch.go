// Package fetch reads partitions as raw record batches, read_committed, from explicit offsets. It is the reader that the mirror and
// the statement engine share: no consumer group, no records decoded, no position stored.
//
// One long-poll request per leader covers all of its partitions (KIP-74: fair, because the order rotates), the next one is sent while
// the chunks of the last are worked on, and the bytes handed out and not yet released are bounded.
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
	MaxBuffered       int64         // bytes handed out and not released; no request is sent beyond it [64 MiB]
	ReadUncommitted   bool          // read up to the high watermark instead of the last stable offset
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

// minPartitionBytes is what a partition is asked for at least: rather fewer partitions in a request than crumbs of each.
func (o *Options) minPartitionBytes() int32 { return min(o.MaxPartitionBytes, 64<<10) }

// Chunk is what one answer holds of one partition: whole batches, possibly none where only the log's bounds moved.
type Chunk struct {
	Topic     string
	Partition int32
	TopicID   [16]byte
	Offset    int64  // asked for; the first batch may begin before it
	Next      int64  // behind the last whole batch: where fetching goes on
	Records   []byte // whole batches, for batch.Next

	HighWatermark int64
	LastStable    int64 // equals HighWatermark on brokers that do not tell
	LogStart      int64 // -1 on brokers that do not tell
	Aborted       []batch.AbortedTxn

	// Err says that the partition can not be read on from here: kerr.OffsetOutOfRange (Kafka leaves the bounds at -1 then: ask
	// ListOffsets), kerr.UnknownTopicOrPartition or kerr.UnknownTopicID (deleted, or deleted and created again), an authorization
	// error. The partition is not fetched any more until it is added again. What a retry can mend never shows here.
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
	topic     string
	id        [16]byte
	number    int32
	leader    int32 // -1 = not known
	epoch     int32
	next      int64
	inFlight  bool
	held      int // chunks handed out and not released
	missing   int // metadata rounds in a row that did not know the topic
	seenHW    int64
	seenLSO   int64
	seenStart int64
	gen       int // grows with every Add, so that an answer to an older position is dropped
}

// heldMax is how many chunks of one partition may be out: one worked on, one waiting.
const heldMax = 2

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
	brokers  map[int32]chan struct{} // running brokers' wake-ups
	buffered int64
	ready    []Chunk
	failing  error // of the newest request, nil once one has succeeded
	since    time.Time
	gen      int

	polled  chan struct{} // something is ready
	refresh chan struct{} // metadata is wanted
}

// New returns a fetcher over the client's brokers. The client's own consuming options play no part.
func New(cl *kgo.Client, o Options) *Fetcher {
	o.fill()
	return &Fetcher{cl: cl, o: o, parts: map[key]*partition{}, brokers: map[int32]chan struct{}{},
		polled: make(chan struct{}, 1), refresh: make(chan struct{}, 1)}
}

// Add fetches a partition from an offset on. Adding it again moves it there; chunks of the former position that were not polled yet
// are dropped.
func (f *Fetcher) Add(topic string, number int32, offset int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gen++
	f.drop(topic, number)
	f.parts[key{topic, number}] = &partition{topic: topic, number: number, leader: -1, epoch: -1, next: offset, gen: f.gen,
		seenHW: -1, seenLSO: -1, seenStart: -1}
	signal(f.refresh)
}

// Remove stops fetching a partition. Its chunks that were not polled yet are dropped.
func (f *Fetcher) Remove(topic string, number int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(topic, number)
	delete(f.parts, key{topic, number})
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
	f.ready = kept
}

// Poll returns the chunks that have arrived, waiting for the first. Chunks of one partition come in order of offset. It returns the
// context's error when ctx ends.
func (f *Fetcher) Poll(ctx context.Context) ([]Chunk, error) {
	for {
		f.mu.Lock()
		ready := f.ready
		f.ready = nil
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
func (f *Fetcher) Health() (error, time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failing, f.since
}

// Run sends requests until ctx ends, and returns its error when every request has come to its end.
func (f *Fetcher) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		for {
			again := f.discover(ctx)
			f.mu.Lock()
			for _, p := range f.parts {
				if _, running := f.brokers[p.leader]; !running && p.leader >= 0 {
					wake := make(chan struct{}, 1)
					f.brokers[p.leader] = wake
					g.Go(func() error { return f.serve(ctx, p.leader, wake) })
				}
			}
			f.wakeAll()
			f.mu.Unlock()
			if again {
				pause(ctx, backoff)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				continue
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-f.refresh:
			}
		}
	})
	err := g.Wait()
	f.mu.Lock()
	f.brokers = map[int32]chan struct{}{}
	f.mu.Unlock()
	return err
}

// release gives a chunk's bytes back.
func (f *Fetcher) release(p *partition, bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buffered -= bytes
	p.held--
	f.wakeAll()
}

func (f *Fetcher) wakeAll() {
	for _, wake := range f.brokers {
		signal(wake)
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
