package linking

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// states are the topics' records as they should be now. After the source's death they are the forecast of what is lost.
func (r *runner) states() []*topicRecord {
	byTopic := map[string][]*mirror{}
	for k, m := range r.mirrors {
		byTopic[k.topic] = append(byTopic[k.topic], m)
	}
	sourceErr, since := r.fetcher.Health()
	var list []*topicRecord
	for _, name := range sorted(r.memory.topics) {
		old := r.memory.topics[name]
		if old.released() || !r.serves(old) {
			continue
		}
		rec := *old
		rec.State, rec.Error, rec.FailedAt, rec.Codes = Active, "", nil, nil
		rec.Source, rec.Newest = cloneOrNew(rec.Source), cloneOrNew(rec.Newest)
		rec.Translated = translations(old, byTopic[name])
		if r.memory.paused(name) && !slices.ContainsFunc(byTopic[name], func(m *mirror) bool { return m.failed == nil }) {
			rec.State = Paused
		} else if sourceErr != nil && time.Since(since) > 2*time.Second {
			rec.State, rec.Error = SourceUnavailable, fmt.Sprintf("since %s: %v", since.UTC().Format(time.RFC3339), sourceErr)
		}
		for _, m := range byTopic[name] {
			if _, seen := rec.Source[m.partition]; m.stable >= 0 || !seen && m.failed == nil && !rec.Aligning[m.partition] {
				rec.Source[m.partition] = plans.Offset(max(m.stable, m.written)) // that there is one says that the partition was opened
			}
			if m.newest > 0 {
				rec.Newest[m.partition] = m.newest
			}
			if m.failed != nil {
				rec.FailedAt = cloneOrNew(rec.FailedAt)
				rec.FailedAt[m.partition] = m.failed.Error()
				rec.Codes = cloneOrNew(rec.Codes)
				rec.Codes[m.partition] = m.failed.Code
			} else if m.condition != nil && rec.Error == "" {
				rec.Error = m.condition.Error()
			}
		}
		if err := r.topicErrs[name]; err != nil {
			rec.State, rec.Error, rec.FailedAt, rec.Codes = Failed, err.Error(), nil, map[int32]string{wholeTopic: err.Code}
		} else if len(rec.FailedAt) > 0 {
			rec.State, rec.Error = Failed, rec.FailedAt[slices.Min(slices.Collect(maps.Keys(rec.FailedAt)))]
		}
		list = append(list, &rec)
	}
	return list
}

// serves says whether a partition of the topic is this task's.
func (r *runner) serves(t *topicRecord) bool {
	for p := range int32(t.Partitions) {
		if r.task.mine(partitionKey{t.Topic, p}) {
			return true
		}
	}
	return r.task.head() // which has a record of every topic
}

// record writes every topic's state to the links topic, beside the loop. It is also how a process learns that it was taken over.
func (r *runner) record(ctx context.Context) {
	if r.saving {
		return
	}
	list := r.states()
	for _, rec := range list {
		r.memory.topics[rec.Topic] = rec
	}
	r.saving = true
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		var err error
		if len(list) > 0 {
			err = r.s.saveTopics(ctx, list...)
		} else {
			err = r.s.confirm(ctx)
		}
		err = errors.Join(err, r.s.settle(ctx))
		return func(ctx context.Context) error {
			r.saving = false
			if errors.Is(err, ErrTakenOver) {
				return err
			}
			r.destination(err)
			if err != nil && ctx.Err() == nil {
				r.l.o.Log.Warn("recording states", "link", r.l.decl.Name, "error", err)
			}
			return nil
		}
	})
}

func (r *runner) progress() Progress {
	p := Progress{Partitions: len(r.mirrors), Records: r.records, Bytes: r.bytes, Waiting: r.waiting}
	for _, m := range r.mirrors {
		if m.failed != nil {
			p.Failed++
			continue
		}
		p.LagRecords += max(0, m.lag())
		if m.lag() > 0 && len(m.queue) > 0 && m.newest > 0 {
			p.LagSeconds = max(p.LagSeconds, float64(m.queue[len(m.queue)-1].time-m.newest)/1000)
		}
		if m.condition != nil && !forReplicas(p.Waiting) {
			p.Waiting = m.condition
		}
	}
	if r.toErr != nil && !forReplicas(p.Waiting) {
		p.Waiting = r.toErr
	}
	if err, _ := r.fetcher.Health(); err != nil {
		p.Waiting = err
	}
	return p
}

