package linking

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// GroupSync is what became of one group's position on one partition.
type GroupSync struct {
	Group, Topic string
	Partition    int32
	Source       plans.Offset // the group's position in the source
	Written      plans.Offset // its position in the destination, -1 for none
	Clamped      int64        // records by which it was moved back, because they have not arrived
	State        string       // the group's state in the destination
	Skipped      string       // why it was not written, "" if it was or stands already
	SeenAt       time.Time    // when the source's position was read
}

// SyncGroups copies the positions of the link's groups once: as they are, clamped to what has arrived, never of a group that is active
// in the destination, never backwards.
func (l *Link) SyncGroups(ctx context.Context) ([]GroupSync, error) {
	if l.from == nil {
		return nil, fmt.Errorf("link %s: its source %s is not reachable", l.decl.Name, l.decl.From)
	}
	seen, err := l.sourceGroups(ctx)
	if err != nil {
		return nil, err
	}
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return nil, err
	}
	return l.applyGroups(ctx, seen, m.topics, true)
}

// SettleGroups writes the positions of the link's groups a last time before topics are promoted with what has arrived: as the source has
// them, or, where it is not reachable, as the link last saw them there.
func (l *Link) SettleGroups(ctx context.Context) ([]GroupSync, error) {
	if l.from != nil {
		return l.SyncGroups(ctx)
	}
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return nil, err
	}
	return l.applyGroups(ctx, m.groups, m.topics, true)
}

// LastGroups says where the link's groups stand in the destination against where the link last saw them in the source. It needs no source.
func (l *Link) LastGroups(ctx context.Context) ([]GroupSync, error) {
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return nil, err
	}
	return l.applyGroups(ctx, m.groups, m.topics, false)
}

// sourceGroups reads the selected groups' positions in the source.
func (l *Link) sourceGroups(ctx context.Context) (map[string]*groupRecord, error) {
	names, err := l.groupNames(ctx, l.from)
	if err != nil {
		return nil, err
	}
	records := map[string]*groupRecord{}
	if len(names) == 0 {
		return records, nil
	}
	at := time.Now().UTC()
	for name, resp := range l.from.Admin.FetchManyOffsets(ctx, names...) {
		if resp.Err != nil {
			return nil, fmt.Errorf("%s: group %q: fetching offsets: %w", l.from.Name, name, resp.Err)
		}
		rec := &groupRecord{Group: name, Source: map[string]map[int32]plans.Offset{}, At: at}
		resp.Fetched.Each(func(o kadm.OffsetResponse) {
			if o.At < 0 || o.Err != nil {
				return
			}
			if rec.Source[o.Topic] == nil {
				rec.Source[o.Topic] = map[int32]plans.Offset{}
			}
			rec.Source[o.Topic][o.Partition] = plans.Offset(o.At)
		})
		records[name] = rec
	}
	return records, nil
}

func (l *Link) groupNames(ctx context.Context, r *Region) ([]string, error) {
	if len(l.decl.Groups.Include) == 0 {
		return nil, nil
	}
	listed, err := r.Admin.ListGroups(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: listing groups: %w", r.Name, err)
	}
	var names []string
	for _, g := range listed.Sorted() {
		if l.decl.Groups.Match(g.Group) {
			names = append(names, g.Group)
		}
	}
	return names, nil
}

// applyGroups compares positions and, with write, commits those of the destination that must move.
func (l *Link) applyGroups(ctx context.Context, seen map[string]*groupRecord, topics map[string]*topicRecord, write bool) ([]GroupSync, error) {
	var out []GroupSync
	mirrored := func(topic string) bool { return topics[topic] != nil }
	var names []string
	for t := range topics {
		names = append(names, t)
	}
	if len(names) == 0 || len(seen) == 0 {
		return nil, nil
	}
	bounds, err := listBounds(ctx, l.to, names)
	if err != nil {
		return nil, err
	}
	groups := sorted(seen)
	described, err := describeGroups(ctx, l.to, groups)
	if err != nil {
		return nil, err
	}
	present := l.to.Admin.FetchManyOffsets(ctx, groups...)
	var errs []error
	for _, name := range groups {
		state := described[name].State
		active := state != "" && state != "Empty" && state != "Dead"
		if perr := present[name].Err; perr != nil && !errors.Is(perr, kerr.GroupIDNotFound) {
			errs = append(errs, fmt.Errorf("%s: group %q: fetching offsets: %w", l.to.Name, name, perr))
			continue
		}
		commit := kadm.Offsets{}
		from := len(out)
		for _, topic := range sorted(seen[name].Source) {
			if !mirrored(topic) {
				continue
			}
			for _, p := range slices.Sorted(maps.Keys(seen[name].Source[topic])) {
				g := l.position(name, topic, p, seen[name], present[name], bounds[partitionKey{topic, p}])
				g.State = state
				stopped := topics[topic].State == Stopped
				switch {
				case g.Skipped != "" || g.Written == g.target():
				case active:
					g.Skipped = "the group is active in " + l.to.Name
				case stopped:
					g.Skipped = "the topic is promoted"
				case write:
					g.Written = g.target()
					commit.AddOffset(topic, p, int64(g.Written), -1)
				}
				out = append(out, g)
			}
		}
		if len(commit) > 0 {
			if err := l.to.Admin.CommitAllOffsets(ctx, name, commit); err != nil {
				errs = append(errs, fmt.Errorf("%s: group %q: committing offsets: %w", l.to.Name, name, err))
				for i := range out[from:] {
					out[from+i].Skipped = err.Error()
				}
			}
		}
	}
	return out, errors.Join(errs...)
}

