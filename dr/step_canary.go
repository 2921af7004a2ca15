package dr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// The canary writes once idempotently and once in a transaction, and reads both back as a read_committed consumer. Brokers have
// acknowledged writes after a promotion and dropped them; this sees it.

// CanaryTopic is where a region's canaries go: one partition, seven days.
func CanaryTopic(region string) string { return "_lifeboat." + region + ".canary" }

func canaryDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	found, err := r.canaries(ctx, s)
	if err != nil {
		return false, "", err
	}
	if found["idempotent"] && found["transactional"] {
		r.canaryShown()
		return true, "an idempotent and a transactional write were read back", nil
	}
	return false, fmt.Sprintf("read back: idempotent %t, transactional %t", found["idempotent"], found["transactional"]), nil
}

// canaryShown says in the report what the canary has shown, and what it has not.
func (r *run) canaryShown() {
	line := report.Check{ID: "canary", Name: r.to.Name + " keeps what it takes", Outcome: report.Passed,
		Detail: fmt.Sprintf("an idempotent and a transactional write to %s were read back as committed; not tried: writes to the promoted topics themselves, where a record of lifeboat's would be read by everybody, and writes by anybody else's login", CanaryTopic(r.to.Name))}
	r.addCheck(line)
}

func canaryApply(ctx context.Context, r *run, s plans.Step) error {
	topic := CanaryTopic(r.to.Name)
	resp, err := r.to.Admin.CreateTopic(ctx, 1, -1, map[string]*string{"cleanup.policy": new("delete"), "retention.ms": new("604800000")}, topic)
	if err == nil {
		err = resp.Err
	}
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("%s: topic %q: creating it for the canary: %w", r.to.Name, topic, err)
	}
	found, err := r.canaries(ctx, s)
	if err != nil {
		return err
	}
	if !found["idempotent"] {
		if err := r.canary(ctx, s, "idempotent"); err != nil {
			return err
		}
	}
	for attempt := 0; ; attempt++ {
		if !found["transactional"] {
			if err := r.canary(ctx, s, "transactional", kgo.TransactionalID("lifeboat."+r.to.Name+".canary")); err != nil {
				return err
			}
		}
		if found, err = r.awaitCanaries(ctx, s, attempt+1); err != nil || found["idempotent"] && found["transactional"] {
			return err
		}
		// What was committed, and is not there, is what this step is for.
		if found["transactional"] || attempt == canaryRepeats || !r.canaryAborted(ctx, s, attempt+1) {
			return r.canaryLost(ctx, s, found)
		}
	}
}

