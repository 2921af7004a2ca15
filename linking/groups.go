package linking

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// GroupSync is what became of one group's position on one partition.
type GroupSync struct {
	Group, Topic string
	Partition    int32
	Source       plans.Offset // the group's position in the source
	Written      plans.Offset // its position in the destination, -1 for none
	Clamped      int64        // offsets by which it was moved back, because records have not arrived
	Raised       int64        // offsets by which it was moved forward, because the mirror begins behind it
	To           plans.Offset // where it belongs in the destination: Source, but for what is clamped, raised or translated
	Translated   bool         // the mirror's offsets are not the source's: Clamped counts the source's, Raised the destination's
	State        string       // the group's state in the destination
	Skipped      string       // why it was not written, "" if it was or stands already
	SeenAt       time.Time    // when the source's position was read
}

// settled says that nothing is left to do about the position.
func (g GroupSync) settled() bool {
	return g.Skipped == "" && g.Written == g.To && g.Clamped+g.Raised == 0
}

// SyncGroups copies the positions of the link's groups once: as they are, clamped to what the mirror holds, never of a group that is active
// in the destination, never backwards.
func (l *Link) SyncGroups(ctx context.Context) ([]GroupSync, error) {
	if l.from == nil {
		return nil, l.noSource()
	}
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return nil, err
	}
	seen, err := l.sourceGroups(ctx, nil)
	if err != nil {
		return nil, err
	}
	return l.applyGroups(ctx, seen, m.topics, true, nil)
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
	return l.applyGroups(ctx, m.groups, m.topics, true, nil)
}

// LastGroups says where the link's groups stand in the destination against where the link last saw them in the source. It needs no source.
func (l *Link) LastGroups(ctx context.Context) ([]GroupSync, error) {
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return nil, err
	}
	return l.applyGroups(ctx, m.groups, m.topics, false, nil)
}

