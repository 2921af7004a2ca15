package linking_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestRepairGoesOnBehindWhatOthersWrote lets somebody else write to a translated mirror, between two runs or in the middle of what is on its way, and
// repairs: nothing is removed, missing or twice, and the map is exact around what is not the link's.
func TestRepairGoesOnBehindWhatOthersWrote(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"between two runs", "in the middle of one"} {
		t.Run(when, func(t *testing.T) {
			env := each.Embedded(t)
			p := newPair(t, env, "t")
			p.decl.Offsets = plans.OffsetsAuto
			each.Topic(t, env.East, "t", 2)
			before := p.occupied("t", 2, 4)
			workload(t, p.east, "t", 31, 20)
			must(t, p.once())
			foreign := func() { put(t, p.west, "t", 0, 3) }
			if when == "between two runs" {
				foreign()
			}
			workload(t, p.east, "t", 32, 20)
			var done atomic.Bool
			env.West.Fake.ControlKey(int16(kmsg.Produce), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
				env.West.Fake.KeepControl()
				req := kreq.(*kmsg.ProduceRequest)
				if when == "in the middle of one" && req.TransactionID == nil && done.CompareAndSwap(false, true) {
					env.West.Fake.SleepControl(foreign)
				}
				return nil, nil, false
			})
			errs := mirrorErrors(t, p.once())
			if len(errs) != 1 || !strings.Contains(errs[0], linking.CodeForeignWriter) {
				t.Fatalf("the mirror failed with %v", errs)
			}
			does, err := p.repair(t.Context())
			must(t, err)
			if len(does) != 1 || !strings.Contains(does[0], "t-0: goes on behind what somebody else wrote to it in west, which stays; nothing is removed") {
				t.Errorf("the repair does %q", does)
			}
			workload(t, p.east, "t", 33, 10)
			must(t, p.once())
			p.translatedAround("t", before, `="west `, 3)
			v, err := p.link().Verify(t.Context(), linking.VerifyOptions{})
			must(t, err)
			if len(v.Differences()) > 0 {
				t.Errorf("verification: %v", v.Differences())
			}
		})
	}
}

// translatedAround is translated, with records of others in the mirror that are no part of it.
func (p *pair) translatedAround(topic string, before map[int32][]string, others string, n int) {
	p.t.Helper()
	east, west := consume(p.t, p.east, topic), consume(p.t, p.west, topic)
	found := 0
	for partition := range east.Ends {
		var want, got []string
		at := map[string]int64{}
		for _, text := range west.Records[partition][len(before[partition]):] {
			offset, rest := cutOffset(p.t, text)
			if strings.Contains(rest, others) {
				found++
				continue
			}
			got = append(got, rest)
			at[rest] = offset
		}
		for _, text := range east.Records[partition] {
			source, rest := cutOffset(p.t, text)
			want = append(want, rest)
			places, err := p.link().Places(p.t.Context(), plans.Positions{topic: {partition: plans.Offset(source)}})
			must(p.t, err)
			if dest, ok := at[rest]; !ok || places[0].Dest != plans.Offset(dest) {
				p.t.Errorf("%s-%d: @%d of the source is placed at %v, and stands at @%d", topic, partition, source, places[0].Dest, dest)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			p.t.Errorf("%s-%d differs (-east +west):\n%s", topic, partition, diff)
		}
	}
	if found != n {
		p.t.Errorf("%d records of others, want %d", found, n)
	}
}

// TestTranslatedMirrorFollowsTheLogStart removes records in the source: those that are mirrored go in the mirror too, through the map, but for a
// mirror with somebody else's records in front; those that are not are overrun, and a repair goes on behind them.
func TestTranslatedMirrorFollowsTheLogStart(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		own, shared := each.Name(t, "own"), each.Name(t, "shared")
		p := newPair(t, env, own, shared)
		p.decl.Offsets = plans.OffsetsTranslated
		for _, topic := range []string{own, shared} {
			each.Topic(t, env.East, topic, 2)
			workload(t, p.east, topic, 41, 30)
		}
		p.occupied(shared, 2, 4)
		must(t, p.once())
		for _, topic := range []string{own, shared} {
			trimTo(t, p.east, topic, 0, 60)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.link().Run(ctx, linking.RunOptions{}) }()
		places, err := p.link().Places(t.Context(), plans.Positions{own: {0: 60}})
		must(t, err)
		p.eventually("the log start has followed", func() bool {
			return consume(t, p.west, own).Starts[0] == int64(places[0].Dest)
		})
		stop()
		<-done
		if at := consume(t, p.west, shared).Starts[0]; at != 0 {
			t.Errorf("the log with somebody else's records starts at @%d", at)
		}
		must(t, p.once())
		p.translated(own, nil)

		put(t, p.east, own, 0, 30)
		end := p.end(p.east, own, 0)
		trimTo(t, p.east, own, 0, end-5)
		if errs := mirrorErrors(t, p.once(), own, "T"); len(errs) != 1 || !strings.HasPrefix(errs[0], "T/0 "+linking.CodeOverrun) {
			t.Fatalf("the mirror failed with %v", errs)
		}
		does, err := p.repair(t.Context())
		must(t, err)
		if len(does) != 1 || !strings.Contains(does[0], "never come to west") || strings.Contains(does[0], "are removed in west") {
			t.Errorf("the repair does %q", does)
		}
		must(t, p.once())
		if left := len(consume(t, p.west, own).Records[0]); left < 5 {
			t.Errorf("%d records are there", left)
		}
		v, err := p.link().Verify(t.Context(), linking.VerifyOptions{Topics: []string{own}})
		must(t, err)
		if len(v.Differences()) > 0 {
			t.Errorf("verification: %v", v.Differences())
		}
	})
}

