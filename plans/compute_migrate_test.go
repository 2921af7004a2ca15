package plans

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// staying is a pair of regions with things in the east that no link selects.
func staying(d *Declared) *Observed {
	o := observed()
	east := o.Regions["east"]
	east.Topics["scratch"] = &TopicState{ID: "id-scratch", Partitions: partitions(7)}
	east.Statements = running(d)
	east.Statements["by-hand"] = StatementState{Phase: "RUNNING", SQL: "INSERT INTO `other` SELECT * FROM `airlines`"}
	east.Groups["ops-board"].State = "Empty"
	east.Groups["ops-board"].Positions["departures"] = map[int32]Offset{0: 12}
	east.Rest = &Rest{Groups: map[string]*GroupState{"nightly": {State: "Stable", Positions: Positions{"airlines": {0: 3}}}}, Internal: []string{"_lifeboat.east.runs", "_lifeboat.east.statements"}, ACLs: []ACL{
		{"User:app", "*", "TOPIC", "airlines", "LITERAL", "WRITE", "ALLOW"}, {"User:flights-app", "*", "TOPIC", "airlines", "LITERAL", "WRITE", "DENY"}},
		Fenced: map[string][]string{"run-0": {"flights", "gone"}}}
	return o
}

// arrive is what a batch that has moved leaves in the west.
func (o *Observed) arrive(d *Declared, topics ...string) {
	for i, m := range o.Mirrors["east-west"] {
		if slices.Contains(topics, m.Topic) {
			o.Mirrors["east-west"][i].State = MirrorStopped
		}
	}
	if slices.Contains(topics, "flights") {
		o.Regions["west"].Statements = running(d)
		for name, st := range o.Regions["east"].Statements {
			if st.Phase == "RUNNING" && name != "by-hand" {
				st.Phase = "STOPPED"
				o.Regions["east"].Statements[name] = st
			}
		}
	}
}

func TestMigrationIsRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Declared, *Observed)
		rule   string // of the blocking finding; "" none
	}{
		{"nothing stands against it", func(*Declared, *Observed) {}, ""},
		{"a batch has moved", func(d *Declared, o *Observed) { o.arrive(d, "airlines") }, ""},
		{"all have", func(d *Declared, o *Observed) { o.arrive(d, "airlines", "flights") }, "migrate/done"},
		{"its topics are promoted, its statements do not run", func(d *Declared, o *Observed) {
			o.arrive(d, "flights")
			o.Regions["west"].Statements = nil
		}, ""},
		{"never mirrored", func(_ *Declared, o *Observed) {
			o.Mirrors = nil
			o.Regions["west"].Topics = nil
		}, "migrate/topic-missing"},
		{"another topic of that name", func(_ *Declared, o *Observed) { o.Mirrors["east-west"] = o.Mirrors["east-west"][1:] }, "migrate/not-mirrored"},
		{"the mirror is gone", func(_ *Declared, o *Observed) { delete(o.Regions["west"].Topics, "airlines") }, "migrate/topic-missing"},
		{"paused", func(_ *Declared, o *Observed) { o.Mirrors["east-west"][0].State = MirrorPaused }, "migrate/mirror-state"},
		{"failed", func(_ *Declared, o *Observed) { o.Mirrors["east-west"][0].State = MirrorFailed }, "link/mirror-failed"},
		{"recreated", func(_ *Declared, o *Observed) { o.Regions["east"].Topics["flights"].ID = "another" }, "link/source-recreated"},
		{"the link selects nothing", func(_ *Declared, o *Observed) { o.Regions["east"].Topics, o.Mirrors = nil, nil }, "link/no-topics"},
		{"a fence that keeps nobody out", func(d *Declared, _ *Observed) { d.Topology.Regions["east"].Fence.By = "quota" }, "failover/fence"},
		{"no engine", func(_ *Declared, o *Observed) { o.Regions["west"].Engine = "refused" }, "engine/unreachable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := declared(t)
			o := staying(d)
			c.change(d, o)
			p := compute(t, OpMigrate, Options{}, d, o)
			wellFormed(t, p)
			var blocks []string
			for _, f := range p.Findings {
				if f.Severity == report.Block && !slices.Contains(blocks, f.Rule) {
					blocks = append(blocks, f.Rule)
				}
			}
			if c.rule == "" && blocks != nil || c.rule != "" && !slices.Contains(blocks, c.rule) {
				t.Errorf("blocked by %v, want %q", blocks, c.rule)
			}
		})
	}
}

