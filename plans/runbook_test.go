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
	for _, op := range []Operation{OpLink, OpDrill} {
		if _, err := (&Plan{Operation: op}).Runbook(&Declared{Topology: &Topology{}}); err == nil {
			t.Errorf("a plan for a %s has a runbook", op)
		}
	}
}

// TestRunbookOfTheWayBack: what comes back is stopped and fenced first, and what is left afterwards.
func TestRunbookOfTheWayBack(t *testing.T) {
	d := &Declared{Topology: &Topology{Regions: map[string]*Region{"east": {Fence: &Fence{By: "acl", Principals: []string{"User:east"}}, Engine: &Engine{URL: "http://east"}},
		"west": {Fence: &Fence{By: "acl", Principals: []string{"User:west"}}, Engine: &Engine{URL: "http://west"}}}}}
	lost := ReturningTopic{Name: "orders", ID: "id", Offsets: 7, From: map[int32]Offset{2: 40}}
	p := &Plan{Operation: OpFailback, Planned: true, Link: "west-east", From: "west", To: "east", Topics: []TopicPlan{{Name: "orders"}}, Statements: []StatementPlan{{Name: "sums", Kind: kindInsert}},
		Failback: &FailbackPlan{Forward: "east-west", Anew: []ReturningTopic{lost}, Emptied: []ReturningTopic{{Name: "totals", From: map[int32]Offset{0: 3}}}, Salvage: "saved files"}}
	for _, s := range []struct {
		kind    StepKind
		subject string
		want    string // in its commands, its place or what it shows
	}{
		{StepFence, "east", "--deny-principal User:east"}, {StepFence, "", "--deny-principal User:west"},
		{StepVerifyFence, "east", `"$EAST_BOOTSTRAP"`}, {StepVerifyFence, "", `"$WEST_BOOTSTRAP"`},
		{StepStopSource, "east", `"$EAST_STATEMENTS"/sums`}, {StepStopSource, "", `"$WEST_STATEMENTS"/sums`},
		{StepDiverge, "", "only east has orders-2 from @40 on"},
		{StepSalvage, "orders", "--partition 2 --offset 40 "}, {StepForget, "sums", `DELETE "$EAST_STATEMENTS"/sums`},
		{StepEmpty, "totals", `{"topic":"totals","partition":0,"offset":-1}`}, {StepRecreate, "orders", "--delete --topic orders"},
		{StepReverse, "", "lifeboat link reverse --link east-west"}, {StepCatchUp, "", "lifeboat link run --link west-east"},
		{StepOutputs, "sums", "lifeboat verify"}, {StepProtect, "", "lifeboat link reverse --link west-east"},
	} {
		p.Steps = []Step{{ID: "x", Kind: s.kind, Phase: "return", Subject: s.subject}}
		doc, err := p.Runbook(d)
		if err != nil {
			t.Fatal(err)
		}
		in := doc.Parts[2].Steps[0]
		all := strings.Join([]string{in.By, in.Shell, in.Look, in.Shows, in.Undo}, "\n")
		if !strings.Contains(all, s.want) || in.Shows == "" || in.Look == "" || strings.Contains(all, "%!") {
			t.Errorf("%s %s: %+v, want %q in it", s.kind, s.subject, in, s.want)
		}
	}
}

// TestRunbookOfAPart: the topics that move are named to every verb of the link, and the link is served again for those that stay.
func TestRunbookOfAPart(t *testing.T) {
	d := &Declared{Topology: &Topology{Regions: map[string]*Region{"east": {}, "west": {}}}}
	p := &Plan{Operation: OpFailover, Planned: true, Link: "l", From: "east", To: "west", Topics: []TopicPlan{{Name: "orders"}}, Share: &Share{Pipeline: "shop", Stays: []string{"audit"}},
		Steps: []Step{{ID: "verify", Kind: StepVerify, Phase: "drain"}, {ID: "promote", Kind: StepPromote, Phase: "promote"}}}
	doc, err := p.Runbook(d)
	if err != nil {
		t.Fatal(err)
	}
	verify, promote := doc.Parts[2].Steps[0], doc.Parts[3].Steps[0]
	if want := "lifeboat link verify --link l orders"; verify.By != want {
		t.Errorf("compared by %q, want %q", verify.By, want)
	}
	if want := "lifeboat link promote --link l orders"; promote.By != want {
		t.Errorf("promoted by %q, want %q", promote.By, want)
	}
	if text := strings.Join(promote.Text, " "); !strings.Contains(text, "`lifeboat link run --link l` goes on with what stays a mirror: audit.") {
		t.Errorf("the promotion does not say what becomes of the link: %s", text)
	}
}

// TestRunbookOfAMigration tells each batch for itself.
func TestRunbookOfAMigration(t *testing.T) {
	d := &Declared{Topology: &Topology{Regions: map[string]*Region{"east": {}, "west": {}}}}
	p := &Plan{Operation: OpMigrate, Planned: true, Link: "l", From: "east", To: "west", Topics: []TopicPlan{{Name: "audit"}, {Name: "orders"}},
		Migration: &MigrationPlan{Batches: []Batch{{Name: "audit", Topics: []string{"audit"}}, {Name: "orders", Topics: []string{"orders"}}}},
		Steps: []Step{{ID: "drain:audit", Kind: StepDrain, Phase: "drain", Batch: "audit"}, {ID: "drain:orders", Kind: StepDrain, Phase: "drain", Batch: "orders"},
			{ID: "identical:orders", Kind: StepIdentical, Phase: "compare", Batch: "orders"}}}
	doc, err := p.Runbook(d)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, part := range doc.Parts[2:5] {
		for _, s := range part.Steps {
			topic := "orders"
			if strings.Contains(s.Shell+s.Shows, "audit") {
				topic = "audit"
			}
			got = append(got, part.Heading+", "+s.Title[:strings.Index(s.Title, ":")]+" of "+topic)
		}
	}
	if diff := cmp.Diff([]string{"Batch audit: drain, drain of audit", "Batch orders: drain, drain of orders", "Batch orders: compare, identical of orders"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestRunbookOfALink(t *testing.T) {
	if _, err := (&Plan{Operation: OpLink}).Runbook(&Declared{Topology: &Topology{}}); err == nil {
		t.Error("a plan for a link has a runbook")
	}
}
