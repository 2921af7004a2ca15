package plans

import (
	"slices"
	"strings"
)

// Subjects that are named after a topic go by its mirror's name: TopicNameStrategy (orders-value) and TopicRecordNameStrategy
// (orders-com.acme.Order), which put a dash behind the topic's name that record names can not hold. A reader in the destination looks for the
// subject of the topic that it reads, and that region's own topic of the source's name keeps its own subject. Subjects of RecordNameStrategy,
// and those that schemas refer to, have no topic in their names and keep them.

// MirrorSubject is what a subject of the source is called in the destination; not ok where it came from there, or belongs to no mirror although
// its name says so.
func (l *Link) MirrorSubject(source string) (mirror string, ok bool) {
	context, name := cutContext(source)
	if l.Prefix != "" && strings.HasPrefix(name, l.Prefix) || slices.ContainsFunc(l.Returns, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
		return "", false
	}
	switch rest, has := strings.CutPrefix(name, l.StripPrefix); {
	case !l.Renames():
		return source, true
	case has && l.ofTopic(rest):
		return context + l.Prefix + rest, true
	}
	return source, !l.ofTopic(name)
}

// SourceSubject is what a destination's subject is called in the source; not ok where it can not be the mirror of one.
func (l *Link) SourceSubject(mirror string) (source string, ok bool) {
	context, name := cutContext(mirror)
	if rest, has := strings.CutPrefix(name, l.Prefix); l.Renames() && has && l.ofTopic(rest) {
		return context + l.StripPrefix + rest, true
	}
	again, ok := l.MirrorSubject(mirror)
	return mirror, ok && again == mirror
}

// SelectsSubject reports whether the link mirrors a subject of the source. Patterns are about the name without a prefix.
func (l *Link) SelectsSubject(source string) bool {
	mirror, ok := l.MirrorSubject(source)
	return ok && l.Subjects.Match(l.bareSubject(mirror))
}

// MirrorsSubject reports whether a subject of the destination is, or would be, mirrored by the link.
func (l *Link) MirrorsSubject(mirror string) bool {
	source, ok := l.SourceSubject(mirror)
	return ok && l.SelectsSubject(source)
}

func (l *Link) bareSubject(mirror string) string {
	context, name := cutContext(mirror)
	if rest, has := strings.CutPrefix(name, l.Prefix); has && l.ofTopic(rest) {
		name = rest
	}
	return context + name
}

// ofTopic says whether a subject is named after a topic that the link's patterns select.
func (l *Link) ofTopic(name string) bool {
	dash := strings.LastIndexByte(name, '-')
	return dash > 0 && l.Topics.Match(name[:dash])
}

// cutContext parts a subject's name from the context in front of it, ":.dr:".
func cutContext(subject string) (context, name string) {
	if strings.HasPrefix(subject, ":.") {
		if end := strings.IndexByte(subject[1:], ':'); end >= 0 {
			return subject[:end+2], subject[end+2:]
		}
	}
	return "", subject
}

// View is what was seen of the link's source, by the names that topics and subjects have in its destination. What has none there is left out.
// The states themselves are shared.
func (l *Link) View(source *RegionState) *RegionState {
	if source == nil || !l.Renames() {
		return source
	}
	names := l.Names()
	next := *source
	next.Topics, next.Groups, next.Subjects = map[string]*TopicState{}, map[string]*GroupState{}, map[string]*SubjectState{}
	for name, t := range source.Topics {
		if mirror, ok := names.Mirror(name); ok {
			next.Topics[mirror] = t
		}
	}
	for name, g := range source.Groups {
		seen := *g
		seen.Positions = Positions{}
		for topic, at := range g.Positions {
			if mirror, ok := names.Mirror(topic); ok {
				seen.Positions[mirror] = at
			}
		}
		next.Groups[name] = &seen
	}
	for name, s := range source.Subjects {
		if mirror, ok := l.MirrorSubject(name); ok {
			next.Subjects[mirror] = s
		}
	}
	return &next
}