// TestMigrationOfABatch leaves out what is not asked for, and what has moved.
func TestMigrationOfABatch(t *testing.T) {
	for _, c := range []struct {
		name, batch string
		moved       []string
		want        string // batches, "" where none; and the error
		err         string
	}{
		{"all", "", nil, "airlines, flights", ""},
		{"by name", "flights", nil, "flights", ""},
		{"by something in it", "departures", nil, "flights", ""},
		{"by a statement", "delays-by-hour-2", nil, "flights", ""},
		{"by number", "1", nil, "airlines", ""},
		{"what is left", "", []string{"airlines"}, "flights", ""},
		{"by the number of what is left", "1", []string{"airlines"}, "flights", ""},
		{"moved", "airlines", []string{"airlines"}, "", "airlines has moved to west already"},
		{"unknown", "flihgts", nil, "", `no batch holds "flihgts": did you mean "flights"?`},
		{"nothing left", "3", []string{"airlines", "flights"}, "", "no batch is left to move"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := declared(t)
			o := staying(d)
			o.arrive(d, c.moved...)
			p, err := Compute(OpMigrate, Options{Batch: c.batch}, d, o)
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Fatalf("error %v, want %s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, b := range p.Migration.Batches {
				names = append(names, b.Name)
			}
			if got := strings.Join(names, ", "); got != c.want {
				t.Errorf("batches %s, want %s", got, c.want)
			}
			for _, s := range p.Steps {
				if !slices.Contains(names, s.Batch) {
					t.Errorf("step %s is of batch %q", s.ID, s.Batch)
				}
			}
			if n := len(p.Migration.Batches) + len(p.Migration.Later) + len(p.Migration.Moved); n != 2 {
				t.Errorf("%d of 2 units are told of", n)
			}
		})
	}
}

// TestMigrationLeaves says of everything that is left in the source how it is removed, or why not.
func TestMigrationLeaves(t *testing.T) {
	list := func(d *Declared, o *Observed) (lines []string) {
		for _, l := range compute(t, OpMigrate, Options{}, d, o).Migration.Left {
			line := l.Kind + " " + l.Name
			if l.Command == "" {
				line = "keep " + line
			}
			lines = append(lines, line)
		}
		return lines
	}
	d := declared(t)
	o := staying(d)
	if got := list(d, o); got != nil {
		t.Errorf("nothing has moved, and %v is left", got)
	}
	o.arrive(d, "airlines")
	if got := list(d, o); !slices.Contains(got, "keep topic airlines") {
		t.Errorf("a topic that a group still reads may be removed: %v", got)
	}
	o.Regions["east"].Rest.Groups["nightly"] = &GroupState{State: "Stable", Share: true}
	if got := list(d, o); !slices.Contains(got, "keep topic airlines") {
		t.Errorf("a topic that a share group may still read may be removed: %v", got)
	}
	o.Regions["east"].Rest.Groups["nightly"] = &GroupState{State: "Stable", Hidden: true}
	if got := list(d, o); !slices.Contains(got, "keep topic airlines") {
		t.Errorf("a topic that a group with unknown positions may still read may be removed: %v", got)
	}
	o.Regions["east"].Rest.Groups["nightly"].State = "Empty"
	o.Regions["east"].Fences = []string{"run-1"}
	stays := []string{"keep topic scratch", "keep group nightly"}
	outputs := []string{"keep topic departures"}
	by := "keep statement by-hand"
	want := slices.Concat([]string{"topic airlines", "subject airlines-value", "fence of run run-1", "ACL User:app ALLOW WRITE on topic airlines",
		"keep topic _lifeboat.east.runs", "keep topic _lifeboat.east.statements", "keep link east-west"},
		outputs, stays, []string{"keep subject departures-value", by, "keep ACL User:app (1 entry)", "keep ACL User:flights-app (1 entry)"})
	if diff := cmp.Diff(want, list(d, o)); diff != "" {
		t.Errorf("with one batch moved, -want +got\n%s", diff)
	}
	o.arrive(d, "flights")
	want = slices.Concat([]string{"group ops-board", "statement delays-by-hour-2", "statement departures-2", "statement departures-1", "statement delays-by-hour-1",
		"topic departures", "topic airlines", "topic flights", "subject airlines-value", "subject departures-value", "subject flights-value", "fence of run run-1",
		"ACL User:app ALLOW WRITE on topic airlines", "keep topic _lifeboat.east.runs", "topic _lifeboat.east.statements", "keep link east-west"},
		stays, []string{by, "keep ACL User:app (1 entry)", "keep ACL User:flights-app (1 entry)"})
	if diff := cmp.Diff(want, list(d, o)); diff != "" {
		t.Errorf("with all moved, -want +got\n%s", diff)
	}
	o.Regions["east"].Groups["ops-board"].State = "Stable"
	st := o.Regions["east"].Statements["departures-2"]
	st.Phase = "RUNNING"
	o.Regions["east"].Statements["departures-2"] = st
	if got := list(d, o); !slices.Contains(got, "keep group ops-board") || !slices.Contains(got, "keep statement departures-2") {
		t.Errorf("what is still in use may be removed: %v", got)
	}
}

