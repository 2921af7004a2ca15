package plans

import (
	"fmt"
	"slices"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// MigrationPlan is how a pipeline moves for good: as a planned failover in batches, each of which can be rolled back until its topics are promoted.
type MigrationPlan struct {
	Batches []Batch       `json:"batches,omitempty"` // in the order in which they move
	Later   []Batch       `json:"later,omitempty"`   // that this plan leaves for another one
	Moved   []Batch       `json:"moved,omitempty"`   // units that are in the destination already
	Stays   []Stay        `json:"stays,omitempty"`   // what of the source moves with no batch
	Sample  float64       `json:"sample,omitempty"`  // the share of every log that is compared in the end; 0 = all of it
	Left    []report.Left `json:"left,omitempty"`    // what the source still has of what has moved
	Back    string        `json:"back,omitempty"`    // the plan is the way back of this batch
}

// Stay is something of the source that a migration does not move.
type Stay struct {
	Kind string `json:"kind"` // topic, group, subject, statement, ACL
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Batch finds a batch of the plan; nil where there is none.
func (m *MigrationPlan) Batch(name string) *Batch {
	i := slices.IndexFunc(m.Batches, func(b Batch) bool { return b.Name == name })
	if i < 0 {
		return nil
	}
	return &m.Batches[i]
}

// Part names what a step is one of: a phase, or that of a batch.
func (s Step) Part() string {
	if s.Batch != "" {
		return fmt.Sprintf("batch %s: %s", s.Batch, s.Phase)
	}
	return s.Phase
}

func batchesOf(n int) string {
	if n == 1 {
		return "1 batch"
	}
	return fmt.Sprintf("%d batches", n)
}

// Part is what of the plan a step is about: its batch's share of a migration, else all of it.
func (p *Plan) Part(s Step) *Plan {
	if p.Migration == nil || s.Batch == "" {
		return p
	}
	b := p.Migration.Batch(s.Batch)
	if b == nil {
		b = &Batch{}
	}
	part := *p
	part.Groups, part.Subjects = b.Groups, b.Subjects
	part.Topics = slices.DeleteFunc(slices.Clone(p.Topics), func(t TopicPlan) bool { return !slices.Contains(b.Topics, t.Name) })
	part.Statements = slices.DeleteFunc(slices.Clone(p.Statements), func(s StatementPlan) bool { return !slices.Contains(b.Statements, s.Name) })
	part.Forecast = nil
	part.Findings = nil
	return &part
}

// RollBack is the plan by which a batch whose topics are not promoted goes back to where it was: its writers may write again, and the statements that
// were stopped go on with the state that they had. What has moved before stays where it is.
func (p *Plan) RollBack(batch string, stopped []string) *Plan {
	back, migration := *p, *p.Migration
	migration.Back = batch
	back.Migration, back.Findings = &migration, nil
	c := &computation{batch: batch, plan: &back, link: &Link{Name: p.Link, From: p.From, To: p.To}}
	back.Steps = nil
	topics := short(migration.Batch(batch).Topics, "topic")
	lifted := c.step(StepLift, phaseBack, p.From, "this run keeps no writer from "+topics+" in "+p.From, "they wait, and nothing of the batch is promoted", false)
	if len(stopped) > 0 {
		c.step(StepRestart, phaseBack, "", short(stopped, "statement")+" in "+p.From+" as before", "what was stopped has kept its state", false, lifted)
	}
	return &back
}
