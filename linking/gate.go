package linking

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
)

// schemaGate holds a partition back until the schemas that its next batches name exist in the destination, so that no consumer there ever
// meets a record that it can not read. Ids are found by the wire format's prefix (a zero byte and a big-endian id) in keys and values, beside the
// loop, for it takes reading every record; an id is asked for once per run.
//
// A wait is bounded (links: subjects: wait). Then the mirror is FAILED, which is what pages somebody, and its memory others'. It is still asked for, and
// goes on by itself when the schema is there: an outage of a registry leaves nothing to be done by hand.
type schemaGate struct {
	subjects *Subjects
	patience time.Duration
	known    sync.Map // of int: ids that are there, or are no mirrored schema's; whoever reads records looks here
	asked    map[int]bool
	never    map[int]error     // ids that can not be there
	since    map[int]time.Time // ids that are waited for
	waiting  map[*mirror]map[int]bool
	fresh    []int
	asking   int // ids that registries are being asked about
}

// schemaWait is how long a partition waits for a schema where the topology does not say.
const schemaWait = 10 * time.Minute

func newSchemaGate(l *Link) *schemaGate {
	return &schemaGate{subjects: l.subjects, patience: cmp.Or(time.Duration(l.decl.Subjects.Wait), schemaWait), asked: map[int]bool{}, never: map[int]error{}, since: map[int]time.Time{},
		waiting: map[*mirror]map[int]bool{}}
}

// naming is a record of a chunk that names a schema which is not known to be there.
type naming struct {
	at int64
	id int
}

// arrival is a chunk with what its records name.
type arrival struct {
	fetch.Chunk
	names []naming
}

// look reads the records of chunks for the schemas that they name, several chunks at a time. Batches that are no valid records are left to the
// broker to refuse.
func (g *schemaGate) look(chunks []fetch.Chunk) []arrival {
	list := make([]arrival, len(chunks))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range chunks {
		list[i].Chunk = c
		if g.subjects == nil || len(c.Records) == 0 {
			continue
		}
		group.Go(func() error {
			for rest := c.Records; len(rest) > 0; {
				var b batch.Batch
				var err error
				if b, rest, err = batch.Next(rest); err != nil {
					break
				}
				list[i].names = g.read(list[i].names, b)
			}
			return nil
		})
	}
	_ = group.Wait() // they return none
	return list
}

// read appends what a batch's records name, each id once.
func (g *schemaGate) read(names []naming, b batch.Batch) []naming {
	if b.Control() {
		return names
	}
	before, last := len(names), 0 // the id seen last is mostly the next one
	_ = batch.Records(b, func(r *batch.Record) error {
		for _, field := range [][]byte{r.Key, r.Value} {
			if len(field) < 5 || field[0] != 0 {
				continue
			}
			id := int(binary.BigEndian.Uint32(field[1:]))
			if id == last || id == 0 {
				continue
			}
			last = id
			if _, known := g.known.Load(id); !known && !slices.ContainsFunc(names[before:], func(n naming) bool { return n.id == id }) {
				names = append(names, naming{r.Offset, id})
			}
		}
		return nil
	})
	return names
}

// note has a mirror wait for what the items that it has just queued name. What is named by records that nobody gets to see is not waited for.
func (g *schemaGate) note(m *mirror, names []naming, queued []item) {
	for _, n := range names {
		if _, known := g.known.Load(n.id); known {
			continue
		}
		i, found := slices.BinarySearchFunc(queued, n.at, func(it item, at int64) int {
			switch {
			case it.end <= at:
				return -1
			case it.base > at:
				return 1
			}
			return 0
		})
		if !found || queued[i].data == nil {
			continue
		}
		if g.waiting[m] == nil {
			g.waiting[m] = map[int]bool{}
		}
		g.waiting[m][n.id] = true
		if !g.asked[n.id] {
			g.asked[n.id] = true
			g.fresh = append(g.fresh, n.id)
		}
	}
}

// open says whether a partition may go on. An id that can never be there is an error.
func (g *schemaGate) open(m *mirror) (bool, error) {
	ids := g.waiting[m]
	for id := range ids {
		if err := g.never[id]; err != nil {
			return false, &schemaError{id, err}
		}
		if _, known := g.known.Load(id); !known {
			return false, nil
		}
		delete(ids, id)
	}
	return true, nil
}

// schemaError says why no record may be mirrored that names a schema id.
type schemaError struct {
	id  int
	err error
}

func (e *schemaError) Error() string { return fmt.Sprintf("schema id %d: %v", e.id, e.err) }
func (e *schemaError) Unwrap() error { return e.err }

// forget drops what a mirror waits for.
func (g *schemaGate) forget(m *mirror) { delete(g.waiting, m) }

