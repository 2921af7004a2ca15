package dr_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestAbortedCanaryIsWrittenAgain has the coordinator abort what the canary commits, once and always: an aborted canary says nothing of what the region
// keeps, and a region in which nothing can be committed is no region to go to.
func TestAbortedCanaryIsWrittenAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		aborts int64
		want   string // of the error
	}{
		"once":   {aborts: 1},
		"always": {aborts: 1 << 30, want: "idempotent true, transactional false (it was aborted, 3 times)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := each.Embedded(t, each.Private())
			p := newPipeline(t, env, 50)
			p.mirror()
			var aborted atomic.Int64
			env.West.Fake.ControlKey(kmsg.EndTxn.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
				env.West.Fake.KeepControl()
				if end := req.(*kmsg.EndTxnRequest); end.TransactionalID == "lifeboat.west.canary" && aborted.Add(1) <= tt.aborts {
					end.Commit = false
				}
				return nil, nil, false
			})
			w := p.open()
			defer w.Close()
			_, err := p.planned(w)
			if tt.want == "" {
				must(t, err)
			} else if step, ok := errors.AsType[*dr.StepError](err); !ok || step.Step.Kind != plans.StepCanary || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want the canary to fail: %s", err, tt.want)
			}
			if aborted.Load() < 2 {
				t.Errorf("the canary was committed %d times, want it to be written again", aborted.Load())
			}
		})
	}
}
