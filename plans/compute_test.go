package plans

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func compute(t testing.TB, op Operation, opts Options, d *Declared, o *Observed) *Plan {
	t.Helper()
	p, err := Compute(op, opts, d, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPlans compares whole plans, as people and as programs read them.
func TestPlans(t *testing.T) {
	for _, tc := range []struct {
		name string
		op   Operation
		opts Options
		seen *Observed
	}{
		{"failover-planned", OpFailover, Options{Planned: true}, observed()},
		{"failover-unplanned", OpFailover, Options{}, eastLost()},
		{"failover-unplanned-alive", OpFailover, Options{}, observed()},
		{"failover-blocked", OpFailover, Options{Planned: true}, troubled()},
		{"migrate", OpMigrate, Options{}, staying(declared(t))},
		{"link", OpLink, Options{}, westEmpty()},
		{"link-again", OpLink, Options{Topics: []string{"flights"}}, observed()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := compute(t, tc.op, tc.opts, declared(t), tc.seen)
			golden(t, tc.name+".txt", []byte(p.Text()))
			j, err := json.MarshalIndent(p, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, tc.name+".json", append(j, '\n'))
			var back Plan
			if err := json.Unmarshal(j, &back); err != nil {
				t.Fatal(err)
			}
			again, err := json.MarshalIndent(back, "", "  ")
			if err != nil || string(again) != string(j) {
				t.Errorf("the plan does not read back: %v\n%s", err, cmp.Diff(string(j), string(again)))
			}
			wellFormed(t, p)
		})
	}
}

// wellFormed checks what every plan promises: ids are unique, needs stand before, goals and reasons are there.
func wellFormed(t *testing.T, p *Plan) {
	t.Helper()
	before := map[string]bool{}
	for _, s := range p.Steps {
		if before[s.ID] {
			t.Errorf("two steps are named %s", s.ID)
		}
		for _, n := range s.Needs {
			if !before[n] {
				t.Errorf("step %s needs %s, which does not stand before it", s.ID, n)
			}
		}
		if s.Goal == "" || s.Reason == "" || s.Phase == "" {
			t.Errorf("step %s lacks a goal, a reason or a phase: %+v", s.ID, s)
		}
		before[s.ID] = true
	}
}

func TestComputeErrors(t *testing.T) {
	westLost := observed()
	westLost.Regions["west"] = &RegionState{Error: "connection refused"}
	for _, tc := range []struct {
		name string
		op   Operation
		opts Options
		seen *Observed
		want string
	}{
		{"destination gone", OpFailover, Options{}, westLost, "west is not reachable: connection refused"},
		{"source gone, planned", OpFailover, Options{Planned: true}, eastLost(), "east is not reachable: broker.east:9092: connection refused, tried for 10s"},
		{"source gone, link", OpLink, Options{}, eastLost(), "east is not reachable: broker.east:9092: connection refused, tried for 10s"},
		{"never looked", OpFailover, Options{}, &Observed{}, "west is not reachable: it was not looked at"},
		{"unknown link", OpLink, Options{Link: "east-wset"}, observed(), `testdata/nycflights/lifeboat.yaml declares no link "east-wset": did you mean "east-west"?`},
		{"unknown pipeline", OpFailover, Options{Pipeline: "delay"}, observed(), `testdata/nycflights/lifeboat.yaml declares no pipeline "delay"`},
		{"unknown operation", "promote", Options{}, observed(), `a plan for "promote" is not known: use failover, failback, migrate, drill or link`},
		{"unknown topic", OpLink, Options{Topics: []string{"departures"}}, observed(), `link east-west does not mirror topic "departures" of east`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Compute(tc.op, tc.opts, declared(t), tc.seen)
			if err == nil || filepath.ToSlash(err.Error()) != tc.want {
				t.Fatalf("error %v, want %s", err, tc.want)
			}
			var unreachable *UnreachableError
			if strings.Contains(tc.want, "not reachable") != errors.As(err, &unreachable) {
				t.Errorf("%T", err)
			}
		})
	}
}

