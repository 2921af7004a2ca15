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
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// A translated partition has the source's committed records in their order, with their times, at the destination's own offsets. Its map and its
// records can not disagree:
//
//   - A run of the map is in the links topic, written under the store's fence, before the first record of it is sent. It says where that record
//     will stand, which is known: nobody else writes, and what is on its way arrives in the order of its sequences or not at all.
//   - Whoever opens the partition fences it first: InitProducerId of a transactional id that only this partition has, and an empty transaction,
//     whose marker shuts every older epoch out of the partition. What stands in front of the marker is all there ever will be of older ones, so it
//     is read, from the last point that is recorded, and the map's runs that came to nothing are cut off.
//   - From the marker on only what the opener sends is written, under the new epoch, and nothing of it before a new run is in the links topic: a
//     process that was taken over fences a partition in vain.
//
// So the map is exact for every record at any time, whichever process dies where.

// writerID is the transactional id whose producer writes a translated partition, outside transactions but for the markers that fence it.
func writerID(link string, k partitionKey) string {
	return fmt.Sprintf("%s%s-%d", writerPrefix(link), k.topic, k.partition)
}

func writerPrefix(link string) string { return "lifeboat." + link + ".at." }

func writerName(k partitionKey) string { return mapName(k, 0) }

// takeWriter reads which producer ids a partition's batches carry: an id may expire while nothing is written.
func (m *memory) takeWriter(name string, value []byte) error {
	k, _, err := cutMapName(name)
	if err != nil {
		return err
	}
	if value == nil {
		delete(m.writers, k)
		return nil
	}
	var ids []int64
	if err := json.Unmarshal(value, &ids); err != nil {
		return err
	}
	m.writers[k] = ids
	return nil
}

// fencedLog is a translated partition that nobody but its opener writes to any more.
type fencedLog struct {
	id      identity
	at      int64     // of the fencing marker
	offsets offsetMap // exact up to the marker: its end is where the mirror's last record is, and the marker
	stored  int       // runs that the links topic holds as they are
	held    int       // runs that the links topic holds, some of which may have come to nothing
	before  int       // runs that it holds no more in front of those
	foreign int64     // offset of the first record that is nobody's of the link, -1 for none
	past    bool      // what the link wrote behind that is looked for too
	expect  int64     // where the next of it would stand but for that
	moved   []run     // where it does
	err     error     // of this partition alone
}

const fenceTogether = 16 // partitions that are fenced at a time

// fence makes this process the only writer of translated partitions, and finds where they stand. The store's owner is confirmed first: who has been
// taken over must not shut out its successor without need. With past, what the link wrote behind records of others is looked for too.
func (l *Link) fence(ctx context.Context, s *store, parts []partitionKey, past bool) (map[partitionKey]*fencedLog, error) {
	if len(parts) == 0 {
		return nil, nil
	}
	if err := s.confirm(ctx); err != nil {
		return nil, err
	}
	known, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return nil, err
	}
	cl, err := kgo.NewClient(append(slices.Clone(l.to.Client.Opts()), kgo.MaxVersions(firstTransactions()))...)
	if err != nil {
		return nil, fmt.Errorf("%s: link %s: %w", l.to.Name, l.decl.Name, err)
	}
	defer cl.Close()
	all, writers := map[partitionKey]*fencedLog{}, map[partitionKey]*transactor{}
	for _, k := range parts {
		om, err := known.mapOf(k)
		all[k] = &fencedLog{at: -1, offsets: om, held: om.count(), before: om.dropped, foreign: -1, past: past, err: err}
		if err == nil {
			writers[k] = &transactor{region: l.to, link: l.decl.Name, txid: writerID(l.decl.Name, k), cl: cl, pid: -1, epoch: -1}
		}
	}
	if err := l.takeWriters(ctx, s, known, writers, all); err != nil {
		return nil, err
	}
	var g errgroup.Group
	g.SetLimit(fenceTogether)
	for k, t := range writers {
		if f := all[k]; f.err == nil {
			g.Go(func() error { return l.mark(ctx, s, k, t, f) })
		}
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return all, l.scanFenced(ctx, known, all)
}

