package each

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/testenv"
)

// run tells this run of the tests from others on regions that live longer.
var run = rand.Uint64()

// Name is base with a suffix that no other test and no other run has: for topics, groups, subjects and transactional ids in
// regions that tests share. The same test gets the same name for the same base.
func Name(t testing.TB, base string) string {
	h := sha256.Sum256(fmt.Appendf(nil, "%x %s %s", run, t.Name(), base))
	return fmt.Sprintf("%s-%x", base, h[:4])
}

// Client is a client of the region, closed at the end of the test; see testenv.Region.Client for its defaults.
func Client(t testing.TB, r *testenv.Region, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := r.Client(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// Topic creates a topic with configs in the form "cleanup.policy=compact" and returns when every partition has a leader that
// answers for it: a Kafka broker refuses produce requests for up to half a second after it created a topic.
func Topic(t testing.TB, r *testenv.Region, topic string, partitions int32, configs ...string) {
	t.Helper()
	cfg := map[string]*string{}
	for _, c := range configs {
		k, v, ok := strings.Cut(c, "=")
		if !ok {
			t.Fatalf("topic config %q is not key=value", c)
		}
		cfg[k] = &v
	}
	cl, err := r.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := adm.CreateTopic(ctx, partitions, -1, cfg, topic); err != nil {
		t.Fatalf("%s: creating topic %s: %v", r.Name, topic, err)
	}
	for {
		ends, err := adm.ListEndOffsets(ctx, topic)
		if err == nil {
			err = ends.Error()
		}
		if err == nil && len(ends[topic]) == int(partitions) {
			return
		}
		if err != nil && !kerr.IsRetriable(err) && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			t.Fatalf("%s: waiting for the leaders of topic %s: %v", r.Name, topic, err)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: waiting for the leaders of topic %s: %v", r.Name, topic, errors.Join(err, ctx.Err()))
		case <-time.After(20 * time.Millisecond):
		}
	}
}
