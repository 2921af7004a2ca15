package linking

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ConfigNote is one config of a mirror topic, or its replication, that is not as it is in the source, and why.
type ConfigNote struct {
	Topic, Key   string
	Source, Dest string // values; "" where it is not set, or not known
	State        string
	Why          string
}

// States of ConfigNotes.
const (
	ConfigOverridden = "overridden" // by the topology
	ConfigHeld       = "held"       // as a mirror needs it; promotion puts the source's in force
	ConfigNotCopied  = "not copied" // it belongs to a cluster, not to a topic's meaning
	ConfigDrift      = "drift"      // somebody changed it in the destination
	ConfigRestored   = "put back"   // somebody had changed it in the destination; the link has put it back
	ConfigWeaker     = "weaker"     // it keeps records less safely than the source does
	ConfigUnwritable = "unwritable" // with this nobody can write to the topic with acks=all
)

// replication is what a topic's records are kept by.
type replication struct {
	factor  int // replicas of its partition with the fewest
	minimum int // min.insync.replicas in force
	brokers int // of the cluster
}

// Configs compares the configs and the replication of the link's mirrors with the source's, as both are now. Without the source it compares
// with what was copied last.
func (l *Link) Configs(ctx context.Context) ([]ConfigNote, error) {
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil || len(m.topics) == 0 {
		return nil, err
	}
	names := sorted(m.topics)
	dest, err := topicSettings(ctx, l.to, names)
	if err != nil {
		return nil, err
	}
	var source map[string]topicSetting
	if l.from != nil {
		if source, err = topicSettings(ctx, l.from, names); err != nil {
			return nil, err
		}
	}
	var notes []ConfigNote
	for _, name := range names {
		there, ok := dest[name]
		if !ok {
			continue // its mirror says that it is gone
		}
		here, alive := source[name]
		if !alive {
			here = topicSetting{set: m.topics[name].Configs}
		}
		notes = append(notes, configNotes(m.topics[name], l.decl.Topics.Configs, here.set, there.set)...)
		if alive {
			notes = append(notes, judgeReplication(name, here.replication, there.replication)...)
		} else {
			notes = append(notes, judgeReplication(name, replication{}, there.replication)...)
		}
	}
	return notes, nil
}

// topicSetting is what is set on a topic, and how it is replicated.
type topicSetting struct {
	set map[string]string
	replication
}

// topicSettings describes topics; those that are not there, or may not be seen, are left out.
func topicSettings(ctx context.Context, r *Region, names []string) (map[string]topicSetting, error) {
	meta, err := r.Admin.Metadata(ctx, r.called(names)...)
	meta.Topics = r.renameDetails(meta.Topics)
	if err != nil {
		return nil, fmt.Errorf("%s: describing topics: %w", r.Name, err)
	}
	names = slices.DeleteFunc(slices.Clone(names), func(t string) bool { return meta.Topics[t].Err != nil || len(meta.Topics[t].Partitions) == 0 })
	all := map[string]topicSetting{}
	if len(names) == 0 {
		return all, nil
	}
	described, err := r.describeConfigs(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("%s: describing topic configs: %w", r.Name, err)
	}
	var errs []error
	for _, d := range described {
		if d.Err != nil {
			errs = append(errs, fmt.Errorf("%s: topic %q: describing configs: %w", r.Name, d.Name, d.Err))
			continue
		}
		s := topicSetting{set: map[string]string{}, replication: replication{factor: fewestReplicas(meta.Topics[d.Name]), brokers: len(meta.Brokers)}}
		for _, c := range d.Configs {
			if c.Key == "min.insync.replicas" {
				s.minimum, _ = strconv.Atoi(c.MaybeValue()) // 0, not known, is judged as nothing
			}
			if c.Source == kmsg.ConfigSourceDynamicTopicConfig && c.Value != nil {
				s.set[c.Key] = *c.Value
			}
		}
		all[d.Name] = s
	}
	return all, errors.Join(errs...)
}

