package plans

import (
	"strings"
	"testing"
)

// TestPipelinesThatAreLeftBehind: who fails one pipeline over promotes the input of the others as well.
func TestPipelinesThatAreLeftBehind(t *testing.T) {
	d, o := costly(t, ActivePassive)
	d.Topology.Links[0].Topics.Include = []string{"orders"}
	d.Topology.Pipelines = append(d.Topology.Pipelines, &Pipeline{Name: "counts"})
	for i := range d.Statements {
		if d.Statements[i].Name == "shop-5" {
			d.Statements[i].Pipeline = "counts"
		}
	}
	for _, c := range []struct {
		pipeline, behind string
	}{{"", ""}, {"delays", "counts"}, {"counts", "delays"}} {
		told := ""
		for _, f := range compute(t, OpFailover, Options{Planned: true, Pipeline: c.pipeline}, d, o).Findings {
			if f.Rule == "failover/other-pipeline" {
				told += f.Subject
				if !strings.Contains(f.Message, "has to do with orders too, which moves to west") {
					t.Errorf("%s", f.Message)
				}
			}
		}
		if told != c.behind {
			t.Errorf("failing over %q leaves %q behind, want %q", c.pipeline, told, c.behind)
		}
	}
}
