package fetch

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// offsetsPatience is how long Offsets waits for partitions to have leaders that answer: a broker that comes back, or goes, moves them within
// seconds.
const offsetsPatience = 10 * time.Second

// Offsets asks list, one of kadm's ListXxxOffsets, for offsets of topics, and again for up to 10 s while a partition answers with an error
// that passes by itself: one that moves to another broker says NOT_LEADER_OR_FOLLOWER, which kadm hands on as that partition's error. What
// is still an error then is in the answer, as is UNKNOWN_TOPIC_OR_PARTITION at once.
func Offsets(ctx context.Context, list func(context.Context, ...string) (kadm.ListedOffsets, error), topics ...string) (kadm.ListedOffsets, error) {
	deadline := time.Now().Add(offsetsPatience)
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		listed, err := list(ctx, topics...)
		if !passing(listed, err) || time.Now().Add(pause).After(deadline) {
			return listed, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// passing says whether asking again may tell more. A broker that refuses its part of the question, because of what has changed since kadm
// looked for leaders, is in kadm's own error.
func passing(listed kadm.ListedOffsets, err error) bool {
	if err != nil {
		parts, ok := errors.AsType[*kadm.ShardErrors](err)
		return ok && !slices.ContainsFunc(parts.Errs, func(e kadm.ShardError) bool { return !kerr.IsRetriable(e.Err) })
	}
	for _, partitions := range listed {
		for _, o := range partitions {
			if kerr.IsRetriable(o.Err) && !errors.Is(o.Err, kerr.UnknownTopicOrPartition) {
				return true
			}
		}
	}
	return false
}
