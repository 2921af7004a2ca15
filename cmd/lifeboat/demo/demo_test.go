package demo_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/cmd/lifeboat/demo"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

func TestDemoOnEmbeddedRegions(t *testing.T) { play(t, demo.Options{}) }

func TestDemoOnKafka(t *testing.T) {
	if why := testenv.MissingKafka(); why != "" {
		each.Missing(t, "kafka", why)
	}
	play(t, demo.Options{Kafka: true})
}

// play plays the demo and wants every one of its proofs.
func play(t *testing.T, o demo.Options) {
	if testing.Short() {
		t.Skip("plays the whole demo")
	}
	var out bytes.Buffer
	o.Out = &out
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(out.String())
		}
	})
	rep, err := demo.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Outcome != report.Done {
		t.Errorf("outcome %s: %s", rep.Outcome, rep.Summary)
	}
	proved := map[string]int{}
	for _, c := range rep.Checks {
		switch {
		case c.Outcome == report.Passed:
			proved[c.ID]++
		case c.Outcome == report.Skipped && c.Name == "both regions hold the same before the promotion": // one of them is dead, and compared when it is back
		default:
			t.Errorf("%s is %s: %s", c.Name, c.Outcome, c.Detail)
		}
	}
	for _, id := range []string{"group-goes-on", "same-watermark", "same-output", "identical", "schemas", "loss-by-name"} {
		if proved[id] == 0 {
			t.Errorf("nothing was proved of %s", id)
		}
	}
	for _, s := range rep.Steps {
		if s.Outcome != report.Done {
			t.Errorf("step %s is %s: %s", s.ID, s.Outcome, s.Detail)
		}
	}
	for _, topic := range rep.Topics {
		if !topic.Measured {
			t.Errorf("what topic %s lost is a forecast, not measured", topic.Name)
		}
	}
	i := slices.IndexFunc(rep.Series, func(s report.Series) bool { return strings.HasPrefix(s.Name, "lag") })
	if i < 0 || len(rep.Series[i].Points) < 2 {
		t.Errorf("the report has no plot of the link's lag: %+v", rep.Series)
	}
	if strings.Contains(out.String(), "level=") {
		t.Errorf("the story is interrupted by log lines:\n%s", out.String())
	}
}
