package txn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
)

// Record is a record of a table. A nil Value deletes the key.
type Record struct {
	Key   string
	Value []byte
}

// maxRecordsBytes is how large a batch of records grows before the next one begins.
const maxRecordsBytes = 512 << 10

// Records puts records into uncompressed batches for a partition, stamped with a time. Write sends them.
func Records(p Partition, at time.Time, records []Record) ([]Batch, error) {
	var out []Batch
	b := batch.NewBuilder(batch.None)
	flush := func() error {
		bytes, err := b.BuildTransactional(nil, batch.NoIdentity)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		out = append(out, Batch{Partition: p, Bytes: bytes})
		b.Reset()
		return nil
	}
	for _, r := range records {
		if b.Len() > 0 && b.Size()+len(r.Key)+len(r.Value) > maxRecordsBytes {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		b.Append(at.UnixMilli(), []byte(r.Key), r.Value, batch.Headers{})
	}
	if b.Len() == 0 {
		return out, nil
	}
	return out, flush()
}

// EnsureTopic creates a compacted topic of one partition unless it is there. Segments are kept small, so that what was replaced goes soon.
func EnsureTopic(ctx context.Context, client *kgo.Client, topic string) error {
	configs := map[string]*string{}
	for k, v := range map[string]string{
		"cleanup.policy": "compact", "segment.bytes": "33554432", "min.cleanable.dirty.ratio": "0.2", "max.message.bytes": "8388608",
	} {
		configs[k] = &v
	}
	_, err := kadm.NewClient(client).CreateTopic(ctx, 1, -1, configs, topic)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("creating topic %q: %w", topic, err)
	}
	return nil
}

// ReadTable reads a compacted topic of one partition whole, up to the last stable offset, and returns the last committed value of
// each key. A topic that does not exist is an empty table. opts are those that reach the cluster.
func ReadTable(ctx context.Context, opts []kgo.Opt, topic string) (map[string][]byte, error) {
	out := map[string][]byte{}
	client, err := kgo.NewClient(append(append([]kgo.Opt{}, opts...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(100*time.Millisecond))...)
	if err != nil {
		return nil, fmt.Errorf("topic %q: %w", topic, err)
	}
	defer client.CloseAllowingRebalance()
	admin := kadm.NewClient(client)
	ends, err := fetch.Offsets(ctx, admin.ListCommittedOffsets, topic)
	if err != nil {
		return nil, fmt.Errorf("topic %q: asking for its end: %w", topic, err)
	}
	end, ok := ends.Lookup(topic, 0)
	if !ok || errors.Is(end.Err, kerr.UnknownTopicOrPartition) {
		return out, nil
	}
	starts, err := fetch.Offsets(ctx, admin.ListStartOffsets, topic)
	if err != nil {
		return nil, fmt.Errorf("topic %q: asking for its start: %w", topic, err)
	}
	start, _ := starts.Lookup(topic, 0)
	if err := errors.Join(end.Err, start.Err); err != nil {
		return nil, fmt.Errorf("topic %q: asking for its start and end: %w", topic, err)
	}
	// Every record below the last stable offset is delivered or aborted, and a transaction's last offset is its marker: so the
	// offset before the end is always seen.
	for next := start.Offset; next < end.Offset; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("topic %q: reading from offset %d: %w", topic, next, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			switch {
			case r.Attrs.IsControl():
			case r.Value == nil:
				delete(out, string(r.Key))
			default:
				out[string(r.Key)] = r.Value
			}
		})
	}
	return out, nil
}
