package plans

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// running are a topology's statements, as an engine shows those that it runs.
func running(d *Declared) map[string]StatementState {
	all := map[string]StatementState{}
	for _, s := range d.Statements {
		all[s.Name] = StatementState{Phase: "RUNNING", SQL: s.SQL}
	}
	return all
}

// rules lists a plan's findings as "severity rule subject".
func rules(p *Plan) []string {
	var list []string
	for _, f := range p.Findings {
		waived := ""
		if f.Waived != "" {
			waived = " waived"
		}
		list = append(list, fmt.Sprintf("%s %s %s%s", f.Severity, f.Rule, f.Subject, waived))
	}
	return list
}

// TestFindings changes one thing of a healthy pair of regions and looks at what is found beyond the findings of the healthy one.
func TestFindings(t *testing.T) {
	healthy := rules(compute(t, OpFailover, Options{Planned: true}, declared(t), observed()))
	healthyLink := rules(compute(t, OpLink, Options{}, declared(t), observed()))
	type change = func(d *Declared, o *Observed)
	west := func(f func(*RegionState)) change { return func(_ *Declared, o *Observed) { f(o.Regions["west"]) } }
	for _, tc := range []struct {
		name   string
		op     Operation
		change change
		want   []string
	}{
		{"healthy", OpFailover, func(*Declared, *Observed) {}, nil},
		{"topic missing", OpFailover, west(func(r *RegionState) { delete(r.Topics, "airlines") }), []string{"block failover/topic-missing airlines"}},
		{"never mirrored", OpFailover, func(_ *Declared, o *Observed) { o.Mirrors["east-west"] = o.Mirrors["east-west"][1:] }, []string{"block failover/not-mirrored airlines"}},
		{"mirror failed", OpFailover, func(_ *Declared, o *Observed) { o.Mirrors["east-west"][0].State = "FAILED" }, []string{"block link/mirror-failed airlines"}},
		{"mirror paused", OpFailover, func(_ *Declared, o *Observed) { o.Mirrors["east-west"][0].State = "PAUSED" }, []string{"block failover/mirror-state airlines"}},
		{"mirror in a state of a later version", OpFailover, func(_ *Declared, o *Observed) { o.Mirrors["east-west"][0].State = "MIRRORING" }, []string{"block failover/mirror-state airlines"}},
		{"mirror promoted already", OpFailover, func(_ *Declared, o *Observed) { o.Mirrors["east-west"][0].State = "STOPPED" }, nil},
		{"everything promoted and running already", OpFailover, func(d *Declared, o *Observed) {
			for i := range o.Mirrors["east-west"] {
				o.Mirrors["east-west"][i].State = "STOPPED"
			}
			o.Regions["west"].Statements = running(d)
		}, []string{"block failover/done west"}},
		{"promoted already, a statement is left", OpFailover, func(d *Declared, o *Observed) {
			for i := range o.Mirrors["east-west"] {
				o.Mirrors["east-west"][i].State = "STOPPED"
			}
			o.Regions["west"].Statements = running(d)
			delete(o.Regions["west"].Statements, "departures-2")
		}, nil},
		{"partition counts", OpFailover, west(func(r *RegionState) { r.Topics["airlines"].Partitions = partitions(16, 0) }), []string{"block link/partition-counts airlines"}},
		{"source created again", OpFailover, func(_ *Declared, o *Observed) { o.Regions["east"].Topics["airlines"].ID = "other" }, []string{"block link/source-recreated airlines"}},
		{"registry read-only", OpFailover, west(func(r *RegionState) { r.Mode = "READONLY" }), []string{"block registry/read-only west"}},
		{"subject read-only", OpFailover, west(func(r *RegionState) { r.Subjects["flights-value"].Mode = "READONLY" }), []string{"block registry/read-only flights-value"}},
		{"registry silent", OpFailover, west(func(r *RegionState) { r.Registry = "timeout" }), []string{"block registry/unreachable west"}},
		{"registry not declared", OpFailover, west(func(r *RegionState) { r.Registry = "" }), []string{"block registry/none west"}},
		{"engine silent", OpFailover, west(func(r *RegionState) { r.Engine = "timeout" }), []string{"block engine/unreachable west"}},
		{"engine not declared", OpFailover, func(d *Declared, _ *Observed) { d.Topology.Regions["west"].Engine = nil }, []string{"block engine/none west"}},
		{"engine of another kind", OpFailover, func(d *Declared, _ *Observed) { d.Topology.Regions["west"].Engine.Backend = "flink" }, []string{"block engine/backend west"}},
		{"fence not declared", OpFailover, func(d *Declared, _ *Observed) { d.Topology.Regions["east"].Fence = nil }, []string{"medium failover/no-fence east"}},
		{"fence by quota", OpFailover, func(d *Declared, _ *Observed) { d.Topology.Regions["east"].Fence.By = "quota" }, []string{"block failover/fence east"}},
		{"the link back has other names", OpFailover, func(d *Declared, _ *Observed) {
			d.Topology.Links = append(d.Topology.Links, &Link{Name: "west-east", From: "west", To: "east", Prefix: "west.", Topics: TopicRule{Rule: Rule{Include: []string{"ref-.*"}}}})
		}, []string{"high failover/no-way-back east-west"}},
		{"the link back would have the name of another", OpFailover, func(d *Declared, _ *Observed) {
			d.Topology.Links = append(d.Topology.Links, &Link{Name: "west-east", From: "east", To: "west", Topics: TopicRule{Rule: Rule{Include: []string{"ref-.*"}}}})
		}, []string{"high failover/no-way-back east-west"}},
		{"another link fills the topics of the region that is left", OpFailover, func(d *Declared, _ *Observed) {
			d.Topology.Regions["north"] = &Region{}
			d.Topology.Links = append(d.Topology.Links, &Link{Name: "north-east", From: "north", To: "east", Topics: TopicRule{Rule: Rule{Include: []string{"flights"}}}})
		}, []string{"high failover/no-way-back east-west"}},
		{"the link back is declared", OpFailover, func(d *Declared, _ *Observed) {
			back, _, err := Back(d.Topology.Links[0], d.Topology.Links)
			if err != nil {
				t.Fatal(err)
			}
			d.Topology.Links = append(d.Topology.Links, back)
		}, nil},
		{"translated offsets", OpFailover, func(_ *Declared, o *Observed) {
			o.Mirrors["east-west"][0].Translated = map[int32]Translation{0: {Why: "taken", Source: 16, Dest: 16}}
		}, []string{"high failover/no-way-back east-west", "medium link/translated airlines"}},
		{"by time among the records of others, with another engine", OpFailover, func(d *Declared, o *Observed) {
			d.Topology.Pipelines[0].Rate, d.Topology.Regions["west"].Engine.Backend = 10, "confluent"
			o.Mirrors["east-west"][1].Translated = map[int32]Translation{2: {First: 5, Source: 4498, Dest: 4503}}
		}, []string{"block statement/translated-input departures-2", "high failover/no-way-back east-west", "medium link/translated flights", "medium statement/partial-output departures-2"}},
		{"no way back, and that is wanted", OpFailover, func(d *Declared, o *Observed) {
			o.Mirrors["east-west"][0].Translated = map[int32]Translation{0: {Why: "taken", Source: 16, Dest: 16}}
			d.Topology.Waivers = append(d.Topology.Waivers, &Waiver{Rule: "failover/no-way-back", Reason: "we leave for good"})
		}, []string{"high failover/no-way-back east-west waived", "medium link/translated airlines"}},
		{"ACLs declared", OpFailover, func(d *Declared, _ *Observed) { d.Topology.Links[0].ACLs.Include = []string{"User:ops"} }, nil},
		{"active-active", OpFailover, func(d *Declared, _ *Observed) { d.Topology.Pattern = ActiveActive }, nil},
		{"group active", OpFailover, west(func(r *RegionState) { r.Groups["ops-board"].State = "Stable" }), []string{"high failover/group-active ops-board"}},
		{"a share group", OpFailover, func(_ *Declared, o *Observed) { o.Regions["east"].Groups["ops-board"].Share = true }, []string{"medium link/share-group ops-board"}},
		{"configs of a group", OpFailover, func(_ *Declared, o *Observed) {
			o.Regions["east"].Groups["ops-board"].Configs = map[string]string{"consumer.session.timeout.ms": "60000"}
		}, []string{"low link/group-configs ops-board"}},
		{"the same configs of a group", OpFailover, func(_ *Declared, o *Observed) {
			for _, region := range []string{"east", "west"} {
				o.Regions[region].Groups["ops-board"].Configs = map[string]string{"consumer.session.timeout.ms": "60000"}
			}
		}, nil},
		{"a subscription to clients' metrics", OpFailover, func(_ *Declared, o *Observed) { o.Regions["east"].ClientMetrics = []string{"latency"} }, []string{"low link/client-metrics east-west"}},
		{"the same subscription", OpFailover, func(_ *Declared, o *Observed) {
			o.Regions["east"].ClientMetrics, o.Regions["west"].ClientMetrics = []string{"latency"}, []string{"latency"}
		}, nil},
		{"what may not be seen", OpFailover, func(_ *Declared, o *Observed) { o.Regions["east"].Unseen = []string{UnseenMetrics, UnseenGroups} },
			[]string{"low link/configs-not-known east-west", "low link/configs-not-known east-west"}},
		{"nothing to move", OpFailover, func(d *Declared, _ *Observed) { d.Topology.Links[0].Topics.Include = []string{"none"} }, []string{"block link/no-topics east-west"}},
		{"statement exists", OpFailover, west(func(r *RegionState) {
			r.Statements = map[string]StatementState{"departures-2": {Phase: "RUNNING", SQL: "INSERT INTO x SELECT 1"}}
		}), []string{"block statement/exists departures-2"}},
		{"table exists otherwise", OpFailover, west(func(r *RegionState) {
			r.Statements = map[string]StatementState{"old": {Phase: "COMPLETED", SQL: "CREATE TABLE departures (origin STRING, PRIMARY KEY (origin) NOT ENFORCED)"}}
		}), []string{"block D39 departures-1", "block D39 departures-1", "block D39 departures-1"}},
		{"table exists as declared", OpFailover, west(func(r *RegionState) {
			sql := "CREATE TABLE departures (origin STRING NOT NULL, dep_delay INT NOT NULL, departed TIMESTAMP_LTZ(3) METADATA FROM 'timestamp')"
			r.Statements = map[string]StatementState{"old": {Phase: "COMPLETED", SQL: sql}}
		}), nil},
		{"table that was refused", OpFailover, west(func(r *RegionState) {
			r.Statements = map[string]StatementState{"old": {Phase: "FAILED", SQL: "CREATE TABLE departures (origin STRING, PRIMARY KEY (origin) NOT ENFORCED)"}}
		}), nil},
		{"a window that the engine has not", OpFailover, func(d *Declared, _ *Observed) {
			for i := range d.Statements {
				d.Statements[i].SQL = strings.Replace(d.Statements[i].SQL, "TUMBLE(TABLE departures, DESCRIPTOR(`$rowtime`), ", "HOP(TABLE departures, DESCRIPTOR(`$rowtime`), INTERVAL '5' MINUTE, ", 1)
			}
		}, []string{"block sql/unsupported delays-by-hour-2"}},
		{"output holds data", OpFailover, west(func(r *RegionState) {
			r.Topics["departures"] = &TopicState{ID: "d", Partitions: partitions(5)}
		}), []string{"high D37 departures-2"}},
		{"output is mirrored", OpFailover, func(d *Declared, o *Observed) {
			d.Topology.Links[0].Topics.Include = append(d.Topology.Links[0].Topics.Include, "departures")
			o.Regions["west"].Topics["departures"] = &TopicState{ID: "d", Partitions: partitions(26000), Configs: o.Regions["east"].Topics["departures"].Configs}
			o.Mirrors["east-west"] = append(o.Mirrors["east-west"], MirrorState{Topic: "departures", State: "ACTIVE", SourceID: "id-departures"})
		}, []string{"block D33 delays-by-hour-2", "block statement/mirrored-output departures-2", "high D37 departures-2"}},
		{"too little history", OpFailover, west(func(r *RegionState) {
			for p := range r.Topics["flights"].Partitions {
				r.Topics["flights"].Partitions[p].Start, r.Topics["flights"].Partitions[p].Oldest = 10, now.Add(-time.Minute).UnixMilli()
			}
		}), []string{"block D35 delays-by-hour-2"}},
		{"retention too short after promotion", OpFailover, func(d *Declared, _ *Observed) { d.Topology.Links[0].Topics.Configs["retention.ms"] = "60000" }, []string{"block D35 delays-by-hour-2"}},
		{"parallel", OpFailover, func(d *Declared, _ *Observed) {
			d.Topology.Pipelines[0].Overrides = map[string]Strategy{"departures-2": Parallel}
		}, []string{"block statement/strategy departures-2"}},
		{"restore", OpFailover, func(d *Declared, _ *Observed) { d.Topology.Pipelines[0].Recovery = Restore }, []string{"block statement/strategy delays-by-hour-2", "block statement/strategy departures-2"}},
		{"fresh", OpFailover, func(d *Declared, _ *Observed) {
			d.Topology.Pipelines[0].Overrides = map[string]Strategy{"departures-2": Fresh}
		}, []string{"high statement/fresh departures-2"}},
		{"resume of windows", OpFailover, func(d *Declared, _ *Observed) { d.Topology.Pipelines[0].Recovery = Resume }, []string{"high statement/resume delays-by-hour-2"}},
		{"longer than the RTO", OpFailover, func(d *Declared, _ *Observed) { d.Topology.Pipelines[0].Rate = 10 }, []string{"medium statement/partial-output departures-2"}},
		{"schema id differs", OpFailover, west(func(r *RegionState) { r.Subjects["flights-value"].IDs[1] = 9 }), []string{"block link/schema-id flights-value", "high D32 departures-2"}},

		{"a statement that another pipeline has", OpFailover, func(d *Declared, _ *Observed) {
			d.Topology.Pipelines = append(d.Topology.Pipelines, &Pipeline{Name: "other"})
			for i := range d.Statements {
				if d.Statements[i].Name == "departures-2" {
					d.Statements[i].Pipeline = "other"
				}
			}
		}, nil},

		{"link healthy", OpLink, func(*Declared, *Observed) {}, nil},
		{"link: foreign data", OpLink, func(_ *Declared, o *Observed) { o.Mirrors = nil }, []string{"block link/foreign-data airlines", "block link/foreign-data flights"}},
		{"link: an empty topic is there", OpLink, func(_ *Declared, o *Observed) {
			o.Mirrors["east-west"] = o.Mirrors["east-west"][1:]
			o.Regions["west"].Topics["airlines"].Partitions = partitions(0)
		}, nil},
		{"link: overrun", OpLink, func(_ *Declared, o *Observed) { o.Regions["east"].Topics["flights"].Partitions[2].Start = 4505 }, []string{"block link/overrun flights"}},
		{"link: a log that starts too far on", OpLink, func(d *Declared, o *Observed) {
			d.Topology.Links[0].AlignMax = 999_999_999
			delete(o.Regions["west"].Topics, "flights")
			o.Mirrors["east-west"] = o.Mirrors["east-west"][:1]
			o.Regions["east"].Topics["flights"].Partitions[2].Start = 1e9
		}, []string{"block link/alignment flights"}},
		{"link: promoted", OpLink, func(_ *Declared, o *Observed) { o.Mirrors["east-west"][1].State = "STOPPED" }, []string{"block link/promoted flights"}},
		{"link: schema id taken", OpLink, west(func(r *RegionState) {
			r.Subjects = map[string]*SubjectState{"invoices-value": {Versions: []int{1}, IDs: []int{3}}}
		}), []string{"block link/schema-id flights-value"}},
		{"link: one schema under two subjects", OpLink, func(_ *Declared, o *Observed) {
			o.Regions["west"].Subjects = map[string]*SubjectState{"departures-value": {Versions: []int{1}, IDs: []int{3}}}
			o.Regions["east"].Subjects["departures-value"].IDs = []int{3}
		}, nil},
		{"link: two sources", OpLink, func(d *Declared, _ *Observed) {
			d.Topology.Links = append(d.Topology.Links, &Link{Name: "north-west", From: "north", To: "west", Topics: TopicRule{Rule: Rule{Include: []string{".*lines"}}}})
		}, []string{"block link/two-sources airlines"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, o := declared(t), observed()
			tc.change(d, o)
			opts := Options{Planned: tc.op == OpFailover}
			if len(d.Topology.Pipelines) > 1 {
				opts.Pipeline = "delays"
			}
			p := compute(t, tc.op, opts, d, o)
			known := slices.Clone(healthy)
			if tc.op == OpLink {
				known = slices.Clone(healthyLink)
			}
			var got []string
			for _, r := range rules(p) {
				if i := slices.Index(known, r); i >= 0 {
					known = slices.Delete(known, i, i+1)
					continue
				}
				got = append(got, r)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n%s", diff, p.Text())
			}
			wellFormed(t, p)
		})
	}
}

func TestWaiver(t *testing.T) {
	for _, tc := range []struct {
		name string
		day  time.Time
		want string
	}{
		{"holds", now, "tolerance 2 ulp agreed"},
		{"holds on its last day", time.Date(2027, 3, 31, 23, 59, 59, 0, time.UTC), "tolerance 2 ulp agreed"},
		{"is over", time.Date(2027, 4, 1, 0, 0, 0, 0, time.UTC), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := observed()
			o.At = tc.day
			p := compute(t, OpFailover, Options{Planned: true}, declared(t), o)
			i := slices.IndexFunc(p.Findings, func(f report.Finding) bool { return f.Rule == "D17" })
			if i < 0 {
				t.Fatalf("no finding D17: %v", rules(p))
			}
			if got := p.Findings[i].Waived; got != tc.want {
				t.Errorf("waived %q, want %q", got, tc.want)
			}
		})
	}
}
