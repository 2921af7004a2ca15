package linking

import (
	"context"
	"errors"

	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// rest is how a partition stands that is paused, and so has no mirror that would know: up to where it is mirrored, and the source's last
// stable offset and log start. What a pause may cost has to be seen while it lasts.
type rest struct{ written, end, stable, start int64 }

func (r *runner) pausedTopics() []string {
	var names []string
	for name, rec := range r.memory.topics {
		if r.memory.paused(name) && !rec.released() {
			names = append(names, name)
		}
	}
	return names
}

// lookAtResting reads how paused topics stand in both regions.
func (l *Link) lookAtResting(ctx context.Context, topics []string, recorded map[string]*topicRecord) (map[partitionKey]rest, error) {
	if len(topics) == 0 {
		return nil, nil
	}
	from, err := listBounds(ctx, l.from, topics)
	if err != nil {
		return nil, err
	}
	stable, err := fetch.Offsets(ctx, l.from.listing(l.from.Admin.ListCommittedOffsets), topics...)
	if err != nil {
		return nil, err
	}
	to, err := listBounds(ctx, l.to, topics)
	if err != nil {
		return nil, err
	}
	all := map[partitionKey]rest{}
	for k, dest := range to {
		src, ok := from[k]
		o, known := stable.Lookup(k.topic, k.partition)
		if ok && known && errors.Join(o.Err, src.err, dest.err) == nil {
			come := dest.end
			if t := recorded[k.topic].Translated[k.partition]; t != nil {
				come = int64(t.Source)
			}
			all[k] = rest{come, dest.end, o.Offset, src.start}
		}
	}
	return all, nil
}

// rest takes a look at paused topics in.
func (r *runner) rest(resting map[partitionKey]rest, err error) {
	if err != nil {
		r.l.o.Log.Warn("looking at paused topics", "link", r.l.decl.Name, "error", err)
		return
	}
	r.resting = resting
	for k, at := range resting {
		if rec := r.memory.topics[k.topic]; rec != nil && r.memory.paused(k.topic) {
			next := rec.copy()
			next.Source = cloneOrNew(rec.Source)
			next.Source[k.partition] = plans.Offset(at.stable)
			r.memory.topics[k.topic] = next
		}
	}
}
