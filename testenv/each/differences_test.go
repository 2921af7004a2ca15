package each_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestEmbeddedDiffersFromKafka keeps what kfake and Apache Kafka answer to requests at the edge of the protocol, side by side.
// Where the two columns differ, a test has to run on Kafka to prove anything. When it fails after an upgrade, the table and
// whoever relied on the old line need a look.
func TestEmbeddedDiffersFromKafka(t *testing.T) {
	for _, c := range []struct {
		name     string
		do       func(*peer) string
		embedded string
		kafka    string
	}{
		{"sequence of an unknown producer begins at 7", func(p *peer) string {
			return p.produce(batch{pid: 5001, seq: 7})
		}, "OUT_OF_ORDER_SEQUENCE_NUMBER", "0"},
		{"sequence goes on", func(p *peer) string {
			return p.produce(batch{pid: 5002, n: 3}) + " " + p.produce(batch{pid: 5002, seq: 3})
		}, "0 3", "0 3"},
		{"sequence leaves a gap", func(p *peer) string {
			return p.produce(batch{pid: 5003, n: 3}) + " " + p.produce(batch{pid: 5003, seq: 5})
		}, "0 OUT_OF_ORDER_SEQUENCE_NUMBER", "0 OUT_OF_ORDER_SEQUENCE_NUMBER"},
		{"batch repeated", func(p *peer) string {
			return p.produce(batch{pid: 5004, n: 3}) + " " + p.produce(batch{pid: 5004, n: 3}) + " end " + p.end()
		}, "0 0 end 3", "0 0 end 3"},
		{"batch repeated with another border", func(p *peer) string {
			return p.produce(batch{pid: 5005, n: 3}) + " " + p.produce(batch{pid: 5005, n: 2}) + " end " + p.end()
		}, "0 OUT_OF_ORDER_SEQUENCE_NUMBER end 3", "0 OUT_OF_ORDER_SEQUENCE_NUMBER end 3"},
		{"new epoch begins above 0", func(p *peer) string {
			return p.produce(batch{pid: 5006, n: 3}) + " " + p.produce(batch{pid: 5006, epoch: 1, seq: 3})
		}, "0 OUT_OF_ORDER_SEQUENCE_NUMBER", "0 OUT_OF_ORDER_SEQUENCE_NUMBER"},
		{"old epoch after data of a new one", func(p *peer) string {
			return p.produce(batch{pid: 5007}) + " " + p.produce(batch{pid: 5007, epoch: 1}) + " " + p.produce(batch{pid: 5007, seq: 1})
		}, "0 1 INVALID_PRODUCER_EPOCH", "0 1 INVALID_PRODUCER_EPOCH"},
		{"old epoch after a marker of a new one", func(p *peer) string {
			return p.produce(batch{pid: 5008}) + " " + p.marker(5008, 1, 0) + " " + p.produce(batch{pid: 5008, seq: 1})
		}, "0 ok 2", "0 ok INVALID_PRODUCER_EPOCH"},
		{"sequence goes on over a marker of the same epoch", func(p *peer) string {
			return p.produce(batch{pid: 5009}) + " " + p.marker(5009, 0, 0) + " " + p.produce(batch{pid: 5009, seq: 1})
		}, "0 ok 2", "0 ok 2"},
		{"marker of a lower epoch", func(p *peer) string {
			return p.produce(batch{pid: 5010, epoch: 1}) + " " + p.marker(5010, 0, 0)
		}, "0 ok", "0 INVALID_PRODUCER_EPOCH"},
		{"marker of a lower coordinator epoch", func(p *peer) string {
			return p.marker(5011, 0, 9) + " " + p.marker(5011, 0, 8)
		}, "ok ok", "ok TRANSACTION_COORDINATOR_FENCED"},
		{"marker of an unknown producer, twice", func(p *peer) string {
			return p.marker(5012, 0, 0) + " " + p.marker(5012, 0, 0) + " end " + p.end()
		}, "ok ok end 2", "ok ok end 2"},
		{"DescribeProducers", func(p *peer) string {
			return p.produce(batch{pid: 5013, epoch: 2, n: 3}) + " " + p.producers()
		}, "0 none", "0 id 5013 epoch 2 last sequence 2"},
		{"DeleteRecords keeps sequences", func(p *peer) string {
			return p.produce(batch{pid: 5014, n: 3}) + " " + p.deleteRecords(3) + " " + p.produce(batch{pid: 5014, seq: 3})
		}, "0 start 3 3", "0 start 3 3"},
		{"DeleteRecords beyond the end", func(p *peer) string {
			return p.produce(batch{pid: 5015, n: 3}) + " " + p.deleteRecords(4)
		}, "0 OFFSET_OUT_OF_RANGE", "0 OFFSET_OUT_OF_RANGE"},
		{"DeleteRecords on a compacted topic", func(p *peer) string {
			return p.compact() + " " + p.produce(batch{pid: 5016, n: 3, key: "k"}) + " " + p.deleteRecords(1)
		}, "ok 0 start 1", "ok 0 POLICY_VIOLATION"},
		{"record without a key to a compacted topic", func(p *peer) string {
			return p.compact() + " " + p.produce(batch{pid: 5017})
		}, "ok 0", "ok INVALID_RECORD"},
		{"one partition twice in a request", func(p *peer) string {
			return p.produceTogether(batch{pid: 5018}, batch{pid: 5018, seq: 1}) + " end " + p.end()
		}, "1 end 2", "0 end 1"},
		{"two batches in one partition entry", func(p *peer) string {
			return p.produce(batch{pid: 5019}, batch{pid: 5019, seq: 1})
		}, "CORRUPT_MESSAGE", "INVALID_RECORD"},
		{"control bit", func(p *peer) string {
			return p.produce(batch{pid: 5020, attributes: 0x20})
		}, "INVALID_RECORD", "INVALID_RECORD"},
		{"transactional bit without a transaction", func(p *peer) string {
			return p.produce(batch{pid: 5021, attributes: 0x10})
		}, "INVALID_TXN_STATE", "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"},
		{"base offset above 0 in the header", func(p *peer) string {
			return p.produce(batch{pid: 5022, base: 3})
		}, "CORRUPT_MESSAGE", "INVALID_RECORD"},
		{"record count above the records", func(p *peer) string {
			return p.produce(batch{pid: 5023, n: 2, count: 3})
		}, "0", "INVALID_RECORD"},
		{"two hours in the future", func(p *peer) string {
			return p.produce(batch{pid: 5024, at: time.Now().Add(2 * time.Hour)})
		}, "0", "INVALID_TIMESTAMP"},
		{"delete-horizon bit", func(p *peer) string {
			return p.produce(batch{pid: 5025, attributes: 0x40})
		}, "0", "0"},
		{"wrong checksum", func(p *peer) string {
			return p.produce(batch{pid: 5026, crcOff: true})
		}, "CORRUPT_MESSAGE", "CORRUPT_MESSAGE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			each.Run(t, func(t *testing.T, env *testenv.Env) {
				want := c.kafka
				if env.Kind == "embedded" {
					want = c.embedded
				}
				if d := cmp.Diff(want, c.do(newPeer(t, env.East))); d != "" {
					t.Error(d)
				}
			})
		})
	}
}
