package linking_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// step is one line of what brokers do that mirroring relies on.
type step struct {
	name string
	do   func(w *wire) string
	want string
}

// pin runs steps, each on a partition of its own.
func pin(t *testing.T, steps []step, configs ...string) {
	env := each.Kafka(t)
	topic := each.Name(t, "pin")
	each.Topic(t, env.West, topic, int32(len(steps)), configs...)
	for i, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			if got := s.do(newWire(t, env.West, topic, int32(i))); got != s.want {
				t.Errorf("answers %q, want %q", got, s.want)
			}
		})
	}
}

// Brokers compare a batch with what its producer id wrote last to the partition, and with nothing else: that is compare-and-append.
func TestBrokerComparesSequences(t *testing.T) {
	pin(t, []step{
		{"batch outside a transaction, of a transactional id's producer", func(w *wire) string {
			pid, epoch := w.init("a")
			return words(w.produce(produced{pid: pid, epoch: epoch, n: 3}), w.produce(produced{pid: pid, epoch: epoch, seq: 3}), w.listed(pid))
		}, "0 3 epoch 0 last 3"},
		{"repeat of one of the last five batches", func(w *wire) string {
			var got []string
			for i := range int32(6) {
				got = append(got, w.produce(produced{pid: 9001, seq: i}))
			}
			return words(append(got, w.produce(produced{pid: 9001, seq: 5}), w.produce(produced{pid: 9001, seq: 1}), w.end(6))...)
		}, "0 1 2 3 4 5 5 1 end 6"},
		{"sequence too high", func(w *wire) string {
			return words(w.produce(produced{pid: 9002, n: 3}), w.produce(produced{pid: 9002, seq: 4}), w.end(3))
		}, "0 OUT_OF_ORDER_SEQUENCE_NUMBER end 3"},
		{"old range with other borders", func(w *wire) string {
			return words(w.produce(produced{pid: 9003, n: 3}), w.produce(produced{pid: 9003, n: 2}), w.produce(produced{pid: 9003, seq: 1, n: 5}), w.end(3))
		}, "0 OUT_OF_ORDER_SEQUENCE_NUMBER OUT_OF_ORDER_SEQUENCE_NUMBER end 3"},
		{"another process takes the id over", func(w *wire) string {
			pid, epoch := w.init("a")
			again, next := w.init("a")
			return fmt.Sprint(pid == again, next-epoch)
		}, "true 1"},
		{"the old process is not fenced by that", func(w *wire) string {
			pid, epoch := w.init("a")
			first := w.produce(produced{pid: pid, epoch: epoch})
			w.init("a")
			return words(first, w.produce(produced{pid: pid, epoch: epoch, seq: 1}), w.end(2))
		}, "0 1 end 2"},
		{"a new epoch begins at 0", func(w *wire) string {
			return words(w.produce(produced{pid: 9004}), w.produce(produced{pid: 9004, epoch: 1, seq: 1}), w.produce(produced{pid: 9004, epoch: 1}))
		}, "0 OUT_OF_ORDER_SEQUENCE_NUMBER 1"},
		{"the old epoch behind data of the new one", func(w *wire) string {
			return words(w.produce(produced{pid: 9005}), w.produce(produced{pid: 9005, epoch: 1}), w.produce(produced{pid: 9005, seq: 1}))
		}, "0 1 INVALID_PRODUCER_EPOCH"},
		{"the old epoch ends a transaction", func(w *wire) string {
			pid, epoch := w.init("a")
			enrolled := w.enrol("a", pid, epoch)
			w.init("a")
			return words(enrolled, w.abort("a", pid, epoch), w.enrol("a", pid, epoch))
		}, "ok PRODUCER_FENCED PRODUCER_FENCED"},
		{"producer and epoch that were never given out, any first sequence", func(w *wire) string {
			return words(w.produce(produced{pid: 1 << 40, epoch: 77, seq: 12345}), w.listed(1<<40))
		}, "0 epoch 77 last 12345"},
		{"marker of a newer epoch fences", func(w *wire) string {
			return words(w.produce(produced{pid: 9006}), w.markers(marked{pid: 9006, epoch: 1}), w.produce(produced{pid: 9006, seq: 1}), w.end(2))
		}, "0 ok INVALID_PRODUCER_EPOCH end 2"},
		{"marker of the same epoch keeps sequences", func(w *wire) string {
			return words(w.produce(produced{pid: 9007}), w.markers(marked{pid: 9007}), w.produce(produced{pid: 9007, seq: 1}))
		}, "0 ok 2"},
		{"DeleteRecords keeps sequences", func(w *wire) string {
			return words(w.produce(produced{pid: 9008, n: 3}), w.deleteRecords(3), w.produce(produced{pid: 9008, seq: 5}), w.produce(produced{pid: 9008, seq: 3}))
		}, "0 ok OUT_OF_ORDER_SEQUENCE_NUMBER 3"},
		{"sequences wrap between batches", func(w *wire) string {
			return words(w.produce(produced{pid: 9009, seq: 1<<31 - 3, n: 3}), w.produce(produced{pid: 9009, seq: 0}))
		}, "0 3"},
		{"sequences wrap inside a batch", func(w *wire) string {
			return words(w.produce(produced{pid: 9010, seq: 1<<31 - 2, n: 5}), w.produce(produced{pid: 9010, seq: 3}), w.listed(9010))
		}, "0 5 epoch 0 last 3"},
		{"an unknown partition", func(w *wire) string {
			w.partition = 1 << 20
			return w.produce(produced{pid: 9011})
		}, "UNKNOWN_TOPIC_OR_PARTITION"},
	})
}

