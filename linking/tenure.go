package linking

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// tenure is what somebody who runs a link knows of its tasks' owners: by task, the generation that was its own last, or of the verb that it has
// waited for since, or that was there when it began. From that one it takes a task. It does so again and again, because the link was changed, a topic is
// gone or a broker has answered with an error, and the next owner may have come in between: that one keeps the task, just as if it had fenced the
// run. A task that nothing is known of is taken from anybody, and so is everything where there is none, as by a verb.
type tenure struct {
	mu   sync.Mutex
	last map[int]int64
}

func newTenure() *tenure { return &tenure{last: map[int]int64{}} }

// begin knows all owners that are recorded, of whatever tasks the link is cut into later.
func (own *tenure) begin(m *memory) {
	for n := range max(m.tasks, len(m.owners)) {
		own.saw(task{n: n}, m.owners[n])
	}
}

// saw notes an owner that is not yielded to.
func (own *tenure) saw(t task, owner ownerRecord) {
	if own == nil {
		return
	}
	own.mu.Lock()
	defer own.mu.Unlock()
	own.last[t.n] = owner.Generation
}

// yield says whether a task is left to its owner: to one that came after the last that is known, and has not ended. Of several tasks the group of a
// link's processes says who serves which: there only verbs are yielded to.
func (own *tenure) yield(t task, to ownerRecord) bool {
	if own == nil || to.Ended || t.of > 1 && !to.Brief {
		return false
	}
	own.mu.Lock()
	defer own.mu.Unlock()
	last, known := own.last[t.n]
	return known && to.Generation > last
}

// forget takes every task from anybody.
func (own *tenure) forget() {
	own.mu.Lock()
	defer own.mu.Unlock()
	clear(own.last)
}

// claim gets a new epoch of the task, and what is remembered then, where the owner that is recorded may be followed; else it is an *ownedError.
// A new epoch fences whoever had the last one, be it the owner who has recorded itself just now: so the record is read once more behind it. One who is
// not to have the task has written nothing then, and the owner finds its own record, and takes the id back.
func (s *store) claim(ctx context.Context, follows func(last ownerRecord) bool) (*memory, error) {
	look := func() (*memory, error) {
		m, err := remember(ctx, s.region, s.link)
		if err != nil {
			return nil, err
		}
		if last := m.owners[s.task.n]; !follows(last) {
			return nil, &ownedError{s.link, last}
		}
		return m, nil
	}
	if _, err := look(); err != nil {
		return nil, err
	}
	if err := s.t.init(ctx); err != nil {
		return nil, err
	}
	return look()
}

// ownedError says that a task is another process'. It is ErrTakenOver.
type ownedError struct {
	link string
	by   ownerRecord
}

func (e *ownedError) Error() string {
	return fmt.Sprintf("link %s: %v: %s, since %s", e.link, ErrTakenOver, e.by.Owner, e.by.Since.Format(time.RFC3339))
}

func (e *ownedError) Unwrap() error { return ErrTakenOver }
