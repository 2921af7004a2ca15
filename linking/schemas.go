package linking

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/sr"
	"golang.org/x/sync/semaphore"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Subjects mirrors the schemas of one registry into another: every version of the selected subjects under the same id, version and
// references, also those that are soft-deleted, because records go on naming their ids; and the compatibility in force. A destination
// subject is put into IMPORT mode before anything is written to it, and Promote takes it out.
//
// Nothing is removed for good in the destination. A subject that has been promoted there is taken back only by the process that serves the
// link, when the link's topics are mirrors again, and when the destination has no live version that the source has not; otherwise who wants
// it mirrored again deletes its mode. Schemas are found by their versions; what a registry's rules and exporters do is not mirrored, only stored.
//
// Its calls are safe for concurrent use, and wait for each other only where they are about the same destination subject.
type Subjects struct {
	from, to *sr.Client
	link     *plans.Link // which subjects, and what they are called in the destination
	log      *slog.Logger

	passing *semaphore.Weighted // one Sync at a time; it has the next two
	passes  int
	seen    map[string]latest // source subjects as they were when they were last mirrored without an error
	page    int               // where the next glance at a long list of versions begins
	first   subjectVersion    // of the list

	turns keyed[string, *semaphore.Weighted] // who writes to a destination subject has its turn, and never waits for a second one

	there     keyed[subjectVersion, int]    // in the destination under this id, compared or read back
	importing keyed[string, bool]           // destination subjects that are in IMPORT mode
	ensured   keyed[int, bool]              // ids of which nothing is left to do, also because no selected subject has them
	hidden    keyed[subjectVersion, bool]   // deleted ones that the source does not show any more, and that were told of
	modes     keyed[string, string]         // of source subjects, when a pass last read them; "" = none of their own
	contexts  atomic.Pointer[[]string]      // of the source, as they were last listed
	lost      keyed[subjectVersion, string] // attributes that the destination did not keep, and that were told of
	served    func(context.Context) error   // whether the link is its process's, and none of its mirrors promoted; nil: nobody serves it
	ignored   atomic.Pointer[IDsIgnoredError]
}

type subjectVersion struct {
	subject string
	version int
}

// keyed is a map for concurrent use.
type keyed[K comparable, V any] struct {
	mu sync.Mutex
	m  map[K]V
}

func (k *keyed[K, V]) get(key K) (V, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	v, ok := k.m[key]
	return v, ok
}

func (k *keyed[K, V]) put(key K, v V) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.m == nil {
		k.m = map[K]V{}
	}
	k.m[key] = v
}

func (k *keyed[K, V]) drop(key K) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.m, key)
}

// latest is what tells from afar whether a subject has changed.
type latest struct {
	version, id int // the newest live version; 0 where all are deleted
	versions    int
	live        map[int]int // ids by live version; nil where only the newest is known
}

// fullEvery is how many passes of Sync there are to one that compares everything: a few where subjects are few, more where that is work. The
// others take a glance, which shows new, deleted and imported versions; what it does not show are compatibility levels and modes.
func (s *Subjects) fullEvery() int { return min(max(6, len(s.seen)/20), 60) }

// SubjectReport is what one pass saw and did.
type SubjectReport struct {
	Subjects int // selected
	Versions int // of those
	Imported int
	Deleted  int // soft-deleted in the destination as they are in the source
}

// NewSubjects returns the mirror of the subjects that rule selects. A subject of a context goes by its full name, ":.context:subject".
func NewSubjects(from, to *sr.Client, rule plans.Rule, log *slog.Logger) *Subjects {
	return &Subjects{from: from, to: to, link: &plans.Link{Subjects: plans.SubjectRule{Rule: rule}}, log: log, passing: semaphore.NewWeighted(1), seen: map[string]latest{}}
}

// inTurn runs f while nobody else writes to a destination subject.
func (s *Subjects) inTurn(ctx context.Context, subject string, f func() error) error {
	s.turns.mu.Lock()
	turn := s.turns.m[subject]
	if turn == nil {
		if s.turns.m == nil {
			s.turns.m = map[string]*semaphore.Weighted{}
		}
		turn = semaphore.NewWeighted(1)
		s.turns.m[subject] = turn
	}
	s.turns.mu.Unlock()
	if err := turn.Acquire(ctx, 1); err != nil {
		return err
	}
	defer turn.Release(1)
	return f()
}

// caught is the error of a destination registry that was seen to ignore ids. It gets nothing more.
func (s *Subjects) caught() error {
	if e := s.ignored.Load(); e != nil {
		return e
	}
	return nil
}

// Sync mirrors what is not there yet. The first pass and then one in many compare everything; the others ask a few questions and look at
// the subjects that have changed. A subject that can not be mirrored does not keep back the others: the errors are joined, and the next
// pass tries it again. Errors: *SchemaConflictError, *IDsIgnoredError, *RegistryRefusesError, *AttributesLostError,
// *RegistryUnreachableError.
func (s *Subjects) Sync(ctx context.Context) (SubjectReport, error) {
	var rep SubjectReport
	if err := s.passing.Acquire(ctx, 1); err != nil {
		return rep, err
	}
	defer s.passing.Release(1)
	if err := s.caught(); err != nil {
		return rep, err
	}
	full := s.passes%s.fullEvery() == 0
	changed, err := s.changed(ctx, full, &rep)
	if err != nil {
		return rep, err
	}
	s.passes++
	if len(changed) == 0 {
		return rep, nil
	}
	source, err := s.list(ctx, s.from, "source", changed)
	if err == nil {
		var destination inventory
		if destination, err = s.list(ctx, s.to, "destination", changed); err == nil {
			err = s.mirrorAll(ctx, &view{source, destination}, changed, &rep)
		}
	}
	if err != nil && full {
		s.passes = 0 // compare everything again
	}
	return rep, err
}

