package linking

import (
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// task is a fixed share of a link's partitions: what one runner mirrors. A link is cut into as many tasks as it declares, and the processes
// that serve it divide them among themselves through Kafka's group protocol. A task is owned, fenced and remembered by itself, so that it moves from
// one process to another while the others go on: it has its own owner record, its own transactional ids, and its own records of the topics.
// Who may write data is decided on each partition by the sequences of the one data identity, whichever task writes.
type task struct {
	n, of int // the zero value is the only task of a link
}

// mine says whether a partition belongs to the task. Neighbouring partitions of a topic belong to different ones.
func (t task) mine(k partitionKey) bool {
	return t.of <= 1 || t.ofPartition(k.topic, k.partition) == t.n
}

func (t task) ofPartition(topic string, p int32) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(topic)) // hashes take everything
	return int((uint64(h.Sum32()) + uint64(p)) % uint64(t.of))
}

// head says whether the task does what is not about single partitions: it makes topics, and copies positions, rights and subjects.
func (t task) head() bool { return t.n == 0 }

// role is a transactional id's last part. The head's are those of a link with one task.
func (t task) role(of string) string {
	if t.head() {
		return of
	}
	return of + "." + strconv.Itoa(t.n)
}

// name is what keys of the links topic end with.
func (t task) name() string {
	if t.head() {
		return ""
	}
	return strconv.Itoa(t.n)
}

// piece is the name of the task's record of a topic.
func (t task) piece(topic string) string {
	if t.head() {
		return topic
	}
	return topic + "\x00" + t.name()
}

// cutPiece takes a piece's name apart. Topic names have no NUL.
func cutPiece(name string) (topic string, n int) {
	topic, rest, _ := strings.Cut(name, "\x00")
	return topic, taskNumber(rest)
}

// taskNumber is the contrary of name.
func taskNumber(name string) int {
	n, err := strconv.Atoi(name)
	if err != nil {
		return 0
	}
	return n
}

// cut is what the task remembers of a topic: nothing of partitions that are not its own.
func (t task) cut(rec *topicRecord) *topicRecord {
	if t.of <= 1 {
		return rec
	}
	c := rec.copy()
	c.Source, c.Newest, c.Aligning, c.Before, c.Ends = own(t, c, c.Source), own(t, c, c.Newest), own(t, c, c.Aligning), own(t, c, c.Before), own(t, c, c.Ends)
	c.FailedAt, c.Codes = own(t, c, c.FailedAt), own(t, c, c.Codes)
	c.Translated = own(t, c, c.Translated)
	return c
}

func own[V any](t task, rec *topicRecord, m map[int32]V) map[int32]V {
	if m == nil {
		return nil
	}
	out := map[int32]V{}
	for p, v := range m {
		if p == wholeTopic || t.mine(partitionKey{rec.Topic, p}) {
			out[p] = v
		}
	}
	return out
}

// weight orders states: of a topic's pieces the weightiest is what the topic is in. A topic is PAUSED when all of it is.
var weight = []string{Paused, Active, SourceUnavailable, Failed, PendingStopped, Stopped}

// join puts the pieces of a topic together. It is as old as its oldest piece.
func join(pieces map[int]*topicRecord) *topicRecord {
	var out *topicRecord
	oldest := time.Time{}
	for _, n := range slices.Sorted(maps.Keys(pieces)) {
		p := pieces[n]
		if out == nil {
			if len(pieces) == 1 {
				return p
			}
			out, oldest = p.copy(), p.At
			continue
		}
		if slices.Index(weight, p.State) > slices.Index(weight, out.State) || out.Error == "" && p.State == out.State {
			out.State, out.Error = p.State, p.Error
		}
		if p.At.Before(oldest) {
			oldest = p.At
		}
		out.Source, out.Newest, out.Aligning = union(out.Source, p.Source), union(out.Newest, p.Newest), union(out.Aligning, p.Aligning)
		out.FailedAt, out.Codes = union(out.FailedAt, p.FailedAt), union(out.Codes, p.Codes)
		out.Before, out.Ends = union(out.Before, p.Before), union(out.Ends, p.Ends)
		out.Foreign, out.Translated = union(out.Foreign, p.Foreign), union(out.Translated, p.Translated)
	}
	out.At = oldest
	return out
}

// union never changes its arguments.
func union[V any](a, b map[int32]V) map[int32]V {
	if len(b) == 0 {
		return a
	}
	out := cloneOrNew(a)
	maps.Copy(out, b)
	return out
}
