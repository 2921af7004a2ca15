package run

import (
	"context"
	"fmt"
	"time"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/format"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/txn"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/statements"
)

const (
	// batchBytes is where a partition's batch is closed: below max.message.bytes, and large enough that a request is not the cost.
	batchBytes = 256 << 10
	// pendingBytes is how much output waits in memory before it is sent.
	pendingBytes = 4 << 20
)

// sink puts result rows into record batches of the output topic and hands them to the open transaction.
type sink struct {
	topic    string
	producer *txn.Producer
	writer   *format.Writer
	records  format.Records
	builders []*batch.Builder // by partition
	limit    int              // bytes of a batch
	ready    []txn.Batch
	pending  int          // bytes in ready
	flight   <-chan error // of the batches that are on their way; nil: none are
	rows     int64        // emitted since the sink was made
	group    *errgroup.Group
}

// newSink makes a sink whose sending runs in group.
func newSink(table *statements.Table, partitions int32, writer *format.Writer, producer *txn.Producer, group *errgroup.Group) (*sink, error) {
	codec, err := codecOf(table.Option("kafka.producer.compression.type", "none"))
	if err != nil {
		return nil, fmt.Errorf("table %q: %w", table.Name, err)
	}
	s := &sink{topic: table.Name, producer: producer, writer: writer, limit: batchBytes, group: group}
	for range partitions {
		s.builders = append(s.builders, batch.NewBuilder(codec))
	}
	return s, nil
}

func codecOf(name string) (batch.Codec, error) {
	for _, c := range []batch.Codec{batch.None, batch.Gzip, batch.Snappy, batch.LZ4, batch.Zstd} {
		if c.String() == name {
			return c, nil
		}
	}
	return 0, fmt.Errorf("unknown compression %q", name)
}

// emit encodes rows. A row with a key goes to the partition that Kafka's default partitioner gives it, one without a key to that of
// spread.
func (s *sink) emit(ctx context.Context, rows *vec.Batch) error {
	s.records.Reset()
	if err := s.writer.Append(&s.records, rows); err != nil {
		return err
	}
	wall := time.Now().UnixMilli()
	partitions := int32(len(s.builders))
	for i := range s.records.Len() {
		p, keyed := s.records.Partition(i, partitions)
		if !keyed {
			p = spread(s.records.Value(i), partitions)
		}
		at, ok := s.records.Timestamp(i)
		if !ok {
			at = wall
		}
		b := s.builders[p]
		key, value := s.records.Key(i), s.records.Value(i)
		if b.Len() > 0 && b.Size()+len(key)+len(value) > s.limit {
			if err := s.closeBatch(p); err != nil {
				return err
			}
		}
		b.Append(at, key, value, batch.Headers{})
	}
	s.rows += int64(s.records.Len())
	if s.pending < pendingBytes {
		return nil
	}
	return s.send(ctx)
}

// spread gives a record without a key its partition: by the hash of its value, so that a row has the same one in every region and after every
// restart, whatever order rows come in. The schema id in front of the value does not count: regions may differ in it.
func spread(value []byte, partitions int32) int32 {
	if len(value) > 5 && value[0] == 0 {
		value = value[5:]
	}
	return int32(xxh3.Hash(value) % uint64(partitions))
}

func (s *sink) closeBatch(p int32) error {
	bytes, err := s.builders[p].BuildTransactional(nil, batch.NoIdentity)
	if err != nil {
		return fmt.Errorf("topic %q partition %d: %w", s.topic, p, err)
	}
	s.builders[p].Reset()
	s.ready = append(s.ready, txn.Batch{Partition: txn.Partition{Topic: s.topic, Partition: p}, Bytes: bytes})
	s.pending += len(bytes)
	return nil
}

// flush sends all rows that were emitted and returns when they are stored.
func (s *sink) flush(ctx context.Context) error {
	for p, b := range s.builders {
		if b.Len() > 0 {
			if err := s.closeBatch(int32(p)); err != nil {
				return err
			}
		}
	}
	if err := s.send(ctx); err != nil {
		return err
	}
	return s.landed()
}

// send hands what is ready to the producer and goes on: the next rows are computed while these are written. One request is on its way at
// a time.
func (s *sink) send(ctx context.Context) error {
	if err := s.landed(); err != nil || len(s.ready) == 0 {
		return err
	}
	flight := make(chan error, 1)
	batches := s.ready
	s.group.Go(func() error {
		flight <- s.producer.Write(ctx, batches)
		return nil
	})
	s.ready, s.pending, s.flight = nil, 0, flight
	return nil
}

// landed waits for what is on its way. The producer is nobody else's until then.
func (s *sink) landed() error {
	if s.flight == nil {
		return nil
	}
	err := <-s.flight
	s.flight = nil
	if err != nil {
		return fmt.Errorf("topic %q: %w", s.topic, err)
	}
	return nil
}
