package linking_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// wire speaks to one partition request by request, as the link does, and gives every answer as a word: the base offset, "ok", or the
// broker's error.
type wire struct {
	t         *testing.T
	cl        *kgo.Client
	adm       *kadm.Client
	name      string // prefix of transactional ids
	topic     string
	partition int32
}

func newWire(t *testing.T, r *testenv.Region, topic string, partition int32, opts ...kgo.Opt) *wire {
	t.Helper()
	v := kversion.Stable()
	v.SetMaxKeyVersion(int16(kmsg.AddPartitionsToTxn), 3)
	v.SetMaxKeyVersion(int16(kmsg.EndTxn), 4)
	v.SetMaxKeyVersion(int16(kmsg.Produce), 11)
	cl := each.Client(t, r, append(opts, kgo.MaxVersions(v), kgo.RequestRetries(0))...)
	return &wire{t, cl, kadm.NewClient(cl), each.Name(t, "id"), topic, partition}
}

// word is an error as the table writes it.
func word(err error) string {
	var e *kerr.Error
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &e):
		return e.Message
	}
	return err.Error()
}

func words(w ...string) string { return strings.Join(w, " ") }

// produced is a batch of the mirror's kind; the zero value of n is one record.
type produced struct {
	pid         int64
	epoch       int16
	seq         int32
	n           int
	time        int64 // of every record; 0 = now
	noKey       bool
	edit        func(b []byte)
	ofTxn       bool // the transactional bit
	twice       bool // two batches in the partition's entry
	repeatEntry bool // the partition stands twice in the request
}

func (p produced) bytes() []byte {
	b := batch.NewBuilder(batch.None)
	if p.time == 0 {
		p.time = time.Now().UnixMilli()
	}
	for i := range max(1, p.n) {
		key := fmt.Append(nil, "k", i)
		if p.noKey {
			key = nil
		}
		b.Append(p.time, key, fmt.Append(nil, "v", p.seq, i), batch.Headers{})
	}
	build := b.Build
	if p.ofTxn {
		build = b.BuildTransactional
	}
	out, err := build(nil, batch.Identity{ProducerID: p.pid, Epoch: p.epoch, Sequence: p.seq})
	if err != nil {
		panic(err)
	}
	if p.edit != nil {
		p.edit(out)
		seal(out)
	}
	return out
}

// seal puts a batch's checksum right.
func seal(b []byte) {
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
}

// produce answers the base offset or the error, of each of the partition's entries.
func (w *wire) produce(p produced) string {
	w.t.Helper()
	entries := [][]byte{p.bytes()}
	if p.twice {
		entries[0] = append(entries[0], entries[0]...)
	}
	if p.repeatEntry {
		entries = append(entries, p.bytes())
	}
	return w.produceBytes(entries...)
}

// produceBytes sends batches as they are, each as an entry of the partition.
func (w *wire) produceBytes(entries ...[]byte) string {
	w.t.Helper()
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 10_000
	rt := kmsg.NewProduceRequestTopic()
	rt.Topic = w.topic
	for _, b := range entries {
		rp := kmsg.NewProduceRequestTopicPartition()
		rp.Partition, rp.Records = w.partition, b
		rt.Partitions = append(rt.Partitions, rp)
	}
	req.Topics = append(req.Topics, rt)
	resp, err := w.ask(req)
	if err != nil {
		return word(err)
	}
	var answers []string
	for _, p := range resp.(*kmsg.ProduceResponse).Topics[0].Partitions {
		if p.ErrorCode != 0 {
			answers = append(answers, word(kerr.ErrorForCode(p.ErrorCode)))
		} else {
			answers = append(answers, fmt.Sprint(p.BaseOffset))
		}
	}
	return strings.Join(answers, "+")
}

// ask sends a request to the only broker.
func (w *wire) ask(req kmsg.Request) (kmsg.Response, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	return w.cl.Broker(1).Request(ctx, req)
}

func (w *wire) txid(role string) string { return w.name + role }

// init takes a transactional id over.
func (w *wire) init(role string) (pid int64, epoch int16) {
	w.t.Helper()
	id := w.txid(role)
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis, req.ProducerID, req.ProducerEpoch = &id, 30_000, -1, -1
	for {
		resp, err := req.RequestWith(w.t.Context(), w.cl)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		if err == nil {
			return resp.ProducerID, resp.ProducerEpoch
		}
		if !kerr.IsRetriable(err) && !errors.Is(err, kerr.ConcurrentTransactions) {
			w.t.Fatal(err)
		}
		w.pause()
	}
}