func fewestReplicas(t kadm.TopicDetail) int {
	fewest := 0
	for _, p := range t.Partitions {
		if n := len(p.Replicas); fewest == 0 || n < fewest {
			fewest = n
		}
	}
	return fewest
}

// configNotes compares what is set. rec says what was copied, and whether the topic is a mirror still.
func configNotes(rec *topicRecord, overrides, source, dest map[string]string) []ConfigNote {
	want := whileMirrored(rec.Configs, overrides)
	if rec.State == Stopped {
		want, _ = afterwards(rec.Configs, overrides)
	}
	var notes []ConfigNote
	note := func(key, state, why string) {
		notes = append(notes, ConfigNote{Topic: rec.Topic, Key: key, Source: source[key], Dest: dest[key], State: state, Why: why})
	}
	for _, key := range sorted(want) {
		have, set := dest[key]
		_, overridden := overrides[key]
		copied, isCopied := rec.Configs[key]
		switch {
		case rec.State == Stopped && have != want[key]:
			continue // written by others now, who set what they like
		case !set || have != want[key]:
			note(key, ConfigDrift, fmt.Sprintf("the link has set it to %s", want[key]))
		case rec.State != Stopped && rec.Restored[key].Set == have && rec.Restored[key].Times > 0:
			was := rec.Restored[key]
			note(key, ConfigRestored, fmt.Sprintf("somebody else had set it to %q; the link put it back at %s", was.Found, was.At.Format(time.RFC3339)))
		case overridden && want[key] == overrides[key]:
			note(key, ConfigOverridden, "the topology says so")
		case !isCopied || copied != want[key]:
			note(key, ConfigHeld, "a mirror needs it; promotion puts the source's in force")
		}
	}
	for _, key := range sorted(dest) {
		if _, wanted := want[key]; !wanted && rec.State != Stopped && !slices.Contains(notCopied, key) {
			note(key, ConfigDrift, "the link has not set it, and the source has not either")
		}
	}
	for _, key := range notCopied {
		if value, set := source[key]; set && dest[key] != value {
			note(key, ConfigNotCopied, "it belongs to a cluster, not to what a topic means")
		}
	}
	return notes
}

// judgeReplication holds a topic's replication against the destination's brokers and against the source's, of which the zero value is not
// known.
func judgeReplication(topic string, source, dest replication) []ConfigNote {
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	var notes []ConfigNote
	add := func(key string, from, to int, state, why string) {
		notes = append(notes, ConfigNote{Topic: topic, Key: key, Source: number(from), Dest: number(to), State: state, Why: why})
	}
	switch {
	case dest.minimum > dest.factor:
		add("min.insync.replicas", source.minimum, dest.minimum, ConfigUnwritable, fmt.Sprintf("there are %d replicas: nothing is ever written with acks=all", dest.factor))
	case dest.minimum == dest.factor && dest.factor > 1:
		add("min.insync.replicas", source.minimum, dest.minimum, ConfigWeaker, fmt.Sprintf("of %d replicas none may be down: one broker's restart stops writing", dest.factor))
	case dest.minimum > 0 && dest.minimum < source.minimum && dest.factor > dest.minimum:
		add("min.insync.replicas", source.minimum, dest.minimum, ConfigWeaker, "an acknowledged record may be on fewer brokers than in the source")
	}
	switch {
	case dest.factor == 1 && dest.brokers > 1:
		add("replication.factor", source.factor, dest.factor, ConfigWeaker, fmt.Sprintf("of %d brokers one holds it: its disk's loss is the records' loss", dest.brokers))
	case dest.factor < source.factor && dest.factor >= dest.brokers:
		add("replication.factor", source.factor, dest.factor, ConfigWeaker, fmt.Sprintf("there are only %d brokers", dest.brokers))
	case dest.factor < source.factor:
		add("replication.factor", source.factor, dest.factor, ConfigWeaker, fmt.Sprintf("default.replication.factor of the destination, which has %d brokers, is lower", dest.brokers))
	}
	return notes
}
