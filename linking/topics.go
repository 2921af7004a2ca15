package linking

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const forever = "9223372036854775807"

// whileMirrored is what a destination topic has in force while it is a mirror: nothing there may change a batch, refuse a time, or
// remove what the source still has.
func whileMirrored(source, overrides map[string]string) map[string]string {
	c := maps.Clone(source)
	if source["cleanup.policy"] != "" && source["cleanup.policy"] != "delete" {
		// The broker refuses DeleteRecords on a compacted topic, and the records are older than any retention.
		c["retention.ms"], c["retention.bytes"] = "-1", "-1"
	}
	c["cleanup.policy"] = "delete"
	c["compression.type"] = "producer"
	c["message.timestamp.type"] = "CreateTime"
	c["message.timestamp.before.max.ms"] = forever
	c["message.timestamp.after.max.ms"] = forever
	if n, err := strconv.Atoi(c["max.message.bytes"]); err != nil || n < 2<<20 {
		c["max.message.bytes"] = strconv.Itoa(2 << 20) // room for merged batches
	}
	for k, v := range overrides {
		if k != "cleanup.policy" {
			c[k] = v
		}
	}
	return c
}

// afterwards is what is in force once the mirror is promoted: the source's values, under the topology's overrides. What the source had by
// default is not set, except what being a mirror has changed.
func afterwards(source, overrides map[string]string) map[string]string {
	c := map[string]string{"cleanup.policy": "delete", "compression.type": "producer", "message.timestamp.type": "CreateTime"}
	maps.Copy(c, source)
	maps.Copy(c, overrides)
	return c
}

// notCopied are configs that belong to a cluster, not to a topic's meaning.
var notCopied = []string{"leader.replication.throttled.replicas", "follower.replication.throttled.replicas", "min.insync.replicas",
	"unclean.leader.election.enable", "remote.storage.enable", "local.retention.ms", "local.retention.bytes", "message.format.version",
	"message.downconversion.enable", "file.delete.delay.ms", "flush.messages", "flush.ms", "preallocate"}

// sourceConfigs reads what is set on the source's topics, and always their retention and cleanup policy: the clusters' defaults may differ.
func sourceConfigs(ctx context.Context, r *Region, topics []string) (map[string]map[string]string, error) {
	all := map[string]map[string]string{}
	if len(topics) == 0 {
		return all, nil
	}
	described, err := r.Admin.DescribeTopicConfigs(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("%s: describing topic configs: %w", r.Name, err)
	}
	for _, d := range described {
		if d.Err != nil {
			return nil, fmt.Errorf("%s: topic %q: describing configs: %w", r.Name, d.Name, d.Err)
		}
		c := map[string]string{}
		for _, kv := range d.Configs {
			always := slices.Contains([]string{"retention.ms", "retention.bytes", "cleanup.policy", "max.message.bytes"}, kv.Key)
			if kv.Value != nil && (kv.Source == kmsg.ConfigSourceDynamicTopicConfig || always) && !slices.Contains(notCopied, kv.Key) {
				c[kv.Key] = *kv.Value
			}
		}
		all[d.Name] = c
	}
	return all, nil
}

// EnsureTopics makes every topic that the link selects exist in the destination, with as many partitions and with the configs of a mirror,
// and records it. A topic that cannot be a mirror is FAILED with a *MirrorError; all of them are joined, after the others were made.
func (l *Link) EnsureTopics(ctx context.Context) error {
	s, err := openStore(ctx, l.to, l.decl.Name, "ensure topics")
	if err != nil {
		return err
	}
	defer s.close()
	_, err = l.ensureTopics(ctx, s)
	return err
}

