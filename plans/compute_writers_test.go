package plans

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// writers are two regions that both write orders and compute over both; nothing of the two is lost.
func writers(t *testing.T) (*Declared, *Observed) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"lifeboat.yaml": `apiVersion: lifeboat/v1
kind: Topology
name: shop
pattern: active-active
regions:
  east: {kafka: {bootstrap: ["east:9092"]}, engine: {backend: bundled, url: "http://east:8088"}, fence: {by: config}}
  west: {kafka: {bootstrap: ["west:9092"]}, engine: {backend: bundled, url: "http://west:8088"}}
links:
  - {name: east-west, from: east, to: west, prefix: east., topics: {include: [orders]}, groups: {include: [ops]}}
  - {name: west-east, from: west, to: east, prefix: west., topics: {include: [orders]}}
pipelines:
  - {name: shop, statements: ["*.sql"]}
`,
		"big.sql": "CREATE TABLE big (id BIGINT NOT NULL);\nINSERT INTO big SELECT id FROM `${east:orders}`;\nINSERT INTO big SELECT id FROM `${west:orders}`;\n",
		"own.sql": "INSERT INTO copy SELECT id FROM `${west:orders}`;\n",
		"sum.sql": "INSERT INTO twice SELECT id + id FROM big;\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d, found, err := Load(os.ReadFile, filepath.Join(dir, "lifeboat.yaml"), now)
	if err != nil || len(found) > 0 {
		t.Fatalf("loading: %v %+v", err, found)
	}
	region := func(name, other string) *RegionState {
		r := &RegionState{Reachable: true, ClusterID: name, Engine: "ok", Statements: running(d.In(name)), Groups: map[string]*GroupState{"ops": {State: "Empty"}}, Topics: map[string]*TopicState{
			"orders": {ID: name + "-orders", Partitions: partitions(100, 100)}, other + ".orders": {ID: name + "-mirror", Partitions: partitions(100, 100)}}}
		for _, topic := range []string{"big", "copy", "twice"} {
			r.Topics[topic] = &TopicState{ID: name + topic, Partitions: partitions(50)}
		}
		for _, s := range d.Statements {
			if !d.Inserts(s.Name) {
				st := r.Statements[s.Name]
				st.Phase = "COMPLETED"
				r.Statements[s.Name] = st
			}
		}
		return r
	}
	o := &Observed{At: now, Regions: map[string]*RegionState{"east": region("east", "west"), "west": region("west", "east")}, Mirrors: map[string][]MirrorState{}}
	for link, from := range map[string]string{"east-west": "east", "west-east": "west"} {
		o.Mirrors[link] = []MirrorState{{Topic: from + ".orders", State: MirrorActive, SourceID: from + "-orders", Source: map[int32]Offset{0: 100, 1: 100}, At: now}}
	}
	return d, o
}

func stepIDs(p *Plan) (ids []string) {
	for _, s := range p.Steps {
		ids = append(ids, s.ID)
	}
	return ids
}

