package dr

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// A topic whose max.message.bytes is below the smallest batch takes nothing, from anybody, whatever its acks: it needs no authorizer, and no
// producer passes by. Transactions that are open must still end: a batch with their marker has 78 bytes, and a broker measures it like any other
// (UnifiedLog.analyzeAndValidateRecords of Apache Kafka). So the limit is brought down in two steps.
const (
	maxMessageBytes = "max.message.bytes"
	onlyMarkers     = "78" // a marker, and records of up to 10 bytes
	nothing         = "0"
)

// transactionsEndWithin is how long the fence waits for open transactions before it lets verify-fence name them.
const transactionsEndWithin = 90 * time.Second

// messageSizes reads the limit that is set on each topic, nil where none is.
func messageSizes(ctx context.Context, in *linking.Region, topics []string) (map[string]*string, error) {
	described, err := in.Admin.DescribeTopicConfigs(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("%s: reading %s: %w", in.Name, maxMessageBytes, err)
	}
	sizes := map[string]*string{}
	for _, d := range described {
		if d.Err != nil {
			return nil, fmt.Errorf("%s: topic %q: reading %s: %w", in.Name, d.Name, maxMessageBytes, d.Err)
		}
		sizes[d.Name] = nil
		for _, c := range d.Configs {
			if c.Key == maxMessageBytes && c.Source == kmsg.ConfigSourceDynamicTopicConfig {
				sizes[d.Name] = c.Value
			}
		}
	}
	return sizes, nil
}

// notClosed lists topics that take records.
func notClosed(ctx context.Context, in *linking.Region, topics []string) ([]string, error) {
	sizes, err := messageSizes(ctx, in, topics)
	if err != nil {
		return nil, err
	}
	var open []string
	for _, t := range sortedKeys(sizes) {
		if size := sizes[t]; size == nil || !closes(*size) {
			open = append(open, t)
		}
	}
	return open, nil
}

// closes says whether no record, or next to none, fits a limit.
func closes(size string) bool {
	n, err := strconv.Atoi(size)
	limit, _ := strconv.Atoi(onlyMarkers) // a constant
	return err == nil && n <= limit
}

// closeTopics lets topics take no record any more, and their transactions end first.
func (r *run) closeTopics(ctx context.Context, s plans.Step, in *linking.Region, topics []string) error {
	if err := setMessageSizes(ctx, in, eachOf(topics, onlyMarkers)); err != nil {
		return err
	}
	for deadline := r.world.now().Add(transactionsEndWithin); ; {
		ends, err := logEnds(ctx, in, topics)
		if err != nil {
			return err
		}
		open, err := openTransactions(ctx, in, topics, ends, r.world.now())
		if err != nil {
			return err
		}
		switch {
		case len(open) == 0:
			return setMessageSizes(ctx, in, eachOf(topics, nothing))
		case r.world.now().After(deadline):
			return nil // their markers would not fit: the next step names them
		}
		r.waitsFor(s, "open transactions: "+few(open))
		if err := sleep(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
}

func eachOf(topics []string, size string) map[string]*string {
	sizes := map[string]*string{}
	for _, t := range topics {
		sizes[t] = &size
	}
	return sizes
}

// setMessageSizes sets the limit of each topic, or takes it away where it is nil.
func setMessageSizes(ctx context.Context, in *linking.Region, sizes map[string]*string) error {
	var errs []error
	for _, topic := range sortedKeys(sizes) {
		change := kadm.AlterConfig{Op: kadm.SetConfig, Name: maxMessageBytes, Value: sizes[topic]}
		if sizes[topic] == nil {
			change.Op = kadm.DeleteConfig
		}
		results, err := in.Admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{change}, topic)
		if err != nil {
			return fmt.Errorf("%s: topic %q: setting %s: %w", in.Name, topic, maxMessageBytes, err)
		}
		for _, res := range results {
			if res.Err != nil {
				errs = append(errs, fmt.Errorf("%s: topic %q: setting %s: %w", in.Name, topic, maxMessageBytes, res.Err))
			}
		}
	}
	return errors.Join(errs...)
}
