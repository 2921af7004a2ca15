package dr_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestCanaryFails: a destination that acknowledges what no reader of committed records ever sees, and one that refuses transactions, each stop the
// failover with what was seen there; mended, the run goes on, and its report says what the canary has shown and what it has not.
func TestCanaryFails(t *testing.T) {
	const id = "lifeboat.west.canary"
	for _, c := range []struct {
		name   string
		breaks func(west *testenv.Region, broken *atomic.Bool)
		says   []string
	}{
		{"what is acknowledged is not readable", func(west *testenv.Region, broken *atomic.Bool) {
			west.Fake.ControlKey(int16(kmsg.EndTxn), func(req kmsg.Request) (kmsg.Response, error, bool) {
				west.Fake.KeepControl()
				end := req.(*kmsg.EndTxnRequest)
				if !broken.Load() || end.TransactionalID != id {
					return nil, nil, false
				}
				resp := end.ResponseKind().(*kmsg.EndTxnResponse) // it says that it has, and has not
				resp.ProducerID, resp.ProducerEpoch = end.ProducerID, end.ProducerEpoch
				return resp, nil, true
			})
		}, []string{"_lifeboat.west.canary", "acknowledged and could not be read back", "idempotent true, transactional false", "consumers of committed data read up to @"}},
		{"transactions are refused", func(west *testenv.Region, broken *atomic.Bool) {
			west.Fake.ControlKey(int16(kmsg.InitProducerID), func(req kmsg.Request) (kmsg.Response, error, bool) {
				west.Fake.KeepControl()
				init := req.(*kmsg.InitProducerIDRequest)
				if !broken.Load() || init.TransactionalID == nil || *init.TransactionalID != id {
					return nil, nil, false
				}
				resp := init.ResponseKind().(*kmsg.InitProducerIDResponse)
				resp.ErrorCode = kerr.TransactionalIDAuthorizationFailed.Code
				return resp, nil, true
			})
		}, []string{"west: transactional canary", "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPipeline(t, each.Embedded(t, each.Private()), 50)
			p.mirror()
			var broken atomic.Bool
			broken.Store(true)
			c.breaks(p.env.West, &broken)
			w := p.with(func(o *dr.Options) { o.Stuck = time.Second })
			defer w.Close()
			plan, err := dr.Plan(t.Context(), w, plans.OpFailover, plans.Options{})
			must(t, err)
			rep, err := dr.Execute(t.Context(), w, plan)
			if err == nil || rep == nil || rep.Outcome != report.Stopped {
				t.Fatalf("the failover goes on: %v", err)
			}
			for _, part := range c.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v\ndoes not say %q", err, part)
				}
			}
			broken.Store(false)
			rep, err = dr.Resume(t.Context(), w, "")
			must(t, err)
			i := slices.IndexFunc(rep.Checks, func(c report.Check) bool { return c.ID == "canary" })
			if i < 0 || rep.Checks[i].Outcome != report.Passed || !strings.Contains(rep.Checks[i].Detail, "not tried: writes to the promoted topics") {
				t.Errorf("mended: %+v", rep.Checks)
			}
		})
	}
}
