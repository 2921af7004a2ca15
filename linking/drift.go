package linking

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/plans"
)

const (
	driftEvery    = 20 * time.Second
	driftSettles  = time.Second // the link itself may be changing what was just read
	driftPutBacks = 5           // of one value of one config: a destination that sets it again and again has its reason
)

// restoredConfig is what somebody had set on a mirror topic, and the link put back.
type restoredConfig struct {
	Found string    `json:"found"` // "": it was not set
	Set   string    `json:"set"`
	At    time.Time `json:"at"`
	Times int       `json:"times"` // that the same was found
}

// followConfigs puts configs of mirror topics back that somebody else has changed, unless the topology wants them reported only. What the link
// has not set is not its own: that is reported, and stays.
func (r *runner) followConfigs(ctx context.Context) error {
	if r.l.decl.Topics.Drift == plans.DriftReport {
		return nil
	}
	return r.follow(ctx, 2*time.Second, driftEvery, "comparing the configs of mirror topics", r.putConfigsBack)
}

func (r *runner) putConfigsBack(ctx context.Context, topics map[string]*topicRecord) error {
	drifted, err := r.drifted(ctx, topics, sorted(topics))
	if len(drifted) == 0 || err != nil {
		return err
	}
	if err := wait(ctx, driftSettles); err != nil {
		return err
	}
	if topics, err = r.topicsNow(ctx); err != nil {
		return err
	}
	if drifted, err = r.drifted(ctx, topics, sorted(drifted)); len(drifted) == 0 || err != nil {
		return err
	}
	if err := r.s.confirm(ctx); err != nil { // of a link that was promoted meanwhile the configs are set by others
		return err
	}
	var errs []error
	for _, name := range sorted(drifted) {
		set := map[string]string{}
		for key, d := range drifted[name] {
			if d.Times <= driftPutBacks {
				set[key] = d.Set
			}
		}
		if len(set) == 0 {
			continue
		}
		if err := r.l.alterTopic(ctx, name, set, nil); err != nil {
			errs = append(errs, err)
			continue
		}
		for _, key := range sorted(set) {
			r.l.o.Log.Warn("a config of a mirror topic was changed by somebody else, and is put back", "link", r.l.decl.Name, "topic", name, "config", key,
				"found", drifted[name][key].Found, "set", set[key])
		}
		errs = append(errs, r.restored(ctx, name, set, drifted[name]))
	}
	return errors.Join(errs...)
}

// restored notes in the loop, which owns the records, what was put back.
func (r *runner) restored(ctx context.Context, topic string, set map[string]string, found map[string]restoredConfig) error {
	note := func(context.Context) error {
		rec := r.memory.topics[topic]
		if rec == nil {
			return nil
		}
		next := rec.copy()
		next.Restored = cloneOrNew(rec.Restored)
		for key := range set {
			next.Restored[key] = found[key]
		}
		r.memory.topics[topic] = next
		return nil
	}
	select {
	case r.results <- note:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// drifted finds what the link has set on mirrors and somebody else has changed since.
func (r *runner) drifted(ctx context.Context, topics map[string]*topicRecord, names []string) (map[string]map[string]restoredConfig, error) {
	names = slices.DeleteFunc(names, func(name string) bool {
		return topics[name] == nil || topics[name].State != Active && topics[name].State != Paused
	})
	if len(names) == 0 {
		return nil, nil
	}
	described, err := r.l.to.Admin.DescribeTopicConfigs(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("%s: describing topic configs: %w", r.l.to.Name, err)
	}
	all := map[string]map[string]restoredConfig{}
	for _, d := range described {
		if d.Err != nil || topics[d.Name] == nil {
			continue // its mirror says what is wrong
		}
		have := map[string]string{}
		for _, c := range d.Configs {
			if c.Source == kmsg.ConfigSourceDynamicTopicConfig && c.Value != nil {
				have[c.Key] = *c.Value
			}
		}
		rec := topics[d.Name]
		for key, want := range whileMirrored(rec.Configs, r.l.decl.Topics.Configs) {
			if value, set := have[key]; set && value == want {
				continue
			}
			if all[d.Name] == nil {
				all[d.Name] = map[string]restoredConfig{}
			}
			found := restoredConfig{Found: have[key], Set: want, At: time.Now().UTC(), Times: 1}
			if before, again := rec.Restored[key]; again && before.Found == found.Found && before.Set == want {
				found.Times = before.Times + 1
			}
			all[d.Name][key] = found
		}
	}
	return all, nil
}
