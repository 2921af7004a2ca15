package plans

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHooksStandWhereTheyAreDeclared(t *testing.T) {
	steps := func() []Step {
		return []Step{
			{ID: "offsets", Phase: phasePromote}, {ID: "promote", Phase: phasePromote, Needs: []string{"offsets"}},
			{ID: "start:a", Phase: phaseStart, Needs: []string{"promote"}}, {ID: "start:b", Phase: phaseStart, Needs: []string{"promote", "start:a"}},
			{ID: "watermark:a", Phase: phaseProve, Needs: []string{"start:a"}}, {ID: "measure-loss", Phase: phaseProve, Needs: []string{"watermark:a"}},
		}
	}
	for _, c := range []struct {
		name  string
		hooks []*Hook
		want  []string // id < needs
	}{
		{"none", nil, []string{"offsets <", "promote < offsets", "start:a < promote", "start:b < promote start:a", "watermark:a < start:a", "measure-loss < watermark:a"}},
		{"before the first phase", []*Hook{{Name: "h", Before: phasePromote}}, []string{"hook:h <", "offsets < hook:h", "promote < offsets", "start:a < promote", "start:b < promote start:a", "watermark:a < start:a", "measure-loss < watermark:a"}},
		{"before a later one", []*Hook{{Name: "h", Before: phaseStart}}, []string{"offsets <", "promote < offsets", "hook:h < promote", "start:a < promote hook:h", "start:b < promote start:a", "watermark:a < start:a", "measure-loss < watermark:a"}},
		{"two before one", []*Hook{{Name: "h", Before: phaseStart}, {Name: "i", Before: phaseStart}}, []string{"offsets <", "promote < offsets", "hook:h < promote", "hook:i < promote hook:h", "start:a < promote hook:i", "start:b < promote start:a", "watermark:a < start:a", "measure-loss < watermark:a"}},
		{"after one", []*Hook{{Name: "h", After: phaseStart}}, []string{"offsets <", "promote < offsets", "start:a < promote", "start:b < promote start:a", "hook:h < start:a start:b", "watermark:a < start:a", "measure-loss < watermark:a"}},
		{"of a phase that is not there", []*Hook{{Name: "h", Before: phaseFence}, {Name: "i", After: phaseDrain}}, []string{"offsets <", "promote < offsets", "start:a < promote", "start:b < promote start:a", "watermark:a < start:a", "measure-loss < watermark:a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			comp := &computation{decl: &Declared{Topology: &Topology{Hooks: c.hooks}}, plan: &Plan{Steps: steps()}}
			comp.withHooks()
			var got []string
			for _, s := range comp.plan.Steps {
				line := s.ID + " <"
				for _, n := range s.Needs {
					line += " " + n
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
