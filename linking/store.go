package linking

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// LinksTopic is where a destination region remembers its links: compacted, one partition.
func LinksTopic(region string) string { return "_lifeboat." + region + ".links" }

// Mirror states, as Cluster Linking names them.
const (
	Active            = "ACTIVE"
	Paused            = "PAUSED"
	PendingStopped    = "PENDING_STOPPED"
	Stopped           = "STOPPED"
	Failed            = "FAILED"
	SourceUnavailable = "SOURCE_UNAVAILABLE"
)

// identity is who a link writes as. It survives the process: sequences go on under it, so that a repeat does no harm.
type identity struct {
	ProducerID int64 `json:"producer_id"` // data batches; of the transactional id lifeboat.LINK.data
	Epoch      int16 `json:"epoch"`
	BulkID     int64 `json:"bulk_id"` // bulk markers; of no transactional id
}

// ownerRecord says which process serves a link.
type ownerRecord struct {
	Owner      string    `json:"owner"`
	Generation int64     `json:"generation"`
	Since      time.Time `json:"since"`
}

// topicRecord is what a link remembers of one mirrored topic.
type topicRecord struct {
	Topic      string                 `json:"topic"`
	State      string                 `json:"state"`
	Error      string                 `json:"error,omitempty"`
	SourceID   string                 `json:"source_id"`
	Partitions int                    `json:"partitions"`
	Configs    map[string]string      `json:"configs"`            // the source's, to be in force after promotion
	Aligning   bool                   `json:"aligning,omitempty"` // logs are being filled up to the source's log start
	Source     map[int32]plans.Offset `json:"source,omitempty"`   // last stable offsets seen
	Newest     map[int32]int64        `json:"newest,omitempty"`   // newest record time mirrored, ms
	FailedAt   map[int32]string       `json:"failed,omitempty"`   // error by partition
	Before     map[int32]plans.Offset `json:"before,omitempty"`   // promotion: log ends before the fence
	Ends       map[int32]plans.Offset `json:"ends,omitempty"`     // promotion: where mirrored data ends
	At         time.Time              `json:"at"`
}

// groupRecord is what a link last saw of one group in the source.
type groupRecord struct {
	Group  string                            `json:"group"`
	Source map[string]map[int32]plans.Offset `json:"source"`
	At     time.Time                         `json:"at"`
}

// memory is the links topic's content for one link.
type memory struct {
	owner    ownerRecord
	identity *identity
	topics   map[string]*topicRecord
	groups   map[string]*groupRecord
	end      int64 // offset behind the last record read
}

func linkKey(link, kind, name string) string { return link + "\x00" + kind + "\x00" + name }

// remember reads the links topic up to its present end. A region without one remembers nothing.
func remember(ctx context.Context, r *Region, link string) (*memory, error) {
	m := &memory{topics: map[string]*topicRecord{}, groups: map[string]*groupRecord{}}
	topic := LinksTopic(r.Name)
	ends, err := r.Admin.ListCommittedOffsets(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("%s: topic %q: log end: %w", r.Name, topic, err)
	}
	end, ok := ends.Lookup(topic, 0)
	if !ok || errors.Is(end.Err, kerr.UnknownTopicOrPartition) || end.Err == nil && end.Offset == 0 {
		return m, nil
	}
	if end.Err != nil {
		return nil, fmt.Errorf("%s: topic %q: log end: %w", r.Name, topic, end.Err)
	}
	cl, err := kgo.NewClient(append(slices.Clone(r.Client.Opts()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(100*time.Millisecond))...)
	if err != nil {
		return nil, fmt.Errorf("%s: reading %q: %w", r.Name, topic, err)
	}
	defer cl.Close()
	for m.end < end.Offset {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("%s: reading %q: %w", r.Name, topic, err)
		}
		for it := fetches.RecordIter(); !it.Done(); {
			rec := it.Next()
			m.end = rec.Offset + 1
			if !rec.Attrs.IsControl() {
				if err := m.take(link, rec); err != nil {
					return nil, fmt.Errorf("%s: topic %q offset %d: %w", r.Name, topic, rec.Offset, err)
				}
			}
		}
	}
	return m, nil
}

