package dr

import (
	"context"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// observeGaps adds to what was observed what a link's plan needs besides: which offsets of the source have no record, from a few places of each log,
// and whether the link may write markers in bulk. What can not be looked at stays unknown in the plan.
func observeGaps(ctx context.Context, w *World, decl *plans.Link, seen *plans.Observed) error {
	l, err := w.OpenLink(decl)
	if err != nil {
		return err
	}
	from, to := decl.View(seen.Regions[decl.From]), seen.Regions[decl.To]
	mirrors := map[string]plans.MirrorState{}
	for _, m := range seen.Mirrors[decl.Name] {
		mirrors[m.Topic] = m
	}
	var topics []string
	begin := plans.Positions{}
	for _, name := range sortedKeys(from.Topics) {
		m, mirrored := mirrors[name]
		if !decl.Mirrors(name) || mirrored && m.State == linking.Stopped {
			continue
		}
		topics = append(topics, name)
		begin[name] = map[int32]plans.Offset{}
		if dest := to.Topics[name]; mirrored && dest != nil {
			for p, part := range dest.Partitions {
				begin[name][int32(p)] = part.End
				if tr, translated := m.Translated[int32(p)]; translated {
					begin[name][int32(p)] = tr.Source
				}
			}
		}
	}
	if len(topics) > 0 {
		look, cancel := context.WithTimeout(ctx, 3*w.opts.Timeout)
		gaps, err := l.Gaps(look, topics, begin)
		cancel()
		if err != nil && ctx.Err() == nil {
			w.opts.Log.Warn("looking for offsets without a record", "link", decl.Name, "error", err)
		}
		for name, parts := range gaps {
			for p, g := range parts {
				if list := from.Topics[name].Partitions; int(p) < len(list) {
					list[p].Gaps = g
				}
			}
		}
	}
	if to.Markers, err = w.Regions[decl.To].MarkersAllowed(ctx); err != nil {
		w.opts.Log.Warn("looking whether markers may be written in bulk", "region", decl.To, "error", err)
	}
	return ctx.Err()
}
