package linking

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// groupSync copies positions for one run and remembers, where they changed, what the source said: after its death that is what tells how
// much a group will read again. It asks the destination about what has changed and what is not settled, and about everything now and then.
type groupSync struct {
	l *Link
	s *store

	mu      sync.Mutex // one pass at a time
	last    map[string]*groupRecord
	settled map[string]bool   // groups whose positions all stood as in the source after the last pass
	states  map[string]string // of the mirrors then
	passes  int
	keep    time.Duration // how old a commit may become; 0 = not known yet
}

// allGroupsEvery is how many passes there are to one that compares every group in the destination.
const allGroupsEvery = 60

// pass copies the positions once. topics is what is mirrored.
func (g *groupSync) pass(ctx context.Context, topics map[string]*topicRecord) ([]GroupSync, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.l.decl.Groups.Include) == 0 {
		return nil, nil
	}
	if g.keep == 0 {
		g.keep = keepEvery(g.l.to.offsetsRetention(ctx))
	}
	var known []string
	for name, rec := range g.last {
		if len(rec.Source) > 0 && g.l.decl.Groups.Match(name) {
			known = append(known, name)
		}
	}
	seen, err := g.l.sourceGroups(ctx, known)
	if err != nil {
		return nil, err
	}
	states := map[string]string{}
	for name, t := range topics {
		states[name] = t.State
	}
	all := g.passes%allGroupsEvery == 0 || !maps.Equal(states, g.states)
	g.passes, g.states = g.passes+1, states
	if all {
		g.settled = map[string]bool{}
	}
	look, due := map[string]*groupRecord{}, map[string]bool{}
	for name, rec := range seen {
		if old := g.last[name]; old != nil {
			rec.Kept = old.Kept
		}
		due[name] = rec.At.Sub(rec.Kept) > g.keep
		if !g.settled[name] || due[name] || !rec.same(g.last[name]) {
			look[name] = rec
		}
	}
	synced, err := g.l.applyGroups(ctx, look, topics, true, due)
	g.conclude(look, due, synced, err)
	pending, derr := g.followDeletions(ctx, seen, topics)
	changed := map[string]any{}
	for name, rec := range seen {
		rec.add(pending[name])
		if old := g.last[name]; !rec.same(old) || old != nil && rec.Kept != old.Kept {
			changed[linkKey(g.s.link, "group", name)] = rec
		}
	}
	if werr := g.s.write(ctx, changed); werr != nil {
		return synced, errors.Join(err, derr, werr)
	}
	g.last = seen
	return synced, errors.Join(err, derr)
}

// conclude notes which groups are settled, and which were written whole.
func (g *groupSync) conclude(look map[string]*groupRecord, due map[string]bool, synced []GroupSync, err error) {
	if err != nil {
		return // what came through is found by the next pass
	}
	for name := range look {
		g.settled[name] = true
	}
	whole := maps.Clone(due)
	for _, s := range synced {
		if !s.settled() {
			delete(g.settled, s.Group)
		}
		if s.Skipped != "" {
			delete(whole, s.Group)
		}
	}
	for name, rec := range look {
		if whole[name] {
			rec.Kept = rec.At
		}
	}
}

// defaultOffsetsRetention is Kafka's, of brokers that do not tell theirs.
const defaultOffsetsRetention = 7 * 24 * time.Hour

// offsetsRetention is how long the region keeps positions of a group without members: from its last commit on.
func (r *Region) offsetsRetention(ctx context.Context) time.Duration {
	brokers, err := r.Admin.ListBrokers(ctx)
	if err != nil {
		return defaultOffsetsRetention // the next pass says what is wrong
	}
	described, err := r.Admin.DescribeBrokerConfigs(ctx, brokers.NodeIDs()...)
	if err != nil {
		return defaultOffsetsRetention // it needs DESCRIBE_CONFIGS on the cluster
	}
	shortest := time.Duration(0)
	for _, broker := range described {
		for _, c := range broker.Configs {
			if minutes, err := strconv.Atoi(c.MaybeValue()); c.Key == "offsets.retention.minutes" && err == nil && minutes > 0 {
				if d := time.Duration(minutes) * time.Minute; shortest == 0 || d < shortest {
					shortest = d
				}
			}
		}
	}
	if shortest == 0 {
		return defaultOffsetsRetention
	}
	return shortest
}

// keepEvery is how old a commit may become before it is repeated: a link that is down for half of the retention loses none.
func keepEvery(retention time.Duration) time.Duration { return retention / 4 }