// Markers come by coordinators and, where the principal may, directly.
func TestBrokerWritesMarkers(t *testing.T) {
	pin(t, []step{
		{"of a producer never seen", func(w *wire) string { return words(w.markers(marked{pid: 9101}), w.end(1)) }, "ok end 1"},
		{"coordinator epoch -1", func(w *wire) string { return words(w.markers(marked{pid: 9102, coordinator: -1}), w.end(1)) }, "ok end 1"},
		{"again: one more offset", func(w *wire) string {
			return words(w.markers(marked{pid: 9103}), w.markers(marked{pid: 9103}), w.end(2))
		}, "ok ok end 2"},
		{"commit", func(w *wire) string { return words(w.markers(marked{pid: 9104, commit: true}), w.end(1)) }, "ok end 1"},
		{"lower epoch", func(w *wire) string {
			return words(w.markers(marked{pid: 9105, epoch: 1}), w.markers(marked{pid: 9105}), w.end(1))
		}, "ok INVALID_PRODUCER_EPOCH end 1"},
		{"lower coordinator epoch", func(w *wire) string {
			return words(w.markers(marked{pid: 9106, coordinator: 9}), w.markers(marked{pid: 9106, coordinator: 8}), w.end(1))
		}, "ok TRANSACTION_COORDINATOR_FENCED end 1"},
		{"no producer id", func(w *wire) string { return words(w.markers(marked{pid: -1}), w.end(0)) }, "UNKNOWN_SERVER_ERROR end 0"},
		{"ten thousand in one request, answered as one", func(w *wire) string {
			list := make([]marked, 10_000)
			for i := range list {
				list[i] = marked{pid: 9107}
			}
			return words(w.markers(list...), w.end(10_000))
		}, "ok end 10000"},
		{"the answer hides that one failed", func(w *wire) string {
			return words(w.markers(marked{pid: 9108, coordinator: 9}, marked{pid: 9108, coordinator: 8}, marked{pid: 9108, coordinator: 9}), w.end(2))
		}, "ok end 2"},
		{"unknown partition", func(w *wire) string {
			w.partition = 1 << 20
			return w.markers(marked{pid: 9109})
		}, "UNKNOWN_TOPIC_OR_PARTITION"},
		{"by an empty transaction, in the log after the answer", func(w *wire) string {
			pid, epoch := w.init("a")
			return words(w.enrol("a", pid, epoch), w.abort("a", pid, epoch), w.end(1))
		}, "ok ok end 1"},
		{"by empty transactions of one epoch, again and again", func(w *wire) string {
			pid, epoch := w.init("a")
			for i := range int64(3) {
				w.enrol("a", pid, epoch)
				w.abort("a", pid, epoch)
				w.end(i + 1)
			}
			return words(w.end(3), w.listed(pid))
		}, "end 3 epoch 0 last -1"},
		{"who takes over finds the old one's marker in the log", func(w *wire) string {
			pid, epoch := w.init("a")
			w.enrol("a", pid, epoch)
			w.init("a")
			at := w.end(0) // not waited for
			return words(at, w.abort("a", pid, epoch), w.enrol("a", pid, epoch), w.end(1))
		}, "end 1 PRODUCER_FENCED PRODUCER_FENCED end 1"},
		{"data of another producer goes on around them", func(w *wire) string {
			pid, epoch := w.init("gaps")
			first := w.produce(produced{pid: 9110})
			w.enrol("gaps", pid, epoch)
			between := w.produce(produced{pid: 9110, seq: 1})
			w.abort("gaps", pid, epoch)
			w.end(3)
			return words(first, between, w.produce(produced{pid: 9110, seq: 2}), w.produce(produced{pid: 9110, seq: 2}), w.end(4))
		}, "0 1 3 3 end 4"},
		{"data of the same producer goes on behind its own marker", func(w *wire) string {
			pid, epoch := w.init("data")
			first := w.produce(produced{pid: pid, epoch: epoch})
			_, next := w.init("data")
			w.enrol("data", pid, next)
			w.abort("data", pid, next)
			w.end(2)
			return words(first, w.produce(produced{pid: pid, epoch: epoch, seq: 1}), w.produce(produced{pid: pid, epoch: next}))
		}, "0 INVALID_PRODUCER_EPOCH 2"},
	})
}

