package simulate

import (
	"slices"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// A plan is data: with steps taken out of it, it is a program with a fault. Each has to be found, or the search finds nothing.
var mutations = []struct {
	name string
	how  how
	sc   string // where it shows
	kind string // the fault that shows it, "" for none

	random bool // random scripts show it soon
}{
	{"no fence is raised", how{planned: without(plans.StepFence, plans.StepVerifyFence)}, `
world seed=3 topics=1 partitions=1 engine=false fence=config
write 6
link run
wait 1500
planned`, "late write", false},
	{"the fence is not proved", how{planned: without(plans.StepVerifyFence, plans.StepDrain, plans.StepVerify, plans.StepMeasure)}, `
world seed=3 topics=1 partitions=1 engine=false fence=manual
write 6
link once
planned`, "late write", false},
	{"the fence is believed after a restart", how{resumed: without(plans.StepFence, plans.StepVerifyFence, plans.StepMeasure)}, `
world seed=3 topics=1 partitions=1 engine=false fence=manual
write 6
link once
planned
  at verify-fence+1 crash before`, "late write", false},
	{"it promotes in front of the drain", how{planned: forced}, `
world seed=3 topics=1 partitions=1 engine=false fence=config
write 6
link once
write 4
planned`, "", true},
	{"what is lost is not counted", how{planned: without(plans.StepMeasure)}, `
world seed=3 topics=1 partitions=1 engine=false fence=config
write 6
link once
write 4
unplanned`, "", true},
	{"a drill cleans nothing up", how{planned: without(plans.StepClean, plans.StepResidue)}, `
world seed=3 topics=1 partitions=1 engine=true fence=config
write 12
link run
start
wait 2000
drill planned`, "", true},
}

// without takes steps out of a plan; what needed one of them needs what that needed.
func without(kinds ...plans.StepKind) func(*plans.Plan) {
	return func(p *plans.Plan) {
		var steps []plans.Step
		gone := map[string][]string{}
		for i, s := range p.Steps {
			needs := s.Needs
			if len(needs) == 0 && i > 0 {
				needs = []string{p.Steps[i-1].ID}
			}
			s.Needs = nil
			for _, id := range needs {
				if before, is := gone[id]; is {
					s.Needs = append(s.Needs, before...)
				} else {
					s.Needs = append(s.Needs, id)
				}
			}
			if slices.Contains(kinds, s.Kind) {
				gone[s.ID] = s.Needs
				continue
			}
			steps = append(steps, s)
		}
		p.Steps = steps
	}
}

// forced makes of a planned failover one that promotes what has arrived.
func forced(p *plans.Plan) {
	without(plans.StepDrain, plans.StepVerify)(p)
	p.Planned = false
}
