package dr

import (
	"context"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

func checkRegions(_ context.Context, c *checkup) []report.Check {
	var out []report.Check
	for _, name := range c.world.RegionNames() {
		line := report.Check{Name: name + " answers", Outcome: report.Passed}
		if err := c.world.Errs[name]; err != nil {
			line.Outcome, line.Detail = report.Failed, err.Error()
			line.Why = "nothing can be mirrored, checked or failed over to while a region does not answer"
			line.Remedy = "check the address in lifeboat.yaml, the network, and the brokers"
		} else if st := c.seen.Regions[name]; !st.Reachable {
			line.Outcome, line.Detail = report.Failed, st.Error
			line.Why, line.Remedy = "what is not known of it was not checked", "see what keeps its brokers, or the network; give it more time with --timeout"
		} else {
			line.Detail = fmt.Sprintf("cluster %s, %s", c.seen.Regions[name].ClusterID, counted(len(c.seen.Regions[name].Topics), "topic"))
		}
		out = append(out, line)
	}
	return out
}
