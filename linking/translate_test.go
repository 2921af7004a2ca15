package linking_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// cutOffset takes the offset off what consume says of a record.
func cutOffset(t *testing.T, text string) (offset int64, rest string) {
	t.Helper()
	at, rest, _ := strings.Cut(text, " ")
	if _, err := fmt.Sscanf(at, "@%d", &offset); err != nil {
		t.Fatal(err)
	}
	return offset, rest
}

// translated wants the mirror to hold, behind what was there before, the source's records in their order, none missing and none twice, and the map to
// name the place of every one of them.
func (p *pair) translated(topic string, before map[int32][]string) {
	p.t.Helper()
	east, west := consume(p.t, p.east, topic), consume(p.t, p.west, topic)
	asked := plans.Positions{}
	for partition, end := range east.Ends {
		have := west.Records[partition]
		n := len(before[partition])
		if len(have) < n || n > 0 && !cmp.Equal(before[partition], have[:n]) {
			p.t.Errorf("%s-%d: what was there before is not there any more", topic, partition)
			continue
		}
		var want, got []string
		for _, text := range east.Records[partition] {
			_, rest := cutOffset(p.t, text)
			want = append(want, rest)
		}
		for _, text := range have[n:] {
			_, rest := cutOffset(p.t, text)
			got = append(got, rest)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			p.t.Errorf("%s-%d differs (-east +west):\n%s", topic, partition, diff)
			continue
		}
		if len(want) == 0 {
			continue
		}
		at := map[int64]int64{}
		for i, text := range east.Records[partition] {
			source, _ := cutOffset(p.t, text)
			dest, _ := cutOffset(p.t, have[n+i])
			at[source] = dest
		}
		next := west.Ends[partition]
		var places []plans.Offset
		for source := end; source >= east.Starts[partition]; source-- {
			if dest, ok := at[source]; ok {
				next = dest
			}
			places = append(places, plans.Offset(next))
		}
		for i, want := range places {
			source := end - int64(i)
			asked[topic] = map[int32]plans.Offset{partition: plans.Offset(source)}
			found, err := p.link().Places(p.t.Context(), asked)
			must(p.t, err)
			got := found[0].Dest
			_, record := at[source]
			if found[0].Beyond != 0 || !found[0].Translated || record && got != want || got > want {
				p.t.Errorf("%s-%d: @%d of the source is placed at %+v, want %v", topic, partition, source, found[0], want)
			}
			// A place in front of the next record's is one that has no record: a reader goes on to the same one.
			for _, dest := range at {
				if plans.Offset(dest) >= got && plans.Offset(dest) < want {
					p.t.Errorf("%s-%d: @%d of the source is placed at %v, in front of the record at @%d, which comes before", topic, partition, source, got, dest)
				}
			}
			if i > 60 {
				break
			}
		}
	}
}

// occupied makes a topic in the west that holds records already.
func (p *pair) occupied(topic string, partitions int32, records int) map[int32][]string {
	p.t.Helper()
	each.Topic(p.t, p.env.West, topic, partitions)
	for n := range partitions - 1 {
		put(p.t, p.west, topic, n, records+int(n))
	}
	return consume(p.t, p.west, topic).Records
}

func TestMirrorIsTranslatedWhereOthersHaveItsOffsets(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		for seed := range uint64(2) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				topic := each.Name(t, "t")
				p := newPair(t, env, topic)
				each.Topic(t, env.East, topic, 4)
				before := p.occupied(topic, 4, 7)
				workload(t, p.east, topic, seed, 60)
				var merr *linking.MirrorError
				if err := p.once(); !errors.As(err, &merr) || merr.Code != linking.CodeTopicExists {
					t.Fatalf("with identical offsets the link ended with %v", err)
				}
				p.decl.Offsets = plans.OffsetsAuto
				must(t, p.once())
				p.translated(topic, before)
				workload(t, p.east, topic, seed+100, 20)
				must(t, p.once())
				p.translated(topic, before)
			})
		}
	})
}

func TestMirrorIsTranslatedBeyondWhatMayBeAligned(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		p.decl.Offsets, p.decl.AlignMax = plans.OffsetsAuto, 5
		each.Topic(t, env.East, topic, 2)
		workload(t, p.east, topic, 7, 30)
		_, err := p.east.Admin.DeleteRecords(t.Context(), kadm.Offsets{topic: {0: {At: 40}}})
		must(t, err)
		must(t, p.once())
		p.translated(topic, nil)
	})
}