func (w *wire) pause() {
	select {
	case <-w.t.Context().Done():
		w.t.Fatal(w.t.Context().Err())
	case <-time.After(5 * time.Millisecond):
	}
}

// enrol adds the partition to a transaction.
func (w *wire) enrol(role string, pid int64, epoch int16) string {
	w.t.Helper()
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = w.txid(role), pid, epoch
	rt := kmsg.NewAddPartitionsToTxnRequestTopic()
	rt.Topic, rt.Partitions = w.topic, []int32{w.partition}
	req.Topics = append(req.Topics, rt)
	for {
		resp, err := req.RequestWith(w.t.Context(), w.cl)
		if err == nil {
			err = kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
		}
		if !errors.Is(err, kerr.ConcurrentTransactions) && !errors.Is(err, kerr.CoordinatorNotAvailable) {
			return word(err)
		}
		w.pause()
	}
}

// abort ends a transaction.
func (w *wire) abort(role string, pid int64, epoch int16) string {
	w.t.Helper()
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = w.txid(role), pid, epoch
	for {
		resp, err := req.RequestWith(w.t.Context(), w.cl)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		if !errors.Is(err, kerr.ConcurrentTransactions) && !errors.Is(err, kerr.CoordinatorNotAvailable) {
			return word(err)
		}
		w.pause()
	}
}

// marked is a marker of WriteTxnMarkers.
type marked struct {
	pid         int64
	epoch       int16
	coordinator int32
	commit      bool
}

// markers writes markers in one request; the answers of one producer id are one.
func (w *wire) markers(list ...marked) string {
	w.t.Helper()
	req := kmsg.NewPtrWriteTxnMarkersRequest()
	for _, l := range list {
		m := kmsg.NewWriteTxnMarkersRequestMarker()
		m.ProducerID, m.ProducerEpoch, m.CoordinatorEpoch, m.Committed = l.pid, l.epoch, l.coordinator, l.commit
		mt := kmsg.NewWriteTxnMarkersRequestMarkerTopic()
		mt.Topic, mt.Partitions = w.topic, []int32{w.partition}
		m.Topics = append(m.Topics, mt)
		req.Markers = append(req.Markers, m)
	}
	resp, err := w.ask(req)
	if err != nil {
		return word(err)
	}
	var answers []string
	for _, m := range resp.(*kmsg.WriteTxnMarkersResponse).Markers {
		answers = append(answers, word(kerr.ErrorForCode(m.Topics[0].Partitions[0].ErrorCode)))
	}
	return strings.Join(answers, "+")
}

// deleteRecords moves the log start.
func (w *wire) deleteRecords(to int64) string {
	w.t.Helper()
	resp, err := w.adm.DeleteRecords(w.t.Context(), kadm.Offsets{w.topic: {w.partition: {Topic: w.topic, Partition: w.partition, At: to}}})
	if err == nil {
		err = resp.Error()
	}
	return word(err)
}

// end waits until the log ends at least at want and says where it ends.
func (w *wire) end(want int64) string {
	w.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; w.pause() {
		ends, err := w.adm.ListEndOffsets(w.t.Context(), w.topic)
		must(w.t, err)
		if o, _ := ends.Lookup(w.topic, w.partition); o.Offset >= want || time.Now().After(deadline) {
			return fmt.Sprintf("end %d", o.Offset)
		}
	}
}

// timeOfFirst is the time of the partition's first record, in ms.
func (w *wire) timeOfFirst() int64 {
	w.t.Helper()
	cl, err := kgo.NewClient(append(w.cl.Opts(), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{w.topic: {w.partition: kgo.NewOffset().At(0)}}))...)
	must(w.t, err)
	defer cl.Close()
	f := cl.PollFetches(w.t.Context())
	must(w.t, f.Err())
	return f.Records()[0].Timestamp.UnixMilli()
}

// listed is what DescribeProducers says of a producer id: its epoch and its last sequence.
func (w *wire) listed(pid int64) string {
	w.t.Helper()
	described, err := w.adm.DescribeProducers(w.t.Context(), kadm.TopicsSet{w.topic: {w.partition: {}}})
	must(w.t, err)
	for _, p := range described[w.topic].Partitions[w.partition].ActiveProducers {
		if p.ProducerID == pid {
			return fmt.Sprintf("epoch %d last %d", p.ProducerEpoch, p.LastSequence)
		}
	}
	return "unlisted"
}
