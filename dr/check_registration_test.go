package dr_test

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestCheckFindsSchemasThatWouldBeRefused wants to know before an outage that a table's schema breaks the level of a subject which somebody else has
// registered in the other region, or that a subject may not be written.
func TestCheckFindsSchemasThatWouldBeRefused(t *testing.T) {
	env := each.Embedded(t)
	p := newPipeline(t, env, 10)
	p.mirror()
	w := p.open()
	defer w.Close()
	registration := func() report.Check {
		t.Helper()
		rep, err := dr.Check(t.Context(), w, "")
		must(t, err)
		for _, c := range rep.Checks {
			if c.ID == "registration" {
				return c
			}
		}
		t.Fatalf("no line of it: %+v", rep.Checks)
		return report.Check{}
	}
	if line := registration(); line.Outcome != report.Passed || !strings.Contains(line.Detail, "new: big_"+p.orders) {
		t.Errorf("nothing is there yet: %+v", line)
	}
	subject, west := "big_"+p.orders+"-value", w.Regions["west"].Registry
	_, err := west.CreateSchema(t.Context(), subject, sr.Schema{Schema: `{"type":"record","name":"Other","fields":[{"name":"total","type":"string"},{"name":"more","type":"string"}]}`})
	must(t, err)
	if line := registration(); line.Outcome != report.Failed || !strings.Contains(line.Detail, "is not compatible with what "+subject+" has: ") || line.Remedy == "" {
		t.Errorf("another schema is there: %+v", line)
	}
	west.SetCompatibility(t.Context(), sr.SetCompatibility{Level: sr.CompatNone}, subject)
	if line := registration(); line.Outcome != report.Passed {
		t.Errorf("the subject takes anything: %+v", line)
	}
	west.SetMode(t.Context(), sr.ModeReadOnly, subject)
	if line := registration(); line.Outcome != report.Failed || !strings.Contains(line.Detail, "which is in mode READONLY") {
		t.Errorf("the subject may not be written: %+v", line)
	}
}