// TestTranslatedVerbsGoOnAfterEveryCrash ends a promotion and a repair of translated mirrors at every request that changes something, and gives them
// again: the map is exact, and what was mirrored ends where it did.
func TestTranslatedVerbsGoOnAfterEveryCrash(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"promote", "repair"} {
		t.Run(verb, func(t *testing.T) {
			for n := 1; ; n++ {
				env := each.Embedded(t)
				p := newPair(t, env, "t")
				p.decl.Offsets = plans.OffsetsAuto
				each.Topic(t, env.East, "t", 2)
				before := p.occupied("t", 2, 3)
				put(t, p.east, "t", 0, 7)
				must(t, p.once())
				if verb == "repair" {
					put(t, p.west, "t", 0, 2)
					put(t, p.east, "t", 0, 4)
					if len(mirrorErrors(t, p.once())) != 1 {
						t.Fatal("the mirror has not failed")
					}
				}
				ctx, crash := context.WithCancel(t.Context())
				left := n
				env.West.Fake.Control(func(req kmsg.Request) (kmsg.Response, error, bool) {
					env.West.Fake.KeepControl()
					switch kmsg.Key(req.Key()) {
					case kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.EndTxn, kmsg.Produce, kmsg.IncrementalAlterConfigs:
						if left--; left == 0 {
							crash()
						}
					}
					return nil, nil, false
				})
				act := func(ctx context.Context) (promoted []linking.Promoted, err error) {
					if verb == "repair" {
						_, err = p.repair(ctx)
					} else {
						promoted, err = p.link().Promote(ctx, linking.PromoteOptions{Force: true})
					}
					return promoted, err
				}
				_, err := act(ctx)
				crash()
				if left > 0 {
					must(t, err)
					if n < 12 {
						t.Fatalf("it made %d requests: too few to be all", n)
					}
					return
				}
				promoted, err := act(t.Context())
				must(t, err)
				if verb == "repair" {
					must(t, p.once())
					p.translatedAround("t", before, `="west `, 2)
				} else if come := promoted[0].Come[0]; come != 7 {
					t.Errorf("mirrored up to %v of the source, want @7", come)
				}
				if got := len(consume(t, p.west, "t").Records[0]); verb == "promote" && got != 10 {
					t.Errorf("%d records are there, want 10", got)
				}
				if t.Failed() {
					t.Fatalf("crashed at request %d", n)
				}
			}
		})
	}
}
