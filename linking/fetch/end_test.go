package fetch_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestCommittedEndSeesWhatWasJustCreated has another client create topics and write to them right after a client was told that they do not exist.
func TestCommittedEndSeesWhatWasJustCreated(t *testing.T) {
	env := each.Embedded(t)
	cl, other := each.Client(t, env.East), each.Client(t, env.East)
	end := func(topic string) (int64, bool) {
		end, there, err := fetch.CommittedEnd(t.Context(), cl, topic)
		if err != nil {
			t.Fatal(err)
		}
		return end, there
	}
	for i := range 20 {
		topic := each.Name(t, fmt.Sprint("just-", i))
		if end, there := end(topic); there || end != 0 {
			t.Fatalf("%s ends at @%d, there %t: nobody has created it", topic, end, there)
		}
		if _, err := kadm.NewClient(other).CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
		if err := other.ProduceSync(context.WithoutCancel(t.Context()), &kgo.Record{Topic: topic}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if end, there := end(topic); !there || end != 1 {
			t.Fatalf("%s ends at @%d, there %t: a record was acknowledged", topic, end, there)
		}
	}
}
