package run

import (
	"math"
	"time"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
)

// The progressive idle timeout of the dialect: how long a partition may give nothing before it no longer holds the others back grows
// with the time that the statement has run.
const (
	minIdle = 10 * time.Second
	maxIdle = 5 * time.Minute
)

// partitionTime is how far event time has come in one partition of an input.
type partitionTime struct {
	watermark int64     // vec.NoWatermark before the first record
	active    time.Time // when it last had something to read, by the process's clock
	idle      bool
}

// eventTime follows the watermarks of an input's partitions and combines them: the minimum over those that are not idle. A
// partition that never had a record holds everything back until it is idle.
type eventTime struct {
	partitions []partitionTime
	started    time.Time
	timeout    time.Duration // of idleness; 0: none is ever idle; progressive where negative
	last       int64         // the highest watermark given out: it never goes back
}

const progressive = time.Duration(-1)

func newEventTime(partitions int, timeout time.Duration, now time.Time) *eventTime {
	e := &eventTime{partitions: make([]partitionTime, partitions), started: now, timeout: timeout, last: vec.NoWatermark}
	for i := range e.partitions {
		e.partitions[i] = partitionTime{watermark: vec.NoWatermark, active: now}
	}
	return e
}

// advance notes the watermark that a batch of a partition gave.
func (e *eventTime) advance(partition int32, watermark int64, now time.Time) {
	p := &e.partitions[partition]
	p.watermark = max(p.watermark, watermark)
	p.active, p.idle = now, false
}

// busy notes that a partition has records that are not read yet: it is not idle, only slow.
func (e *eventTime) busy(partition int32, now time.Time) {
	e.partitions[partition].active, e.partitions[partition].idle = now, false
}

// combined is the watermark of the whole input. Where all partitions are idle it is the highest of theirs: nothing that is known of
// could come before it.
func (e *eventTime) combined(now time.Time) int64 {
	timeout := e.idleTimeout(now)
	lowest, highest, waiting := int64(math.MaxInt64), int64(vec.NoWatermark), false
	for i := range e.partitions {
		p := &e.partitions[i]
		if !p.idle && timeout > 0 && now.Sub(p.active) >= timeout {
			p.idle = true
		}
		highest = max(highest, p.watermark)
		if !p.idle {
			waiting = true
			lowest = min(lowest, p.watermark)
		}
	}
	if !waiting {
		lowest = highest
	}
	e.last = max(e.last, lowest)
	return e.last
}

func (e *eventTime) idleTimeout(now time.Time) time.Duration {
	if e.timeout != progressive {
		return e.timeout
	}
	return min(max(now.Sub(e.started), minIdle), maxIdle)
}

// ahead reports whether a partition is further ahead of the slowest active one than the drift allows. A drift of 0 allows any.
func (e *eventTime) ahead(partition int32, drift time.Duration) bool {
	mine := e.partitions[partition].watermark
	if drift == 0 || mine == vec.NoWatermark {
		return false
	}
	for i := range e.partitions {
		if p := &e.partitions[i]; !p.idle && p.watermark != vec.NoWatermark && mine-p.watermark > drift.Milliseconds() {
			return true
		}
	}
	return false
}
