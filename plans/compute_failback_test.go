package plans

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// failedOver is what both regions hold after a failover to the west, with all that the east has in the west too.
func failedOver(d *Declared) *Observed {
	o := observed()
	o.Returning = map[string]*Returning{}
	for i := range o.Mirrors["east-west"] {
		o.Mirrors["east-west"][i].State, o.Mirrors["east-west"][i].At = MirrorStopped, o.At.Add(-time.Hour)
	}
	for name, t := range o.Regions["east"].Topics {
		r := &Returning{ID: t.ID}
		for _, p := range t.Partitions {
			r.Parts = append(r.Parts, ReturningPart{Point: p.End, Start: p.Start, End: p.End, NewStart: p.Start, NewEnd: p.End + 100})
		}
		o.Returning[name] = r
	}
	o.Regions["east"].Engine = "ok"
	o.Regions["east"].Statements = running(d)
	return o
}

func TestFailbackIsRefused(t *testing.T) {
	type change = func(*Declared, *Observed, *Options)
	lost := func(o *Observed) { o.Returning["flights"].Parts[2].Point -= 30 }
	for _, c := range []struct {
		name   string
		change change
		rule   string // of the blocking finding; "" none
	}{
		{"nothing stands against it", func(*Declared, *Observed, *Options) {}, ""},
		{"never mirrored", func(_ *Declared, o *Observed, _ *Options) { o.Mirrors = nil }, "failback/no-failover"},
		{"not failed over", func(_ *Declared, o *Observed, _ *Options) { o.Mirrors["east-west"][1].State = MirrorActive }, "failback/no-failover"},
		{"translated", func(_ *Declared, o *Observed, _ *Options) {
			o.Mirrors["east-west"][1].Translated = map[int32]Translation{0: {Why: WhyDeclared}}
		}, "failback/translated"},
		{"back already", func(_ *Declared, o *Observed, _ *Options) {
			for _, m := range o.Mirrors["east-west"] {
				m.At = o.At
				o.Mirrors["west-east"] = append(o.Mirrors["west-east"], m)
			}
		}, "failback/done"},
		{"the link back was promoted before the failover", func(_ *Declared, o *Observed, _ *Options) {
			for _, m := range o.Mirrors["east-west"] {
				m.At = o.At.Add(-2 * time.Hour)
				o.Mirrors["west-east"] = append(o.Mirrors["west-east"], m)
			}
		}, ""},
		{"the link back selects less", func(d *Declared, _ *Observed, _ *Options) {
			back := *d.Topology.Links[0]
			back.Name, back.From, back.To, back.Topics.Include = "west-east", "west", "east", []string{"airlines"}
			d.Topology.Links = append(d.Topology.Links, &back)
		}, "failback/not-selected"},
		{"a tail that nobody has said anything about", func(_ *Declared, o *Observed, _ *Options) { lost(o) }, "failback/salvage"},
		{"a tail that is exported", func(_ *Declared, o *Observed, opts *Options) { lost(o); opts.Salvage = "/salvaged" }, ""},
		{"a tail that is given up", func(_ *Declared, o *Observed, opts *Options) { lost(o); opts.Discard = true }, ""},
		{"a statement has failed", func(_ *Declared, o *Observed, _ *Options) {
			st := o.Regions["east"].Statements["departures-2"]
			st.Phase = "FAILED"
			o.Regions["east"].Statements["departures-2"] = st
		}, "failback/statement-failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := declared(t)
			o, opts := failedOver(d), Options{}
			c.change(d, o, &opts)
			p := compute(t, OpFailback, opts, d, o)
			var got []string
			for _, f := range p.Findings {
				if f.Severity == report.Block && !slices.Contains(got, f.Rule) {
					got = append(got, f.Rule)
				}
			}
			if want := strings.Fields(c.rule); !slices.Equal(got, want) {
				t.Errorf("blocked by %v, want %v\n%s", got, want, p.Text())
			}
			wellFormed(t, p)
		})
	}
}

// What a failback does to the region that comes back: as little as can be.
func TestFailbackTouchesWhatHasDiverged(t *testing.T) {
	d := declared(t)
	o := failedOver(d)
	p := compute(t, OpFailback, Options{}, d, o)
	if f := p.Failback; len(f.Anew)+len(f.Emptied)+len(f.Forgotten) > 0 || len(f.On) != len(p.Topics) || p.From != "west" || p.To != "east" || p.Link != "west-east" {
		t.Errorf("of regions that have the same: %+v, %s → %s by %s", f, p.From, p.To, p.Link)
	}
	for _, s := range p.Statements {
		if s.Kind == kindInsert && (s.Strategy != Restore || len(s.Properties) > 0) {
			t.Errorf("statement %s: %s with %v, want it to go on as it was", s.Name, s.Strategy, s.Properties)
		}
	}

	o.Returning["flights"].Parts[2].Point -= 30 // which departures-2 reads, and delays-by-hour-2 what that writes
	o.Regions["east"].Topics["departures"] = &TopicState{ID: "d", Partitions: partitions(2, 10), Configs: map[string]string{}}
	p = compute(t, OpFailback, Options{Salvage: "/salvaged"}, d, o)
	f := p.Failback
	if len(f.Anew) != 1 || f.Anew[0].Name != "flights" || f.Anew[0].Offsets != 30 || len(f.Anew[0].From) != 1 {
		t.Errorf("begins anew: %+v", f.Anew)
	}
	if len(f.Emptied) != 1 || f.Emptied[0].Name != "departures" || f.Emptied[0].Offsets == 0 {
		t.Errorf("is emptied: %+v", f.Emptied)
	}
	if diff := cmp.Diff([]string{"departures-2", "delays-by-hour-2"}, f.Forgotten); diff != "" {
		t.Errorf("statements that begin anew: %s", diff)
	}
	at := func(id string) int { return slices.IndexFunc(p.Steps, func(s Step) bool { return s.ID == id }) }
	for _, id := range []string{"salvage:flights", "forget:departures-2", "recreate:flights", "reverse", "fence", "promote", "lift-fence:east", "start:departures-2", "protect"} {
		if at(id) < 0 {
			t.Errorf("no step %s", id)
		}
	}
	if !(at("salvage:flights") < at("recreate:flights") && at("divergence") < at("salvage:flights") && at("promote") < at("lift-fence:east")) {
		t.Errorf("the order of the steps: %s", p.Text())
	}
	for _, id := range []string{"forget:departures-2", "empty:departures", "recreate:flights"} {
		if i := at(id); i >= 0 && !p.Steps[i].Irreversible {
			t.Errorf("step %s is not said to be irreversible", id)
		}
	}
	if text := p.Text(); !strings.Contains(text, "30 offsets are exported to") {
		t.Errorf("the plan does not say what is exported: %s", text)
	}
}