// TestMigrationSaysWhatIsCut finds what is left in the source with what has gone, and readers of what is written anew.
func TestMigrationSaysWhatIsCut(t *testing.T) {
	d := declared(t)
	p := compute(t, OpMigrate, Options{}, d, staying(d))
	for rule, text := range map[string]string{
		"migrate/statement-undeclared": "statement by-hand runs in east, no pipeline declares it, and it has to do with airlines",
		"migrate/group-left":           "group nightly (Stable) reads airlines, and link east-west does not select it",
		"migrate/fenced":               "the fence of run run-0 keeps writers from flights in east",
		"migrate/output-readers":       "group ops-board reads departures, which statements write anew in west",
	} {
		if !slices.ContainsFunc(p.Findings, func(f report.Finding) bool { return f.Rule == rule && f.Message == text }) {
			t.Errorf("no finding %s: %s", rule, text)
		}
	}
}

// TestMigrationCallsHooksForEachBatch and a batch has moved when they have succeeded.
func TestMigrationCallsHooksForEachBatch(t *testing.T) {
	d := declared(t)
	d.Topology.Hooks = []*Hook{{Name: "flags", Before: "promote", Command: []string{"true"}}, {Name: "dns", After: "prove", Command: []string{"true"}}}
	p := compute(t, OpMigrate, Options{}, d, staying(d))
	wellFormed(t, p)
	for _, batch := range []string{"airlines", "flights"} {
		last := slices.IndexFunc(p.Steps, func(s Step) bool { return s.ID == "identical:"+batch })
		promote := slices.IndexFunc(p.Steps, func(s Step) bool { return s.ID == "promote:"+batch })
		if !slices.Contains(p.Steps[promote].Needs, "hook:flags:"+batch) || !slices.Contains(p.Steps[last].Needs, "hook:dns:"+batch) {
			t.Errorf("batch %s does not wait for its hooks: promote needs %v, the end %v", batch, p.Steps[promote].Needs, p.Steps[last].Needs)
		}
	}
}

func TestPlanOfTheWayBack(t *testing.T) {
	d := declared(t)
	p := compute(t, OpMigrate, Options{}, d, staying(d))
	back := p.RollBack("flights", []string{"departures-2"})
	wellFormed(t, back)
	if err := back.Validate(); err != nil {
		t.Error(err)
	}
	var ids []string
	for _, s := range back.Steps {
		ids = append(ids, s.ID)
	}
	if diff := cmp.Diff([]string{"lift-fence:east:flights", "restart:flights"}, ids); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if p.Migration.Back != "" || len(p.Steps) == len(back.Steps) {
		t.Error("the plan was changed by its way back")
	}
	if text := back.Text(); !strings.Contains(text, "batch flights is rolled back") || strings.Contains(text, "Statements, in the order") {
		t.Errorf("its text:\n%s", text)
	}
	if none := p.RollBack("airlines", nil); len(none.Steps) != 1 {
		t.Errorf("nothing was stopped, and the way back has %d steps", len(none.Steps))
	}
}
