package plans

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// TestPartsOfALink: what is failed over by pipeline or by topics, what stays, and what would be torn apart.
func TestPartsOfALink(t *testing.T) {
	both := func(d *Declared, o *Observed) { // of a group that reads a topic of each part
		o.Regions["east"].Groups["ops-board"].Positions["airlines"] = map[int32]Offset{0: 3}
	}
	joins := func(d *Declared, o *Observed) { // a statement of another pipeline that reads a topic of each part
		d.Topology.Pipelines = append(d.Topology.Pipelines, &Pipeline{Name: "names"})
		d.Statements = append(d.Statements, Statement{Pipeline: "names", Name: "named", File: "sql/named.sql", Line: 1, SQL: "INSERT INTO named SELECT f.origin FROM flights f JOIN airlines a ON f.carrier = a.carrier"})
	}
	behind := func(d *Declared, o *Observed) { // one that reads only what moves
		d.Topology.Pipelines = append(d.Topology.Pipelines, &Pipeline{Name: "names"})
		d.Statements = append(d.Statements, Statement{Pipeline: "names", Name: "named", File: "sql/named.sql", Line: 1, SQL: "INSERT INTO named SELECT origin FROM flights"})
	}
	for _, c := range []struct {
		name   string
		opts   Options
		change func(*Declared, *Observed)
		moves  []string
		stays  []string
		run    int
		groups []string
		found  []string // of what is torn
	}{
		{"a pipeline", Options{Pipeline: "delays"}, nil, []string{"flights"}, []string{"airlines"}, 4, []string{"ops-board"}, nil},
		{"topics of statements", Options{Topics: []string{"fl.*"}}, nil, []string{"flights"}, []string{"airlines"}, 4, []string{"ops-board"}, nil},
		{"topics of none", Options{Topics: []string{"airlines"}}, nil, []string{"airlines"}, []string{"flights"}, 0, nil, nil},
		{"all topics", Options{Topics: []string{".*"}}, nil, []string{"airlines", "flights"}, nil, 4, []string{"ops-board"}, nil},
		{"a group of both", Options{Pipeline: "delays"}, both, []string{"flights"}, []string{"airlines"}, 4, []string{"ops-board"}, []string{"medium failover/torn-group ops-board"}},
		{"a statement of both", Options{Pipeline: "delays"}, joins, []string{"flights"}, []string{"airlines"}, 4, []string{"ops-board"}, []string{"block failover/torn-statement named"}},
		{"a statement of both, by topics", Options{Topics: []string{"flights"}}, joins, []string{"flights"}, []string{"airlines"}, 5, []string{"ops-board"}, []string{"block failover/torn-statement named"}},
		{"both, by topics", Options{Topics: []string{"flights|airlines"}}, joins, []string{"airlines", "flights"}, nil, 5, []string{"ops-board"}, nil},
		{"a pipeline behind", Options{Pipeline: "delays"}, behind, []string{"flights"}, []string{"airlines"}, 4, []string{"ops-board"}, []string{"high failover/other-pipeline names"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, o := declared(t), observed()
			if c.change != nil {
				c.change(d, o)
			}
			for _, planned := range []bool{true, false} {
				opts := c.opts
				opts.Planned = planned
				p := compute(t, OpFailover, opts, d, o)
				var torn []string
				for _, f := range p.Findings {
					if strings.HasPrefix(f.Rule, "failover/torn") && f.Rule != "failover/torn-fence" || f.Rule == "failover/other-pipeline" {
						torn = append(torn, fmt.Sprintf("%s %s %s", f.Severity, f.Rule, f.Subject))
					}
				}
				var stays []string
				if p.Share != nil {
					stays = p.Share.Stays
				}
				for what, diff := range map[string]string{"moves": cmp.Diff(c.moves, namesOf(p.Topics)), "stays": cmp.Diff(c.stays, stays), "groups": cmp.Diff(c.groups, p.Groups), "torn": cmp.Diff(c.found, torn)} {
					if diff != "" {
						t.Errorf("planned %t: %s: %s", planned, what, diff)
					}
				}
				if len(p.Statements) != c.run {
					t.Errorf("planned %t: %d statements, want %d", planned, len(p.Statements), c.run)
				}
				if slices.Contains(p.Subjects, "airlines-value") != slices.Contains(c.moves, "airlines") {
					t.Errorf("planned %t: subjects %v", planned, p.Subjects)
				}
				wellFormed(t, p)
			}
		})
	}
}

// TestPartsThatAreRefused: each by name.
func TestPartsThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		opts Options
		want string
	}{
		{"no such topic", Options{Topics: []string{"flight"}}, `no topic of link east-west matches flight, as a whole: did you mean "flights"?`},
		{"no pattern", Options{Topics: []string{"("}}, `--topics "(" is no pattern`},
		{"both", Options{Topics: []string{"flights"}, Pipeline: "delays"}, "say one of them"},
		{"no such pipeline", Options{Pipeline: "delay"}, `declares no pipeline "delay"`},
	} {
		_, err := Compute(OpFailover, c.opts, declared(t), observed())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	d, o := costly(t, ActiveActive)
	d.Topology.Primary = ""
	if _, err := Compute(OpFailover, Options{Pipeline: "delays"}, d, o); err == nil || !strings.Contains(err.Error(), "moves as a whole") {
		t.Errorf("where both regions compute: %v", err)
	}
}

// TestAFenceOfMoreThanItsTopics is told where the fence could be one.
func TestAFenceOfMoreThanItsTopics(t *testing.T) {
	for by, told := range map[string]bool{"acl": false, "config": false, "manual": true, "command": true} {
		d := declared(t)
		d.Topology.Regions["east"].Fence = &Fence{By: by, Principals: []string{"User:app"}, Command: []string{"./fence.sh"}}
		found := slices.ContainsFunc(compute(t, OpFailover, Options{Planned: true, Pipeline: "delays"}, d, observed()).Findings, func(f report.Finding) bool { return f.Rule == "failover/torn-fence" })
		if found != told {
			t.Errorf("a fence by %s: told %t, want %t", by, found, told)
		}
	}
}
