package linking

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// LinksTopic is where a destination region remembers its links: compacted, one partition.
func LinksTopic(region string) string { return "_lifeboat." + region + ".links" }

// Mirror states, as package plans has them with the verbs that they allow.
const (
	Active            = plans.MirrorActive
	Paused            = plans.MirrorPaused
	PendingStopped    = plans.MirrorPendingStopped
	Stopped           = plans.MirrorStopped
	Failed            = plans.MirrorFailed
	SourceUnavailable = plans.MirrorSourceUnavailable
)

// identity is who a link writes as. It survives the process: sequences go on under it, so that a repeat does no harm.
type identity struct {
	ProducerID int64 `json:"producer_id"` // data batches; of the transactional id lifeboat.LINK.data
	Epoch      int16 `json:"epoch"`
	BulkID     int64 `json:"bulk_id"` // bulk markers; of no transactional id
	Since      int64 `json:"since"`   // Unix time in ns: a transactional id that expires gets another producer id
}

// newer says whether id is of a later InitProducerId than other.
func (id identity) newer(other identity) bool {
	if id.ProducerID == other.ProducerID {
		return id.Epoch > other.Epoch
	}
	return id.Since > other.Since
}

// ownerRecord says which process serves a link.
type ownerRecord struct {
	Owner      string    `json:"owner"`
	Generation int64     `json:"generation"`
	Since      time.Time `json:"since"`
	Bulk       bool      `json:"bulk,omitempty"`  // it may be writing markers that nothing fences
	Ended      bool      `json:"ended,omitempty"` // it has ended by itself: nobody serves the link
	Brief      bool      `json:"brief,omitempty"` // it is a verb: who served the link goes on when it has ended
}

// topicRecord is what a link remembers of one mirrored topic. A record is replaced, never changed, once others may see it.
type topicRecord struct {
	Topic      string                 `json:"topic"`
	SourceName string                 `json:"source_topic,omitempty"` // what it is called there, where that is something else
	State      string                 `json:"state"`
	Error      string                 `json:"error,omitempty"`
	SourceID   string                 `json:"source_id"`
	DestID     string                 `json:"destination_id,omitempty"`
	Partitions int                    `json:"partitions"`
	Configs    map[string]string      `json:"configs"`            // the source's, to be in force after promotion
	Source     map[int32]plans.Offset `json:"source,omitempty"`   // last stable offsets seen
	Newest     map[int32]int64        `json:"newest,omitempty"`   // newest record time mirrored, ms
	Aligning   map[int32]bool         `json:"aligning,omitempty"` // partitions that are being filled up to the source's log start
	FailedAt   map[int32]string       `json:"failed,omitempty"`   // error by partition; a FAILED topic without any failed as a whole
	Codes      map[int32]string       `json:"codes,omitempty"`    // codes of the errors, of the topic as a whole under wholeTopic
	Before     map[int32]plans.Offset `json:"before,omitempty"`   // promotion: log ends before the fence
	Ends       map[int32]plans.Offset `json:"ends,omitempty"`     // promotion: where mirrored data ends
	Promoter   string                 `json:"promoter,omitempty"` // promotion: on whose behalf, as user@host
	At         time.Time              `json:"at"`
	Gone       time.Time              `json:"gone,omitzero"` // since when the source is without it, where it is

	Restored map[string]restoredConfig `json:"restored,omitempty"` // configs that somebody else had changed, by name

	Foreign    map[int32]plans.Offset `json:"foreign,omitempty"`    // where partitions ended that held other data when the link came
	Translated map[int32]*translation `json:"translated,omitempty"` // partitions whose offsets are not the source's
	Offsets    map[int32]offsetMap    `json:"-"`                    // of them, as far as is known
}

// wholeTopic stands for all partitions.
const wholeTopic = int32(-1)

// released says that the topic is promoted, or about to be: no process mirrors it any more.
func (t *topicRecord) released() bool {
	return t != nil && (t.State == Stopped || t.State == PendingStopped)
}

// same says that what a look finds has not changed.
func (t *topicRecord) same(old *topicRecord) bool {
	return old != nil && t.SourceID == old.SourceID && t.DestID == old.DestID && t.Partitions == old.Partitions && maps.Equal(t.Configs, old.Configs)
}

func (t *topicRecord) copy() *topicRecord { c := *t; return &c }