// What moves when one of two writing regions is lost, left or back, and what does not.
func TestWhatMovesBetweenWritingRegions(t *testing.T) {
	type change = func(*Declared, *Observed)
	lost := func(_ *Declared, o *Observed) {
		o.Regions["east"] = &RegionState{Error: "connection refused"}
		o.Mirrors["east-west"][0].Source[1] = 120
	}
	held := func(_ *Declared, o *Observed) { o.Mirrors["east-west"][0].State = MirrorPaused }
	for _, c := range []struct {
		name   string
		op     Operation
		opts   Options
		change change
		steps  []string
		blocks string // the rule of the finding that blocks it
	}{
		{"lost", OpFailover, Options{}, lost, []string{"offsets", "hold", "watermark:big-2", "watermark:sum", "measure-loss"}, ""},
		{"lost, and a statement of the other one stands still", OpFailover, Options{}, func(d *Declared, o *Observed) {
			lost(d, o)
			delete(o.Regions["west"].Statements, "own")
		}, []string{"offsets", "hold", "start:own", "watermark:big-2", "watermark:sum", "measure-loss"}, ""},
		{"left", OpFailover, Options{Planned: true}, func(*Declared, *Observed) {},
			[]string{"fence", "verify-fence", "drain", "offsets", "hold", "watermark:big-2", "watermark:sum", "measure-loss"}, ""},
		{"lost, and the mirror was promoted by hand", OpFailover, Options{}, func(d *Declared, o *Observed) {
			lost(d, o)
			o.Mirrors["east-west"][0].State = MirrorStopped
		}, nil, "failover/promoted"},
		{"left twice", OpFailover, Options{Planned: true}, held, nil, "failover/mirror-state"},
		{"back", OpFailback, Options{}, held, []string{"catch-up", "mirror-on", "same-output:big", "same-output:copy", "same-output:twice", "lift-fence:east"}, ""},
		{"back, and its statements are gone", OpFailback, Options{}, func(d *Declared, o *Observed) {
			held(d, o)
			o.Regions["east"].Statements = nil
		}, []string{"catch-up", "mirror-on", "start:big-1", "start:big-2", "start:big-3", "start:own", "start:sum", "same-output:big", "same-output:copy", "same-output:twice", "lift-fence:east"}, ""},
		{"never away", OpFailback, Options{}, func(*Declared, *Observed) {}, nil, "failback/no-failover"},
		{"left, resumed by hand, and fenced still", OpFailback, Options{}, func(_ *Declared, o *Observed) { o.Regions["east"].Fences = []string{"r1"} },
			[]string{"catch-up", "mirror-on", "same-output:big", "same-output:copy", "same-output:twice", "lift-fence:east"}, ""},
		{"back, and somebody has written to the mirror", OpFailback, Options{}, func(d *Declared, o *Observed) {
			held(d, o)
			o.Foreign = map[string]string{"east.orders": "east.orders-0 has @100–@100"}
		}, nil, "failback/written"},
		{"back, and the mirror was promoted by hand", OpFailback, Options{}, func(_ *Declared, o *Observed) { o.Mirrors["east-west"][0].State = MirrorStopped }, nil, "failback/promoted"},
		{"back, and its mirror of the other one is held too", OpFailback, Options{}, func(d *Declared, o *Observed) {
			held(d, o)
			o.Mirrors["west-east"][0].State = MirrorPaused
		}, nil, "failback/mirror-state"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, o := writers(t)
			c.change(d, o)
			c.opts.Link = "east-west"
			p := compute(t, c.op, c.opts, d, o)
			wellFormed(t, p)
			var blocks []string
			for _, f := range p.Findings {
				if f.Severity == report.Block {
					blocks = append(blocks, f.Rule)
				}
			}
			if want := needs(c.blocks); !slices.Contains(blocks, c.blocks) && c.blocks != "" || c.blocks == "" && len(blocks) > 0 {
				t.Errorf("blocked by %v, want %v: %+v", blocks, want, p.Findings)
			}
			if c.blocks == "" {
				if diff := cmp.Diff(c.steps, stepIDs(p)); diff != "" {
					t.Errorf("steps: %s", diff)
				}
			}
			if err := p.Stale(d, o); err != nil {
				t.Errorf("the plan does not fit what it was made from: %v", err)
			}
		})
	}
}

func TestStatementsAreToldWhatTheyMiss(t *testing.T) {
	d, o := writers(t)
	o.Regions["east"] = &RegionState{Error: "connection refused"}
	o.Mirrors["east-west"][0].Source[1] = 120
	p := compute(t, OpFailover, Options{Link: "east-west"}, d, o)
	for _, s := range p.Statements {
		missing := strings.Contains(s.Reason, "it misses, until east returns, east.orders: at most 20 records (partition 1: @100 to @120)")
		if missing != (s.Name == "big-2") {
			t.Errorf("%s: %s", s.Name, s.Reason)
		}
	}
	if text := p.Text(); !strings.Contains(text, "writers of east go on in west") {
		t.Errorf("the plan does not say where writers go: %s", text)
	}
}

