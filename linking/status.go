package linking

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Service is by whom a link is served, as its processes record it every second.
type Service struct {
	Tasks     int
	Processes []string // that serve one at least
	Unserved  []int    // tasks of which nothing was heard for a while
}

// Service returns who serves the link.
func (l *Link) Service(ctx context.Context) (*Service, error) {
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return nil, err
	}
	s := &Service{Tasks: m.tasks}
	for n := range m.tasks {
		if o := m.owners[n]; o.Generation == 0 || o.Ended || time.Since(m.heardOf[n]) > servedWithin {
			s.Unserved = append(s.Unserved, n)
		} else if !slices.Contains(s.Processes, o.Owner) {
			s.Processes = append(s.Processes, o.Owner)
		}
	}
	slices.Sort(s.Processes)
	return s, nil
}

// Status returns every mirrored partition with its state and lag, measured now where the source answers, else as last recorded (the state
// says so). Lag in seconds compares the newest record time of the source with the newest that was mirrored.
func (l *Link) Status(ctx context.Context) ([]report.Mirror, error) {
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return nil, err
	}
	names := sorted(m.topics)
	if len(names) == 0 {
		return nil, nil
	}
	dest, err := listBounds(ctx, l.to, names)
	if err != nil {
		return nil, err
	}
	var stable, newest kadm.ListedOffsets
	if l.from != nil {
		var err error
		if stable, err = fetch.Offsets(ctx, l.from.listing(l.from.Admin.ListCommittedOffsets), names...); err == nil {
			newest, err = fetch.Offsets(ctx, l.from.listing(l.from.Admin.ListMaxTimestampOffsets), names...)
		}
		if err != nil {
			l.o.Log.Warn("reading the source's ends", "link", l.decl.Name, "error", err)
			stable, newest = nil, nil
		}
	}
	starts := l.alignedTo(ctx, m)
	var out []report.Mirror
	for _, name := range names {
		t := m.topics[name]
		for p := range int32(t.Partitions) {
			s := l.partitionStatus(t, p, dest[partitionKey{name, p}], stable, newest)
			if t.Aligning[p] && s.Dest >= 0 && !s.Translated {
				s.Aligning = alignment(s.Dest, starts[partitionKey{name, p}])
			}
			out = append(out, s)
		}
	}
	return out, nil
}

// alignedTo are the source's log starts where a mirror is being filled up to one; none where the source does not answer.
func (l *Link) alignedTo(ctx context.Context, m *memory) map[partitionKey]int64 {
	var names []string
	for _, name := range sorted(m.topics) {
		if len(m.topics[name].Aligning) > 0 && !m.topics[name].released() {
			names = append(names, name)
		}
	}
	starts := map[partitionKey]int64{}
	if len(names) == 0 || l.from == nil {
		return starts
	}
	listed, err := fetch.Offsets(ctx, l.from.listing(l.from.Admin.ListStartOffsets), names...)
	if err != nil {
		l.o.Log.Warn("reading the source's log starts", "link", l.decl.Name, "error", err)
	}
	listed.Each(func(o kadm.ListedOffset) {
		if o.Err == nil {
			starts[partitionKey{o.Topic, o.Partition}] = o.Offset
		}
	})
	return starts
}

// alignment is how far a log is filled. A start of 0 is not known: there is nothing to be filled up to it.
func alignment(filled, start int64) *report.Alignment {
	if start == 0 {
		return &report.Alignment{Filled: filled, Of: -1, Seconds: -1}
	}
	return &report.Alignment{Filled: min(filled, start), Of: start, Seconds: float64(max(0, start-filled)) / plans.FillRate}
}

func (l *Link) partitionStatus(t *topicRecord, p int32, dest span, stable, newest kadm.ListedOffsets) report.Mirror {
	s := report.Mirror{Link: l.decl.Name, Topic: t.Topic, SourceTopic: t.SourceName, Partition: p, State: t.State, Source: -1, Dest: dest.end, Lag: -1, LagSec: -1, Progress: t.At}
	if dest.err != nil {
		s.Dest, s.Error = -1, dest.err.Error()
	}
	if tr := t.Translated[p]; tr != nil {
		s.Translated, s.Come, s.Why = true, int64(tr.Source), tr.Why
	}
	if text, failed := t.FailedAt[p]; failed {
		s.Error = text
	} else if t.State == Failed && len(t.FailedAt) > 0 {
		s.State = Active // another partition of the topic has failed
	} else if s.Error == "" {
		s.Error = t.Error
	}
	if t.State == Stopped {
		s.Lag, s.LagSec = 0, 0
		if end, ok := t.Ends[p]; ok {
			s.Source = int64(t.sourceEnd(p, end))
		}
		return s
	}
	if o, ok := stable.Lookup(t.Topic, p); ok && o.Err == nil {
		s.Source = o.Offset
	} else {
		if l.from == nil && s.State == Active {
			s.State = SourceUnavailable
		}
		if o, ok := t.Source[p]; ok {
			s.Source = int64(o)
		}
	}
	if s.Source < 0 || s.Dest < 0 {
		return s
	}
	come := s.Dest
	if s.Translated {
		come = s.Come
	}
	s.Lag = max(0, s.Source-come)
	if s.Lag == 0 {
		s.LagSec = 0
	} else if o, ok := newest.Lookup(t.Topic, p); ok && o.Err == nil && t.Newest[p] > 0 && o.Timestamp > 0 {
		s.LagSec = max(0, float64(o.Timestamp-t.Newest[p])/1000)
	}
	return s
}
