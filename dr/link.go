package dr

import (
	"context"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// LinkStatus reports the state and lag of every mirrored partition of a link.
func LinkStatus(ctx context.Context, w *World, name string) (*report.Report, error) {
	decl, err := w.Link(name)
	if err != nil {
		return nil, err
	}
	l, err := w.OpenLink(decl)
	if err != nil {
		return nil, err
	}
	rep := &report.Report{Command: "link status", Title: fmt.Sprintf("link %s: %s → %s", decl.Name, decl.From, decl.To), Outcome: report.Done, Start: w.now()}
	if rep.Mirrors, err = l.Status(ctx); err != nil {
		return nil, err
	}
	rep.End = w.now()
	var lag int64
	states := map[string]int{}
	unknown := 0
	for _, m := range rep.Mirrors {
		states[m.State]++
		if m.Lag < 0 {
			unknown++
		}
		lag += max(0, m.Lag)
	}
	rep.Summary = fmt.Sprintf("%d partitions, %d records behind", len(rep.Mirrors), lag)
	for _, s := range sortedKeys(states) {
		rep.Summary += fmt.Sprintf(", %d %s", states[s], s)
	}
	if unknown > 0 {
		rep.Summary += fmt.Sprintf(", lag of %d not known", unknown)
	}
	if states["FAILED"] > 0 {
		rep.Outcome = report.Failed
		rep.Next = []string{"read the errors above: each names the exact range; other mirrors go on"}
	}
	if len(rep.Mirrors) == 0 {
		rep.Next = []string{"lifeboat link run"}
	}
	return rep, nil
}
