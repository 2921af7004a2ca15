package plans

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// MaxTopicName is how long a topic's name may be, in bytes (Kafka: org.apache.kafka.common.internals.Topic).
const MaxTopicName = 249

// Names is how a link calls its mirrors: a prefix is put in front of the source's name, or taken away. At most one of both is set; without
// either a mirror has its source's name.
type Names struct{ Prefix, Strip string }

// Names is how the link calls its mirrors.
func (l *Link) Names() Names { return Names{l.Prefix, l.StripPrefix} }

// Renames says whether mirrors are called otherwise than their sources.
func (l *Link) Renames() bool { return l.Prefix+l.StripPrefix != "" }

// Mirror is what a source's topic is called in the destination; not ok where the source's name has not the prefix that is taken away.
func (n Names) Mirror(source string) (mirror string, ok bool) {
	rest, ok := strings.CutPrefix(source, n.Strip)
	return n.Prefix + rest, ok && rest != ""
}

// Source is what a mirror is called in the source; not ok where it can not be a mirror of the link's.
func (n Names) Source(mirror string) (source string, ok bool) {
	rest, ok := strings.CutPrefix(mirror, n.Prefix)
	return n.Strip + rest, ok && rest != ""
}

// Bare is a mirror's name without a prefix, which is what a link's patterns are about.
func (n Names) Bare(mirror string) string { return strings.TrimPrefix(mirror, n.Prefix) }

// internal keeps a broad pattern from mirroring what describes a region itself.
func internal(topic string) bool {
	return strings.HasPrefix(topic, "__") || strings.HasPrefix(topic, "_lifeboat.")
}

// Selects reports whether the link mirrors a topic of the source. Patterns are about the name without a prefix. What has come from the
// destination, or bears the link's own prefix already, is not mirrored: it would come back under one prefix more each time.
func (l *Link) Selects(source string) bool {
	bare, ok := strings.CutPrefix(source, l.StripPrefix)
	if !ok || internal(source) || internal(bare) || !l.Topics.Match(bare) || l.Prefix != "" && strings.HasPrefix(source, l.Prefix) {
		return false
	}
	return !slices.ContainsFunc(l.Returns, func(prefix string) bool { return strings.HasPrefix(source, prefix) })
}

// Mirrors reports whether a topic of the destination is, or would be, one of the link's mirrors, by its name.
func (l *Link) Mirrors(mirror string) bool {
	source, ok := l.Names().Source(mirror)
	return ok && l.Selects(source)
}

// Both names a mirror with what it is called in the source, where that is something else: east.orders (orders in east).
func (l *Link) Both(mirror string) string {
	if source, ok := l.Names().Source(mirror); ok && source != mirror {
		return fmt.Sprintf("%s (%s in %s)", mirror, source, l.From)
	}
	return mirror
}

// Knowing is the link as it stands beside others: it passes over what those that lead to its source from its destination bring there under a
// prefix.
func (l *Link) Knowing(others []*Link) *Link {
	next := *l
	next.Returns = nil
	for _, other := range others {
		if other.Prefix != "" && other.Prefix != l.StripPrefix && other.From == l.To && other.To == l.From {
			next.Returns = append(next.Returns, other.Prefix)
		}
	}
	return &next
}

// As is another declaration of the link, which knows the same others.
func (l *Link) As(changed *Link) *Link {
	next := *changed
	next.Returns = l.Returns
	return &next
}

// RenamedError is a failover over a link whose mirrors are called otherwise than their sources.
type RenamedError struct{ Link *Link }

func (e *RenamedError) Error() string {
	example, _ := e.Link.Names().Mirror(e.Link.StripPrefix + "orders")
	return fmt.Sprintf("link %s calls its mirrors otherwise than their sources (%sorders is %s in %s): statements name their tables as in %s and would read others in %s, so no pipeline fails over along it, unless the topology is active-active and a link with a prefix leads the other way too; "+
		"lifeboat link failover makes the mirrors writable under their names", e.Link.Name, e.Link.StripPrefix, example, e.Link.To, e.Link.From, e.Link.To)
}

// knowEachOther has every link pass over what others bring.
func knowEachOther(links []*Link) {
	for _, l := range links {
		l.Returns = l.Knowing(links).Returns
	}
}

var topicPrefix = regexp.MustCompile(`\A[a-zA-Z0-9._-]*\z`)

// prefixes reports prefixes that can not be those of topics.
func (d *decoder) prefixes(path string, l *Link) {
	for _, p := range []struct{ key, prefix string }{{".prefix", l.Prefix}, {".stripPrefix", l.StripPrefix}} {
		switch {
		case !topicPrefix.MatchString(p.prefix):
			d.add("bad-value", path+p.key, fmt.Sprintf("%q can not begin a topic's name", p.prefix), "topics are named by letters, digits, dots, underscores and dashes")
		case len(p.prefix) >= MaxTopicName:
			d.add("bad-value", path+p.key, fmt.Sprintf("a prefix of %d characters leaves none for the topic: a name may have %d", len(p.prefix), MaxTopicName), "choose a short one, such as "+l.From+".")
		case internal(p.prefix):
			d.add("bad-value", path+p.key, fmt.Sprintf("topics that begin with %q describe a region itself and are not mirrored", p.prefix), "choose another prefix, such as "+l.From+".")
		}
	}
	if l.Prefix != "" && l.StripPrefix != "" {
		d.add("bad-value", path+".stripPrefix", fmt.Sprintf("link %q puts one prefix in front of names and takes another away", l.Name), "declare one of prefix and stripPrefix")
	}
}