// checkOnce ends the run when every mirror that counts has come to where the source's last stable offset was when the run had begun: what is written
// to a living source later is not waited for.
func (r *runner) checkOnce(ctx context.Context) error {
	if err, since := r.fetcher.Health(); err != nil && time.Since(since) > r.l.o.Timeout {
		return &UnreachableError{r.l.from.Name, r.l.from.Addresses, time.Since(since), err}
	}
	if r.toErr != nil && time.Since(r.toSince) > r.l.o.Timeout {
		return &UnreachableError{r.l.to.Name, r.l.to.Addresses, time.Since(r.toSince), r.toErr}
	}
	if r.waiting != nil && !r.closing && time.Since(r.waitingSince) > r.l.o.Timeout {
		r.giveUp(ctx, r.waiting)
		return nil
	}
	if !r.steady || r.closing || len(r.opening) > 0 {
		return nil
	}
	if r.target == nil {
		r.aim(ctx)
		return nil
	}
	for k, end := range r.target {
		if m := r.mirrors[k]; m == nil && r.topicErrs[k.topic] == nil && !r.memory.paused(k.topic) || m != nil && m.failed == nil && m.written < end {
			return nil
		}
	}
	if !r.task.head() {
		return errLagZero
	}
	if r.o.arrived != nil {
		select {
		case <-r.o.arrived:
		default:
			return nil
		}
	}
	r.closing = true
	topics := r.topicsWithMaps()
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		err := r.syncGroups(ctx, topics)
		if err == nil {
			_, err = r.access.pass(ctx, topics)
		}
		if err == nil && r.l.subjects != nil {
			err = r.syncSubjects(ctx, topics)
		}
		if err == nil {
			err = errLagZero
		}
		return func(context.Context) error { return err }
	})
	return nil
}

// giveUp ends a run with Once that can not begin, and says which region is the reason.
func (r *runner) giveUp(ctx context.Context, err error) {
	r.closing = true
	begun := r.waitingSince
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		for _, region := range []*Region{r.l.from, r.l.to} {
			ping, cancel := context.WithTimeout(ctx, r.l.o.Timeout)
			if perr := region.Client.Ping(ping); perr != nil && ctx.Err() == nil {
				err = &UnreachableError{region.Name, region.Addresses, time.Since(begun), perr}
			}
			cancel()
		}
		return func(context.Context) error { return err }
	})
}

// waits notes why mirrors can not be opened, and since when; nil says that they can.
func (r *runner) waits(err error) {
	if err != nil && r.waiting == nil {
		r.waitingSince = time.Now()
	}
	r.waiting = err
}

// aim reads the source's last stable offsets, which are what Once must reach.
func (r *runner) aim(ctx context.Context) {
	var live []*mirror
	for _, m := range r.mirrors {
		if m.failed == nil && (len(r.o.Topics) == 0 || slices.Contains(r.o.Topics, m.topic)) {
			live = append(live, m)
		}
	}
	if len(live) == 0 {
		r.target = map[partitionKey]int64{}
		return
	}
	r.closing = true
	r.beside(ctx, func(ctx context.Context) func(context.Context) error {
		stable, err := r.l.from.listing(r.l.from.Admin.ListCommittedOffsets)(ctx, topicsOfMirrors(live)...)
		target := map[partitionKey]int64{}
		for _, m := range live {
			o, ok := stable.Lookup(m.topic, m.partition)
			if err != nil || !ok || o.Err != nil {
				target = nil // asked again, and not at once: a source that is gone refuses at once
				_ = wait(ctx, 200*time.Millisecond)
				break
			}
			target[m.key()] = o.Offset
		}
		return func(context.Context) error {
			r.closing = false
			if target != nil {
				r.target = target
			}
			return nil
		}
	})
}
