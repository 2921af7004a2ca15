package testenv_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestOlderReleases starts the last Kafka 3, both with its own metadata and with ZooKeeper, where a topic may be in a message format that
// knows no timestamps.
func TestOlderReleases(t *testing.T) {
	env := each.Kafka(t, each.With(testenv.Options{East: testenv.Kafka3ZooKeeper, West: testenv.Kafka3}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, r := range env.Regions() {
		cl := each.Client(t, r, kgo.DisableIdempotentWrite(), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ConsumeTopics("t"))
		versions, err := kadm.NewClient(cl).ApiVersions(ctx)
		if err != nil {
			t.Fatal(err)
		}
		one := versions[1]
		if guess := one.VersionGuess(); !strings.HasPrefix(guess, "v3.") && r.Name == "west" {
			t.Errorf("%s runs Kafka %s", r.Name, guess)
		}
		var configs []string
		if r.Name == "east" {
			configs = []string{"message.format.version=0.9.0"}
		}
		each.Topic(t, r, "t", 1, configs...)
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte("v")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		fetches := cl.PollFetches(ctx)
		if fetches.NumRecords() != 1 {
			t.Fatalf("%s: %d records, %v", r.Name, fetches.NumRecords(), fetches.Err())
		}
		rec := fetches.Records()[0]
		if old := rec.Attrs.TimestampType() == -1; old != (r.Name == "east") {
			t.Errorf("%s: a record with time type %d", r.Name, rec.Attrs.TimestampType())
		}
	}
}

func TestZooKeeperRefusesWhatItCanNot(t *testing.T) {
	if reason := testenv.MissingKafka(); reason != "" {
		t.Skip(reason)
	}
	_, err := testenv.StartKafka(t.Context(), testenv.Options{East: testenv.Kafka3ZooKeeper, Users: []testenv.User{{Name: "u", Password: "p", Super: true}}})
	if !errors.Is(err, testenv.ErrNotSupported) && !errors.Is(err, testenv.ErrMissing) {
		t.Error(err)
	}
}
