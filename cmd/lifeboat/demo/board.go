package demo

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/linking"
)

// board is the consumer group ops-board: it shows flights and commits what it has shown every half second.
type board struct {
	cl      *kgo.Client
	stopped chan struct{}
	once    sync.Once

	mu    sync.Mutex
	shown map[int32]int64 // next offset it has not shown, by partition
	again map[int32]int64 // records shown in the first region that it is shown again here
	count int64
}

const boardGroup = "ops-board"

func newBoard(r *linking.Region) (*board, error) {
	b := &board{stopped: make(chan struct{}), shown: map[int32]int64{}, again: map[int32]int64{}}
	return b, b.connect(r)
}

func (b *board) connect(r *linking.Region) (err error) {
	b.cl, err = kgo.NewClient(append(slices.Clone(r.Client.Opts()),
		kgo.ConsumerGroup(boardGroup), kgo.ConsumeTopics("flights"), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.SessionTimeout(6*time.Second))...)
	if err != nil {
		return fmt.Errorf("%s: group %s: %w", r.Name, boardGroup, err)
	}
	return nil
}

// watch shows flights until stop. What a region does not answer any more is not committed: that is what is read again elsewhere.
func (b *board) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	committed := time.Now()
	for {
		select {
		case <-b.stopped:
			b.cl.CloseAllowingRebalance()
			return nil
		default:
		}
		poll, done := context.WithTimeout(ctx, 200*time.Millisecond)
		fetches := b.cl.PollFetches(poll)
		done()
		if ctx.Err() != nil {
			b.cl.CloseAllowingRebalance()
			return nil
		}
		b.mu.Lock()
		fetches.EachRecord(func(rec *kgo.Record) {
			if rec.Offset < b.shown[rec.Partition] {
				b.again[rec.Partition]++
				return
			}
			b.shown[rec.Partition] = rec.Offset + 1
			b.count++
		})
		b.mu.Unlock()
		if time.Since(committed) > 500*time.Millisecond {
			commit, done := context.WithTimeout(ctx, time.Second)
			_ = b.cl.CommitUncommittedOffsets(commit) // a lost commit is read again: that is measured
			done()
			committed = time.Now()
		}
	}
}

func (b *board) stop() { b.once.Do(func() { close(b.stopped) }) }

// move makes the board go on in another region, from the group's positions there.
func (b *board) move(r *linking.Region) error {
	b.stopped, b.once = make(chan struct{}), sync.Once{}
	return b.connect(r)
}

// reRead is how many flights the board was shown a second time.
func (b *board) reRead() (n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range b.again {
		n += k
	}
	return n
}

// reached reports whether the board has shown everything below the given ends.
func (b *board) reached(ends map[int32]int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for p, end := range ends {
		if b.shown[p] < end {
			return false
		}
	}
	return true
}