// coordinatorWithin is how long a cluster may take to have a coordinator: one that never had a group creates the topic for it first.
const coordinatorWithin = 30 * time.Second

func describeGroups(ctx context.Context, r *Region, groups []string) (kadm.DescribedGroups, error) {
	ctx, cancel := context.WithTimeout(ctx, coordinatorWithin)
	defer cancel()
	for {
		described, err := r.Admin.DescribeGroups(ctx, groups...)
		if err == nil {
			return described, nil
		}
		starting := errors.Is(err, kerr.CoordinatorNotAvailable) || errors.Is(err, kerr.CoordinatorLoadInProgress) || errors.Is(err, kerr.NotCoordinator)
		if !starting || wait(ctx, 100*time.Millisecond) != nil {
			return nil, fmt.Errorf("%s: describing groups: %w", r.Name, err)
		}
	}
}

// target is where the group's position belongs in the destination.
func (g GroupSync) target() plans.Offset { return g.Source - plans.Offset(g.Clamped) }

func (l *Link) position(name, topic string, p int32, seen *groupRecord, present kadm.FetchOffsetsResponse, b span) GroupSync {
	g := GroupSync{Group: name, Topic: topic, Partition: p, Source: seen.Source[topic][p], Written: -1, SeenAt: seen.At}
	if o, ok := present.Fetched.Lookup(topic, p); ok && o.Err == nil {
		g.Written = plans.Offset(o.At)
	}
	if b.err != nil {
		g.Skipped = "the mirror's log can not be read: " + b.err.Error()
		return g
	}
	if over := int64(g.Source) - b.end; over > 0 {
		g.Clamped = over
	}
	if g.Written > g.target() {
		g.Skipped = fmt.Sprintf("its position in %s is ahead (%v): positions never go backwards by themselves", l.to.Name, g.Written)
	}
	return g
}

// groupSync copies positions for one run and remembers, where they changed, what the source said: after its death that is what tells how
// much a group will read again.
type groupSync struct {
	l *Link
	s *store

	mu   sync.Mutex // one pass at a time
	last map[string]*groupRecord
}

// pass copies the positions once. topics is what is mirrored.
func (g *groupSync) pass(ctx context.Context, topics map[string]*topicRecord) ([]GroupSync, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	seen, err := g.l.sourceGroups(ctx)
	if err != nil {
		return nil, err
	}
	synced, err := g.l.applyGroups(ctx, seen, topics, true)
	changed := map[string]any{}
	for name, rec := range seen {
		old := g.last[name]
		if old == nil || !maps.EqualFunc(old.Source, rec.Source, func(a, b map[int32]plans.Offset) bool { return maps.Equal(a, b) }) {
			changed[linkKey(g.s.link, "group", name)] = rec
		}
	}
	if werr := g.s.write(ctx, changed); werr != nil {
		return synced, errors.Join(err, werr)
	}
	maps.Copy(g.last, seen)
	return synced, err
}

// followGroups copies positions again and again. A pass that fails is tried again: positions are no reason to stop data.
func (r *runner) followGroups(ctx context.Context) error {
	if len(r.l.decl.Groups.Include) == 0 {
		return nil
	}
	for {
		if err := wait(ctx, groupsEvery); err != nil {
			return err
		}
		if err, _ := r.fetcher.Health(); err != nil {
			continue
		}
		var topics map[string]*topicRecord
		asked := make(chan struct{})
		select {
		case r.results <- func(context.Context) error {
			topics = maps.Clone(r.memory.topics)
			close(asked)
			return nil
		}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		select {
		case <-asked:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		pass, cancel := context.WithTimeout(ctx, r.l.o.Timeout)
		_, err := r.groups.pass(pass, topics)
		cancel()
		if errors.Is(err, ErrTakenOver) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			r.l.o.Log.Warn("copying group positions", "link", r.l.decl.Name, "error", err)
		}
	}
}
