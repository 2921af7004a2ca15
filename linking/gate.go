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
	waiting  map[*mirror]map[int]bool
	fresh    []int
	last     int // the id seen last: mostly the next one
}

func newSchemaGate(l *Link) *schemaGate {
	return &schemaGate{subjects: l.subjects, known: map[int]bool{}, asked: map[int]bool{}, waiting: map[*mirror]map[int]bool{}, last: -1}
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

// open says whether a partition may go on.
func (g *schemaGate) open(m *mirror) bool {
	ids := g.waiting[m]
	for id := range ids {
		if !g.known[id] {
			return false
		}
		delete(ids, id)
	}
	return true
}

// ensureSchemas makes the ids that were seen first exist in the destination, beside the loop.
func (r *runner) ensureSchemas() {
	ids := r.schemas.fresh
	r.schemas.fresh = nil
	for _, id := range ids {
		r.spawn(func() func(context.Context) error {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			err := r.l.subjects.Ensure(ctx, id)
			if err != nil && !isConflict(err) {
				_ = wait(ctx, 500*time.Millisecond)
			}
			return func(context.Context) error { return r.schemaEnsured(id, err) }
		})
	}
}

// schemaEnsured opens the gate for an id, fails the mirrors that wait for one that can never be there, or asks again.
func (r *runner) schemaEnsured(id int, err error) error {
	if err == nil {
		r.schemas.known[id] = true
		return nil
	}
	for m, ids := range r.schemas.waiting {
		if !ids[id] || m.failed != nil {
			continue
		}
		if !isConflict(err) {
			m.condition = fmt.Errorf("waiting for schema id %d: %w", id, err)
			continue
		}
		first := m.written
		r.fail(m, &MirrorError{Code: CodeSchema, First: first, End: m.read, Detail: fmt.Sprintf("its records name schema id %d, which can not be mirrored", id), Err: err,
			Hint: "mend the destination's registry, then run the link again"})
	}
	if !isConflict(err) {
		r.l.o.Log.Warn("waiting for a schema", "id", id, "error", err)
		r.schemas.fresh = append(r.schemas.fresh, id)
	}
	return nil
}

// isConflict says that trying again will not help.
func isConflict(err error) bool {
	var taken *SchemaConflictError
	var ignored *IDsIgnoredError
	return errors.As(err, &taken) || errors.As(err, &ignored)
}

// followSubjects mirrors schemas that no record has named yet.
func (r *runner) followSubjects(ctx context.Context) error {
	for {
		if _, err := r.l.subjects.Sync(ctx); err != nil && ctx.Err() == nil {
			r.l.o.Log.Warn("mirroring schemas", "link", r.l.decl.Name, "error", err)
		}
		if err := wait(ctx, schemasEvery); err != nil {
			return err
		}
	}
}