// TestPlanThatNobodyComputed has what a plan read from a file must not be.
func TestPlanThatNobodyComputed(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Plan)
		want   string
	}{
		{"as computed", func(*Plan) {}, ""},
		{"another operation", func(p *Plan) { p.Operation = "drill" }, `operation "drill" is not known`},
		{"no destination", func(p *Plan) { p.To = "" }, "it names no link with two regions"},
		{"no steps", func(p *Plan) { p.Steps = nil }, "it has no steps"},
		{"a step taken out", func(p *Plan) { p.Steps = p.Steps[1:] }, `step "verify-fence" needs "fence", which is not before it`},
		{"a step twice", func(p *Plan) { p.Steps[1] = p.Steps[0] }, `step 2 ("fence") has no id of its own and a kind`},
		{"steps turned round", func(p *Plan) { slices.Reverse(p.Steps) }, `step "measure-loss" needs "canary", which is not before it`},
		{"a step of no kind", func(p *Plan) { p.Steps[0].Kind = "" }, `step 1 ("fence") has no id of its own and a kind`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := compute(t, OpFailover, Options{Planned: true}, declared(t), observed())
			tc.change(p)
			got := ""
			if err := p.Validate(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Validate (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStart looks at where statements start.
func TestStart(t *testing.T) {
	statement := func(p *Plan, name string) StatementPlan {
		i := slices.IndexFunc(p.Statements, func(s StatementPlan) bool { return s.Name == name })
		if i < 0 {
			t.Fatalf("no statement %s", name)
		}
		return p.Statements[i]
	}
	all := "partition:0,offset:0;partition:1,offset:0;partition:2,offset:0;partition:3,offset:0;partition:4,offset:0;partition:5,offset:0"
	// West's slowest partition of flights is at 03:59:18. A window of an hour, its watermark and a minute before that begin at 02:58:17,
	// and the hour that holds it at 02:00.
	aligned := map[string]string{propStartupMode: "timestamp", propStartupMillis: fmt.Sprint(now.Add(-2 * time.Hour).UnixMilli())}
	for _, tc := range []struct {
		name   string
		change func(*Declared, *Observed)
		want   map[string]map[string]string
	}{
		{"from the beginning", func(*Declared, *Observed) {}, map[string]map[string]string{"departures-2": {propStart + "flights": all}, "delays-by-hour-2": nil}},
		{"too long for the RTO: as far back as the windows behind it need", func(d *Declared, _ *Observed) { d.Topology.Pipelines[0].Rate = 10 },
			map[string]map[string]string{"departures-2": aligned, "delays-by-hour-2": nil}},
		{"output holds data", func(_ *Declared, o *Observed) {
			o.Regions["west"].Topics["departures"] = &TopicState{ID: "d", Partitions: partitions(5)}
		}, map[string]map[string]string{"departures-2": aligned}},
		{"a log that does not reach back to its first record", func(_ *Declared, o *Observed) {
			p := &o.Regions["west"].Topics["flights"].Partitions[3]
			p.Start, p.Oldest = 7, midnight+30*60_000
		}, map[string]map[string]string{
			"departures-2":     {propStart + "flights": strings.Replace(all, "partition:3,offset:0", "partition:3,offset:7", 1)},
			"delays-by-hour-2": {propEmitFrom: fmt.Sprint(midnight + 60*60_000)}}},
		{"a translated log that begins in the middle of its source's", func(_ *Declared, o *Observed) {
			o.Regions["west"].Topics["flights"].Partitions[3].Oldest = midnight + 30*60_000
			o.Mirrors["east-west"][1].Translated = map[int32]Translation{3: {Begins: 7, Source: 4504, Dest: 4497}}
		}, map[string]map[string]string{"departures-2": {propStart + "flights": all}, "delays-by-hour-2": {propEmitFrom: fmt.Sprint(midnight + 60*60_000)}}},
		{"behind newer records of somebody else: they do not count", func(d *Declared, o *Observed) {
			d.Topology.Pipelines[0].Rate = 10
			slowest := &o.Regions["west"].Topics["flights"].Partitions[2]
			o.Mirrors["east-west"][1].Translated = map[int32]Translation{2: {First: 5, Source: 4498, Dest: 4503, Newest: slowest.Newest}}
			slowest.Newest = now.UnixMilli()
		}, map[string]map[string]string{"departures-2": aligned}},
		{"the topic between has paused: from before what it was at", func(d *Declared, o *Observed) {
			d.Topology.Pipelines[0].Rate = 10
			o.Regions["east"].Topics["departures"].Partitions[0].Newest = now.Add(-10*time.Hour - time.Second).UnixMilli()
		}, map[string]map[string]string{"departures-2": {propStartupMode: "timestamp", propStartupMillis: fmt.Sprint(now.Add(-12 * time.Hour).UnixMilli())}}},
		{"its records tell more than its newest timestamp", func(d *Declared, o *Observed) {
			d.Topology.Pipelines[0].Rate = 10
			o.Regions["east"].Topics["departures"].Reached = &Reached{Newest: []int64{now.Add(-10*time.Hour - time.Second).UnixMilli()}}
		}, map[string]map[string]string{"departures-2": {propStartupMode: "timestamp", propStartupMillis: fmt.Sprint(now.Add(-12 * time.Hour).UnixMilli())}}},
		{"nothing was written between: nothing is open behind it", func(d *Declared, o *Observed) {
			d.Topology.Pipelines[0].Rate = 10
			o.Regions["east"].Topics["departures"].Partitions[0].Newest = -1
		}, map[string]map[string]string{"departures-2": aligned}},
		{"fresh", func(d *Declared, _ *Observed) {
			d.Topology.Pipelines[0].Overrides = map[string]Strategy{"departures-2": Fresh}
		},
			map[string]map[string]string{"departures-2": {propStartupMode: "latest-offset"}}},
		{"declared properties stay", func(d *Declared, _ *Observed) {
			d.Topology.Pipelines[0].Properties = map[string]string{"sql.local-time-zone": "UTC"}
		},
			map[string]map[string]string{"delays-by-hour-2": {"sql.local-time-zone": "UTC"}, "delays-by-hour-1": {"sql.local-time-zone": "UTC"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, o := declared(t), observed()
			tc.change(d, o)
			p := compute(t, OpFailover, Options{}, d, o)
			for _, name := range slices.Sorted(maps.Keys(tc.want)) {
				if diff := cmp.Diff(tc.want[name], statement(p, name).Properties); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
		})
	}
}

// TestStartBesidesAPause: where nobody tells how far the topic between statements has come, the start says what it depends on.
func TestStartBesidesAPause(t *testing.T) {
	const says = "whole only where there is none: how far departures has come in east is not known: it was not seen"
	for name, tc := range map[string]struct {
		rate float64
		seen *Observed
		want bool
	}{
		"its region is lost":       {10, eastLost(), true},
		"its region answers":       {10, observed(), false},
		"all of the input is read": {0, eastLost(), false},
	} {
		t.Run(name, func(t *testing.T) {
			d := declared(t)
			d.Topology.Pipelines[0].Rate = tc.rate
			for _, s := range compute(t, OpFailover, Options{}, d, tc.seen).Statements {
				if got := strings.Contains(s.Reason, says); got != (tc.want && s.Name == "departures-2") {
					t.Errorf("%s: %s", s.Name, s.Reason)
				}
			}
		})
	}
}

// TestStale changes one thing after planning.
func TestStale(t *testing.T) {
	for _, tc := range []struct {
		name      string
		unplanned bool
		change    func(*Declared, *Observed)
		want      []string
	}{
		{name: "nothing", change: func(*Declared, *Observed) {}},
		{name: "positions, times and groups move", change: func(_ *Declared, o *Observed) {
			o.At = o.At.Add(time.Minute)
			o.Regions["east"].Topics["flights"].Partitions[0] = PartitionState{Start: 5, End: 9999, Stable: 9999}
			o.Regions["east"].Groups["ops-board"].Positions["flights"][0] = 4400
			o.Mirrors["east-west"][0].At = o.At
		}},
		{name: "the SQL", change: func(d *Declared, _ *Observed) { d.Statements[1].SQL += " " }, want: []string{"declared: statement delays-by-hour-2"}},
		{name: "the topology", change: func(d *Declared, _ *Observed) { d.Topology.Links[0].Topics.Include = []string{".*"} }, want: []string{"declared: topology"}},
		{name: "a topic's config", change: func(_ *Declared, o *Observed) { o.Regions["east"].Topics["flights"].Configs["retention.ms"] = "1" }, want: []string{"east: topic flights"}},
		{name: "a topic created again", change: func(_ *Declared, o *Observed) { o.Regions["west"].Topics["flights"].ID = "again" }, want: []string{"west: topic flights"}},
		{name: "an output that appeared", change: func(_ *Declared, o *Observed) { o.Regions["west"].Topics["departures"] = &TopicState{ID: "d"} }, want: []string{"west: topic departures"}},
		{name: "the registry's mode and the cluster", change: func(_ *Declared, o *Observed) {
			o.Regions["west"].Mode, o.Regions["west"].ClusterID = "READONLY", "west-2"
		},
			want: []string{"west: cluster", "west: registry mode"}},
		{name: "an unplanned failover does not mind what the source does", unplanned: true, change: func(_ *Declared, o *Observed) {
			o.Regions["east"] = &RegionState{Error: "gone"}
		}},
		{name: "a mirror that follows another source", change: func(_ *Declared, o *Observed) { o.Mirrors["east-west"][1].SourceID = "x" }, want: []string{"link east-west: mirror flights"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := compute(t, OpFailover, Options{Planned: !tc.unplanned}, declared(t), observed())
			d, o := declared(t), observed()
			tc.change(d, o)
			err := p.Stale(d, o)
			var stale *StaleError
			switch {
			case tc.want == nil && err != nil:
				t.Errorf("stale: %v", err)
			case tc.want != nil && !errors.As(err, &stale):
				t.Errorf("error %v, want a StaleError", err)
			case tc.want != nil:
				if diff := cmp.Diff(tc.want, stale.Changed); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	p := compute(t, OpFailover, Options{Planned: true}, declared(t), observed())
	p.Structure = "sha256:0"
	if err := p.Stale(declared(t), observed()); err == nil {
		t.Error("a plan whose digest was changed by hand is taken")
	}
}

// TestComputeIsPure draws regions at random and computes twice, with maps filled in different orders: the bytes are the same, and the
// arguments are not changed.
func TestComputeIsPure(t *testing.T) {
	d := declared(t)
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,6}`), 1, 12, rapid.ID[string]).Draw(t, "topics")
		d := *d
		top := *d.Topology
		link := *top.Links[0]
		link.Topics.Include = append([]string{"flights"}, names...)
		top.Links = []*Link{&link}
		d.Topology = &top
		o := observed()
		offset := rapid.Int64Range(-1, 5000)
		for _, n := range names {
			for _, r := range []string{"east", "west"} {
				if rapid.Bool().Draw(t, "there") {
					p := PartitionState{Start: Offset(offset.Draw(t, "start")), End: Offset(offset.Draw(t, "end")), Stable: Offset(offset.Draw(t, "stable")), Oldest: offset.Draw(t, "oldest"), Newest: offset.Draw(t, "newest")}
					o.Regions[r].Topics[n] = &TopicState{ID: r + n, Partitions: []PartitionState{p}}
				}
			}
			if rapid.Bool().Draw(t, "mirrored") {
				o.Mirrors["east-west"] = append(o.Mirrors["east-west"], MirrorState{Topic: n, State: rapid.SampledFrom([]string{"ACTIVE", "FAILED", "STOPPED", "PAUSED"}).Draw(t, "state"), Source: map[int32]Offset{0: 3}})
			}
		}
		if rapid.Bool().Draw(t, "east lost") {
			o.Regions["east"] = &RegionState{Error: "gone"}
		}
		given, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range []Operation{OpFailover, OpLink} {
			var first string
			for range 3 {
				var again Observed // maps are rebuilt, so that they are walked in another order
				if err := json.Unmarshal(given, &again); err != nil {
					t.Fatal(err)
				}
				p, err := Compute(op, Options{}, &d, &again)
				text := fmt.Sprint(err)
				if err == nil {
					j, _ := json.Marshal(p)
					text = string(j) + p.Text()
				}
				if first != "" && first != text {
					t.Fatalf("the same arguments gave two plans:\n%s", cmp.Diff(first, text))
				}
				first = text
				after, _ := json.Marshal(&again)
				if string(after) != string(given) {
					t.Fatalf("Compute changed what was observed:\n%s", cmp.Diff(string(given), string(after)))
				}
			}
		}
	})
}
