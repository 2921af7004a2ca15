package dr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Observe looks at every region of the world: what a plan is computed from. A region that does not answer is observed as
// unreachable; a part that can not be read (a registry, an engine) carries its error. Anything else is an error.
func Observe(ctx context.Context, w *World) (*plans.Observed, error) { return observe(ctx, w, 0) }

// observe is Observe where each region has so long to tell all that it is asked, unless that is 0. One that takes longer is observed as unreachable.
func observe(ctx context.Context, w *World, within time.Duration) (*plans.Observed, error) {
	o := &plans.Observed{At: w.now().UTC(), Regions: map[string]*plans.RegionState{}, Mirrors: map[string][]plans.MirrorState{}}
	for _, name := range w.RegionNames() {
		o.Regions[name] = &plans.RegionState{}
	}
	var g errgroup.Group
	for name, state := range o.Regions {
		r := w.Regions[name]
		if r == nil {
			state.Error = w.Errs[name].Error()
			continue
		}
		g.Go(func() error {
			return inTime(ctx, state, within, func(ctx context.Context) error {
				state.Reachable = true
				var g errgroup.Group
				g.Go(func() error { return observeTopics(ctx, r, state, w.Declared.In(name).Reads()) })
				g.Go(func() error { return observeGroups(ctx, w, r, state) })
				g.Go(func() error { observeSubjects(ctx, r, state); return nil })
				g.Go(func() error { observeStatements(ctx, w, name, state); return nil })
				return g.Wait()
			})
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, decl := range w.Declared.Topology.Links {
		if !o.Regions[decl.To].Reachable {
			continue
		}
		l, err := w.OpenLink(decl)
		if err != nil {
			return nil, err
		}
		err = inTime(ctx, o.Regions[decl.To], within, func(ctx context.Context) (err error) {
			o.Mirrors[decl.Name], err = l.States(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return o, nil
}

// inTime looks at a region. When that takes longer than it may, nothing is known of the region but that.
func inTime(ctx context.Context, state *plans.RegionState, within time.Duration, look func(context.Context) error) error {
	if within == 0 {
		return look(ctx)
	}
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := look(limited)
	if limited.Err() != nil && ctx.Err() == nil {
		*state = plans.RegionState{Error: fmt.Sprintf("it had not told all that it holds after %s", within)}
		return nil
	}
	return err
}

func observeTopics(ctx context.Context, r *linking.Region, state *plans.RegionState, read map[string]bool) error {
	meta, err := topicsIn(ctx, r)
	if err != nil {
		return err
	}
	state.ClusterID = meta.Cluster
	var names []string
	for name, t := range meta.Topics {
		if !strings.HasPrefix(name, "__") && !strings.HasPrefix(name, "_lifeboat.") && t.Err == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	state.Topics = make(map[string]*plans.TopicState, len(names))
	for _, name := range names {
		t := meta.Topics[name]
		ts := &plans.TopicState{ID: t.ID.String(), Partitions: make([]plans.PartitionState, len(t.Partitions)), Configs: map[string]string{}}
		for p := range ts.Partitions {
			ts.Partitions[p] = plans.PartitionState{Start: -1, End: -1, Stable: -1, Oldest: -1, Newest: -1}
		}
		state.Topics[name] = ts
	}
	if len(names) == 0 {
		return nil
	}
	configs, err := r.Admin.DescribeTopicConfigs(ctx, names...)
	if err != nil {
		return fmt.Errorf("%s: describing topic configs: %w", r.Name, err)
	}
	for _, c := range configs {
		if c.Err != nil {
			return fmt.Errorf("%s: topic %q: describing configs: %w", r.Name, c.Name, c.Err)
		}
		for _, kv := range c.Configs {
			state.Topics[c.Name].Configs[kv.Key] = kv.MaybeValue()
		}
	}
	if err := observeOffsets(ctx, r, state, names); err != nil {
		return err
	}
	observeSizes(ctx, r, state, func(name string, t *plans.TopicState) bool {
		bytes := t.Configs["retention.bytes"]
		return read[name] || bytes != "" && !strings.HasPrefix(bytes, "-")
	})
	return nil
}

// observeSizes asks how many bytes the partitions of topics hold: of those whose retention counts in bytes, or that statements read, that tells, with
// their times, the rate at which they fill. Brokers that do not tell leave it unknown.
func observeSizes(ctx context.Context, r *linking.Region, state *plans.RegionState, of func(string, *plans.TopicState) bool) {
	asked := kadm.TopicsSet{}
	for name, t := range state.Topics {
		if !of(name, t) {
			continue
		}
		for p := range t.Partitions {
			asked.Add(name, int32(p))
		}
	}
	if len(asked) == 0 {
		return
	}
	dirs, err := r.Admin.DescribeAllLogDirs(ctx, asked)
	if err != nil && len(dirs) == 0 {
		return
	}
	dirs.Each(func(d kadm.DescribedLogDir) {
		d.Topics.Each(func(p kadm.DescribedLogDirPartition) {
			if t := state.Topics[p.Topic]; t != nil && !p.IsFuture && int(p.Partition) < len(t.Partitions) {
				t.Partitions[p.Partition].Bytes = max(t.Partitions[p.Partition].Bytes, p.Size)
			}
		})
	})
}

// observeOffsets reads the log ends and times of every partition. Times are what ListOffsets answers: a marker counts with its own
// time, so Oldest is never later than the oldest record's.
func observeOffsets(ctx context.Context, r *linking.Region, state *plans.RegionState, names []string) error {
	looks := []struct {
		what string
		list func(context.Context, ...string) (kadm.ListedOffsets, error)
		put  func(*plans.PartitionState, kadm.ListedOffset)
	}{
		{"log starts", r.Admin.ListStartOffsets, func(p *plans.PartitionState, o kadm.ListedOffset) { p.Start = plans.Offset(o.Offset) }},
		{"log ends", r.Admin.ListEndOffsets, func(p *plans.PartitionState, o kadm.ListedOffset) { p.End = plans.Offset(o.Offset) }},
		{"last stable offsets", r.Admin.ListCommittedOffsets, func(p *plans.PartitionState, o kadm.ListedOffset) { p.Stable = plans.Offset(o.Offset) }},
		{"oldest times", func(ctx context.Context, names ...string) (kadm.ListedOffsets, error) {
			return r.Admin.ListOffsetsAfterMilli(ctx, 0, names...)
		}, func(p *plans.PartitionState, o kadm.ListedOffset) { p.Oldest = o.Timestamp }},
		{"newest times", r.Admin.ListMaxTimestampOffsets, func(p *plans.PartitionState, o kadm.ListedOffset) { p.Newest = o.Timestamp }},
	}
	var g errgroup.Group
	answers := make([]kadm.ListedOffsets, len(looks))
	for i, l := range looks {
		g.Go(func() (err error) {
			if answers[i], err = fetch.Offsets(ctx, l.list, names...); err != nil {
				return fmt.Errorf("%s: reading %s: %w", r.Name, l.what, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, l := range looks {
		var errs []error
		answers[i].Each(func(o kadm.ListedOffset) {
			t := state.Topics[o.Topic]
			if t == nil || int(o.Partition) >= len(t.Partitions) {
				return
			}
			if o.Err != nil {
				errs = append(errs, fmt.Errorf("%s: %s-%d: reading %s: %w", r.Name, o.Topic, o.Partition, l.what, o.Err))
				return
			}
			l.put(&t.Partitions[o.Partition], o)
		})
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	return nil
}

func observeGroups(ctx context.Context, w *World, r *linking.Region, state *plans.RegionState) error {
	listed, err := r.Admin.ListGroups(ctx)
	if err != nil {
		return fmt.Errorf("%s: listing groups: %w", r.Name, err)
	}
	wanted := func(name string) bool {
		return slices.ContainsFunc(w.Declared.Topology.Links, func(l *plans.Link) bool {
			return (l.From == r.Name || l.To == r.Name) && l.Groups.Match(name)
		})
	}
	var names []string
	for _, g := range listed.Sorted() {
		if wanted(g.Group) {
			names = append(names, g.Group)
		}
	}
	if state.Groups, err = groupStates(ctx, r, names, listed); err != nil {
		return err
	}
	return observeConfigs(ctx, r, state)
}

// groupStates reads the positions of listed groups. An error names all of which they can not be read; those are Hidden.
func groupStates(ctx context.Context, r *linking.Region, names []string, listed kadm.ListedGroups) (map[string]*plans.GroupState, error) {
	states := make(map[string]*plans.GroupState, len(names))
	if len(names) == 0 {
		return states, nil
	}
	for _, name := range names {
		states[name] = &plans.GroupState{State: listed[name].State, Positions: plans.Positions{}, Share: listed[name].ProtocolType == "share"}
	}
	asked := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return states[name].Share })
	var errs []error
	for name, resp := range r.Admin.FetchManyOffsets(ctx, asked...) {
		if errors.Is(resp.Err, kerr.GroupIDNotFound) {
			continue // it is gone since it was listed
		}
		if resp.Err != nil {
			states[name].Hidden = true
			errs = append(errs, fmt.Errorf("%s: group %q: fetching offsets: %w", r.Name, name, resp.Err))
			continue
		}
		resp.Fetched.Each(func(o kadm.OffsetResponse) {
			if o.Err != nil && !errors.Is(o.Err, kerr.UnknownTopicOrPartition) {
				states[name].Hidden = true
				return
			}
			if o.At < 0 {
				return
			}
			pos := states[name].Positions
			if pos[o.Topic] == nil {
				pos[o.Topic] = map[int32]plans.Offset{}
			}
			pos[o.Topic][o.Partition] = plans.Offset(o.At)
		})
		if listed[name].ProtocolType == "consumer" && len(states[name].Positions) == 0 {
			states[name].Hidden = true
		}
	}
	return states, errors.Join(errs...)
}

func observeSubjects(ctx context.Context, r *linking.Region, state *plans.RegionState) {
	if r.Registry == nil {
		return
	}
	mode := r.Registry.Mode(ctx)
	if len(mode) == 1 && mode[0].Err == nil {
		state.Mode = mode[0].Mode.String()
	}
	schemas, err := r.Registry.AllSchemas(ctx)
	if err != nil {
		state.Registry = err.Error()
		return
	}
	state.Registry = "ok"
	state.Subjects = map[string]*plans.SubjectState{}
	for _, s := range schemas {
		st := state.Subjects[s.Subject]
		if st == nil {
			st = &plans.SubjectState{}
			state.Subjects[s.Subject] = st
		}
		st.Versions, st.IDs = append(st.Versions, s.Version), append(st.IDs, s.ID)
		schema := plans.RegisteredSchema{Type: s.Type.String(), Text: s.Schema.Schema}
		for _, ref := range s.References {
			schema.References = append(schema.References, plans.SchemaReference{Name: ref.Name, Subject: ref.Subject, Version: ref.Version})
		}
		st.Schemas = append(st.Schemas, schema)
	}
	if level := r.Registry.Compatibility(ctx); len(level) == 1 && level[0].Err == nil {
		state.Compatibility = level[0].Level.String()
	}
	for _, c := range r.Registry.Compatibility(ctx, subjectNames(state)...) {
		if st := state.Subjects[c.Subject]; st != nil && c.Err == nil && c.Subject != "" {
			st.Compatibility = c.Level.String()
		}
	}
	for _, m := range r.Registry.Mode(ctx, subjectNames(state)...) {
		if st := state.Subjects[m.Subject]; st != nil && m.Err == nil {
			st.Mode = m.Mode.String()
		}
	}
}

func subjectNames(state *plans.RegionState) []string {
	var names []string
	for name := range state.Subjects {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func observeStatements(ctx context.Context, w *World, name string, state *plans.RegionState) {
	b := w.Engines[name]
	if b == nil {
		return
	}
	ctx, cancel := context.WithTimeoutCause(ctx, w.opts.Timeout, fmt.Errorf("no answer within %s", w.opts.Timeout))
	defer cancel()
	list, err := b.List(ctx)
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%s: engine: %w", name, context.Cause(ctx))
		}
		state.Engine = err.Error()
		return
	}
	state.Engine = "ok"
	state.Statements = make(map[string]plans.StatementState, len(list))
	for _, s := range list {
		state.Statements[s.Name] = plans.StatementState{Phase: string(s.Phase), Detail: s.Detail, SQL: s.SQL, Created: s.Created, Properties: s.Properties}
	}
}
