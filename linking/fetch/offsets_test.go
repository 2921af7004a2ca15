package fetch_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/lifeboat-dr/lifeboat/linking/fetch"
)

func TestOffsets(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name    string
		answers []error // of the partition, in turn; the last one again and again
		asked   int
		err     error // of the partition, at the end
		at      time.Duration
	}{
		{"at once", []error{nil}, 1, nil, 0},
		{"a leader moves", []error{kerr.NotLeaderForPartition, kerr.LeaderNotAvailable, nil}, 3, nil, 150 * time.Millisecond},
		{"no leader comes", []error{kerr.LeaderNotAvailable}, 23, kerr.LeaderNotAvailable, 9750 * time.Millisecond},
		{"no such topic", []error{kerr.UnknownTopicOrPartition}, 1, kerr.UnknownTopicOrPartition, 0},
		{"no right", []error{kerr.TopicAuthorizationFailed}, 1, kerr.TopicAuthorizationFailed, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				began := time.Now()
				listed, err := fetch.Offsets(t.Context(), func(_ context.Context, topics ...string) (kadm.ListedOffsets, error) {
					o := kadm.ListedOffset{Topic: topics[0], Partition: 0, Err: c.answers[min(asked, len(c.answers)-1)]}
					asked++
					return kadm.ListedOffsets{"t": {0: o}}, nil
				}, "t")
				if err != nil || !errors.Is(listed["t"][0].Err, c.err) || asked != c.asked || time.Since(began) != c.at {
					t.Errorf("asked %d times for %s: %v, %v", asked, time.Since(began), listed["t"][0].Err, err)
				}
			})
		})
	}
	if _, err := fetch.Offsets(t.Context(), func(context.Context, ...string) (kadm.ListedOffsets, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	asked := 0
	if _, err := fetch.Offsets(t.Context(), func(context.Context, ...string) (kadm.ListedOffsets, error) {
		if asked++; asked == 1 {
			return nil, &kadm.ShardErrors{Name: "ListOffsets", Errs: []kadm.ShardError{{Err: kerr.UnknownTopicOrPartition}}}
		}
		return kadm.ListedOffsets{}, nil
	}); err != nil || asked != 2 {
		t.Errorf("a broker that refused its part was asked %d times: %v", asked, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := fetch.Offsets(ctx, func(context.Context, ...string) (kadm.ListedOffsets, error) {
		cancel()
		return kadm.ListedOffsets{"t": {0: {Err: kerr.LeaderNotAvailable}}}, nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