// TestTranslatedMirrorGoesOnAfterEveryCrash ends a link at every request that it makes of the destination, before the request is carried out and
// behind it, and lets it go on: nothing is missing, nothing is twice, and the map is exact.
func TestTranslatedMirrorGoesOnAfterEveryCrash(t *testing.T) {
	for _, when := range []string{"before", "behind"} {
		t.Run(when, func(t *testing.T) {
			stride, first := crashes(t, 4)
			for n := int(first) + 1; ; n += int(stride) {
				env := each.Embedded(t)
				p := newPair(t, env, "t")
				p.decl.Offsets = plans.OffsetsAuto
				each.Topic(t, env.East, "t", 2)
				before := p.occupied("t", 2, 3)
				workload(t, p.east, "t", uint64(n), 12)
				ctx, crash := context.WithTimeout(t.Context(), 20*time.Second)
				var left atomic.Int64
				var dead atomic.Bool
				left.Store(int64(n))
				env.West.Fake.Control(func(req kmsg.Request) (kmsg.Response, error, bool) {
					env.West.Fake.KeepControl()
					switch kmsg.Key(req.Key()) {
					case kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.EndTxn, kmsg.Produce:
						if left.Add(-1) == 0 {
							dead.Store(true)
							crash()
							if when == "behind" {
								return nil, nil, false
							}
						}
					}
					if dead.Load() {
						return nil, errors.New("the process is dead"), true
					}
					return nil, nil, false
				})
				err := p.link().Run(ctx, linking.RunOptions{Once: true})
				crash()
				dead.Store(false)
				if left.Load() > 0 {
					must(t, err)
					if n < 15 {
						t.Fatalf("the link made %d requests: too few to be all", n)
					}
					return
				}
				must(t, p.once())
				p.translated("t", before)
				if t.Failed() {
					t.Fatalf("crashed at request %d", n)
				}
			}
		})
	}
}

// TestKilledTranslatedLinkGoesOn kills processes while a transactional workload is written.
func TestKilledTranslatedLinkGoesOn(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		p.decl.Offsets = plans.OffsetsTranslated
		each.Topic(t, env.East, topic, 4)
		stop := p.writing(topic)
		defer stop()
		rnd := rand.New(rand.NewPCG(5, 1))
		for range rounds(env, 6) {
			c := p.process()
			c.until(1 + rnd.IntN(200))
			c.signal(syscall.SIGKILL)
			if status := c.ended(); status != -1 {
				t.Fatalf("the link process ended with status %d: %s", status, c.stderr.String())
			}
		}
		stop()
		must(t, p.once())
		p.translated(topic, nil)
	})
}

// TestTranslatedLinkThatWakesUpLateDoesNoHarm stops processes in the middle of what they do and wakes them up when another one has gone on.
func TestTranslatedLinkThatWakesUpLateDoesNoHarm(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		p.decl.Offsets = plans.OffsetsTranslated
		each.Topic(t, env.East, topic, 4)
		stop := p.writing(topic)
		defer stop()
		rnd := rand.New(rand.NewPCG(6, 1))
		for round := range rounds(env, 4) {
			old := p.process()
			old.until(1 + rnd.IntN(300))
			old.signal(syscall.SIGSTOP)
			successor := p.process()
			successor.until(1 + rnd.IntN(300))
			old.signal(syscall.SIGCONT)
			if status := old.ended(); status != childTakenOver {
				t.Errorf("round %d: the link that woke up late ended with status %d, want %d: %s", round, status, childTakenOver, old.stderr.String())
			}
			successor.signal(syscall.SIGKILL)
			successor.ended()
		}
		stop()
		must(t, p.once())
		p.translated(topic, nil)
	})
}

// TestPositionsOfATranslatedMirror copies a group's positions, looks at status and verification, and promotes.
func TestPositionsOfATranslatedMirror(t *testing.T) {
	t.Parallel()
	for _, tasks := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d tasks", tasks), func(t *testing.T) { positionsOfATranslatedMirror(t, tasks) })
	}
}

