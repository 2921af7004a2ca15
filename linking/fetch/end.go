package fetch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// CommittedEnd is up to where a read_committed consumer reads partition 0 of a topic; there is false where the topic does not exist. That is asked of a
// broker: a client remembers for seconds that one did not know a topic which has been created since.
func CommittedEnd(ctx context.Context, cl *kgo.Client, topic string) (end int64, there bool, err error) {
	admin := kadm.NewClient(cl)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		listed, err := Offsets(ctx, admin.ListCommittedOffsets, topic)
		if err != nil {
			return 0, false, fmt.Errorf("topic %q: log end: %w", topic, err)
		}
		if o, ok := listed.Lookup(topic, 0); ok && !errors.Is(o.Err, kerr.UnknownTopicOrPartition) {
			if o.Err != nil {
				return 0, true, fmt.Errorf("topic %q: log end: %w", topic, o.Err)
			}
			return o.Offset, true, nil
		}
		if there, err := exists(ctx, cl, topic); err != nil || !there {
			return 0, false, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return 0, true, context.Cause(ctx)
		}
	}
}

// exists asks a broker whether a topic does.
func exists(ctx context.Context, cl *kgo.Client, topic string) (bool, error) {
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(topic)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return false, fmt.Errorf("topic %q: looking it up: %w", topic, err)
	}
	return slices.ContainsFunc(resp.Topics, func(t kmsg.MetadataResponseTopic) bool {
		return !errors.Is(kerr.ErrorForCode(t.ErrorCode), kerr.UnknownTopicOrPartition)
	}), nil
}
