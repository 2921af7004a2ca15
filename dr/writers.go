package dr

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Who writes past a fence is in the log: every batch names its producer. Brokers would list all that have written to a partition within a day, the
// idle ones too (DescribeProducers).

// writersWithin bounds the reading of what was written past a fence: who the writer is is told where it can be, and what is written in any case.
const writersWithin = 10 * time.Second

// grownSince lists the partitions of a region that have got records beyond ends, with the producers that wrote them. The end of a transaction moves
// a log end too, and is no record.
func grownSince(ctx context.Context, in *linking.Region, ends plans.Positions) ([]string, error) {
	if len(ends) == 0 {
		return nil, nil
	}
	now, err := logEnds(ctx, in, sortedKeys(ends))
	if err != nil {
		return nil, err
	}
	added := map[string]map[int32]span{}
	for topic, parts := range now {
		for p, end := range parts {
			if before := ends[topic][p]; end > before {
				if added[topic] == nil {
					added[topic] = map[int32]span{}
				}
				added[topic][p] = span{int64(before), int64(end)}
			}
		}
	}
	if len(added) == 0 {
		return nil, nil
	}
	writers, err := writersOf(ctx, in, added)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var grown []string
	for topic, parts := range added {
		for p, s := range parts {
			ids, read := writers[topic][p]
			switch {
			case read && len(ids) == 0: // markers only
			case !read:
				grown = append(grown, fmt.Sprintf("%s-%d %d→%d (by whom could not be read: %v)", topic, p, s.start, s.end, err))
			default:
				grown = append(grown, fmt.Sprintf("%s-%d %d→%d (%s)", topic, p, s.start, s.end, producersText(ids)))
			}
		}
	}
	slices.Sort(grown)
	return grown, nil
}

func producersText(ids []int64) string {
	var known []string
	anonymous := ""
	for _, id := range ids {
		if id < 0 {
			anonymous = "a producer without an id: one with enable.idempotence=false"
			continue
		}
		known = append(known, fmt.Sprint(id))
	}
	text := "producer id " + strings.Join(known, ", ")
	switch {
	case len(known) == 0:
		return anonymous
	case len(known) > 1:
		text = "producer ids " + strings.Join(known, ", ")
	}
	if anonymous != "" {
		text += ", and " + anonymous
	}
	return text
}

// writersOf reads the producer ids of all records in spans, committed or not; -1 is one without an id. A partition that could not be read to its end
// is left out.
func writersOf(ctx context.Context, in *linking.Region, spans map[string]map[int32]span) (map[string]map[int32][]int64, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, writersWithin, fmt.Errorf("they were not read within %s", writersWithin))
	defer cancel()
	writers := map[string]map[int32][]int64{}
	err := readSpans(ctx, in, spans, kgo.ReadUncommitted(), func(rec *kgo.Record) error {
		if writers[rec.Topic] == nil {
			writers[rec.Topic] = map[int32][]int64{}
		}
		ids := writers[rec.Topic][rec.Partition]
		if !rec.Attrs.IsControl() && !slices.Contains(ids, rec.ProducerID) {
			ids = append(ids, rec.ProducerID)
		}
		writers[rec.Topic][rec.Partition] = ids
		return nil
	})
	if err != nil {
		// What was read names writers all the same; that nothing but markers was read means nothing then.
		for _, parts := range writers {
			for p, ids := range parts {
				if len(ids) == 0 {
					delete(parts, p)
				}
			}
		}
	}
	return writers, err
}

// openTransactions lists the partitions whose last stable offset is behind their log end, and whose transactions those are where the brokers tell.
func openTransactions(ctx context.Context, r *linking.Region, topics []string, ends plans.Positions, now time.Time) ([]string, error) {
	described, behind, err := describeOpen(ctx, r, topics, ends)
	if err != nil {
		return nil, err
	}
	var open []string
	for _, p := range described {
		open = append(open, openText(p, now))
	}
	for _, at := range sortedKeys(behind) {
		open = append(open, behind[at])
	}
	return open, nil
}

// describeOpen is whose transactions hold the last stable offsets behind ends, and in words the partitions of which the brokers do not tell.
func describeOpen(ctx context.Context, r *linking.Region, topics []string, ends plans.Positions) ([]kadm.DescribedProducer, map[string]string, error) {
	if len(topics) == 0 {
		return nil, nil, nil
	}
	stable, err := stableEnds(ctx, r, topics)
	if err != nil {
		return nil, nil, err
	}
	held := kadm.TopicsSet{}
	behind := map[string]string{}
	for topic, parts := range ends {
		for p, end := range parts {
			if s := stable[topic][p]; s < end {
				held.Add(topic, p)
				at := fmt.Sprintf("%s-%d", topic, p)
				behind[at] = fmt.Sprintf("%s from %v to %v", at, s, end)
			}
		}
	}
	if len(behind) == 0 {
		return nil, nil, nil
	}
	var open []kadm.DescribedProducer
	described, err := r.Admin.DescribeProducers(ctx, held) // an error leaves the partitions, without their producers
	if err == nil {
		for _, p := range described.SortedProducers() {
			if p.CurrentTxnStartOffset < 0 {
				continue
			}
			open = append(open, p)
			delete(behind, fmt.Sprintf("%s-%d", p.Topic, p.Partition))
		}
	}
	return open, behind, nil
}

// openText names the open transaction of a producer.
func openText(p kadm.DescribedProducer, now time.Time) string {
	age := now.Sub(time.UnixMilli(p.LastTimestamp)).Round(time.Second)
	return fmt.Sprintf("producer %d (epoch %d) in %s-%d since @%d, last heard of %s ago", p.ProducerID, p.ProducerEpoch, p.Topic, p.Partition, p.CurrentTxnStartOffset, max(0, age))
}
