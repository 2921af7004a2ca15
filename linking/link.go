package linking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Link mirrors one region into another as declared.
type Link struct {
	decl     *plans.Link
	from, to *Region // from is nil where the source is not reachable
	o        Options
	subjects *Subjects
	created  bool // not declared in the topology's file
	returns  *returning
	left     *sync.Map // of topic names: those deleted at the source whose mirrors could not be gone after
}

// New returns a declared link between two opened regions. from may be nil: what needs no source works then.
func New(decl *plans.Link, from, to *Region, o Options) *Link {
	o.fill()
	if from != nil {
		from = from.calling(decl.Names())
	}
	l := &Link{decl: decl, from: from, to: to, o: o, returns: &returning{}, left: new(sync.Map)}
	if to.Registry != nil && len(decl.Subjects.Include) > 0 {
		source := to.Registry
		if from != nil && from.Registry != nil {
			source = from.Registry
		}
		l.subjects = NewSubjects(source, to.Registry, decl.Subjects.Rule, o.Log)
		l.subjects.link = decl
	}
	return l
}

// Subjects mirrors the link's schemas; nil where no registry is declared or no subject selected.
func (l *Link) Subjects() *Subjects { return l.subjects }

// RunOptions say how a link runs.
type RunOptions struct {
	Once      bool           // end when lag is zero for every mirror that has not failed
	Topics    []string       // with Once: it ends when their lag is zero, whatever the others'; none: all
	Deletions bool           // with Once: topics that are deleted at the source are gone after as declared, as in a run that goes on
	Brief     bool           // with Once: who served the link goes on afterwards, as after a verb
	Progress  func(Progress) // told a few times a second, from the goroutine that mirrors
	Metrics   *Metrics       // filled once a second
	Owner     string         // who runs it, for the record; default user's pid
	tenure    *tenure        // on its tasks, as long as it runs
	hold      bool           // when it has ended, whoever runs it goes on to hold the link

	headed  func()          // called when the link's topics are there and recorded; nil where nobody waits for that
	arrived <-chan struct{} // closed when the lag of the link's other tasks is zero; nil where there are none to wait for

	// Memory is what the process may use, in bytes: the run holds a quarter of it in records, and another sixteenth in a little of partitions that
	// have nothing there yet, however many wait; and it has as much as the quarter again on its way. Zero is DefaultMemory. A partition's largest
	// batch has to fit.
	Memory    int64
	Bandwidth int64 // bytes a second read from the source, on average; zero is no limit
}

// DefaultMemory is what a run is content with for ten thousand partitions, in bytes.
const DefaultMemory = 256 << 20

// fetching are the bounds of reading for a run.
func (o *RunOptions) fetching(rack string) fetch.Options {
	memory := cmp.Or(o.Memory, DefaultMemory)
	return fetch.Options{MaxBuffered: memory / 4, Limit: memory/4 + memory/16, MaxBytes: int32(min(16<<20, memory/16)), MaxPartitionBytes: int32(min(2<<20, memory/32)), Rate: o.Bandwidth, Rack: rack, Session: true}
}

// Progress is how far a link has come.
type Progress struct {
	Partitions int
	Failed     int
	LagRecords int64 // offsets not written yet
	LagSeconds float64
	Records    int64 // written by this process
	Bytes      int64
	Waiting    error // why nothing goes on, where that is so
}

// Run mirrors until ctx ends, or, with Once, until lag is zero. It takes the link over from any other process, which ends with
// ErrTakenOver; of a link with several tasks it serves those that the group of its processes gives it, and with Once all of them. When a verb
// takes the link over, also while the run begins anew for a reason of its own, it waits for the verb's end and goes on with what is mirrored then. A mirror that fails is recorded and left; with Once
// its *MirrorError is returned when the others are done.
func (l *Link) Run(ctx context.Context, o RunOptions) error {
	if l.from == nil {
		return l.noSource()
	}
	if o.Owner == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "unknown host"
		}
		o.Owner = fmt.Sprintf("link run, pid %d on %s", os.Getpid(), host)
	}
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return err
	}
	o.tenure = newTenure()
	switch {
	case !o.Once:
		o.tenure.begin(m)
	case m.tasks > 1: // as they are: who serves them goes on afterwards
		failed, err := l.following(ctx, o.tenure, func() ([]error, error) { return l.together(ctx, o, m.tasks) })
		return errors.Join(append([]error{err}, failed...)...)
	}
	for {
		err := l.run(ctx, o)
		changed, ok := errors.AsType[*redeclaredError](err)
		if !ok {
			return err
		}
		l = New(changed.decl, l.from, l.to, l.o).Created()
	}
}

// run is Run as the link is declared now.
func (l *Link) run(ctx context.Context, o RunOptions) error {
	if !o.Once {
		if err := l.cut(ctx, o); err != nil {
			return err
		}
		if l.tasks() > 1 {
			return l.share(ctx, o)
		}
	}
	for {
		failed, err := l.serveOn(ctx, o, task{0, 1})
		if !errors.Is(err, ErrTakenOver) || o.Once {
			return errors.Join(append([]error{err}, failed...)...)
		}
		l.o.Log.Info("the link was taken over", "link", l.decl.Name, "error", err)
		if err := l.verbEnds(ctx, o.tenure, task{0, 1}); err != nil {
			return err
		}
	}
}

// serve is a run of one task until another process takes it over. It returns the errors of the mirrors that failed, and why it ended.
func (l *Link) serve(ctx context.Context, o RunOptions, t task) (failed []error, err error) {
	s, err := openTask(ctx, l.to, l.decl.Name, t, ownerRecord{Owner: o.Owner, Brief: o.Brief}, o.tenure)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := l.redeclared(s.memory); err != nil {
		return nil, err
	}
	if err := l.calledAsBefore(s.memory); err != nil {
		return nil, err
	}
	if s.memory.tasks != t.of {
		return nil, &recutError{l.decl.Name, t.of, s.memory.tasks}
	}
	gaps, err := openGaps(ctx, s, l.decl)
	if err != nil {
		return nil, err
	}
	defer gaps.close()
	if t.of > 1 {
		own := New(l.decl, l.from, l.to, l.o)
		own.created, own.left = l.created, l.left
		l = own // the tasks of a process share no schemas: what may be done about them is asked of each
	}
	r := newRunner(l, o, s, gaps)
	err = r.run(ctx)
	switch {
	case errors.Is(err, ErrTakenOver):
		return nil, err
	case errors.Is(err, errLagZero):
		err = nil
	}
	return r.failures(), err
}

// recutError ends a process that serves a link as it was cut before. It is no ErrTakenOver: waiting does not help.
type recutError struct {
	link      string
	were, are int
}

func (e *recutError) Error() string {
	return fmt.Sprintf("link %s: another process serves it with tasks: %d, and this one with tasks: %d; end it, or begin it again with the same number", e.link, e.are, e.were)
}

func (l *Link) noSource() error {
	return fmt.Errorf("link %s: its source %s is not reachable", l.decl.Name, l.decl.From)
}

// States returns what the link has recorded of its mirrors, by topic.
func (l *Link) States(ctx context.Context) ([]plans.MirrorState, error) {
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return nil, err
	}
	states := []plans.MirrorState{}
	for _, name := range sorted(m.topics) {
		t := m.topics[name]
		states = append(states, plans.MirrorState{Topic: name, State: t.State, Error: t.Error, SourceID: t.SourceID, Source: t.Source, Translated: t.translations(), At: t.At})
	}
	return states, nil
}