// ensureSchemas makes the ids that were seen first exist in the destination, beside the loop, a few at a time.
func (r *runner) ensureSchemas(ctx context.Context) {
	for g := r.schemas; len(g.fresh) > 0 && g.asking < registryCalls; {
		id := g.fresh[0]
		g.fresh = g.fresh[1:]
		g.asking++
		r.beside(ctx, func(ctx context.Context) func(context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
			defer cancel()
			err := r.l.subjects.Ensure(ctx, id)
			return func(ctx context.Context) error { r.schemaEnsured(ctx, id, err); return nil }
		})
	}
}

// schemaEnsured opens the gate for an id, closes it for good, or asks again. A registry that does not answer or takes no schemas now is
// waited for; a run with Once gives up when the time for a first contact is over.
func (r *runner) schemaEnsured(ctx context.Context, id int, err error) {
	g := r.schemas
	g.asking--
	if err == nil {
		g.known.Store(id, nil)
		delete(g.since, id)
		delete(g.never, id)
		r.admit(ctx, id)
		return
	}
	if g.since[id].IsZero() {
		g.since[id] = time.Now()
	}
	waited := time.Since(g.since[id])
	_, conflict := errors.AsType[*SchemaConflictError](err)
	_, ignored := errors.AsType[*IDsIgnoredError](err)
	late := waited > g.patience || r.o.Once && waited > r.l.o.Timeout
	final := conflict || ignored || r.o.Once && late
	if final || late {
		g.never[id] = err
	}
	for m, ids := range g.waiting {
		switch {
		case !ids[id]:
		case final || late:
			r.gated(m)
		default:
			m.condition = &schemaError{id, fmt.Errorf("waited for since %s, for %s at most: %w", g.since[id].UTC().Format(time.RFC3339), g.patience, err)}
			r.setAside(m)
		}
	}
	if final {
		return
	}
	r.l.o.Log.Warn("waiting for a schema", "id", id, "error", err)
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		_ = wait(ctx, min(max(300*time.Millisecond, waited/20), 10*time.Second)) // a loop that ends takes no result
		return func(context.Context) error { g.fresh = append(g.fresh, id); return nil }
	})
}

// setAside gives back the memory of a mirror that waits for a schema: what it has read is read again when the schema is there. Of others not so much
// is held that it would be others' to miss.
func (r *runner) setAside(m *mirror) {
	if m.aside || m.trans != nil || m.busy || m.failed != nil || m.ending != nil || len(m.flights) > 0 {
		return
	}
	r.fetcher.Remove(m.topic, m.partition)
	m.discard()
	m.aside, m.read, m.asked, m.aborted = true, m.written, m.written, batch.Aborted{}
}

// admit lets the mirrors go on that waited for an id, those too that are FAILED because they had waited too long.
func (r *runner) admit(ctx context.Context, id int) {
	for m, ids := range r.schemas.waiting {
		if !ids[id] {
			continue
		}
		if delete(ids, id); len(ids) > 0 {
			continue
		}
		switch {
		case r.mirrors[m.key()] != m || r.topicErrs[m.topic] != nil:
		case m.failed != nil:
			r.l.o.Log.Info("the schema is there that a mirror has failed for", "mirror", m.name(), "id", id)
			r.reopen(ctx, m)
		case m.aside:
			m.aside, m.condition = false, nil
			r.fetcher.Add(m.topic, m.partition, m.asked)
		}
	}
}

// gated says whether a mirror has to wait for the schemas of its records; one that can not go on fails.
func (r *runner) gated(m *mirror) bool {
	g := r.schemas
	open, err := g.open(m)
	if err == nil || m.failed != nil {
		return !open
	}
	hint := "mend the destination's registry, then run the link again"
	if refused, _ := errors.AsType[*schemaError](err); !r.o.Once && !g.since[refused.id].IsZero() && time.Since(g.since[refused.id]) > g.patience {
		hint = "mend the registries: the mirror goes on by itself when the schema is there (links: subjects: wait)"
	}
	ids := g.waiting[m]
	r.fail(m, &MirrorError{Code: CodeSchema, First: m.written, End: max(m.read, m.written+1), Detail: "its records name a schema that can not be mirrored", Err: err, Hint: hint})
	g.waiting[m] = ids // it goes on when they are there
	return true
}

// followSubjects mirrors schemas that no record has named yet.
func (r *runner) followSubjects(ctx context.Context) error {
	for {
		topics, err := r.topicsNow(ctx)
		if err != nil {
			return err
		}
		if err := r.syncSubjects(ctx, topics); err != nil && ctx.Err() == nil {
			r.l.o.Log.Warn("mirroring schemas", "link", r.l.decl.Name, "error", err)
		}
		if err := wait(ctx, schemasEvery); err != nil {
			return err
		}
	}
}