// awaitCanaries looks until both kinds are found, the newest of as many transactions was aborted, or the limit has passed: a commit is answered before
// its marker is in the log, and a new topic is known to every broker a little later.
func (r *run) awaitCanaries(ctx context.Context, s plans.Step, transactions int) (map[string]bool, error) {
	for deadline := r.world.now().Add(r.canaryLimit()); ; {
		found, err := r.canaries(ctx, s)
		if err != nil || found["idempotent"] && found["transactional"] || r.world.now().After(deadline) {
			return found, err
		}
		if found["idempotent"] && r.canaryAborted(ctx, s, transactions) {
			return found, nil
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// canaryAborted says whether this many transactional canaries of the run are in the log, and aborted, as a client does that has lost track of whether its
// partition is part of a transaction. They say nothing of what the region keeps.
func (r *run) canaryAborted(ctx context.Context, s plans.Step, transactions int) bool {
	topic := CanaryTopic(r.to.Name)
	starts, err := logStarts(ctx, r.to, []string{topic})
	if err != nil {
		return false
	}
	ends, err := logEnds(ctx, r.to, []string{topic})
	if err != nil {
		return false
	}
	open, aborted := map[int64]bool{}, 0
	spans := map[string]map[int32]span{topic: {0: {int64(starts[topic][0]), int64(ends[topic][0])}}}
	err = readSpans(ctx, r.to, spans, kgo.ReadUncommitted(), func(rec *kgo.Record) error {
		if rec.Attrs.IsControl() {
			var kind kmsg.ControlRecordKey
			if open[rec.ProducerID] && kind.ReadFrom(rec.Key) == nil && kind.Type == kmsg.ControlRecordKeyTypeAbort {
				aborted++
			}
			delete(open, rec.ProducerID)
		} else if string(rec.Key) == r.canaryKey(s) && string(rec.Value) == "transactional" {
			open[rec.ProducerID] = true
		}
		return nil
	})
	return err == nil && aborted >= transactions
}

// canaryLost says what is known of canaries that were acknowledged and are not there.
func (r *run) canaryLost(ctx context.Context, s plans.Step, found map[string]bool) error {
	topic := CanaryTopic(r.to.Name)
	text := fmt.Sprintf("%s: topic %q: the canaries were acknowledged and could not be read back within %s: idempotent %t, transactional %t", r.to.Name, topic, r.canaryLimit(),
		found["idempotent"], found["transactional"])
	if r.canaryAborted(ctx, s, canaryRepeats+1) {
		text += fmt.Sprintf(" (it was aborted, %d times)", canaryRepeats+1)
	}
	stable, err := stableEnds(ctx, r.to, []string{topic})
	if err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	ends, err := logEnds(ctx, r.to, []string{topic})
	if err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	return fmt.Errorf("%s; the log ends at @%d, consumers of committed data read up to @%d", text, ends[topic][0], stable[topic][0])
}

// canaryRepeats is how often a canary that was aborted is written again.
const canaryRepeats = 2

// canaryWithin is how long acknowledged canaries may take to be readable, where no step may be stuck for less.
const canaryWithin = 15 * time.Second

func (r *run) canaryLimit() time.Duration { return min(canaryWithin, r.world.opts.Stuck) }

func (r *run) canary(ctx context.Context, s plans.Step, kind string, opts ...kgo.Opt) error {
	cl, err := kgo.NewClient(slices.Concat(r.to.Client.Opts(), opts)...)
	if err != nil {
		return fmt.Errorf("%s: canary: %w", r.to.Name, err)
	}
	defer cl.Close()
	if len(opts) > 0 {
		if err := cl.BeginTransaction(); err != nil {
			return fmt.Errorf("%s: %s canary: %w", r.to.Name, kind, err)
		}
	}
	rec := &kgo.Record{Topic: CanaryTopic(r.to.Name), Key: []byte(r.canaryKey(s)), Value: []byte(kind)}
	if err := linking.Write(ctx, cl, rec); err != nil {
		return fmt.Errorf("%s: %s canary write: %w", r.to.Name, kind, err)
	}
	if len(opts) > 0 {
		if err := cl.EndTransaction(ctx, kgo.TryCommit); err != nil {
			return fmt.Errorf("%s: %s canary commit: %w", r.to.Name, kind, err)
		}
	}
	return nil
}

// canaryKey tells canaries of one promotion from all others.
func (r *run) canaryKey(s plans.Step) string {
	if s.Batch != "" {
		return r.id + " " + s.Batch
	}
	return r.id
}

// canaries says which kinds of this run's canary a read_committed consumer sees.
func (r *run) canaries(ctx context.Context, s plans.Step) (map[string]bool, error) {
	topic := CanaryTopic(r.to.Name)
	found := map[string]bool{}
	end, there, err := fetch.CommittedEnd(ctx, r.to.Client, topic)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.to.Name, err)
	}
	if !there {
		return found, nil
	}
	starts, err := logStarts(ctx, r.to, []string{topic})
	if err != nil {
		return nil, err
	}
	spans := map[string]map[int32]span{topic: {0: {int64(starts[topic][0]), end}}}
	err = readRange(ctx, r.to, spans, func(rec *kgo.Record) error {
		if string(rec.Key) == r.canaryKey(s) {
			found[string(rec.Value)] = true
		}
		return nil
	})
	return found, err
}