func TestWrittenTopicsHaveTheirRegionsNames(t *testing.T) {
	d, _ := writers(t)
	for region, want := range map[string][2]string{"east": {"orders", "west.orders"}, "west": {"east.orders", "orders"}} {
		for i, name := range []string{"big-2", "big-3"} {
			in := d.In(region)
			at := slices.IndexFunc(in.Statements, func(s Statement) bool { return s.Name == name })
			if got := in.Statements[at].SQL; !strings.HasSuffix(got, fmt.Sprintf("FROM `%s`", want[i])) {
				t.Errorf("%s in %s: %s", name, region, got)
			}
		}
	}
	for _, c := range []struct{ in, topic, region, name string }{
		{"east", "orders", "east", "orders"}, {"west", "east.orders", "east", "orders"}, {"east", "west.orders", "west", "orders"}, {"west", "orders", "west", "orders"}, {"west", "big", "", "big"},
	} {
		if region, name := d.Topology.Origin(c.in, c.topic); region != c.region || name != c.name {
			t.Errorf("%s in %s was written as %q in %q, want %q in %q", c.topic, c.in, name, region, c.name, c.region)
		}
	}
}

func TestRenamingLinksThatAreNoPairAreRefused(t *testing.T) {
	for name, change := range map[string]func(*Declared){
		"no link the other way":       func(d *Declared) { d.Topology.Links = d.Topology.Links[:1] },
		"the other way has no prefix": func(d *Declared) { d.Topology.Links[1].Prefix = "" },
		"one region computes":         func(d *Declared) { d.Topology.Pattern = ActivePassive },
	} {
		d, o := writers(t)
		change(d)
		for _, op := range []Operation{OpFailover, OpFailback, OpDrill} {
			if _, err := Compute(op, Options{Link: "east-west", Drill: &DrillOptions{ID: "d"}}, d, o); err == nil || op != OpFailback && !errors.As(err, new(*RenamedError)) {
				t.Errorf("%s: %s: %v", name, op, err)
			}
		}
	}
}

// TestDrillOfWritingRegions: the drill reads both regions' topics by the names that the destination has for them, and is compared where both are the same logs.
func TestDrillOfWritingRegions(t *testing.T) {
	d, o := writers(t)
	p := compute(t, OpDrill, Options{Link: "east-west", Drill: &DrillOptions{ID: "20261123-040000-beef"}}, d, o)
	wellFormed(t, p)
	if report.Blocked(p.Findings) || !p.Writers {
		t.Errorf("%+v", p.Findings)
	}
	if diff := cmp.Diff(map[string]string{"orders": "west.orders"}, p.Drill.Own); diff != "" {
		t.Error(diff)
	}
	for _, s := range p.Steps {
		if s.Kind == StepCompare && s.Subject == "big-2" && !slices.Contains(s.Needs, "watermark:big-3") {
			t.Errorf("%s needs %v: its topic has rows of big-3 too", s.ID, s.Needs)
		}
	}
	if text := p.Text(); !strings.Contains(strings.Join(strings.Fields(text), " "), "(orders, which is west.orders in east)") {
		t.Error(text)
	}
	for rule, change := range map[string]func(*Observed){
		"drill/held":         func(o *Observed) { o.Mirrors["east-west"][0].State = MirrorPaused },
		"drill/other-way":    func(o *Observed) { o.Mirrors["west-east"][0].State = MirrorPaused },
		"drill/not-mirrored": func(o *Observed) { o.Mirrors["west-east"] = nil },
		"drill/translated":   func(o *Observed) { o.Mirrors["west-east"][0].Translated = map[int32]Translation{0: {Why: WhyDeclared}} },
		"drill/no-own-topic": func(o *Observed) { delete(o.Regions["west"].Topics, "orders") },
	} {
		d, o := writers(t)
		change(o)
		p := compute(t, OpDrill, Options{Link: "east-west", Drill: &DrillOptions{ID: "20261123-040000-beef"}}, d, o)
		if !slices.ContainsFunc(p.Findings, func(f report.Finding) bool { return f.Rule == rule && f.Severity == report.Block }) {
			t.Errorf("no %s in %+v", rule, p.Findings)
		}
	}
}