// followDeletions removes in the destination the positions that the source has removed, where they are still as they were copied. It returns
// those that are to be looked at again, by group.
func (g *groupSync) followDeletions(ctx context.Context, seen map[string]*groupRecord, topics map[string]*topicRecord) (map[string]*groupRecord, error) {
	gone, of := map[string]*groupRecord{}, map[string]bool{}
	for name, old := range g.last {
		if seen[name] == nil {
			continue
		}
		for topic, partitions := range old.Source {
			for p, at := range partitions {
				if _, still := seen[name].Source[topic][p]; still || topics[topic] == nil || topics[topic].State == Stopped || topics[topic].State == Failed {
					continue
				}
				if gone[name] == nil {
					gone[name] = &groupRecord{Group: name, Source: map[string]map[int32]plans.Offset{}}
				}
				gone[name].put(topic, p, at, old.metadata(topic, p))
				of[topic] = true
			}
		}
	}
	if len(gone) == 0 {
		return nil, nil
	}
	// A topic that is gone takes its positions along, and one that may not be described hides them: neither is a deletion.
	visible, err := g.l.from.listTopics(ctx, sorted(of)...)
	if err != nil {
		return gone, fmt.Errorf("%s: listing topics: %w", g.l.from.Name, err)
	}
	listed, err := listGroups(ctx, g.l.to)
	if err != nil {
		return gone, err
	}
	present, err := fetchPositions(ctx, g.l.to, sorted(gone))
	if err != nil {
		return gone, err
	}
	var errs []error
	pending := map[string]*groupRecord{}
	for _, name := range sorted(gone) {
		remove, later := kadm.TopicsSet{}, &groupRecord{Group: name, Source: map[string]map[int32]plans.Offset{}}
		for topic, partitions := range gone[name].Source {
			for p, at := range partitions {
				o, ok := present[name].Fetched.Lookup(topic, p)
				switch {
				case !ok || o.At < 0 || plans.Offset(o.At) > at: // gone, or somebody's own by now
				case visible[topic].Err != nil || len(visible[topic].Partitions) == 0 || topics[topic].State != Active || listed[name].active() || present[name].Err != nil:
					later.put(topic, p, at, "")
				default:
					remove.Add(topic, p)
				}
			}
		}
		if err := g.l.deletePositions(ctx, name, remove); err != nil {
			errs = append(errs, err)
			for topic, partitions := range remove {
				for p := range partitions {
					later.put(topic, p, gone[name].Source[topic][p], "")
				}
			}
		}
		pending[name] = later
	}
	return pending, errors.Join(errs...)
}

// deletePositions removes a group's positions in the destination, but for those of topics that a member reads by now.
func (l *Link) deletePositions(ctx context.Context, group string, remove kadm.TopicsSet) error {
	if len(remove) == 0 {
		return nil
	}
	deleted, err := l.to.Admin.DeleteOffsets(ctx, group, remove)
	if err == nil {
		err = deleted.Error()
	}
	if errors.Is(err, kerr.GroupIDNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: group %q: removing offsets that the source has removed: %w", l.to.Name, group, err)
	}
	l.o.Log.Info("positions removed as in the source", "link", l.decl.Name, "group", group, "topics", len(remove))
	return nil
}

// followGroups copies positions again and again.
func (r *runner) followGroups(ctx context.Context) error {
	if len(r.l.decl.Groups.Include) == 0 {
		return nil
	}
	return r.follow(ctx, groupsEvery, groupsEvery, "copying group positions", func(ctx context.Context, topics map[string]*topicRecord) error {
		return r.syncGroups(ctx, topics)
	})
}

// syncGroups makes a pass over the groups with what is mirrored now.
func (r *runner) syncGroups(ctx context.Context, topics map[string]*topicRecord) error {
	topics, err := r.withOthers(ctx, topics)
	if err == nil {
		_, err = r.groups.pass(ctx, topics)
	}
	return err
}

// withOthers gives topics the maps of partitions that are other tasks', as these have recorded them: positions go through them.
func (r *runner) withOthers(ctx context.Context, topics map[string]*topicRecord) (map[string]*topicRecord, error) {
	if r.task.of <= 1 || r.l.decl.Offsets == "" || r.l.decl.Offsets == plans.OffsetsIdentical {
		return topics, nil
	}
	now, err := remember(ctx, r.l.to, r.l.decl.Name)
	if err != nil {
		return nil, err
	}
	all := map[string]*topicRecord{}
	for name, rec := range topics {
		all[name] = rec
		other := now.topics[name]
		if other == nil {
			continue
		}
		rec = rec.copy()
		rec.Translated, rec.Offsets = maps.Clone(other.Translated), maps.Clone(other.Offsets)
		for p, t := range topics[name].Translated {
			if r.task.mine(partitionKey{name, p}) {
				rec.Translated[p], rec.Offsets[p] = t, topics[name].Offsets[p]
			}
		}
		all[name] = rec
	}
	return all, nil
}
