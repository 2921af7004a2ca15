package plans

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRunbookFences(t *testing.T) {
	for _, c := range []struct {
		name     string
		fence    *Fence
		do, undo string
	}{
		{"nobody but a person", nil, "", ""},
		{"acl", &Fence{By: "acl", Principals: []string{"User:shop", "User:CN=big shop"}},
			`kafka-acls --bootstrap-server "$EU_EAST_1_BOOTSTRAP" --command-config eu-east-1.properties --add --deny-principal User:shop --deny-principal 'User:CN=big shop' --operation Write --topic orders --topic 'it'\''s'`,
			`kafka-acls --bootstrap-server "$EU_EAST_1_BOOTSTRAP" --command-config eu-east-1.properties --remove --force --deny-principal User:shop --deny-principal 'User:CN=big shop' --operation Write --topic orders --topic 'it'\''s'`},
		{"command", &Fence{By: "command", Command: []string{"./fence.sh", "all writers"}},
			`LIFEBOAT_REGION=eu-east-1 LIFEBOAT_ACTION=fence ./fence.sh 'all writers'`, `LIFEBOAT_REGION=eu-east-1 LIFEBOAT_ACTION=unfence ./fence.sh 'all writers'`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &Declared{Topology: &Topology{Regions: map[string]*Region{"eu-east-1": {Fence: c.fence}, "west": {}}}}
			p := &Plan{Operation: OpFailover, Planned: true, Link: "l", From: "eu-east-1", To: "west", Topics: []TopicPlan{{Name: "orders"}, {Name: "it's"}},
				Steps: []Step{{ID: "fence", Kind: StepFence, Phase: "fence", Goal: "nobody writes", Reason: "it is drained next"}}}
			doc, err := p.Runbook(d)
			if err != nil {
				t.Fatal(err)
			}
			step := doc.Parts[2].Steps[0]
			if diff := cmp.Diff([]string{c.do, c.undo}, []string{step.Shell, step.Undo}); diff != "" {
				t.Error(diff)
			}
			if step.Number != 1 || step.Shows == "" || step.Back == "" {
				t.Errorf("%+v", step)
			}
		})
	}
}

// Every kind of step that a failover has is told with what it shows and a way back.
func TestRunbookKnowsEveryStep(t *testing.T) {
	for _, kind := range []StepKind{StepFence, StepVerifyFence, StepDrain, StepStopSource, StepOffsets, StepPromote, StepRegistry, StepCanary, StepStart, StepWatermark, StepMeasure} {
		t.Run(string(kind), func(t *testing.T) {
			d := &Declared{Topology: &Topology{Regions: map[string]*Region{"east": {}, "west": {Engine: &Engine{URL: "http://engine/"}, Registry: &Registry{URL: "http://registry"}}}}}
			p := &Plan{Operation: OpFailover, Link: "l", From: "east", To: "west", Groups: []string{"readers"}, Subjects: []string{"a/b-value"},
				Topics:     []TopicPlan{{Name: "orders", Configs: map[string]string{"cleanup.policy": "compact,delete"}}},
				Statements: []StatementPlan{{Name: "sums", Kind: kindInsert, SQL: "INSERT INTO `a` SELECT 'it''s' FROM b"}},
				Steps:      []Step{{ID: "x", Kind: kind, Phase: "prove", Subject: "sums"}}}
			doc, err := p.Runbook(d)
			if err != nil {
				t.Fatal(err)
			}
			in := doc.Parts[2].Steps[0]
			if in.Shows == "" || in.Shell+in.Look+strings.Join(in.Text, "") == "" || kind != StepPromote && in.Back == "" {
				t.Errorf("%+v", in)
			}
			for what, text := range map[string]string{"shell": in.Shell, "look": in.Look, "undo": in.Undo} {
				if strings.Contains(text, "%!") || strings.Count(text, "'")%2 != 0 && kind != StepStart {
					t.Errorf("%s: %s", what, text)
				}
			}
		})
	}
	if _, err := (&Plan{Operation: OpLink}).Runbook(&Declared{Topology: &Topology{}}); err == nil {
		t.Error("a plan for a link has a runbook")
	}
}
