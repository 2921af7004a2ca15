package dr_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestNothingIsPromotedThatDiffers has both regions hold another record at the same offset, behind the drain and at lag zero: only reading both shows it.
func TestNothingIsPromotedThatDiffers(t *testing.T) {
	for _, how := range []string{plans.VerifySample, plans.VerifyAll} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			p := newPipeline(t, each.Embedded(t), 100)
			p.mirror()
			stops := p.until("offsets")
			plan, err := dr.Plan(t.Context(), stops, plans.OpFailover, plans.Options{Planned: true, Verify: how})
			must(t, err)
			_, err = dr.Execute(t.Context(), stops, plan)
			stops.Close()
			if _, paused := errors.AsType[*dr.PausedError](err); !paused {
				t.Fatalf("stopped with %v", err)
			}
			for _, in := range []*testenv.Region{p.env.East, p.env.West} {
				cl := each.Client(t, in, kgo.RecordPartitioner(kgo.ManualPartitioner()))
				must(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: p.orders, Partition: 0, Value: []byte("of " + in.Name)}).FirstErr())
			}
			w := p.open()
			defer w.Close()
			_, err = dr.Resume(t.Context(), w, "")
			step, ok := errors.AsType[*dr.StepError](err)
			if !ok || step.Step.Kind != plans.StepVerify || !strings.Contains(err.Error(), "nothing is promoted") || !strings.Contains(err.Error(), p.orders+"-0 @") {
				t.Errorf("got %v, want what differs and that nothing is promoted", err)
			}
			if got := p.mirrors("link-" + p.orders)[p.orders]; got != plans.MirrorActive {
				t.Errorf("the mirror is %s, want it still to be one", got)
			}
		})
	}
}
