package linking

import (
	"context"
	"fmt"
	"time"
)

// verbWithin is how long a verb may hold a link before whoever served it takes it back. A verb that was killed is given again; one that is
// slow finds itself taken over, and is given again too.
const verbWithin = time.Minute

// ShutOut takes the link over for a moment: whoever served it goes on with what it finds then, and what a process that has died had on its way to the
// link's memory does not come any more.
func (l *Link) ShutOut(ctx context.Context, owner string) error { return l.leave(ctx, owner) }

// leave ends a verb that holds the link without having its store open.
func (l *Link) leave(ctx context.Context, owner string) error {
	if ctx.Err() != nil {
		return nil // it was interrupted, and so is this
	}
	s, err := openStoreAs(ctx, l.to, l.decl.Name, ownerRecord{Owner: owner, Brief: true}, nil)
	if err != nil {
		return err
	}
	s.leave(ctx)
	return nil
}

// verbEnds waits until the verb that took a task over has ended; an error that is ErrTakenOver says that it was no verb, and that another
// process serves the link now. Of a link with several tasks the group says who serves which: there anybody who took one over is waited for. A region
// that does not answer is asked again. What was waited for is noted in the tenure: another verb may have begun when the task is taken back.
func (l *Link) verbEnds(ctx context.Context, own *tenure, t task) error {
	began, generation := time.Now(), int64(-1)
	for {
		look, cancel := context.WithTimeout(ctx, l.o.Timeout)
		m, err := remember(look, l.to, l.decl.Name)
		cancel()
		var owner ownerRecord
		if err == nil {
			owner = m.owners[t.n]
		}
		switch {
		case err != nil && ctx.Err() == nil:
			l.o.Log.Warn("looking who has taken the link over", "link", l.decl.Name, "error", err)
		case err != nil:
			return context.Cause(ctx)
		case !owner.Brief && t.of <= 1:
			return fmt.Errorf("link %s: %w: %s, since %s", l.decl.Name, ErrTakenOver, owner.Owner, owner.Since.Format(time.RFC3339))
		case owner.Ended:
			own.saw(t, owner)
			return nil
		case owner.Generation != generation:
			began, generation = time.Now(), owner.Generation
		case time.Since(began) > verbWithin:
			own.saw(t, owner)
			return nil
		}
		if err := wait(ctx, 250*time.Millisecond); err != nil {
			return err
		}
	}
}
