package dr

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// WatchOptions say how outputs are compared continuously.
type WatchOptions struct {
	Link    string
	Every   time.Duration        // between two looks; default a second
	Judged  func(Judged)         // told of every window, and of rows that tell none, when they are judged
	Said    func(string)         // told when nothing can be compared, why, and when it goes on
	Looked  func([]report.Check) // told after every look: a line of each output, as it is so far
	Metrics *OutputsMetrics      // nil: none
}

// mostDifferences are listed one by one in the report; all are counted.
const mostDifferences = 50

// WatchOutputs compares what statements put out in both regions of a link until ctx ends, and reports what was seen by then; the error is nil in
// this case. A region that does not answer is waited for, as is a statement that does not run. The report has failed where something differed and
// does so still.
func WatchOutputs(ctx context.Context, w *World, o WatchOptions) (*report.Report, error) {
	if w.Declared.Topology.Pattern != plans.ActiveActive {
		return nil, fmt.Errorf("%s is %s: outputs are compared continuously where both regions compute", w.Declared.Path, w.Declared.Topology.Pattern)
	}
	regions, err := w.computing(o.Link)
	if err != nil {
		return nil, err
	}
	outputs := w.Declared.Outputs()
	if len(outputs) == 0 {
		return nil, fmt.Errorf("%s declares no statement that writes a topic: there is nothing to compare", w.Declared.Path)
	}
	if o.Every == 0 {
		o.Every = time.Second
	}
	rep := &report.Report{Command: "verify --continuous", Title: fmt.Sprintf("outputs of %s and %s", regions[0], regions[1]), Start: w.now()}
	var list []*watched
	var tell sync.Mutex
	for _, output := range outputs {
		list = append(list, &watched{w: w, o: &o, tell: &tell, output: output, regions: regions})
	}
	for ctx.Err() == nil {
		w.reopen(ctx, regions)
		var g errgroup.Group
		for _, one := range list {
			g.Go(func() error { one.look(ctx); return nil })
		}
		_ = g.Wait() // each keeps what went wrong
		if o.Metrics != nil {
			o.Metrics.fill(list, w.now())
		}
		if o.Looked != nil {
			var lines []report.Check
			for _, one := range list {
				lines = append(lines, one.check())
			}
			o.Looked(lines)
		}
		_ = sleep(ctx, o.Every) // the loop looks why
	}
	windows, rows, differences := 0, int64(0), 0
	for _, one := range list {
		rep.Checks = append(rep.Checks, one.check())
		rep.Findings = append(rep.Findings, one.findings...)
		windows, rows, differences = windows+one.windows, rows+one.rows, differences+one.differences
	}
	rep.End = w.now()
	conclude(rep)
	rep.Summary = fmt.Sprintf("%s compared: %s", counted(len(outputs), "output"), comparedText(windows, rows, differences))
	if rep.Outcome == report.Failed {
		rep.Next = []string{"lifeboat statement explain tells what a result depends on; lifeboat lint names what is not deterministic"}
	}
	return rep, nil
}

func comparedText(windows int, rows int64, differences int) string {
	text := counted(int(rows), "row") + ", "
	if windows > 0 {
		text = counted(windows, "window") + ", " + text
	}
	if differences == 0 {
		return text + "no difference"
	}
	return text + counted(differences, "difference")
}

// computing are the two regions of a link, or of the first one.
func (w *World) computing(link string) (regions [2]string, err error) {
	links := w.Declared.Topology.Links
	if link == "" && len(links) > 0 {
		link = links[0].Name
	}
	decl, err := w.Link(link)
	if err != nil {
		return regions, err
	}
	return [2]string{decl.From, decl.To}, nil
}

// reopen tries regions again that did not answer when the world was opened.
func (w *World) reopen(ctx context.Context, regions [2]string) {
	for _, name := range regions {
		if w.Regions[name] != nil {
			continue
		}
		r, err := linking.Open(ctx, name, w.Declared.Topology.Regions[name], w.LinkOptions())
		if err != nil {
			w.Errs[name] = err
			continue
		}
		w.Regions[name] = r
		delete(w.Errs, name)
	}
}

// watched is one output that is compared for as long as one likes.
type watched struct {
	w       *World
	o       *WatchOptions
	tell    *sync.Mutex
	output  plans.Output
	regions [2]string

	c        *comparer // nil: not begun
	waits    string    // why nothing is compared now; "" where something is
	again    bool      // after a region did not answer: what runs there may be something else
	judgedAt time.Time // when something was judged last
	over     string    // why it is not gone on with

	windows     int
	rows        int64
	differences int // still there
	findings    []report.Finding
}

