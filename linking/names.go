package linking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Everything about a link is kept by the names that topics have in its destination. Where mirrors are called otherwise than their sources,
// names are changed at the calls to the source's brokers and in their answers, here, and nowhere else: what is fetched holds no names.

// calling is the region as seen by a link that calls its topics otherwise.
func (r *Region) calling(names plans.Names) *Region {
	next := *r
	next.names = names
	return &next
}

// called are the region's own names of topics. One that can not be a topic of it stays as it is, and is not found there.
func (r *Region) called(topics []string) []string {
	if r.names == (plans.Names{}) {
		return topics
	}
	own := make([]string, len(topics))
	for i, topic := range topics {
		own[i] = r.own(topic)
	}
	return own
}

// own is the region's own name of a topic.
func (r *Region) own(topic string) string {
	if source, ok := r.names.Source(topic); ok {
		return source
	}
	return topic
}

// renamed gives what a region answered the link's names. What the link could not mirror under any name is left out.
func renamed[V any](r *Region, answered map[string]V, rename func(V, string) V) map[string]V {
	if r.names == (plans.Names{}) || answered == nil {
		return answered
	}
	all := make(map[string]V, len(answered))
	for own, v := range answered {
		if topic, ok := r.names.Mirror(own); ok {
			all[topic] = rename(v, topic)
		}
	}
	return all
}

// listing makes one of kadm's ListXxxOffsets understand the link's names.
func (r *Region) listing(list func(context.Context, ...string) (kadm.ListedOffsets, error)) func(context.Context, ...string) (kadm.ListedOffsets, error) {
	return func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
		listed, err := list(ctx, r.called(topics)...)
		return renamed(r, listed, func(partitions map[int32]kadm.ListedOffset, topic string) map[int32]kadm.ListedOffset {
			for p, o := range partitions {
				o.Topic = topic
				partitions[p] = o
			}
			return partitions
		}), err
	}
}

// listTopics describes topics; none are all of the region's.
func (r *Region) listTopics(ctx context.Context, topics ...string) (kadm.TopicDetails, error) {
	details, err := r.Admin.ListTopics(ctx, r.called(topics)...)
	return r.renameDetails(details), err
}

func (r *Region) renameDetails(details kadm.TopicDetails) kadm.TopicDetails {
	return renamed(r, details, func(d kadm.TopicDetail, topic string) kadm.TopicDetail {
		d.Topic = topic
		for n, p := range d.Partitions {
			p.Topic = topic
			d.Partitions[n] = p
		}
		return d
	})
}

// describeConfigs reads topics' configs.
func (r *Region) describeConfigs(ctx context.Context, topics ...string) (kadm.ResourceConfigs, error) {
	described, err := r.Admin.DescribeTopicConfigs(ctx, r.called(topics)...)
	for i := range described {
		if topic, ok := r.names.Mirror(described[i].Name); ok {
			described[i].Name = topic
		}
	}
	return described, err
}

// fetcher reads the region's logs.
func (r *Region) fetcher(o fetch.Options) *fetch.Fetcher {
	if r.names != (plans.Names{}) {
		o.Called = r.own
	}
	return fetch.New(r.Client, o)
}

// sourceName is what a mirror is called in the source, where that is something else.
func (l *Link) sourceName(mirror string) string {
	if source, ok := l.decl.Names().Source(mirror); ok && source != mirror {
		return source
	}
	return ""
}

// theTopic is a mirror's source in a message about it.
func (l *Link) theTopic(mirror string) string {
	if source := l.sourceName(mirror); source != "" {
		return fmt.Sprintf("topic %q", source)
	}
	return "the topic"
}

// calledAsBefore refuses to serve mirrors whose sources the link would look for under other names than they were mirrored by.
func (l *Link) calledAsBefore(m *memory) error {
	for _, name := range sorted(m.topics) {
		rec := m.topics[name]
		was := cmp.Or(rec.SourceName, name)
		if is, ok := l.decl.Names().Source(name); !rec.released() && (!ok || is != was) {
			return fmt.Errorf("link %s: topic %q is the mirror of %q, and would not be with the prefix that the link is declared with now: declare it as it was, or fail the mirror over first", l.decl.Name, name, was)
		}
	}
	return nil
}

// returning are prefixes under which links that were created, from a link's destination to its source, bring what must not come back.
type returning struct {
	mu       sync.Mutex
	prefixes []string
}

func (r *returning) has(source string) bool {
	return slices.ContainsFunc(r.prefixes, func(prefix string) bool { return strings.HasPrefix(source, prefix) })
}

// withoutReturning leaves out mirrors that are not known yet whose sources have come from the destination. What is declared says so from the
// beginning (plans.Link.Knowing); a link may be created any time after that, and its first topic is what is seen of it. Where the source does
// not let its links be read, what is declared is all.
func (l *Link) withoutReturning(ctx context.Context, names []string, known map[string]*topicRecord) ([]string, error) {
	l.returns.mu.Lock()
	defer l.returns.mu.Unlock()
	comes := func(name string) bool { return known[name] == nil && l.returns.has(l.sourceName(name)) }
	names = slices.DeleteFunc(names, comes)
	if !slices.ContainsFunc(names, func(name string) bool { return known[name] == nil }) {
		return names, nil
	}
	links, err := Created(ctx, l.from)
	switch {
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return names, nil
	case err != nil:
		return nil, err
	}
	l.returns.prefixes = nil
	for _, other := range links {
		if other.Prefix != "" && other.Prefix != l.decl.StripPrefix && other.From == l.to.Name && other.To == l.from.Name {
			l.returns.prefixes = append(l.returns.prefixes, other.Prefix)
		}
	}
	return slices.DeleteFunc(names, comes), nil
}
