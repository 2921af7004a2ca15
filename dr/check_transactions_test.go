package dr_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// A transaction that nobody ends holds back whoever reads committed data: check names it, and says when it counts as hanging.
func TestCheckNamesOpenTransactions(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		p := newPipeline(t, env, 20)
		answer := func(in time.Duration) report.Check {
			o := p.options()
			o.Now = func() time.Time { return time.Now().Add(in) }
			w, err := dr.Open(t.Context(), p.declared, o)
			must(t, err)
			defer w.Close()
			rep, err := dr.Check(t.Context(), w, "")
			must(t, err)
			for _, c := range rep.Checks {
				if c.ID == "transactions" {
					return c
				}
			}
			t.Fatal("check did not ask for transactions")
			panic("not reached")
		}
		if c := answer(0); c.Outcome != report.Passed || c.Detail != "none is open" {
			t.Errorf("without one: %+v", c)
		}
		cl := each.Client(t, env.East, kgo.TransactionalID(each.Name(t, "txn")), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		must(t, cl.BeginTransaction())
		must(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: p.orders, Partition: 1, Value: []byte("x")}).FirstErr())
		pid, epoch, err := cl.ProducerID(t.Context())
		must(t, err)
		who := fmt.Sprintf("producer %d (epoch %d) in %s-1 since @", pid, epoch, p.orders)
		for _, c := range []struct {
			in      time.Duration
			outcome report.Outcome
			detail  string
		}{{0, report.Passed, "open: " + who}, {time.Hour, report.Failed, "hanging: " + who}} {
			if got := answer(c.in); got.Outcome != c.outcome || !strings.Contains(got.Detail, c.detail) {
				t.Errorf("%s later: %s, %q; want %s, %q", c.in, got.Outcome, got.Detail, c.outcome, c.detail)
			}
		}
		p.mirror()
		o := p.options()
		o.Now = func() time.Time { return time.Now().Add(time.Hour) }
		w, err := dr.Open(t.Context(), p.declared, o)
		must(t, err)
		defer w.Close()
		rep, err := dr.LinkStatus(t.Context(), w, "")
		must(t, err)
		if i := slices.IndexFunc(rep.Findings, func(f report.Finding) bool { return f.Rule == "link/hanging-transaction" }); i < 0 || !strings.Contains(rep.Findings[i].Message, who) {
			t.Errorf("the status of a link that one holds back has %+v", rep.Findings)
		}
	})
}
