package simulate

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
)

const (
	orderSchema = `{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},{"name":"shop","type":"string"},{"name":"amount","type":"long"}]}`

	bigSQL = "CREATE TABLE `big` (id BIGINT NOT NULL, shop STRING NOT NULL, amount BIGINT NOT NULL) DISTRIBUTED BY (shop) INTO 1 BUCKETS;\n" +
		"INSERT INTO `big` SELECT id, shop, amount FROM `orders` WHERE amount >= 50;\n"
)

var orders = avro.MustParse(orderSchema)

type order struct {
	ID     int64  `avro:"id"`
	Shop   string `avro:"shop"`
	Amount int64  `avro:"amount"`
}

// written is a record as its producer knows it.
type written struct {
	id        int64
	topic     string
	region    string
	partition int32
	offset    int64
	acked     bool // it is in the log, and committed
	aborted   bool
	at        time.Time // when that was known
	late      bool      // written by somebody who heeds no fence
}

// ledger is what producers remember.
type ledger struct {
	mu      sync.Mutex
	records []*written
}

func (l *ledger) add(w *written) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.id = int64(len(l.records))
	l.records = append(l.records, w)
}

func (l *ledger) all() []*written {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.records)
}

// app is what writes to a region.
type app struct {
	*process
	stage  *stage
	region string
	plain  *kgo.Client
	txn    *kgo.Client // of the same transactional id in both regions, and so of the same producer id
	schema int

	mu       sync.Mutex
	stopped  bool
	promoted time.Time // when its region began to be left
	living   chan struct{}
}

func newApp(s *stage, region string) *app {
	a := &app{process: s.net.process(s.ctx, "app of "+region), stage: s, region: region}
	a.connect()
	return a
}

func (a *app) connect() {
	s := a.stage
	client := func(opts ...kgo.Opt) *kgo.Client {
		cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(a.region+brokerPort), kgo.Dialer(a.dial), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableClientMetrics(),
			kgo.MetadataMinAge(10*time.Millisecond), kgo.ProducerLinger(0), kgo.RecordDeliveryTimeout(2*time.Second), kgo.RetryTimeout(2*time.Second))...)
		must(s.t, err)
		return cl
	}
	a.plain, a.txn = client(kgo.AllowIdempotentProduceCancellation()), client(kgo.TransactionalID("shop"), kgo.TransactionTimeout(20*time.Second))
}

func (a *app) close() {
	a.stopWriters()
	a.kill()
	a.plain.Close()
	a.txn.Close()
}

// create makes the topics, the schema and the group's positions.
func (a *app) create() {
	s := a.stage
	adm := kadm.NewClient(a.plain)
	for _, topic := range s.script.topicNames() {
		_, err := adm.CreateTopic(s.ctx, int32(s.script.partitions), 1, map[string]*string{"retention.ms": new("864000000")}, topic)
		must(s.t, err)
	}
	reg, err := sr.NewClient(sr.URLs("http://"+a.region+registryPort), sr.HTTPClient(&http.Client{Transport: &http.Transport{DialContext: a.dial}}))
	must(s.t, err)
	ss, err := reg.CreateSchema(s.ctx, "orders-value", sr.Schema{Schema: orderSchema})
	must(s.t, err)
	for _, other := range s.apps {
		other.schema = ss.ID
	}
}

// consume has the group's positions be at the ends of the logs.
func (a *app) consume() {
	adm := kadm.NewClient(a.plain)
	ends, err := adm.ListCommittedOffsets(a.stage.ctx, a.stage.script.topicNames()...)
	must(a.stage.t, err)
	must(a.stage.t, adm.CommitAllOffsets(a.stage.ctx, "ops", ends.Offsets()))
}