// changed lists the selected subjects that a pass has to look at, in the order of names.
func (s *Subjects) changed(ctx context.Context, full bool, rep *SubjectReport) ([]string, error) {
	names, err := s.subjects(ctx, s.from, "source", full)
	if err != nil {
		return nil, err
	}
	selected := map[string]bool{}
	for _, name := range names {
		if s.selects(name) {
			selected[name] = true
		}
	}
	rep.Subjects = len(selected)
	var newest map[string]latest
	if !full {
		if newest, err = s.glance(ctx); err != nil {
			return nil, err
		}
	}
	for name := range selected {
		was, known := s.seen[name]
		if now, listed := newest[name]; known && listed && now.same(was) {
			rep.Versions += was.versions
			delete(selected, name)
		}
	}
	for name, was := range s.seen {
		switch {
		case full || selected[name]:
		case was.version == 0: // deleted then as now
			rep.Versions += was.versions
			rep.Subjects++
		case newest[name].version == 0: // its last version was deleted
			selected[name] = true
			rep.Subjects++
		}
	}
	return slices.Sorted(maps.Keys(selected)), nil
}

// mirrorAll brings over what a view shows to be missing: versions first, then deletions, whose order the references between them give,
// then compatibility.
func (s *Subjects) mirrorAll(ctx context.Context, look *view, subjects []string, rep *SubjectReport) error {
	failed := map[string]error{}
	var deletions []subjectVersion
	for _, subject := range subjects {
		versions := look.source[subject]
		rep.Versions += len(versions)
		for _, v := range slices.Sorted(maps.Keys(versions)) {
			n, err := s.mirror(ctx, subjectVersion{subject, v}, look, nil)
			rep.Imported += n
			if _, lost := errors.AsType[*AttributesLostError](err); err != nil && !lost {
				failed[subject] = err
				break
			}
			failed[subject] = errors.Join(failed[subject], err)
			if versions[v].deleted && !look.deletedThere(subject, v) {
				deletions = append(deletions, subjectVersion{subject, v})
			}
		}
		failed[subject] = errors.Join(failed[subject], look.foreign(subject))
		if fatal(ctx, failed[subject]) {
			return failed[subject]
		}
	}
	for subject, err := range s.deleteAll(ctx, look, deletions, rep) {
		failed[subject] = errors.Join(failed[subject], err)
	}
	for subject, err := range s.copySettings(ctx, subjects, look) {
		failed[subject] = errors.Join(failed[subject], err)
	}
	var errs []error
	for _, subject := range subjects {
		if err := failed[subject]; err != nil {
			errs = append(errs, err)
			delete(s.seen, subject)
			continue
		}
		s.seen[subject] = s.standing(subject, look.source[subject])
	}
	return errors.Join(errs...)
}

// fatal says that the other subjects would meet the same.
func fatal(ctx context.Context, err error) bool {
	if err == nil {
		return false
	}
	_, unreachable := errors.AsType[*RegistryUnreachableError](err)
	_, ignored := errors.AsType[*IDsIgnoredError](err)
	return unreachable || ignored || ctx.Err() != nil
}

// mirror brings one version over, what it refers to first, and returns how many versions were written. look is what a pass has listed;
// without one both registries are asked. path guards against references that lead back.
func (s *Subjects) mirror(ctx context.Context, sv subjectVersion, look *view, path []subjectVersion) (int, error) {
	if err := s.caught(); err != nil {
		return 0, err
	}
	if _, ok := s.there.get(sv); ok && !look.missing(sv) {
		return 0, nil
	}
	if slices.Contains(path, sv) {
		return 0, fmt.Errorf("source registry: subject %q version %d refers to itself", sv.subject, sv.version)
	}
	want, err := s.wanted(ctx, sv, look)
	if hidden := look.deletedHere(sv) && notThere(err); hidden {
		if told, _ := s.hidden.get(sv); !told && look.missing(sv) {
			s.hidden.put(sv, true)
			s.log.Warn("schema not mirrored: the source lists it as deleted, and does not show it", "subject", sv.subject, "version", sv.version)
		}
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n := 0
	for _, ref := range want.References {
		to := subjectVersion{referred(sv.subject, ref.Subject), ref.Version}
		k, err := s.mirror(ctx, to, look, append(path, sv))
		n += k
		if err != nil {
			return n, fmt.Errorf("subject %q version %d refers to it: %w", sv.subject, sv.version, err)
		}
	}
	err = s.inTurn(ctx, sv.subject, func() error {
		if _, ok := s.there.get(sv); ok && !look.missing(sv) {
			return nil // brought over while this one waited
		}
		have, err := s.had(ctx, sv, look)
		if err != nil {
			return err
		}
		if have != nil {
			if err := compare(want, *have); err != nil {
				return err
			}
			if s.there.put(sv, want.ID); !look.missing(sv) {
				return s.notKept(want, *have)
			}
		}
		if have, err = s.write(ctx, want, look); err != nil {
			return err
		}
		n++
		if look != nil && look.destination[sv.subject] != nil {
			look.destination[sv.subject][sv.version] = listed{schema: have}
		}
		return s.notKept(want, *have)
	})
	return n, err
}
