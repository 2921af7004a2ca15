package linking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

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
}

// New returns a declared link between two opened regions. from may be nil: what needs no source works then.
func New(decl *plans.Link, from, to *Region, o Options) *Link {
	o.fill()
	l := &Link{decl: decl, from: from, to: to, o: o}
	if to.Registry != nil && len(decl.Subjects.Include) > 0 {
		source := to.Registry
		if from != nil && from.Registry != nil {
			source = from.Registry
		}
		l.subjects = NewSubjects(source, to.Registry, decl.Subjects, o.Log)
	}
	return l
}

// Subjects mirrors the link's schemas; nil where no registry is declared or no subject selected.
func (l *Link) Subjects() *Subjects { return l.subjects }

// RunOptions say how a link runs.
type RunOptions struct {
	Once     bool           // end when lag is zero for every mirror that has not failed
	Progress func(Progress) // told a few times a second, from the goroutine that mirrors
	Metrics  *Metrics       // filled once a second
	Owner    string         // who runs it, for the record; default user's pid
	brief    bool           // it is a verb's: who served the link goes on afterwards
	hold     bool           // when it has ended, whoever runs it goes on to hold the link

	// Memory is what the process may use, in bytes: the run holds a quarter of it in records at most, and has as much again on its way.
	// Zero is DefaultMemory. A partition's largest batch has to fit.
	Memory    int64
	Bandwidth int64 // bytes a second read from the source, on average; zero is no limit
}

// DefaultMemory is what a run is content with for ten thousand partitions, in bytes.
const DefaultMemory = 256 << 20

// fetching are the bounds of reading for a run.
func (o *RunOptions) fetching(rack string) fetch.Options {
	memory := cmp.Or(o.Memory, DefaultMemory)
	return fetch.Options{MaxBuffered: memory / 4, MaxBytes: int32(min(16<<20, memory/16)), MaxPartitionBytes: int32(min(2<<20, memory/32)), Rate: o.Bandwidth, Rack: rack, Session: true}
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
// ErrTakenOver. When a verb takes the link over, it waits for the verb's end and goes on with what is mirrored then. A mirror that fails is recorded and left; with Once its *MirrorError is returned when the others are done.
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
	for {
		err := l.serve(ctx, o)
		if changed, ok := errors.AsType[*redeclaredError](err); ok {
			l = New(changed.decl, l.from, l.to, l.o).Created()
			continue
		}
		if !errors.Is(err, ErrTakenOver) || o.Once {
			return err
		}
		l.o.Log.Info("the link was taken over", "link", l.decl.Name, "error", err)
		if verr := l.verbEnds(ctx); verr != nil {
			return verr
		}
	}
}

// serve is a run until another process takes the link over.
func (l *Link) serve(ctx context.Context, o RunOptions) error {
	s, err := openStoreAs(ctx, l.to, l.decl.Name, ownerRecord{Owner: o.Owner, Brief: o.brief})
	if err != nil {
		return err
	}
	defer s.close()
	if err := l.redeclared(s.memory); err != nil {
		return err
	}
	gaps, err := openGaps(ctx, s, l.decl)
	if err != nil {
		return err
	}
	defer gaps.close()
	r := newRunner(l, o, s, gaps)
	err = r.run(ctx)
	switch {
	case errors.Is(err, ErrTakenOver):
		return err
	case errors.Is(err, errLagZero):
		err = nil
	}
	return errors.Join(append([]error{err}, r.failures()...)...)
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
		states = append(states, plans.MirrorState{Topic: name, State: t.State, Error: t.Error, SourceID: t.SourceID, Source: t.Source, At: t.At})
	}
	return states, nil
}
