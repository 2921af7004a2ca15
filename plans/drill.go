package plans

import (
	"fmt"
	"time"
)

// Scenarios of drills.
const (
	ScenarioPlanned    = "planned"     // the primary is alive: what it has written when the drill begins arrives first
	ScenarioRegionLoss = "region-loss" // the primary is lost at an instant: what has arrived by then is what there is
	ScenarioLateLink   = "late-link"   // the same, of a link that is behind by a time
)

var knownScenarios = []string{ScenarioPlanned, ScenarioRegionLoss, ScenarioLateLink}

// DrillOptions say what is rehearsed.
type DrillOptions struct {
	ID       string    // of the run; isolated names carry it
	Name     string    // as declared; "" of one that is not
	Scenario string    // "" = ScenarioRegionLoss
	At       time.Time // region-loss: the instant, by the times of records; zero: now
	Behind   Duration  // late-link
	Keep     bool      // leave what was started for a look
}

// DrillPlan is what a drill does apart from its steps.
type DrillPlan struct {
	ID       string            `json:"id"`
	Name     string            `json:"name,omitempty"`
	Scenario string            `json:"scenario"`
	At       time.Time         `json:"at,omitzero"`
	Behind   Duration          `json:"behind,omitempty"`
	Keep     bool              `json:"keep,omitempty"`
	Sinks    map[string]string `json:"sinks"`         // what statements write → where they write it in the drill
	Own      map[string]string `json:"own,omitempty"` // where both regions write: the destination's own topics that statements read → their mirrors in the source
}

// DrillPrefix begins the names of all topics and subjects that a drill makes; with the drill's id and a dot behind it, of that drill's alone.
const DrillPrefix = "_lifeboat.drill."

// Prefix begins the names of all topics and subjects that this drill makes.
func (d *DrillPlan) Prefix() string { return DrillPrefix + d.ID + "." }

// Sandbox is the engine's environment that the drill's statements run in.
func (d *DrillPlan) Sandbox() string { return "drill." + d.ID }

// Words is the scenario as a headline has it.
func (d *DrillPlan) Words(from string) string {
	switch {
	case d.Scenario == ScenarioPlanned:
		return "planned move from " + from
	case d.Scenario == ScenarioLateLink:
		return fmt.Sprintf("loss of %s with the link %s behind", from, d.Behind)
	case !d.At.IsZero():
		return fmt.Sprintf("loss of %s at %s", from, clock(d.At))
	}
	return "loss of " + from
}
