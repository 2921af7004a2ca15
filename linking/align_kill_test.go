package linking_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestAlignmentSurvivesKills kills the process that aligns a log of fifty million offsets twice on the way, and has a third one end it. The filler is
// let go of on the way: the mirror's log never holds all of it.
func TestAlignmentSurvivesKills(t *testing.T) {
	t.Parallel()
	const start = 500 * batch.MaxFiller
	env := each.Kafka(t)
	topic := each.Name(t, "t")
	p := newPair(t, env, topic)
	each.Topic(t, env.East, topic, 1)
	filler, err := batch.Filler(nil, batch.MaxFiller, 0, batch.NoIdentity)
	must(t, err)
	for range start / batch.MaxFiller {
		appendRaw(t, p.east, topic, filler)
	}
	trimTo(t, p.east, topic, 0, start)
	put(t, p.east, topic, 0, 3)
	for _, at := range []int64{1, start / 2} {
		c := p.process()
		p.within(2*time.Minute, "some of it is filled", func() bool { return p.end(p.west, topic, 0) >= at })
		c.signal(syscall.SIGKILL)
		c.ended()
	}
	starts, err := p.west.Admin.ListStartOffsets(t.Context(), topic)
	must(t, err)
	end := p.end(p.west, topic, 0)
	if o, _ := starts.Lookup(topic, 0); end >= start || o.Offset < end-end/2 {
		t.Errorf("when it was killed the log was filled from @%d to @%d of @%d: half of it at most was to be there", o.Offset, end, int64(start))
	}
	must(t, p.once())
	p.identical(topic)
}