func positionsOfATranslatedMirror(t *testing.T, tasks int) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic, group := each.Name(t, "t"), each.Name(t, "g")
		p := newPair(t, env, topic)
		p.decl.Offsets, p.decl.Tasks = plans.OffsetsTranslated, tasks
		p.decl.Groups = plans.Rule{Include: []string{group}}
		each.Topic(t, env.East, topic, 3)
		before := p.occupied(topic, 3, 5)
		workload(t, p.east, topic, 11, 60)
		ends := consume(t, p.east, topic).Ends
		read := map[int32]int64{0: ends[0] / 2, 1: ends[1]}
		for n, at := range read {
			must(t, p.east.Admin.CommitAllOffsets(t.Context(), group, kadm.Offsets{topic: {n: {Topic: topic, Partition: n, At: at, LeaderEpoch: -1}}}))
		}
		if tasks > 1 {
			stop := p.sharing(2) // cuts the link
			p.await(topic)
			stop()
		}
		must(t, p.once())
		p.translated(topic, before)
		ends = consume(t, p.east, topic).Ends // the last markers may have come since
		left := func(r *linking.Region) map[int32][]string {
			at, err := r.Admin.FetchOffsets(t.Context(), group)
			must(t, err)
			rest := map[int32][]string{}
			for n, list := range consume(t, r, topic).Records {
				o, ok := at.Lookup(topic, n)
				for _, text := range list {
					if offset, what := cutOffset(t, text); ok && offset >= o.At {
						rest[n] = append(rest[n], what)
					}
				}
			}
			return rest
		}
		if diff := cmp.Diff(left(p.east), left(p.west)); diff != "" || len(left(p.east)[0]) == 0 {
			t.Errorf("what the group has left to read differs (-east +west):\n%s", diff)
		}
		mirrors, err := p.link().Status(t.Context())
		must(t, err)
		for _, m := range mirrors {
			if m.Lag != 0 || !m.Translated || m.Why == "" {
				t.Errorf("status: %+v", m)
			}
		}
		v, err := p.link().Verify(t.Context(), linking.VerifyOptions{})
		must(t, err)
		if len(v.Differences()) > 0 || v.Topics[0].Compared != v.Topics[0].Offsets || v.Topics[0].Records == 0 || len(v.Topics[0].NotCompared) > 0 {
			t.Errorf("verification: %+v: %v", v.Topics[0], v.Differences())
		}
		put(t, p.east, topic, 0, 3) // these do not arrive
		promoted, err := p.link().Promote(t.Context(), linking.PromoteOptions{Force: true})
		must(t, err)
		for n, end := range ends {
			west := consume(t, p.west, topic)
			if promoted[0].Come[n] > plans.Offset(end) {
				t.Errorf("partition %d: mirrored up to @%d of the source's @%d", n, promoted[0].Come[n], end)
			}
			for _, text := range west.Records[n] {
				if at, _ := cutOffset(t, text); at >= int64(promoted[0].Ends[n]) {
					t.Errorf("partition %d: a record behind the promotion at %v: %s", n, promoted[0].Ends[n], text)
				}
			}
		}
		again, err := p.link().Promote(t.Context(), linking.PromoteOptions{})
		must(t, err)
		for i := range again {
			if !again[i].Found {
				t.Errorf("%s was promoted before, and nobody says so", again[i].Topic)
			}
			again[i].Found = false
		}
		if diff := cmp.Diff(promoted, again); diff != "" {
			t.Errorf("promoting again differs (-first +again):\n%s", diff)
		}
		if _, err := p.link().Reverse(t.Context(), linking.ReverseOptions{Back: linking.New(&plans.Link{Name: "back", From: "west", To: "east"}, p.west, p.east, linking.Options{})}); err == nil || !strings.Contains(err.Error(), "translated") {
			t.Errorf("reversing ended with %v", err)
		}
	})
}

// TestGapsAreFoundBeforeAnythingIsMirrored counts offsets without a record as a consumer does.
func TestGapsAreFoundBeforeAnythingIsMirrored(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		each.Topic(t, env.East, topic, 3)
		workload(t, p.east, topic, 21, 60)
		p.eventually("the last transaction's markers are there", func() bool {
			ends, err := p.east.Admin.ListEndOffsets(t.Context(), topic)
			must(t, err)
			stable, err := p.east.Admin.ListCommittedOffsets(t.Context(), topic)
			must(t, err)
			return cmp.Equal(ends, stable)
		})
		found, err := p.link().Gaps(t.Context(), []string{topic}, nil)
		must(t, err)
		east := consume(t, p.east, topic)
		for n, end := range east.Ends {
			g := found[topic][n]
			if want := end - int64(len(east.Records[n])); g.Offsets != want || g.Looked != end || g.Of != end {
				t.Errorf("partition %d: %+v, want %d of %d offsets", n, g, want, end)
			}
		}
		half := east.Ends[0] / 2
		found, err = p.link().Gaps(t.Context(), []string{topic}, plans.Positions{topic: {0: plans.Offset(half)}})
		must(t, err)
		if g := found[topic][0]; g.Of != east.Ends[0]-half || g.Looked != g.Of {
			t.Errorf("behind @%d: %+v", half, g)
		}
		allowed, err := p.west.MarkersAllowed(t.Context())
		must(t, err)
		if allowed == plans.MarkersDenied {
			t.Errorf("a cluster without an authorizer denies markers")
		}
	})
}

// TestTranslatedLinkIsShared divides a translated link's partitions among processes that come and are killed.
func TestTranslatedLinkIsShared(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		p.decl.Offsets, p.decl.Tasks = plans.OffsetsTranslated, 3
		each.Topic(t, env.East, topic, 6)
		stop := p.writing(topic)
		defer stop()
		for range rounds(env, 2) {
			one := p.process()
			one.until(100)
			other := p.process()
			one.until(300)
			one.signal(syscall.SIGKILL)
			one.ended()
			other.until(100)
			other.signal(syscall.SIGKILL)
			other.ended()
		}
		stop()
		must(t, p.once())
		p.translated(topic, nil)
	})
}
