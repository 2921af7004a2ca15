package plans

import (
	"strings"
	"testing"
)

// writersOf are two regions that write topics of one name.
func writersOf() *Declared {
	return &Declared{Topology: &Topology{
		Regions: map[string]*Region{
			"east": {Kafka: Kafka{Bootstrap: []string{"broker.east:9092"}}, Engine: &Engine{URL: "http://east"}, Fence: &Fence{By: "config"}},
			"west": {Kafka: Kafka{Bootstrap: []string{"broker.west:9092"}}, Engine: &Engine{URL: "http://west"}}},
		Links: []*Link{{Name: "there", From: "east", To: "west", Prefix: "east."}, {Name: "back", From: "west", To: "east", Prefix: "west."}}}}
}

// TestRunbookWhereBothWrite tells the loss of one of two writing regions, and its return: topics by the names that they have in each region, mirrors held and
// never promoted, and where clients go.
func TestRunbookWhereBothWrite(t *testing.T) {
	lost := &Plan{Operation: OpFailover, Writers: true, Link: "there", From: "east", To: "west", Groups: []string{"ops"}, Topics: []TopicPlan{{Name: "east.orders"}},
		Statements: []StatementPlan{{Name: "big", Kind: kindInsert}}}
	back := &Plan{Operation: OpFailback, Planned: true, Writers: true, Link: "back", From: "west", To: "east", Topics: []TopicPlan{{Name: "west.orders"}}, Failback: &FailbackPlan{Forward: "there", On: []string{"east.orders"}}}
	for _, c := range []struct {
		plan    *Plan
		kind    StepKind
		subject string
		want    []string
	}{
		{lost, StepFence, "", []string{`"$EAST_BOOTSTRAP"`, "--entity-name orders --add-config max.message.bytes=0"}},
		{lost, StepVerifyFence, "", []string{`"$EAST_BOOTSTRAP"`, "--topic-partitions orders "}},
		{lost, StepDrain, "", []string{"lifeboat link run --once --link there", "--topic-partitions orders ", `--topic-partitions east.orders --time latest | sed 's/^east\.//' > west.ends`}},
		{lost, StepOffsets, "", []string{"CURRENT-OFFSET of orders in east and of east.orders in west"}},
		{lost, StepHold, "", []string{"lifeboat link pause --link there", "east.orders PAUSED", "lifeboat link resume --link there"}},
		{lost, StepStart, "big", []string{`"$WEST_STATEMENTS"`}},
		{lost, StepWatermark, "big", []string{"positions in east.orders"}},
		{lost, StepMeasure, "", []string{"lifeboat verify --link there", "diff east.after west.ends"}},
		{back, StepCatchUp, "", []string{"lifeboat link run --link back"}},
		{back, StepMirrorOn, "", []string{"lifeboat link resume --link there; then lifeboat link run --link there", "east.orders ACTIVE"}},
		{back, StepOutputs, "big", []string{"lifeboat verify --link back"}},
		{back, StepLift, "east", []string{"lifeboat fence lift", `"$EAST_BOOTSTRAP"`, "--topic orders"}},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			p := *c.plan
			p.Steps = []Step{{ID: "x", Kind: c.kind, Phase: "promote", Subject: c.subject}}
			doc, err := p.Runbook(writersOf())
			if err != nil {
				t.Fatal(err)
			}
			in := doc.Parts[2].Steps[0]
			all := strings.Join(append(in.Text, in.By, in.Shell, in.Look, in.Shows, in.Back, in.Undo), "\n")
			for _, want := range c.want {
				if !strings.Contains(all, want) {
					t.Errorf("%q is not in\n%s", want, all)
				}
			}
			if in.Shows == "" || in.Look == "" || strings.Contains(all, "%!") || strings.Contains(all, "lifeboat link promote") {
				t.Errorf("%+v", in)
			}
		})
	}
	for _, c := range []struct {
		plan *Plan
		want []string
	}{
		{lost, []string{"`lifeboat failover --unplanned --link there` does all of this", "whoever writes orders in east go on in the topics that west calls the same: bootstrap servers broker.west:9092",
			"lifeboat plan failback --link there"}},
		{back, []string{"`lifeboat failback --link there` does all of this", "go back to orders in east: bootstrap servers broker.east:9092"}},
	} {
		doc, err := c.plan.Runbook(writersOf())
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Join(append(doc.Parts[0].Text, doc.Parts[len(doc.Parts)-1].Text...), "\n")
		for _, want := range c.want {
			if !strings.Contains(all, want) {
				t.Errorf("%q is not in\n%s", want, all)
			}
		}
	}
	stranger := *lost
	stranger.Link = "created"
	if _, err := stranger.Runbook(writersOf()); err == nil || !strings.Contains(err.Error(), "link created, which the topology does not declare") {
		t.Errorf("of a link that is not declared: %v", err)
	}
}