// groupRecord is what a link last saw of one group in the source.
type groupRecord struct {
	Group    string                            `json:"group"`
	Source   map[string]map[int32]plans.Offset `json:"source"`
	Metadata map[string]map[int32]string       `json:"metadata,omitempty"` // what was committed with the positions, where that is not empty
	At       time.Time                         `json:"at"`
	Kept     time.Time                         `json:"kept,omitzero"` // when all positions were last committed in the destination
}

func (g *groupRecord) put(topic string, p int32, at plans.Offset, metadata string) {
	if g.Source[topic] == nil {
		g.Source[topic] = map[int32]plans.Offset{}
	}
	g.Source[topic][p] = at
	if metadata == "" {
		return
	}
	if g.Metadata == nil {
		g.Metadata = map[string]map[int32]string{}
	}
	if g.Metadata[topic] == nil {
		g.Metadata[topic] = map[int32]string{}
	}
	g.Metadata[topic][p] = metadata
}

func (g *groupRecord) metadata(topic string, p int32) string { return g.Metadata[topic][p] }

// add puts the positions of another record, which may be nil, beside its own.
func (g *groupRecord) add(other *groupRecord) {
	if other == nil {
		return
	}
	for topic, partitions := range other.Source {
		for p, at := range partitions {
			g.put(topic, p, at, other.metadata(topic, p))
		}
	}
}

// same says that both have the same positions.
func (g *groupRecord) same(old *groupRecord) bool {
	return old != nil && maps.EqualFunc(g.Source, old.Source, func(a, b map[int32]plans.Offset) bool { return maps.Equal(a, b) }) &&
		maps.EqualFunc(g.Metadata, old.Metadata, func(a, b map[int32]string) bool { return maps.Equal(a, b) })
}

// memory is the links topic's content for one link.
type memory struct {
	decl       *linkRecord // nil: it was not created by Create
	tasks      int         // that it is cut into
	owners     map[int]ownerRecord
	identities map[int]*identity
	topics     map[string]*topicRecord
	pieces     map[string]map[int]*topicRecord // of topics, by task
	groups     map[string]*groupRecord
	wishes     map[string]*wishRecord
	access     map[string]*accessRecord // by principal
	quotas     []quotaRecord
	lost       []lostRecord
	heardOf    map[int]time.Time // when a process that serves a task last recorded anything of it, by the brokers' or its clock
	end        int64             // offset behind the last record read

	maps    map[partitionKey]mapPieces // of translated partitions
	writers map[partitionKey][]int64   // producer ids that their batches carry
}

// tasksRecord says into how many tasks a link is cut. One without it has one.
type tasksRecord struct {
	Tasks int `json:"tasks"`
}

// identity is what a task writes data as: the newest that any of them has, because there are brokers that take an epoch for the producer's rather
// than the partition's (kfake). Markers in bulk are written as its own.
func (m *memory) identity(t task) *identity {
	var newest *identity
	for _, n := range slices.Sorted(maps.Keys(m.identities)) {
		if id := m.identities[n]; newest == nil || id.newer(*newest) {
			newest = id
		}
	}
	if own := m.identities[t.n]; own != nil && newest != own {
		id := *newest
		id.BulkID = own.BulkID
		return &id
	}
	return newest
}

// served says whether a process serves a task of the link, as far as is recorded.
func (m *memory) served() bool {
	for _, o := range m.owners {
		if o.Generation > 0 && !o.Ended {
			return true
		}
	}
	return false
}

func linkKey(link, kind, name string) string { return link + "\x00" + kind + "\x00" + name }

// cutKey takes a linkKey apart; what is none has no kind.
func cutKey(key []byte) (link, kind, name string) {
	link, rest, _ := strings.Cut(string(key), "\x00")
	kind, name, _ = strings.Cut(rest, "\x00")
	return link, kind, name
}

func encode(v any) ([]byte, error) { return json.Marshal(v) }

func newMemory() *memory {
	return &memory{tasks: 1, owners: map[int]ownerRecord{}, heardOf: map[int]time.Time{}, identities: map[int]*identity{}, topics: map[string]*topicRecord{}, pieces: map[string]map[int]*topicRecord{}, groups: map[string]*groupRecord{}, wishes: map[string]*wishRecord{}, access: map[string]*accessRecord{},
		maps: map[partitionKey]mapPieces{}, writers: map[partitionKey][]int64{}}
}