// ensureTopics returns the topics to be mirrored: recorded, not stopped and not failed as a whole.
func (l *Link) ensureTopics(ctx context.Context, s *store) ([]*topicRecord, error) {
	sources, err := l.from.Admin.ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: listing topics: %w", l.from.Name, err)
	}
	var names []string
	for _, t := range sources.Sorted() {
		if t.Err == nil && l.selects(t.Topic) {
			names = append(names, t.Topic)
		}
	}
	configs, err := sourceConfigs(ctx, l.from, names)
	if err != nil {
		return nil, err
	}
	var errs []error
	var changed []*topicRecord
	for _, name := range names {
		rec := s.memory.topics[name]
		if rec != nil && (rec.State == Stopped || rec.State == PendingStopped || rec.State == Failed && len(rec.FailedAt) == 0) {
			continue
		}
		src := sources[name]
		err := l.ensureTopic(ctx, rec, src, configs[name])
		var merr *MirrorError
		switch {
		case errors.As(err, &merr):
			errs = append(errs, err)
			if rec == nil && merr.Code != CodeSourceRecreated {
				continue // nothing of ours is there: it is not this link's mirror
			}
			failed := *rec
			failed.State, failed.Error, failed.FailedAt = Failed, merr.Error(), nil
			changed = append(changed, &failed)
			continue
		case err != nil:
			return nil, errors.Join(append(errs, err)...)
		}
		next := topicRecord{Topic: name, State: Active, SourceID: src.ID.String(), Configs: configs[name], Partitions: len(src.Partitions)}
		if rec != nil {
			next = *rec
			next.Configs, next.Partitions = configs[name], len(src.Partitions)
		} else {
			next.Aligning = true
		}
		if rec == nil || !maps.Equal(rec.Configs, next.Configs) || rec.Partitions != next.Partitions {
			changed = append(changed, &next)
		}
	}
	if err := s.saveTopics(ctx, changed...); err != nil {
		return nil, err
	}
	for name, rec := range s.memory.topics {
		if rec.State == Active && !slices.Contains(names, name) {
			gone := *rec
			merr := &MirrorError{Link: l.decl.Name, Topic: name, Partition: -1, Code: CodeSourceDeleted, First: -1, End: -1,
				Detail: fmt.Sprintf("the topic is not in %s any more; what was mirrored stays", l.from.Name),
				Hint:   "promote the mirror to keep it, or delete the topic in " + l.to.Name}
			gone.State, gone.Error = Failed, merr.Error()
			if err := s.saveTopics(ctx, &gone); err != nil {
				return nil, err
			}
			errs = append(errs, merr)
		}
	}
	var live []*topicRecord
	for _, name := range slices.Sorted(maps.Keys(s.memory.topics)) {
		if rec := s.memory.topics[name]; rec.State == Active {
			live = append(live, rec)
		}
	}
	return live, errors.Join(errs...)
}