// look compares what has come.
func (x *watched) look(ctx context.Context) {
	if x.over != "" {
		return
	}
	news, err := x.compare(ctx)
	if ctx.Err() != nil {
		return
	}
	var why incomparable
	switch {
	case errors.Is(err, errTooMany):
		x.over = err.Error()
		x.say("is not compared any more: " + x.over)
	case errors.As(err, &why):
		x.c = nil
		x.wait(string(why))
	case errors.Is(err, errShorter):
		x.c = nil
		x.wait("it is compared from its beginning: " + err.Error())
	case err != nil:
		x.again = true
		x.wait(err.Error())
	case news:
		x.judgedAt = x.w.now()
		x.goOn()
	case x.w.now().Sub(x.judgedAt) > outputsWithin && len(x.c.marks) > 1:
		x.wait("not judged for " + outputsWithin.String() + ": " + x.c.apart())
	}
}

// compare looks, and tells what is judged.
func (x *watched) compare(ctx context.Context) (news bool, err error) {
	ctx, alive, stop := lively(ctx, x.w.opts.Timeout)
	defer stop()
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", err, context.Cause(ctx))
		}
	}()
	if x.c != nil && x.again {
		if err := x.sameStatements(ctx); err != nil {
			return false, err
		}
	}
	if x.c == nil {
		if x.c, err = newComparer(ctx, x.w, x.output, x.regions); err != nil {
			x.c = nil
			return false, err
		}
		x.c.windows = newWindows(x.w.Declared, x.output, [2]*linking.Region{x.c.sides[0].region, x.c.sides[1].region})
		x.judgedAt = x.w.now()
	}
	x.c.alive = alive
	if news, err = x.c.look(ctx); err != nil {
		return false, err
	}
	x.again = false
	judged, err := x.c.settle(ctx)
	if err != nil {
		return false, err
	}
	for _, j := range judged {
		x.count(j)
	}
	return news, nil
}

// lively is a context that ends when nothing has been alive for a while: a region that is gone may leave a request without an answer.
func lively(ctx context.Context, within time.Duration) (_ context.Context, alive func(), stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(within, func() { cancel(fmt.Errorf("no answer within %s", within)) })
	return ctx, func() { timer.Reset(within) }, func() { timer.Stop(); cancel(nil) }
}

// sameStatements has the comparison begin anew where another statement of the same name runs, which puts everything out again.
func (x *watched) sameStatements(ctx context.Context) error {
	for _, s := range x.c.sides {
		for name, uid := range s.begun {
			st, err := s.engine.Get(ctx, name)
			if err != nil {
				return fmt.Errorf("%s: statement %q: %w", s.region.Name, name, err)
			}
			if st.UID != uid {
				x.c = nil
				x.say(fmt.Sprintf("is compared from its beginning: statement %s was created again in %s", name, s.region.Name))
				return nil
			}
		}
	}
	return nil
}

func (x *watched) count(j Judged) {
	if !j.Window[1].IsZero() {
		x.windows++
	}
	x.rows += max(j.Rows[0], j.Rows[1])
	x.differences += -int(j.Came)
	if j.Differs() {
		x.differences += int(j.Only[0] + j.Only[1])
		if len(x.findings) < mostDifferences {
			x.findings = append(x.findings, report.Finding{Rule: "output/differs", Severity: report.High, Subject: strings.Join(x.output.Statements, ", "), Message: j.String(),
				Why: "the loss of a region would change the results that readers see"})
		}
	}
	if x.o.Judged != nil {
		x.tell.Lock()
		defer x.tell.Unlock()
		x.o.Judged(j)
	}
}

func (x *watched) say(text string) {
	if x.o.Said != nil {
		x.tell.Lock()
		defer x.tell.Unlock()
		x.o.Said(x.output.Topic + " " + text)
	}
}

// wait says once why nothing is compared.
func (x *watched) wait(why string) {
	if x.waits == "" {
		x.say("waits: " + why)
	}
	x.waits = why
}

func (x *watched) goOn() {
	if x.waits != "" {
		x.waits = ""
		x.say("goes on")
	}
}

// check is what the report says of the output.
func (x *watched) check() report.Check {
	line := report.Check{ID: "output", Name: outputName(x.output, x.regions), Outcome: report.Passed,
		Detail: comparedText(x.windows, x.rows, x.differences)}
	if x.c != nil && len(x.c.spans) > 0 {
		line.Detail += fmt.Sprintf("; %s not complete yet", counted(len(x.c.spans), "window"))
	}
	switch {
	case x.differences > 0:
		line.Outcome = report.Failed
		line.Why = "the loss of a region would change the results that readers see"
	case x.over != "":
		line.Outcome, line.Detail = report.Unknown, x.over
	case x.c == nil || x.c.judged == 0:
		line.Outcome, line.Detail = report.Unknown, "not compared"
		if x.waits != "" {
			line.Detail += ": " + x.waits
		}
	case x.waits != "":
		line.Detail += "; it waits: " + x.waits
	}
	return line
}