// sourceGroups reads the selected groups' positions in the source, also of those known that it does not list any more: their coordinators
// say whether they are gone.
func (l *Link) sourceGroups(ctx context.Context, known []string) (map[string]*groupRecord, error) {
	records := map[string]*groupRecord{}
	if len(l.decl.Groups.Include) == 0 {
		return records, nil
	}
	listed, err := listGroups(ctx, l.from)
	if err != nil {
		return nil, err
	}
	names := slices.Clone(known)
	for name, g := range listed {
		switch {
		case !l.decl.Groups.Match(name):
		case g.kind == "share":
			l.o.Log.Info("not copied: a share group has no offsets of its own", "link", l.decl.Name, "group", name)
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	at := time.Now().UTC()
	fetched, err := fetchPositions(ctx, l.from, names)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		resp := fetched[name]
		if resp.Err != nil {
			return nil, fmt.Errorf("%s: group %q: fetching offsets: %w", l.from.Name, name, resp.Err)
		}
		rec := &groupRecord{Group: name, Source: map[string]map[int32]plans.Offset{}, At: at}
		resp.Fetched.Each(func(o kadm.OffsetResponse) {
			if o.At < 0 || o.Err != nil {
				return
			}
			if topic, ok := l.from.names.Mirror(o.Topic); ok {
				rec.put(topic, o.Partition, plans.Offset(o.At), o.Metadata)
			}
		})
		records[name] = rec
	}
	return records, nil
}

// commitTogether is how many groups' positions are written at the same time: one OffsetCommit is about one group.
const commitTogether = 16

// applyGroups compares positions and, with write, commits those of the destination that must move. Those of the groups in keep are all
// committed again where they stand as they should, so that they do not expire.
func (l *Link) applyGroups(ctx context.Context, seen map[string]*groupRecord, topics map[string]*topicRecord, write bool, keep map[string]bool) ([]GroupSync, error) {
	if len(topics) == 0 || len(seen) == 0 {
		return nil, nil
	}
	bounds, err := listBounds(ctx, l.to, sorted(topics))
	if err != nil {
		return nil, err
	}
	listed, err := listGroups(ctx, l.to)
	if err != nil {
		return nil, err
	}
	names := sorted(seen)
	present, err := fetchPositions(ctx, l.to, names)
	if err != nil {
		return nil, err
	}
	byGroup, errs := make([][]GroupSync, len(names)), make([]error, len(names))
	var commits errgroup.Group
	commits.SetLimit(commitTogether)
	for i, name := range names {
		if err := present[name].Err; err != nil {
			errs[i] = fmt.Errorf("%s: group %q: fetching offsets: %w", l.to.Name, name, err)
			continue
		}
		list, commit := l.compareGroup(seen[name], present[name], listed[name], topics, bounds, write, keep[name])
		byGroup[i] = list
		if len(commit) == 0 {
			continue
		}
		commits.Go(func() error {
			errs[i] = l.commitGroup(ctx, name, commit, list)
			return nil
		})
	}
	_ = commits.Wait() // each group has its own error
	return slices.Concat(byGroup...), errors.Join(errs...)
}

// compareGroup says what is to be done about one group's positions, and returns what is to be committed.
func (l *Link) compareGroup(seen *groupRecord, present kadm.FetchOffsetsResponse, listed listedGroup, topics map[string]*topicRecord,
	bounds map[partitionKey]span, write, keep bool) ([]GroupSync, kadm.Offsets) {
	var list []GroupSync
	commit := kadm.Offsets{}
	for _, topic := range sorted(seen.Source) {
		if topics[topic] == nil {
			continue
		}
		for _, p := range slices.Sorted(maps.Keys(seen.Source[topic])) {
			g := l.position(seen, topics[topic], p, present, bounds[partitionKey{topic, p}])
			g.State = listed.state
			there, _ := present.Fetched.Lookup(topic, p)
			stands := g.Written == g.To && (g.Clamped+g.Raised != 0 || there.Metadata == seen.metadata(topic, p))
			switch {
			case g.Skipped != "" || stands && !keep:
			case listed.active() && stands:
			case listed.active():
				g.Skipped = "the group is active in " + l.to.Name
			case topics[topic].State == Stopped && stands:
			case topics[topic].State == Stopped:
				g.Skipped = "the topic is promoted"
			case write:
				g.Written = g.To
				commit.Add(kadm.Offset{Topic: topic, Partition: p, At: int64(g.Written), LeaderEpoch: -1, Metadata: seen.metadata(topic, p)})
			}
			list = append(list, g)
		}
	}
	return list, commit
}

// commitGroup writes positions. Those that are not written say why in list.
func (l *Link) commitGroup(ctx context.Context, name string, commit kadm.Offsets, list []GroupSync) error {
	err := l.to.Admin.CommitAllOffsets(ctx, name, commit)
	if err == nil {
		return nil
	}
	why := err.Error()
	if joined := errors.Is(err, kerr.UnknownMemberID) || errors.Is(err, kerr.RebalanceInProgress) || errors.Is(err, kerr.StaleMemberEpoch) || errors.Is(err, kerr.IllegalGeneration); joined {
		why, err = "the group is active in "+l.to.Name, nil // since it was listed: KIP-848 says so only to who commits
	}
	for i := range list {
		if _, ok := commit.Lookup(list[i].Topic, list[i].Partition); ok {
			list[i].Skipped = why
		}
	}
	if err != nil {
		return fmt.Errorf("%s: group %q: committing offsets: %w", l.to.Name, name, err)
	}
	return nil
}

func (l *Link) position(seen *groupRecord, rec *topicRecord, p int32, present kadm.FetchOffsetsResponse, b span) GroupSync {
	topic := rec.Topic
	g := GroupSync{Group: seen.Group, Topic: topic, Partition: p, Source: seen.Source[topic][p], Written: -1, SeenAt: seen.At}
	if o, ok := present.Fetched.Lookup(topic, p); ok && o.Err == nil {
		g.Written = plans.Offset(o.At)
	}
	if b.err != nil {
		g.Skipped = "the mirror's log can not be read: " + b.err.Error()
		return g
	}
	to := int64(g.Source)
	if om, ok := rec.Offsets[p]; ok {
		g.Translated = true
		to, g.Clamped = om.at(to)
	} else {
		g.Clamped = max(0, to-b.end)
		to -= g.Clamped
	}
	g.Raised = max(0, b.start-to)
	if g.To = plans.Offset(to + g.Raised); g.Written > g.To {
		g.Skipped = fmt.Sprintf("its position in %s is ahead (%v): positions never go backwards by themselves", l.to.Name, g.Written)
	}
	return g
}
