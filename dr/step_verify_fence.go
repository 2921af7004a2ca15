package dr

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// A fence is proved by log ends that stand still, with no transaction left open. A writer that bypasses it is named by the
// partition that grew and the producer ids seen there.

// Still is how long log ends must not move, stillWithin how long open transactions may take to end.
const (
	Still       = 2 * time.Second
	stillWithin = 90 * time.Second
)

const factFenceEnds = "fence-ends"

func verifyFenceDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	if !r.saw(s.ID) {
		return false, "", nil
	}
	var ends plans.Positions
	if _, err := r.recall(scoped(factFenceEnds, s), &ends); err != nil {
		return false, "", err
	}
	grown, err := grownSince(ctx, r.region(s), ends)
	if err != nil {
		return false, "", err
	}
	if len(grown) > 0 {
		return false, "still written: " + strings.Join(grown, ", "), nil
	}
	return true, fmt.Sprintf("log ends of %s stood still for %s, no transaction open", counted(len(ends), "topic"), r.world.opts.Still), nil
}

func verifyFenceApply(ctx context.Context, r *run, s plans.Step) error {
	in := r.region(s)
	for deadline := r.world.now().Add(stillWithin); ; {
		topics, err := r.fencedTopics(ctx, s)
		if err != nil {
			return err
		}
		ends := plans.Positions{}
		if len(topics) > 0 {
			ends, err = logEnds(ctx, in, topics)
		}
		if err != nil {
			return err
		}
		if err := sleep(ctx, r.world.opts.Still); err != nil {
			return err
		}
		grown, err := grownSince(ctx, in, ends)
		if err != nil {
			return err
		}
		if len(grown) > 0 {
			return fmt.Errorf("%s: the fence does not hold, still written: %s", in.Name, strings.Join(grown, ", "))
		}
		open, err := openTransactions(ctx, in, topics, ends, r.world.now())
		if err != nil {
			return err
		}
		if len(open) > 0 && r.world.now().After(deadline) {
			return fmt.Errorf("%s: transactions were still open after %s, and what they wrote is not mirrored until they end: %s: end them (kafka-transactions.sh abort), or wait for their timeout, then resume",
				in.Name, stillWithin, few(open))
		}
		if len(open) > 0 {
			r.waitsFor(s, "open transactions: "+few(open))
			continue // they end by commit, abort or their own timeout; their markers move the log end
		}
		if err := r.learn(ctx, scoped(factFenceEnds, s), ends); err != nil {
			return err
		}
		r.see(s.ID)
		return nil
	}
}

// logEnds returns the high watermark of every partition of the topics.
func logEnds(ctx context.Context, r *linking.Region, topics []string) (plans.Positions, error) {
	listed, err := fetch.Offsets(ctx, r.Admin.ListEndOffsets, topics...)
	return positionsOf(r, "log ends", listed, err)
}

// stableEnds returns the last stable offset of every partition of the topics.
func stableEnds(ctx context.Context, r *linking.Region, topics []string) (plans.Positions, error) {
	listed, err := fetch.Offsets(ctx, r.Admin.ListCommittedOffsets, topics...)
	return positionsOf(r, "last stable offsets", listed, err)
}

// logStarts returns the log start of every partition of the topics.
func logStarts(ctx context.Context, r *linking.Region, topics []string) (plans.Positions, error) {
	listed, err := fetch.Offsets(ctx, r.Admin.ListStartOffsets, topics...)
	return positionsOf(r, "log starts", listed, err)
}

func positionsOf(r *linking.Region, what string, listed kadm.ListedOffsets, err error) (plans.Positions, error) {
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: reading %s: %w", r.Name, what, err)
	}
	pos := plans.Positions{}
	listed.Each(func(o kadm.ListedOffset) {
		if pos[o.Topic] == nil {
			pos[o.Topic] = map[int32]plans.Offset{}
		}
		pos[o.Topic][o.Partition] = plans.Offset(o.Offset)
	})
	return pos, nil
}

// sleep waits for d or for ctx to end.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
