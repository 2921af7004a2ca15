package plans

import (
	"cmp"
	"maps"
	"slices"
)

// A migration moves a pipeline in batches, so that few writers wait at a time, and only what has not moved yet can go wrong.
//
// What is one unit moves in one batch: the topics that a statement reads, creates or writes, with that statement, and through a topic that it writes
// with the statements behind it. A derived topic could not be cut: written anew in the destination it is not mirrored back, so a statement that is
// left in the source would starve on it; and mirrored to the destination it would have two writers. So pipelines are split by nothing but topics
// that have nothing to do with each other, and no batch waits for another one's output.
//
// A consumer group that reads several topics joins them too: its members are one deployment. Moved half, it would be active in the destination, and
// positions of an active group are never overwritten: those that it has in the rest of its topics could not follow.

// Batch is what moves at the same time.
type Batch struct {
	Name       string   `json:"name"` // its first topic
	Topics     []string `json:"topics"`
	Statements []string `json:"statements,omitempty"` // in the order in which they are started
	Derived    []string `json:"derived,omitempty"`    // topics that these write anew in the destination
	Groups     []string `json:"groups,omitempty"`
	Subjects   []string `json:"subjects,omitempty"`
	Partitions int      `json:"partitions"`
	Offsets    int64    `json:"offsets"` // that the source's logs hold
	Bytes      int64    `json:"bytes"`   // of the largest replicas; 0 = not known
}

// A batch of units without statements holds no more than this, but for a unit that alone is more: its writers wait at the same time.
const (
	batchTopics     = 10
	batchPartitions = 100
)

// load is a mirrored topic and what it holds.
type load struct {
	topic      string
	partitions int
	offsets    int64
	bytes      int64
}

// touch is a statement and the tables that it has to do with.
type touch struct {
	statement string
	pipeline  string
	tables    []string // read, created or written
	reads     []string
	writes    []string
	needs     []string // statements that have to be there before it
}

// together sorts what a migration moves into units. touches are in the order in which statements start; groups are the mirrored topics that each reads.
// Units are ordered by what they hold, the smallest first; those without topics, statements that have to do with nothing that is mirrored, come first.
func together(topics []load, touches []touch, groups map[string][]string) []Batch {
	j := joining{}
	for _, t := range topics {
		j.find("topic " + t.topic)
	}
	for _, s := range touches {
		for _, table := range s.tables {
			j.join("statement "+s.statement, "topic "+table)
		}
		for _, need := range s.needs {
			j.join("statement "+s.statement, "statement "+need)
		}
	}
	for name, read := range groups {
		for _, topic := range read {
			j.join("group "+name, "topic "+topic)
		}
	}
	mirrored, units := map[string]bool{}, map[string]*Batch{}
	of := func(node string) *Batch {
		root := j.find(node)
		if units[root] == nil {
			units[root] = &Batch{}
		}
		return units[root]
	}
	for _, t := range topics {
		mirrored[t.topic] = true
		of("topic " + t.topic).hold(t)
	}
	for _, s := range touches {
		b := of("statement " + s.statement)
		b.Statements = append(b.Statements, s.statement)
		for _, topic := range s.writes {
			if !mirrored[topic] && !slices.Contains(b.Derived, topic) {
				b.Derived = append(b.Derived, topic)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		if len(groups[name]) > 0 {
			b := of("group " + name)
			b.Groups = append(b.Groups, name)
		}
	}
	var list []Batch
	for _, b := range units {
		slices.Sort(b.Topics)
		slices.Sort(b.Derived)
		if b.Name = slices.Concat(b.Topics, b.Statements, b.Groups)[0]; len(b.Topics)+len(b.Statements) > 0 {
			list = append(list, *b)
		}
	}
	slices.SortFunc(list, bySize)
	return list
}

// hold adds a topic.
func (b *Batch) hold(t load) {
	b.Topics = append(b.Topics, t.topic)
	b.Partitions, b.Offsets, b.Bytes = b.Partitions+t.partitions, b.Offsets+t.offsets, b.Bytes+t.bytes
}

func bySize(a, b Batch) int {
	return cmp.Or(cmp.Compare(a.Offsets, b.Offsets), cmp.Compare(a.Partitions, b.Partitions), cmp.Compare(a.Name, b.Name))
}

// batches packs units, in their order: first those without statements, several together, so that the way is tried on what is small and cheap; then the
// pipelines, each for itself. Statements that have to do with no topic go with the first batch that there is.
func batches(units []Batch) []Batch {
	var list, pipelines []Batch
	var loose Batch
	for _, u := range units {
		switch {
		case len(u.Topics) == 0:
			loose.Statements, loose.Derived = append(loose.Statements, u.Statements...), append(loose.Derived, u.Derived...)
		case len(u.Statements) > 0:
			pipelines = append(pipelines, u)
		case len(list) > 0 && fits(list[len(list)-1], u):
			list[len(list)-1].take(u)
		default:
			list = append(list, u)
		}
	}
	list = append(list, pipelines...)
	if len(list) > 0 {
		list[0].Statements, list[0].Derived = append(loose.Statements, list[0].Statements...), sortedBoth(loose.Derived, list[0].Derived)
	}
	return list
}

func fits(b, u Batch) bool {
	return len(b.Topics)+len(u.Topics) <= batchTopics && b.Partitions+u.Partitions <= batchPartitions
}

// take adds a unit.
func (b *Batch) take(u Batch) {
	b.Topics, b.Groups = sortedBoth(b.Topics, u.Topics), sortedBoth(b.Groups, u.Groups)
	b.Partitions, b.Offsets, b.Bytes = b.Partitions+u.Partitions, b.Offsets+u.Offsets, b.Bytes+u.Bytes
	b.Name = b.Topics[0]
}

// sortedBoth are the names of both; nil where there are none.
func sortedBoth(a, b []string) []string {
	return slices.Sorted(slices.Values(slices.Concat(a, b)))
}

// has says whether the batch is meant by a name: its own, or that of something in it.
func (b *Batch) has(name string) bool {
	return b.Name == name || slices.Contains(slices.Concat(b.Topics, b.Statements, b.Derived), name)
}

// joining are nodes that belong together, each with one that is nearer to the root of its set, which is its own.
type joining map[string]string

func (j joining) find(node string) string {
	next, known := j[node]
	if !known || next == node {
		j[node] = node
		return node
	}
	root := j.find(next)
	j[node] = root
	return root
}

func (j joining) join(a, b string) { j[j.find(a)] = j.find(b) }