// hour is a time that far from now, in ms.
func hour(n int) int64 { return time.Now().Add(time.Duration(n) * time.Hour).UnixMilli() }

func set16(at int, v uint16) func([]byte) {
	return func(b []byte) { binary.BigEndian.PutUint16(b[at:], v) }
}
func set32(at int, v uint32) func([]byte) {
	return func(b []byte) { binary.BigEndian.PutUint32(b[at:], v) }
}

// Where fields are in a batch.
const (
	atLength     = 8
	atAttributes = 21
	atLastDelta  = 23
	atMaxTime    = 35
	atCount      = 57
)

// hole makes the offset deltas 0, 1, 2 of a batch's small records 0, 1, 3.
func hole(b []byte) {
	at := batch.HeaderSize
	for range 2 {
		size, n := binary.Varint(b[at:])
		at += n + int(size)
	}
	_, n := binary.Varint(b[at:])
	b[at+n+2] = 6 // behind length, attributes and a time delta of one byte; 3 in zigzag
}

// compressed gives a batch of uncompressed records as one of zstd.
func compressed(b []byte) []byte {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	out := enc.EncodeAll(b[batch.HeaderSize:], slices.Clone(b[:batch.HeaderSize]))
	set32(atLength, uint32(len(out)-12))(out)
	set16(atAttributes, uint16(batch.Zstd))(out)
	seal(out)
	return out
}