// ensureTopic makes one destination topic a mirror of src; rec is what the link remembers of it, nil for nothing.
func (l *Link) ensureTopic(ctx context.Context, rec *topicRecord, src kadm.TopicDetail, configs map[string]string) error {
	name := src.Topic
	if rec != nil && rec.SourceID != src.ID.String() {
		return &MirrorError{Link: l.decl.Name, Topic: name, Partition: -1, Code: CodeSourceRecreated, First: -1, End: -1,
			Detail: fmt.Sprintf("the topic was deleted and created again in %s (id %s, was %s): its offsets mean other records now", l.from.Name, src.ID, rec.SourceID),
			Hint:   fmt.Sprintf("promote the old mirror to keep it, or delete topic %q in %s; then run the link again", name, l.to.Name)}
	}
	dsts, err := l.to.Admin.ListTopics(ctx, name)
	if err != nil {
		return fmt.Errorf("%s: topic %q: %w", l.to.Name, name, err)
	}
	want := whileMirrored(configs, l.decl.Topics.Configs)
	dst, there := dsts[name]
	there = there && dst.Err == nil
	if !there {
		return l.createTopic(ctx, name, len(src.Partitions), want)
	}
	if n := len(dst.Partitions); n != len(src.Partitions) {
		switch {
		case rec == nil || n > len(src.Partitions) && rec.Partitions == n:
			code := CodePartitions
			if rec != nil {
				code = CodePartitionsDecreased
			}
			return &MirrorError{Link: l.decl.Name, Topic: name, Partition: -1, Code: code, First: -1, End: -1,
				Detail: fmt.Sprintf("%d partitions in %s, %d in %s", len(src.Partitions), l.from.Name, n, l.to.Name),
				Hint:   fmt.Sprintf("delete topic %q in %s, or exclude it from the link", name, l.to.Name)}
		case n < len(src.Partitions):
			resp, err := l.to.Admin.UpdatePartitions(ctx, len(src.Partitions), name)
			if err == nil {
				err = resp.Error()
			}
			if err != nil {
				return fmt.Errorf("%s: topic %q: growing it to %d partitions: %w", l.to.Name, name, len(src.Partitions), err)
			}
		}
	}
	if rec != nil {
		return nil
	}
	ends, err := l.to.Admin.ListEndOffsets(ctx, name)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("%s: topic %q: log ends: %w", l.to.Name, name, err)
	}
	var others int64
	ends.Each(func(o kadm.ListedOffset) { others += o.Offset })
	if others > 0 {
		return &MirrorError{Link: l.decl.Name, Topic: name, Partition: -1, Code: CodeTopicExists, First: -1, End: -1,
			Detail: fmt.Sprintf("the topic has %d offsets in %s that this link did not write", others, l.to.Name),
			Hint:   fmt.Sprintf("delete topic %q in %s, or exclude it from the link", name, l.to.Name)}
	}
	return l.alterTopic(ctx, name, want)
}

func (l *Link) createTopic(ctx context.Context, name string, partitions int, configs map[string]string) error {
	pointers := map[string]*string{}
	for k, v := range configs {
		pointers[k] = &v
	}
	resp, err := l.to.Admin.CreateTopic(ctx, int32(partitions), -1, pointers, name)
	if err == nil {
		err = resp.Err
	}
	if err != nil {
		return fmt.Errorf("%s: topic %q: creating the mirror: %w %s", l.to.Name, name, err, resp.ErrMessage)
	}
	// A broker knows a new topic a little later than it says so.
	for deadline := time.Now().Add(10 * time.Second); ; {
		ends, err := l.to.Admin.ListEndOffsets(ctx, name)
		if err == nil {
			err = ends.Error()
		}
		if err == nil && len(ends[name]) == partitions {
			return nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("%s: topic %q: waiting for its leaders: %w", l.to.Name, name, errors.Join(err, ctx.Err()))
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// alterTopic sets configs, all or nothing as far as the broker goes.
func (l *Link) alterTopic(ctx context.Context, name string, configs map[string]string) error {
	var alter []kadm.AlterConfig
	for _, k := range slices.Sorted(maps.Keys(configs)) {
		v := configs[k]
		alter = append(alter, kadm.AlterConfig{Op: kadm.SetConfig, Name: k, Value: &v})
	}
	resp, err := l.to.Admin.AlterTopicConfigs(ctx, alter, name)
	if err != nil {
		return fmt.Errorf("%s: topic %q: setting configs: %w", l.to.Name, name, err)
	}
	for _, r := range resp {
		if r.Err != nil {
			return fmt.Errorf("%s: topic %q: setting configs: %w %s", l.to.Name, name, r.Err, r.ErrMessage)
		}
	}
	return nil
}

func (l *Link) selects(topic string) bool {
	return l.decl.Topics.Match(topic) && !isInternal(topic)
}

// isInternal keeps a broad pattern from mirroring what describes a region itself.
func isInternal(topic string) bool {
	return len(topic) > 1 && topic[:2] == "__" || len(topic) > 10 && topic[:10] == "_lifeboat."
}

// wait sleeps for d or until ctx ends, and returns ctx's cause then.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