// takeWriters gets every partition's writer a new epoch, and records the producer ids that are new before anything is written under them.
func (l *Link) takeWriters(ctx context.Context, s *store, known *memory, writers map[partitionKey]*transactor, all map[partitionKey]*fencedLog) error {
	var g errgroup.Group
	g.SetLimit(fenceTogether)
	for k, t := range writers {
		g.Go(func() error {
			err := t.init(ctx)
			if errors.Is(err, kerr.TransactionalIDAuthorizationFailed) {
				all[k].err, err = err, nil
			}
			return withoutTakenOver(err)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	fresh := map[string]any{}
	for k, t := range writers {
		if all[k].err == nil && !slices.Contains(known.writers[k], t.pid) {
			known.writers[k] = append(slices.Clone(known.writers[k]), t.pid)
			fresh[linkKey(l.decl.Name, "writer", writerName(k))] = known.writers[k]
		}
	}
	return s.write(ctx, fresh)
}

// mark writes the fencing marker of a partition. It does not wait until it is in the log.
func (l *Link) mark(ctx context.Context, s *store, k partitionKey, t *transactor, f *fencedLog) error {
	for attempt := 1; ; attempt++ {
		err := t.markers(ctx, []partitionKey{k})
		switch {
		case err == nil:
			f.id = identity{ProducerID: t.pid, Epoch: t.epoch}
			return nil
		case errors.Is(err, ErrTakenOver) && attempt < 5: // another process has fenced it meanwhile: who owns the link is the store's to say
			if err := s.confirm(ctx); err != nil {
				return err
			}
			if err := t.init(ctx); err != nil {
				return withoutTakenOver(err)
			}
		case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.UnknownTopicOrPartition):
			f.err = err
			return nil
		default:
			return fmt.Errorf("%s: %s-%d: fencing the mirror: %w", l.to.Name, k.topic, k.partition, withoutTakenOver(err))
		}
	}
}

// withoutTakenOver keeps an error from ending a run that the store's owner still is.
func withoutTakenOver(err error) error {
	if errors.Is(err, ErrTakenOver) {
		return errors.New(err.Error())
	}
	return err
}

// scanFenced reads every log from where it is known to be right up to its fencing marker.
func (l *Link) scanFenced(ctx context.Context, known *memory, all map[partitionKey]*fencedLog) error {
	var names []partitionKey
	for k, f := range all {
		if f.err == nil {
			names = append(names, k)
		}
	}
	if len(names) == 0 {
		return nil
	}
	bounds, err := listBounds(ctx, l.to, topicsOfKeys(names))
	if err != nil {
		return err
	}
	from := map[partitionKey]int64{}
	for _, k := range names {
		f, b := all[k], bounds[k]
		if b.err != nil {
			f.err = b.err
			continue
		}
		if f.offsets.dest > b.end { // the destination has lost records that it had acknowledged
			f.offsets = f.offsets.back(b.end)
		}
		from[k] = max(f.offsets.dest, b.start)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, awaitMarkers+l.o.Timeout, fmt.Errorf("the fencing markers were not in the logs after %s", awaitMarkers))
	defer cancel()
	err = readFrom(ctx, l.to, from, func(k partitionKey, c *fetch.Chunk) (bool, error) {
		f := all[k]
		if c.Err != nil {
			f.err = c.Err
			return true, nil
		}
		writers := slices.Clone(known.writers[k])
		for _, id := range known.identities {
			writers = append(writers, id.ProducerID) // of markers that end mirrors
		}
		return f.scan(c.Records, writers)
	})
	for k := range from {
		if f := all[k]; f.err == nil && err == nil {
			f.close()
		}
	}
	return err
}

// close ends the map at the marker.
func (f *fencedLog) close() {
	end := f.offsets.dest
	if f.foreign >= 0 {
		end = min(end, f.foreign)
	}
	f.offsets = f.offsets.cut(end)
	f.stored = f.offsets.count()
	for _, r := range f.moved {
		f.offsets = f.offsets.place(r.source, r.dest, false)
	}
	f.offsets.dest = f.at
}

// back is the map of a mirror whose log ends earlier than was recorded: as far as the last run that begins in front of the end, whose beginning is
// certain.
func (m offsetMap) back(end int64) offsetMap {
	m = m.cut(end)
	m.source, m.dest = m.from(end), end
	if n := len(m.runs); n > 0 {
		m.source, m.dest = m.runs[n-1].source, m.runs[n-1].dest
	}
	return m
}

// scan goes over what is behind what is known, and says whether the fencing marker was among it.
func (f *fencedLog) scan(records []byte, writers []int64) (found bool, err error) {
	for rest := records; len(rest) > 0; {
		b, behind, err := batch.Next(rest)
		if err != nil {
			return false, err
		}
		rest = behind
		own := b.ProducerID() == f.id.ProducerID || slices.Contains(writers, b.ProducerID())
		switch {
		case b.NextOffset() <= f.offsets.dest: // the batch that what is known ends in
		case b.Control() && b.ProducerID() == f.id.ProducerID && b.ProducerEpoch() == f.id.Epoch:
			f.at = b.BaseOffset()
			return true, nil
		case b.Control() && own:
		case !own && f.foreign < 0:
			f.foreign, f.expect = b.BaseOffset(), b.BaseOffset()
		case own && f.foreign >= 0 && f.past: // it was on its way when the other came
			source := f.offsets.from(f.expect)
			f.moved = append(f.moved, run{source, b.BaseOffset()})
			f.expect += b.NextOffset() - b.BaseOffset()
			f.offsets.source, f.offsets.dest = source+b.NextOffset()-b.BaseOffset(), b.NextOffset()
		case own && f.foreign < 0: // behind a foreign one it does not stand where it was to
			f.offsets.source, f.offsets.dest = f.offsets.from(b.LastOffset())+1, b.NextOffset()
		}
	}
	return false, nil
}

// translated is what a mirror has besides, whose offsets are not the source's.
type translated struct {
	id      identity // of its opening
	offsets offsetMap
	stored  int   // runs that the links topic holds as they are
	held    int   // runs that it holds
	before  int   // runs that it holds no more in front of those
	next    int64 // destination offset of the next record that is queued
	begun   bool  // with a run of its own, which nothing is sent without: whoever was taken over can not record it
	follows bool  // its log start follows the source's: nothing of somebody else's is in front
}

// enqueue puts a batch of the source's offsets [base, end) into the queue; a translated mirror's gets its place.
func (m *mirror) enqueue(b batch.Batch, base, end int64) {
	it := item{base: base, end: end, data: b, time: b.MaxTimestamp()}
	if t := m.trans; t != nil {
		it.records, it.to = end-base, t.next
		t.offsets = t.offsets.place(base, t.next, !t.begun)
		t.begun = true
		it.run = t.offsets.count()
		t.next += it.records
	}
	m.queue = append(m.queue, it)
	m.read = end
}

// skip passes offsets over that a translated mirror has nothing for.
func (m *mirror) skip(end int64) {
	if end <= m.read {
		return
	}
	m.read = end
	if n := len(m.queue); n > 0 {
		m.queue[n-1].end = end
	} else {
		m.written, m.trans.offsets.source = end, end
	}
}

// announced says that an item's place is in the links topic, where it has to be before it is sent.
func (m *mirror) announced(it item) bool { return m.trans == nil || it.run <= m.trans.stored }

// behind is the destination offset behind all that is queued.
func (m *mirror) behind() int64 {
	if m.trans != nil {
		return m.trans.next
	}
	return m.read
}

// logEnd is where the destination's log ends, as acknowledged.
func (m *mirror) logEnd() int64 {
	switch {
	case m.trans == nil:
		return m.written
	case len(m.queue) == 0:
		return m.trans.next
	}
	return m.trans.offsets.dest
}

// records are as many as an item of a batch has.
func (m *mirror) records(it item) int64 {
	if m.trans != nil {
		return it.records
	}
	return it.end - it.base
}

// place is the destination offset of an item's first record.
func (m *mirror) place(it item) int64 {
	if m.trans != nil {
		return it.to
	}
	return it.base
}

// announce writes the runs that mirrors have begun to the links topic, those of all of them together; meanwhile new ones gather.
func (r *runner) announce(ctx context.Context) {
	if r.announcing {
		return
	}
	type news struct {
		m     *mirror
		count int
		drop  int
	}
	var list []news
	records := map[string]any{}
	for m := range r.ready {
		t := m.trans
		if t == nil || m.failed != nil || m.held || r.mirrors[m.key()] != m || t.stored == t.offsets.count() {
			continue
		}
		for key, rec := range r.s.mapRecords(m.key(), t.offsets, t.before, t.stored, t.held) {
			records[key] = rec
		}
		list = append(list, news{m, t.offsets.count(), t.offsets.dropped})
	}
	if len(list) == 0 {
		return
	}
	r.announcing = true
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		err := r.s.write(ctx, records)
		if err != nil {
			_ = wait(ctx, 200*time.Millisecond) // before it is tried again
		}
		return func(context.Context) error {
			r.announcing = false
			if errors.Is(err, ErrTakenOver) {
				return err
			}
			r.destination(err)
			if err != nil {
				r.l.o.Log.Warn("recording where offsets stand", "link", r.l.decl.Name, "error", err)
				return nil
			}
			for _, n := range list {
				n.m.trans.stored, n.m.trans.held, n.m.trans.before = n.count, n.count, n.drop
			}
			return nil
		}
	})
}