// recreate deletes a topic and makes it again, with other records: what was in it is gone by the wish of its owner.
func (a *app) recreate(topic string) {
	s := a.stage
	adm := kadm.NewClient(a.plain)
	resp, err := adm.DeleteTopic(s.ctx, topic)
	must(s.t, err)
	must(s.t, resp.Err)
	for _, w := range s.ledger.all() {
		if w.topic == topic && w.region == a.region {
			w.acked = false
		}
	}
	for {
		created, err := adm.CreateTopic(s.ctx, int32(s.script.partitions), 1, map[string]*string{"retention.ms": new("864000000")}, topic)
		must(s.t, err)
		if created.Err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	a.plain.PurgeTopicsFromClient(topic)
	a.txn.PurgeTopicsFromClient(topic)
}

func (a *app) record() (*kgo.Record, *written) {
	s := a.stage
	s.mu.Lock()
	topics := s.script.topicNames()
	w := &written{topic: topics[s.random.IntN(len(topics))], region: a.region, partition: int32(s.random.IntN(s.script.partitions))}
	s.mu.Unlock()
	s.ledger.add(w)
	return a.of(w), w
}

func (a *app) of(w *written) *kgo.Record {
	rec := &kgo.Record{Topic: w.topic, Partition: w.partition, Key: fmt.Appendf(nil, "r%d", w.id), Value: []byte("item")}
	if w.topic == "orders" {
		body, err := orders.AppendEncode([]byte{0, 0, 0, byte(a.schema >> 8), byte(a.schema)}, &order{w.id, "shop", amount(w.id)})
		must(a.stage.t, err)
		rec.Value = body
	}
	return rec
}

func amount(id int64) int64 { return id * 37 % 100 }

// one writes one record, and says why it was not acknowledged.
func (a *app) one(rec *kgo.Record, w *written) error {
	err := a.plain.ProduceSync(a.stage.ctx, rec).FirstErr()
	if err == nil {
		a.acknowledged(w, rec)
	}
	return err
}

func (a *app) acknowledged(w *written, rec *kgo.Record) {
	l := &a.stage.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	w.acked, w.offset, w.at = true, rec.Offset, time.Now()
}

// write writes n records: one by one, and some in transactions, of which some are aborted.
func (a *app) write(n int) {
	s := a.stage
	for n > 0 {
		s.mu.Lock()
		size, abort, plain := 1+s.random.IntN(4), s.random.IntN(5) == 0, s.random.IntN(3) > 0
		s.mu.Unlock()
		if plain {
			rec, w := a.record()
			must(s.t, a.one(rec, w))
			n--
			continue
		}
		if a.region == "west" {
			s.hit("producer id reuse")
		}
		must(s.t, a.txn.BeginTransaction())
		var recs []*kgo.Record
		var ws []*written
		for range size {
			rec, w := a.record()
			recs, ws = append(recs, rec), append(ws, w)
		}
		must(s.t, a.txn.ProduceSync(s.ctx, recs...).FirstErr())
		must(s.t, a.txn.EndTransaction(s.ctx, kgo.TransactionEndTry(!abort)))
		for i, w := range ws {
			if w.aborted = abort; !abort {
				a.acknowledged(w, recs[i])
			}
		}
		n -= size
	}
}

// live has a producer write every now and then, until it is stopped or refused.
func (a *app) live() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.living != nil {
		return
	}
	a.stopped, a.living = false, make(chan struct{})
	go func(done chan struct{}) {
		defer close(done)
		for range 20 {
			a.mu.Lock()
			stopped := a.stopped
			a.mu.Unlock()
			if stopped || a.ctx.Err() != nil {
				return
			}
			rec, w := a.record()
			if a.one(rec, w) != nil {
				return
			}
			time.Sleep(330 * time.Millisecond)
		}
	}(a.living)
}

// startAnew has other producers in the place of those that knew topics which have been made anew since.
func (a *app) startAnew() {
	a.stopWriters()
	a.plain.Close()
	a.txn.Close()
	a.connect()
}

// stopWriters has every producer that heeds a fence end, and waits for it.
func (a *app) stopWriters() {
	a.mu.Lock()
	a.stopped = true
	living := a.living
	a.mu.Unlock()
	if living != nil {
		<-living
	}
	a.mu.Lock()
	a.living = nil
	a.mu.Unlock()
}

// lateWrite writes a record, fence or not.
func (a *app) lateWrite() {
	w := &written{topic: "orders", region: a.region, late: true}
	a.stage.ledger.add(w)
	ctx, cancel := context.WithTimeout(a.stage.ctx, 3*time.Second)
	defer cancel()
	rec := a.of(w)
	if err := a.plain.ProduceSync(ctx, rec).FirstErr(); err != nil {
		a.stage.note("    the late write is refused: %v", err)
		return
	}
	a.acknowledged(w, rec)
	a.stage.note("    the late write is acknowledged: orders-0@%d", rec.Offset)
}

// promoting notes that another region is about to be written in the place of this one.
func (a *app) promoting() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.promoted.IsZero() {
		a.promoted = time.Now()
	}
}