// Brokers refuse most malformed batches, and take some that they should not: those the link must never send.
func TestBrokerChecksBatches(t *testing.T) {
	pin(t, []step{
		{"last offset delta beyond the records", func(w *wire) string { return w.produce(produced{pid: 9201, n: 3, edit: set32(atLastDelta, 5)}) }, "INVALID_RECORD"},
		{"count beyond the records", func(w *wire) string { return w.produce(produced{pid: 9202, n: 3, edit: set32(atCount, 5)}) }, "INVALID_RECORD"},
		{"count 0", func(w *wire) string { return w.produce(produced{pid: 9203, edit: set32(atCount, 0)}) }, "INVALID_RECORD"},
		{"control bit", func(w *wire) string { return w.produce(produced{pid: 9204, edit: set16(atAttributes, 0x20)}) }, "INVALID_RECORD"},
		{"transactional bit without a transactional id", func(w *wire) string { return w.produce(produced{pid: 9205, ofTxn: true}) }, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"},
		{"base offset in the header", func(w *wire) string {
			return w.produce(produced{pid: 9206, edit: func(b []byte) { binary.BigEndian.PutUint64(b, 7) }})
		}, "INVALID_RECORD"},
		{"two batches in one entry", func(w *wire) string { return w.produce(produced{pid: 9207, twice: true}) }, "INVALID_RECORD"},
		{"the partition twice in one request: one of both is lost in silence", func(w *wire) string {
			return words(w.produce(produced{pid: -1, epoch: -1, seq: -1, repeatEntry: true}), w.end(1))
		}, "0 end 1"},
		{"holes in uncompressed records are taken: a corrupt log", func(w *wire) string { return w.produce(produced{pid: 9208, n: 3, edit: hole}) }, "0"},
		{"holes in compressed records", func(w *wire) string {
			return w.produceBytes(compressed(produced{pid: 9218, n: 3, edit: hole}.bytes()))
		}, "UNKNOWN_SERVER_ERROR"},
		{"compressed records", func(w *wire) string { return w.produceBytes(compressed(produced{pid: 9219, n: 3}.bytes())) }, "0"},
		{"delete horizon bit", func(w *wire) string { return w.produce(produced{pid: 9209, edit: set16(atAttributes, 0x40)}) }, "0"},
		{"append time bit: dropped, with the times that it stood for", func(w *wire) string {
			then := hour(-1)
			answer := w.produce(produced{pid: 9210, time: then, edit: func(b []byte) {
				set16(atAttributes, 0x08)(b)
				binary.BigEndian.PutUint64(b[atMaxTime:], uint64(then+60_000)) // the append time of every record
			}})
			return words(answer, fmt.Sprint(w.timeOfFirst()-then))
		}, "0 0"},
		{"a time ten years ago", func(w *wire) string { return w.produce(produced{pid: 9211, time: hour(-24 * 3650)}) }, "0"},
		{"time 1, the epoch", func(w *wire) string { return w.produce(produced{pid: 9212, time: 1}) }, "0"},
		{"no time", func(w *wire) string { return w.produce(produced{pid: 9213, time: -1}) }, "0"},
		{"a time two hours ahead", func(w *wire) string { return w.produce(produced{pid: 9214, time: hour(2)}) }, "INVALID_TIMESTAMP"},
		{"checksum", func(w *wire) string {
			p := produced{pid: 9215}
			b := p.bytes()
			b[len(b)-1] ^= 1
			return w.produceBytes(b)
		}, "CORRUPT_MESSAGE"},
		{"beyond max.message.bytes", func(w *wire) string { return w.produce(produced{pid: 9216, n: 2000}) }, "MESSAGE_TOO_LARGE"},
		{"filler, which DeleteRecords hides", func(w *wire) string {
			b, err := batch.Filler(nil, 15_000, 0, batch.Identity{ProducerID: 9217})
			must(w.t, err)
			return words(w.produceBytes(b), w.end(15_000), w.deleteRecords(15_000), w.produce(produced{pid: 9217, seq: 15_000}))
		}, "0 end 15000 ok 15000"},
	}, "max.message.bytes=20000")
}

// While they are mirrors, topics have configs that let every time pass and no record be compacted away.
func TestBrokerTakesWhatAMirrorTopicWants(t *testing.T) {
	pin(t, []step{
		{"a time two hours ahead", func(w *wire) string { return w.produce(produced{pid: 9301, time: hour(2)}) }, "0"},
		{"a time ten years ago", func(w *wire) string { return w.produce(produced{pid: 9302, time: hour(-24 * 3650)}) }, "0"},
	}, "message.timestamp.after.max.ms=9223372036854775807", "message.timestamp.before.max.ms=9223372036854775807")
}

func TestBrokerKeepsCompactedTopics(t *testing.T) {
	pin(t, []step{
		{"record without a key", func(w *wire) string { return w.produce(produced{pid: 9401, noKey: true}) }, "INVALID_RECORD"},
		{"DeleteRecords", func(w *wire) string { return words(w.produce(produced{pid: 9402}), w.deleteRecords(1)) }, "0 POLICY_VIOLATION"},
	}, "cleanup.policy=compact")
}

func TestBrokerStampsAppendTime(t *testing.T) {
	pin(t, []step{
		{"producer's time: replaced", func(w *wire) string {
			then := hour(-1)
			return words(w.produce(produced{pid: 9501, time: then}), fmt.Sprint(w.timeOfFirst() > then))
		}, "0 true"},
		{"append time bit", func(w *wire) string { return w.produce(produced{pid: 9502, edit: set16(atAttributes, 0x08)}) }, "INVALID_TIMESTAMP"},
	}, "message.timestamp.type=LogAppendTime")
}

func TestBrokerMovesTheLogStart(t *testing.T) {
	pin(t, []step{
		{"beyond the end", func(w *wire) string { return words(w.produce(produced{pid: 9601, n: 3}), w.deleteRecords(4)) }, "0 OFFSET_OUT_OF_RANGE"},
		{"of an empty partition", func(w *wire) string { return w.deleteRecords(1) }, "OFFSET_OUT_OF_RANGE"},
		{"into a batch", func(w *wire) string {
			return words(w.produce(produced{pid: 9602, n: 5}), w.deleteRecords(2), w.deleteRecords(2), w.deleteRecords(1))
		}, "0 ok ok ok"},
	})
}

// TestBrokerKeepsSequencesOverItsDeath kills a broker: producer state comes back from the log.
func TestBrokerKeepsSequencesOverItsDeath(t *testing.T) {
	t.Parallel()
	env := each.Kafka(t, each.Private())
	topic := each.Name(t, "pin")
	each.Topic(t, env.West, topic, 1)
	w := newWire(t, env.West, topic, 0)
	if got := words(w.produce(produced{pid: 9701, n: 3}), w.produce(produced{pid: 9701, seq: 3})); got != "0 3" {
		t.Fatal(got)
	}
	must(t, env.West.Broker.Kill())
	must(t, env.West.Broker.Start(t.Context()))
	w = newWire(t, env.West, topic, 0)
	if got, want := words(w.end(4), w.produce(produced{pid: 9701, seq: 3}), w.produce(produced{pid: 9701, seq: 9}), w.produce(produced{pid: 9701, seq: 4})),
		"end 4 3 OUT_OF_ORDER_SEQUENCE_NUMBER 4"; got != want {
		t.Errorf("after its death the broker answers %q, want %q", got, want)
	}
}

// TestBrokerForgetsIdleProducers pins that the comparison ends with the producer's state: after that a repeat is a duplicate, so the link
// compares the last record with the source first.
func TestBrokerForgetsIdleProducers(t *testing.T) {
	t.Parallel()
	env := each.Kafka(t, each.Sharing(forgetful))
	topic := each.Name(t, "pin")
	each.Topic(t, env.West, topic, 1)
	w := newWire(t, env.West, topic, 0)
	first := w.produce(produced{pid: 9801, n: 3})
	for deadline := time.Now().Add(20 * time.Second); w.listed(9801) != "unlisted"; w.pause() {
		if time.Now().After(deadline) {
			t.Fatal("the producer is still known: ", w.listed(9801))
		}
	}
	if got := words(first, w.produce(produced{pid: 9801, n: 3}), w.end(6)); got != "0 3 end 6" {
		t.Errorf("the repeat of a forgotten producer answers %q, want %q", got, "0 3 end 6")
	}
}

// TestBrokerRights pins which grants markers and their alternatives need.
func TestBrokerRights(t *testing.T) {
	t.Parallel()
	env := each.Kafka(t, each.Sharing(testenv.Options{Users: linkUsers}))
	topic := each.Name(t, "pin")
	each.Topic(t, env.West, topic, 1)
	adm := kadm.NewClient(each.Client(t, env.West))
	w := newWire(t, env.West, topic, 0, kgo.SASL(plain.Auth{User: "wire", Pass: "wire"}.AsMechanism()))
	grant := func(b *kadm.ACLBuilder) {
		t.Helper()
		created, err := adm.CreateACLs(t.Context(), b.Allow("User:wire").AllowHosts())
		must(t, err)
		for _, c := range created {
			must(t, c.Err)
		}
	}
	// Grants reach the authorizer a moment after they are answered.
	until := func(want string, do func() string) {
		t.Helper()
		got := do()
		for deadline := time.Now().Add(10 * time.Second); got != want && time.Now().Before(deadline); got = do() {
			w.pause()
		}
		if got != want {
			t.Errorf("answers %q, want %q", got, want)
		}
	}
	if got := w.produce(produced{pid: 1}); got != "TOPIC_AUTHORIZATION_FAILED" {
		t.Errorf("without any grant: %s", got)
	}
	grant(kadm.NewACLs().Topics(topic).ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpWrite, kadm.OpDescribe))
	until("0", func() string { return w.produce(produced{pid: 9901}) })
	if got := words(w.markers(marked{pid: 9902}), w.deleteRecords(1)); got != "CLUSTER_AUTHORIZATION_FAILED TOPIC_AUTHORIZATION_FAILED" {
		t.Errorf("with WRITE on the topic only: %s", got)
	}
	grant(kadm.NewACLs().Topics(topic).ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpDelete, kadm.OpRead))
	until("ok", func() string { return w.deleteRecords(1) })
	if got := w.listed(9901); got != "epoch 0 last 0" {
		t.Errorf("with READ on the topic: %s", got)
	}
	grant(kadm.NewACLs().Clusters().Operations(kadm.OpAlter))
	until("ok", func() string { return w.markers(marked{pid: 9902}) })
}