// remember reads what the links topic holds of a link. A region without one remembers nothing.
func remember(ctx context.Context, r *Region, link string) (*memory, error) {
	m := newMemory()
	err := readLinks(ctx, r, func(rec *kgo.Record) error {
		m.end = rec.Offset + 1
		if rec.Attrs.IsControl() {
			return nil
		}
		if of, kind, name := cutKey(rec.Key); of == link && (kind == "owner" || kind == "topic") {
			n := taskNumber(name)
			if kind == "topic" {
				_, n = cutPiece(name)
			}
			m.heardOf[n] = rec.Timestamp
		}
		return m.take(link, rec.Key, rec.Value)
	})
	m.grant()
	if err == nil {
		err = m.joinMaps()
	}
	return m, err
}

// readLinks reads the links topic up to its present end, control records included.
func readLinks(ctx context.Context, r *Region, do func(*kgo.Record) error) error {
	topic := LinksTopic(r.Name)
	end, _, err := fetch.CommittedEnd(ctx, r.Client, topic)
	if err != nil {
		return fmt.Errorf("%s: %w", r.Name, err)
	}
	if end == 0 {
		return nil
	}
	cl, err := kgo.NewClient(append(slices.Clone(r.Client.Opts()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(100*time.Millisecond))...)
	if err != nil {
		return fmt.Errorf("%s: reading %q: %w", r.Name, topic, err)
	}
	defer cl.Close()
	for read := int64(0); read < end; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("%s: reading %q: %w", r.Name, topic, err)
		}
		for it := fetches.RecordIter(); !it.Done(); {
			rec := it.Next()
			read = rec.Offset + 1
			if err := do(rec); err != nil {
				return fmt.Errorf("%s: topic %q offset %d: %w", r.Name, topic, rec.Offset, err)
			}
		}
	}
	return nil
}

// take applies one record of the links topic. Records of other links, and of kinds that a later version may add, are passed over.
func (m *memory) take(link string, key, value []byte) error {
	of, kind, name := cutKey(key)
	if of != link {
		return nil
	}
	if value == nil {
		m.forget(kind, name)
		return nil
	}
	switch kind {
	case "link":
		m.decl = new(linkRecord)
		return json.Unmarshal(value, m.decl)
	case "tasks":
		var t tasksRecord
		err := json.Unmarshal(value, &t)
		m.tasks = max(1, t.Tasks)
		return err
	case "owner":
		var o ownerRecord
		err := json.Unmarshal(value, &o)
		m.owners[taskNumber(name)] = o
		return err
	case "identity":
		id := new(identity)
		m.identities[taskNumber(name)] = id
		return json.Unmarshal(value, id)
	case "topic":
		t := new(topicRecord)
		topic, n := cutPiece(name)
		if m.pieces[topic] == nil {
			m.pieces[topic] = map[int]*topicRecord{}
		}
		m.pieces[topic][n] = t
		err := json.Unmarshal(value, t)
		m.topics[topic] = join(m.pieces[topic])
		return err
	case "group":
		g := new(groupRecord)
		m.groups[name] = g
		return json.Unmarshal(value, g)
	case "wish":
		w := new(wishRecord)
		m.wishes[name] = w
		return json.Unmarshal(value, w)
	case "access":
		a := new(accessRecord)
		m.access[name] = a
		return json.Unmarshal(value, a)
	case "quotas":
		m.quotas = nil
		return json.Unmarshal(value, &m.quotas)
	case "lost":
		m.lost = nil
		return json.Unmarshal(value, &m.lost)
	case "map":
		return m.takeMap(name, value)
	case "writer":
		return m.takeWriter(name, value)
	}
	return nil
}

// forget applies a tombstone. Owners, identities and the number of tasks have none.
func (m *memory) forget(kind, name string) {
	switch kind {
	case "link":
		m.decl = nil
	case "topic":
		topic, n := cutPiece(name)
		delete(m.pieces[topic], n)
		if len(m.pieces[topic]) > 0 {
			m.topics[topic] = join(m.pieces[topic])
			return
		}
		delete(m.pieces, topic)
		delete(m.topics, topic)
	case "group":
		delete(m.groups, name)
	case "wish":
		delete(m.wishes, name)
	case "map":
		_ = m.takeMap(name, nil) // a name that is none names nothing to be forgotten
	case "writer":
		_ = m.takeWriter(name, nil)
	}
}
