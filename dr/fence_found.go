package dr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
)

// A fence whose run is in no journal and in no local copy is found by what it looks like: topics of a link that take no record, which nobody else would
// make of them, and denials such as the region's declared fence makes. What was there before it is not known any more.

// foundFence is what in a region looks like a fence, and that no run is known to have raised.
type foundFence struct {
	region  string
	closed  []string // topics whose max.message.bytes lets no record in
	denied  []denial
	command []string // declared: whether it has run can not be seen
}

func (f *foundFence) seen() bool { return len(f.closed)+len(f.denied) > 0 }

func (f *foundFence) String() string {
	var what []string
	if len(f.closed) > 0 {
		what = append(what, fmt.Sprintf("%s take no record (%s)", short(f.closed), maxMessageBytes))
	}
	if len(f.denied) > 0 {
		what = append(what, "WRITE is denied to "+listDenials(f.denied))
	}
	return strings.Join(what, "; ")
}

// findFound looks for fences in a region that are none of those that runs are known to have raised.
func findFound(ctx context.Context, w *World, region string, known []standing) (*foundFence, error) {
	f := &foundFence{region: region}
	in := w.Regions[region]
	if in == nil {
		return f, nil
	}
	topics, err := w.linkedTopics(ctx, in)
	if err != nil || len(topics) == 0 {
		return f, err
	}
	raised := func(topic, principal string) bool {
		return slices.ContainsFunc(known, func(s standing) bool {
			return s.fence.Region == region && slices.Contains(s.fence.Topics, topic) && (s.fence.By == "config" || slices.Contains(s.fence.Principals, principal))
		})
	}
	sizes, err := messageSizes(ctx, in, topics)
	if err != nil {
		return nil, err
	}
	for _, t := range topics {
		if size := sizes[t]; size != nil && closes(*size) && !raised(t, "") {
			f.closed = append(f.closed, t)
		}
	}
	declared := w.Declared.Topology.Regions[region].Fence
	switch {
	case declared == nil:
	case declared.By == "acl":
		missing, err := missingDenials(ctx, in, declared.Principals, topics)
		if err != nil {
			return nil, err
		}
		for _, p := range declared.Principals {
			for _, t := range topics {
				if d := (denial{p, t}); !slices.Contains(missing, d) && !raised(t, p) {
					f.denied = append(f.denied, d)
				}
			}
		}
	case declared.By == "command":
		f.command = declared.Command
	}
	return f, nil
}

// linkedTopics are the topics of a region that links select there or mirror there.
func (w *World) linkedTopics(ctx context.Context, in *linking.Region) ([]string, error) {
	there, err := topicsIn(ctx, in)
	if err != nil {
		return nil, err
	}
	there.Topics.FilterInternal()
	var topics []string
	for _, name := range there.Topics.Names() {
		for _, l := range w.Declared.Topology.Links {
			if l.From == in.Name && l.Selects(name) || l.To == in.Name && l.Mirrors(name) {
				topics = append(topics, name)
				break
			}
		}
	}
	return topics, nil
}

// FoundToLift says what lifting the fence means that no run is known to have raised on a region.
func FoundToLift(ctx context.Context, w *World, region string) (string, error) {
	f, err := foundOn(ctx, w, region)
	if err != nil {
		return "", err
	}
	var what []string
	if len(f.closed) > 0 {
		what = append(what, fmt.Sprintf("%s in %s take records again, as large as the broker's default allows: the %s that they had is not known any more", short(f.closed), region, maxMessageBytes))
	}
	if len(f.denied) > 0 {
		what = append(what, fmt.Sprintf("%s taken back in %s, also what was there before any run: %s", counted(len(f.denied), "denial"), region, listDenials(f.denied)))
	}
	if len(f.command) > 0 {
		what = append(what, fmt.Sprintf("%s is run with LIFEBOAT_ACTION=unfence for %s", strings.Join(f.command, " "), region))
	}
	return strings.Join(what, "\n"), nil
}

// foundOn finds a fence to lift by its region. It is refused while a run is unfinished, and where a run is known to have raised one.
func foundOn(ctx context.Context, w *World, region string) (*foundFence, error) {
	if w.Declared.Topology.Regions[region] == nil {
		return nil, fmt.Errorf("%s declares no region %q", w.Declared.Path, region)
	}
	if w.Regions[region] == nil {
		return nil, w.Errs[region]
	}
	if err := w.Idle(ctx, w.RegionNames()...); err != nil {
		return nil, err
	}
	known, _, err := fences(ctx, w)
	if err != nil {
		return nil, err
	}
	for _, s := range known {
		if s.fence.Region == region {
			return nil, fmt.Errorf("run %s has raised the fence on %s: lifeboat fence lift %[1]s gives back what was there before", s.run.id, region)
		}
	}
	f, err := findFound(ctx, w, region, known)
	if err == nil && !f.seen() && len(f.command) == 0 {
		err = &NoFenceError{Region: region}
	}
	return f, err
}

// LiftFound takes away what looks like a fence in a region and that no run is known to have raised.
func LiftFound(ctx context.Context, w *World, region string) (*report.Report, error) {
	rep := &report.Report{Command: "fence lift", Title: "fence on " + region, Outcome: report.Done, Start: w.now()}
	f, err := foundOn(ctx, w, region)
	if err != nil {
		return nil, err
	}
	in := w.Regions[region]
	sizes := map[string]*string{}
	for _, t := range f.closed {
		sizes[t] = nil
	}
	err = errors.Join(setMessageSizes(ctx, in, sizes), allowWrites(ctx, in, f.denied))
	if err == nil && len(f.command) > 0 {
		by := raisedFence{Region: region}
		by.Command = f.command
		err = by.command(ctx, "unfence", "")
	}
	if err != nil {
		return nil, err
	}
	rep.End = w.now()
	rep.Summary = fmt.Sprintf("the fence on %s is lifted", region)
	if f.seen() {
		rep.Summary += ": it was found there, " + f.String()
	}
	if len(f.closed) > 0 {
		rep.Next = append(rep.Next, fmt.Sprintf("set %s again on %s, where it was not the broker's default", maxMessageBytes, short(f.closed)))
	}
	return rep, nil
}
