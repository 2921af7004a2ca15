package linking

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// sample is how a run stands at one moment, for Metrics.
type sample struct {
	task    int
	at      time.Time
	waiting string // the name of what keeps the link from going on; "" where nothing does
	mirrors []mirrorSample
}

// mirrorSample is one partition's part of a sample. Offsets are -1 where they are not known.
type mirrorSample struct {
	partitionKey
	source  string // what the topic is called there, where that is something else
	state   string
	failure string // code of the error that ended it
	trouble string // name of what it waits for

	written, stable, start int64   // of the source: up to where it is mirrored, its last stable offset and its log start
	end                    int64   // the destination's log end
	queued                 int64   // bytes that are read and not written
	ahead                  int64   // offsets that are neither
	behind                 float64 // seconds from the newest record written to the newest read; -1 where nothing is read
	expires                time.Time
	copied                 moved
}

// moved is what was written of a partition by this process.
type moved struct{ records, bytes int64 }

// measure tells Metrics how the run stands.
func (r *runner) measure(now time.Time) {
	if r.o.Metrics == nil {
		return
	}
	s := sample{task: r.task.n, at: now}
	sourceErr, since := r.fetcher.Health()
	lost := sourceErr != nil && now.Sub(since) > unavailableAfter
	for _, err := range []error{r.waiting, r.toErr, sourceErr} {
		if err != nil {
			s.waiting = errorName(err)
		}
	}
	for k, m := range r.mirrors {
		one := mirrorSample{partitionKey: k, source: r.l.sourceName(k.topic), state: Active, written: m.written, end: m.logEnd(), stable: m.stable, start: m.start, behind: -1, copied: r.moved[k]}
		switch {
		case m.failed != nil:
			one.state, one.failure = Failed, m.failed.Code
		case lost:
			one.state = SourceUnavailable
		}
		if m.condition != nil {
			one.trouble = errorName(m.condition)
		}
		for _, it := range m.queue {
			one.queued += int64(len(it.data))
		}
		one.ahead = max(0, m.stable-m.read)
		if n := len(m.queue); n > 0 && m.newest > 0 {
			one.behind = max(0, float64(m.queue[n-1].time-m.newest)/1000)
		}
		if i := slices.IndexFunc(m.queue, func(it item) bool { return it.data != nil }); i >= 0 {
			if kept, ok := retention(r.memory.topics[k.topic]); ok {
				one.expires = time.UnixMilli(m.queue[i].time).Add(kept)
			}
		}
		s.mirrors = append(s.mirrors, one)
	}
	for name, rec := range r.memory.topics {
		err := r.topicErrs[name]
		if err == nil && !rec.released() && rec.State != Paused {
			continue
		}
		for p := range int32(rec.Partitions) {
			k := partitionKey{name, p}
			if r.mirrors[k] != nil || !r.task.mine(k) {
				continue
			}
			one := mirrorSample{partitionKey: k, source: r.l.sourceName(k.topic), state: rec.State, written: -1, end: -1, stable: -1, start: -1, behind: -1}
			if err != nil {
				one.state, one.failure = Failed, err.Code
			} else if at, known := r.resting[k]; known {
				one.written, one.end, one.stable, one.start, one.ahead = at.written, at.end, at.stable, at.start, max(0, at.stable-at.written)
			}
			s.mirrors = append(s.mirrors, one)
		}
	}
	r.o.Metrics.take(s)
}

// unavailableAfter is how long a source may not answer before its mirrors are called SOURCE_UNAVAILABLE.
const unavailableAfter = 2 * time.Second

// retention is how long the source keeps a topic's records, and whether it removes any by their age.
func retention(rec *topicRecord) (time.Duration, bool) {
	if rec == nil || !strings.Contains(rec.Configs["cleanup.policy"], "delete") {
		return 0, false
	}
	ms, err := strconv.ParseInt(rec.Configs["retention.ms"], 10, 64)
	if err != nil || ms < 0 || ms > math.MaxInt64/int64(time.Millisecond) {
		return 0, false
	}
	return time.Duration(ms) * time.Millisecond, true
}

// errorName is a short name of an error that stays the same when it comes again: Kafka's, a MirrorError's code, or a word for the rest.
func errorName(err error) string {
	if mirror, ok := errors.AsType[*MirrorError](err); ok {
		return mirror.Code
	}
	if _, ok := errors.AsType[*schemaError](err); ok {
		return CodeSchema
	}
	if _, ok := errors.AsType[*outOfSyncError](err); ok {
		return CodeOutOfSync
	}
	if _, ok := errors.AsType[*unsettledError](err); ok {
		return CodeUnsettled
	}
	if answer, ok := errors.AsType[*kerr.Error](err); ok {
		return answer.Message
	}
	if _, ok := errors.AsType[*UnreachableError](err); ok {
		return "UNREACHABLE"
	}
	return "CONNECTION"
}

// stall is how a partition's position has moved lately, for foreseeing whether retention will overtake it.
type stall struct {
	at             time.Time
	start, written int64
}

// overtakes says in how many seconds the source will have removed what comes next: by the age of the next record that is to be written, or by
// how fast the log start has come nearer since an earlier moment. +Inf says that nothing points to it.
func overtakes(now time.Time, m *mirrorSample, earlier stall) float64 {
	if m.stable < 0 || m.stable <= m.written {
		return math.Inf(1)
	}
	left := math.Inf(1)
	if !m.expires.IsZero() {
		left = max(0, m.expires.Sub(now).Seconds())
	}
	if took := now.Sub(earlier.at).Seconds(); !earlier.at.IsZero() && took > 0 {
		closing := float64(m.start-earlier.start)/took - float64(m.written-earlier.written)/took // offsets per second
		if closing > 0 {
			left = min(left, max(0, float64(m.written-m.start))/closing)
		}
	}
	return left
}