// take applies one record of the links topic.
func (m *memory) take(link string, rec *kgo.Record) error {
	key := string(rec.Key)
	prefix := func(kind string) (string, bool) {
		p := linkKey(link, kind, "")
		if len(key) < len(p) || key[:len(p)] != p {
			return "", false
		}
		return key[len(p):], true
	}
	if _, ok := prefix("owner"); ok {
		return json.Unmarshal(rec.Value, &m.owner)
	}
	if _, ok := prefix("identity"); ok {
		m.identity = new(identity)
		return json.Unmarshal(rec.Value, m.identity)
	}
	if name, ok := prefix("topic"); ok {
		t := new(topicRecord)
		if err := json.Unmarshal(rec.Value, t); err != nil {
			return err
		}
		m.topics[name] = t
	}
	if name, ok := prefix("group"); ok {
		g := new(groupRecord)
		if err := json.Unmarshal(rec.Value, g); err != nil {
			return err
		}
		m.groups[name] = g
	}
	return nil
}

// store writes a link's memory. Whoever opens it fences everyone who opened it before (KIP-98): their next write is ErrTakenOver, so a
// process that was taken over can not overwrite what its successor recorded.
type store struct {
	region *Region
	link   string
	cl     *kgo.Client
	memory *memory
}

func openStore(ctx context.Context, r *Region, link, owner string) (*store, error) {
	resp, err := r.Admin.CreateTopic(ctx, 1, -1, map[string]*string{"cleanup.policy": new("compact")}, LinksTopic(r.Name))
	if err == nil {
		err = resp.Err
	}
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return nil, fmt.Errorf("%s: topic %q: creating it for the link: %w", r.Name, LinksTopic(r.Name), err)
	}
	cl, err := kgo.NewClient(append(slices.Clone(r.Client.Opts()), kgo.TransactionalID("lifeboat."+link+".links"),
		kgo.DefaultProduceTopic(LinksTopic(r.Name)), kgo.TransactionTimeout(30*time.Second))...)
	if err != nil {
		return nil, fmt.Errorf("%s: link %s: %w", r.Name, link, err)
	}
	s := &store{region: r, link: link, cl: cl}
	if _, _, err := cl.ProducerID(ctx); err != nil {
		cl.Close()
		return nil, fmt.Errorf("%s: link %s: taking it over (transactional id lifeboat.%s.links): %w", r.Name, link, link, err)
	}
	if s.memory, err = remember(ctx, r, link); err == nil {
		s.memory.owner = ownerRecord{Owner: owner, Generation: s.memory.owner.Generation + 1, Since: time.Now().UTC()}
		err = s.write(ctx, map[string]any{linkKey(link, "owner", ""): s.memory.owner})
	}
	if err != nil {
		cl.Close()
		return nil, err
	}
	return s, nil
}

func (s *store) close() { s.cl.Close() }

// write commits records in one transaction.
func (s *store) write(ctx context.Context, records map[string]any) error {
	fail := func(err error) error {
		if taken(err) {
			err = ErrTakenOver
		}
		return fmt.Errorf("%s: link %s: recording its state: %w", s.region.Name, s.link, err)
	}
	if err := s.cl.BeginTransaction(); err != nil {
		return fail(err)
	}
	var recs []*kgo.Record
	for _, key := range slices.Sorted(maps.Keys(records)) {
		value, err := json.Marshal(records[key])
		if err != nil {
			return fail(err)
		}
		recs = append(recs, &kgo.Record{Key: []byte(key), Value: value})
	}
	if err := s.cl.ProduceSync(ctx, recs...).FirstErr(); err != nil {
		_ = s.cl.EndTransaction(context.WithoutCancel(ctx), kgo.TryAbort) // the produce error is the one to tell
		return fail(err)
	}
	if err := s.cl.EndTransaction(context.WithoutCancel(ctx), kgo.TryCommit); err != nil {
		return fail(err)
	}
	return nil
}

// taken reports whether a broker's error says that a newer process has fenced this one.
func taken(err error) bool {
	return errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch) || errors.Is(err, kerr.InvalidProducerIDMapping)
}

func (s *store) saveTopics(ctx context.Context, topics ...*topicRecord) error {
	records := map[string]any{}
	for _, t := range topics {
		t.At = time.Now().UTC()
		s.memory.topics[t.Topic] = t
		records[linkKey(s.link, "topic", t.Topic)] = t
	}
	if len(records) == 0 {
		return nil
	}
	return s.write(ctx, records)
}

func (s *store) saveIdentity(ctx context.Context, id identity) error {
	s.memory.identity = &id
	return s.write(ctx, map[string]any{linkKey(s.link, "identity", ""): id})
}
