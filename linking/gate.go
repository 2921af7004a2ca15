package linking

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
)

// schemaGate holds a partition back until the schemas that its next batches name exist in the destination, so that no consumer there ever
// meets a record that it can not read. Ids are found by the wire format's prefix (a zero byte and a big-endian id) in keys and values;
// an id is asked for once per run.
type schemaGate struct {
	subjects *Subjects
	known    map[int]bool // ids that are there, or are no mirrored schema's
	asked    map[int]bool
	never    map[int]error     // ids that can not be there
	since    map[int]time.Time // ids that are waited for
	waiting  map[*mirror]map[int]bool
	fresh    []int
	last     int // the id seen last: mostly the next one
}

func newSchemaGate(l *Link) *schemaGate {
	return &schemaGate{subjects: l.subjects, known: map[int]bool{}, asked: map[int]bool{}, never: map[int]error{}, since: map[int]time.Time{}, waiting: map[*mirror]map[int]bool{}, last: -1}
}

// scan notes the schema ids of freshly queued items. Batches that are no valid records are left to the broker to refuse.
func (g *schemaGate) scan(m *mirror, items []item) {
	if g.subjects == nil {
		return
	}
	for _, it := range items {
		if it.data == nil {
			continue
		}
		_ = batch.Records(it.data, func(r *batch.Record) error {
			g.note(m, r.Key)
			g.note(m, r.Value)
			return nil
		})
	}
}

func (g *schemaGate) note(m *mirror, b []byte) {
	if len(b) < 5 || b[0] != 0 {
		return
	}
	id := int(binary.BigEndian.Uint32(b[1:]))
	if id == g.last && g.known[id] {
		return
	}
	g.last = id
	if g.known[id] || id == 0 {
		return
	}
	if g.waiting[m] == nil {
		g.waiting[m] = map[int]bool{}
	}
	g.waiting[m][id] = true
	if !g.asked[id] {
		g.asked[id] = true
		g.fresh = append(g.fresh, id)
	}
}

// open says whether a partition may go on. An id that can never be there is an error.
func (g *schemaGate) open(m *mirror) (bool, error) {
	ids := g.waiting[m]
	for id := range ids {
		if err := g.never[id]; err != nil {
			return false, &schemaError{id, err}
		}
		if !g.known[id] {
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

// ensureSchemas makes the ids that were seen first exist in the destination, beside the loop.
func (r *runner) ensureSchemas(ctx context.Context) {
	ids := r.schemas.fresh
	r.schemas.fresh = nil
	for _, id := range ids {
		r.beside(ctx, func(ctx context.Context) func(context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
			defer cancel()
			err := r.l.subjects.Ensure(ctx, id)
			if err != nil {
				_ = wait(ctx, 300*time.Millisecond) // before it is asked for again
			}
			return func(context.Context) error { r.schemaEnsured(id, err); return nil }
		})
	}
}

// schemaEnsured opens the gate for an id, closes it for good, or asks again. A registry that does not answer or takes no schemas now is
// waited for; a run with Once gives up when the time for a first contact is over.
func (r *runner) schemaEnsured(id int, err error) {
	g := r.schemas
	if err == nil {
		g.known[id] = true
		delete(g.since, id)
		return
	}
	if g.since[id].IsZero() {
		g.since[id] = time.Now()
	}
	_, conflict := errors.AsType[*SchemaConflictError](err)
	_, ignored := errors.AsType[*IDsIgnoredError](err)
	if conflict || ignored || r.o.Once && time.Since(g.since[id]) > r.l.o.Timeout {
		g.never[id] = err
		return
	}
	r.l.o.Log.Warn("waiting for a schema", "id", id, "error", err)
	g.fresh = append(g.fresh, id)
	for m, ids := range g.waiting {
		if ids[id] {
			m.condition = &schemaError{id, err}
		}
	}
}

// gated says whether the schemas of a mirror's records are there; one that can never go on fails.
func (r *runner) gated(m *mirror) bool {
	open, err := r.schemas.open(m)
	if err != nil {
		r.fail(m, &MirrorError{Code: CodeSchema, First: m.written, End: m.read, Detail: "its records name a schema that can not be mirrored", Err: err,
			Hint: "mend the destination's registry, then run the link again"})
	}
	return !open
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