// Place is where a position in the source is in a mirror.
type Place struct {
	Topic        string
	Partition    int32
	Source, Dest plans.Offset
	Beyond       int64 // offsets of the source between what is mirrored and the position; 0 where the mirror has come so far
	Translated   bool
}

// Places looks positions of the source up in the mirrors: as they are where offsets are the same, and by the map where they are translated,
// clamped to what is known to be mirrored. Topics that are no mirrors are left out.
func (l *Link) Places(ctx context.Context, of plans.Positions) ([]Place, error) {
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return nil, err
	}
	var all []Place
	for _, topic := range sorted(of) {
		rec := m.topics[topic]
		if rec == nil {
			continue
		}
		for _, p := range slices.Sorted(maps.Keys(of[topic])) {
			place := Place{Topic: topic, Partition: p, Source: of[topic][p], Dest: of[topic][p], Translated: rec.Translated[p] != nil}
			if place.Translated {
				om, err := m.mapOf(partitionKey{topic, p})
				if err != nil {
					return nil, fmt.Errorf("link %s: %w", l.decl.Name, err)
				}
				dest, beyond := om.at(int64(place.Source))
				place.Dest, place.Beyond = plans.Offset(dest), beyond
			}
			all = append(all, place)
		}
	}
	return all, nil
}
