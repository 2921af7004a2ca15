package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/examples/nycflights"
	"github.com/lifeboat-dr/lifeboat/linking"
)

const flightPartitions = 6

// value is a flight as the topic has it.
type value struct {
	Carrier  string  `avro:"carrier"`
	Flight   int32   `avro:"flight"`
	Tailnum  *string `avro:"tailnum"`
	Origin   string  `avro:"origin"`
	Dest     string  `avro:"dest"`
	Delay    *int32  `avro:"dep_delay"`
	Distance int32   `avro:"distance"`
}

// place is where a region acknowledged a flight.
type place struct {
	partition int32
	offset    int64
	name      string // "UA1545 EWR 2026-11-20T08:15Z"
}

// producer is the application that writes flights, to one region at a time. It never sends a flight again that was acknowledged, and
// sends again what was not: at-least-once, as such applications are.
type producer struct {
	region                          *linking.Region
	plain, transactional            *kgo.Client
	schema                          *avro.Schema
	ids                             map[string]int
	transactions, aborted, airlines int

	mu      sync.Mutex
	places  []place             // acknowledged
	pending []nycflights.Flight // sent, not acknowledged
}

// newProducer creates the topics and registers their schemas where they are not there yet.
func newProducer(ctx context.Context, r *linking.Region) (*producer, error) {
	p := &producer{region: r, schema: avro.MustParse(nycflights.FlightSchema), ids: map[string]int{}}
	month := "5184000000" // 60 days
	for _, t := range []struct {
		name       string
		partitions int32
		configs    map[string]*string
	}{
		{"flights", flightPartitions, map[string]*string{"retention.ms": &month}},
		{"airlines", 1, map[string]*string{"cleanup.policy": new("compact")}},
	} {
		resp, err := r.Admin.CreateTopic(ctx, t.partitions, 1, t.configs, t.name)
		if err == nil {
			err = resp.Err
		}
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return nil, fmt.Errorf("%s: topic %q: creating it: %w", r.Name, t.name, err)
		}
	}
	// A broker refuses produce requests for up to half a second after it has created a topic.
	err := until(ctx, 20*time.Second, "the new topics of "+r.Name+" to have leaders", func() (bool, error) {
		ends, err := r.Admin.ListEndOffsets(ctx, "flights", "airlines")
		return err == nil && ends.Error() == nil && len(ends["flights"]) == flightPartitions && len(ends["airlines"]) == 1, nil
	})
	if err != nil {
		return nil, err
	}
	for subject, text := range map[string]string{"flights-value": nycflights.FlightSchema, "airlines-value": nycflights.AirlineSchema} {
		ss, err := r.Registry.CreateSchema(ctx, subject, sr.Schema{Schema: text})
		if err != nil {
			return nil, fmt.Errorf("%s: subject %q: registering: %w", r.Name, subject, err)
		}
		p.ids[subject] = ss.ID
	}
	return p, p.connect()
}

func (p *producer) connect() (err error) {
	opts := append(slices.Clone(p.region.Client.Opts()), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	if p.plain, err = kgo.NewClient(opts...); err != nil {
		return err
	}
	p.transactional, err = kgo.NewClient(append(opts, kgo.TransactionalID("flights-app"))...)
	return err
}

func (p *producer) close() {
	p.plain.Close()
	p.transactional.Close()
}

func (p *producer) record(f nycflights.Flight) (*kgo.Record, error) {
	v := value{Carrier: f.Carrier, Flight: f.Number, Origin: f.Origin, Dest: f.Dest, Distance: f.Distance}
	if f.Tail != "" {
		v.Tailnum = &f.Tail
	}
	if !f.Cancelled {
		v.Delay = &f.Delay
	}
	body, err := p.schema.AppendEncode(header(p.ids["flights-value"]), &v)
	if err != nil {
		return nil, fmt.Errorf("encoding flight %s%d: %w", f.Carrier, f.Number, err)
	}
	return &kgo.Record{Topic: "flights", Key: fmt.Appendf(nil, "%s%d", f.Carrier, f.Number), Value: body, Timestamp: f.At}, nil
}

// header is the Confluent wire format's: a zero byte and the schema id.
func header(id int) []byte { return []byte{0, byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)} }

// month writes the airlines and the flights of the past: plain batches and transactions in turn; every eighth transaction is aborted
// and sent again.
func (p *producer) month(ctx context.Context, flights []nycflights.Flight) error {
	airlines, err := nycflights.Airlines()
	if err != nil {
		return err
	}
	schema := avro.MustParse(nycflights.AirlineSchema)
	for _, a := range airlines {
		body, err := schema.AppendEncode(header(p.ids["airlines-value"]), &struct {
			Carrier string `avro:"carrier"`
			Name    string `avro:"name"`
		}{a.Carrier, a.Name})
		if err != nil {
			return err
		}
		if err := p.plain.ProduceSync(ctx, &kgo.Record{Topic: "airlines", Key: []byte(a.Carrier), Value: body}).FirstErr(); err != nil {
			return fmt.Errorf("%s: writing airline %s: %w", p.region.Name, a.Carrier, err)
		}
		p.airlines++
	}
	for i, chunk := range slices.Collect(slices.Chunk(flights, 500)) {
		if i%2 == 0 {
			if err := p.send(ctx, p.plain, chunk); err != nil {
				return err
			}
			continue
		}
		if p.transactions%8 == 7 {
			if err := p.transaction(ctx, chunk[:len(chunk)/2], kgo.TryAbort); err != nil {
				return err
			}
			p.aborted++
		}
		if err := p.transaction(ctx, chunk, kgo.TryCommit); err != nil {
			return err
		}
	}
	return nil
}

func (p *producer) transaction(ctx context.Context, flights []nycflights.Flight, end kgo.TransactionEndTry) error {
	p.transactions++
	before := len(p.places)
	err := p.transactional.BeginTransaction()
	if err == nil {
		err = p.send(ctx, p.transactional, flights)
	}
	if end == kgo.TryAbort {
		p.places = p.places[:before]
	}
	if err == nil {
		err = p.transactional.EndTransaction(ctx, end)
	}
	if err != nil {
		return fmt.Errorf("%s: transaction %d: %w", p.region.Name, p.transactions, err)
	}
	return nil
}

// send writes flights and waits for every acknowledgement.
func (p *producer) send(ctx context.Context, cl *kgo.Client, flights []nycflights.Flight) error {
	for _, f := range flights {
		if err := p.produce(ctx, cl, f); err != nil {
			return err
		}
	}
	if err := cl.Flush(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.pending); n > 0 {
		return fmt.Errorf("%s: %d flights were not acknowledged", p.region.Name, n)
	}
	return nil
}

func (p *producer) produce(ctx context.Context, cl *kgo.Client, f nycflights.Flight) error {
	rec, err := p.record(f)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.pending = append(p.pending, f)
	p.mu.Unlock()
	cl.Produce(ctx, rec, func(r *kgo.Record, err error) {
		if err != nil {
			return // stays pending: the application sends it again
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.pending = slices.DeleteFunc(p.pending, func(x nycflights.Flight) bool { return x == f })
		p.places = append(p.places, place{r.Partition, r.Offset, fmt.Sprintf("%s%d %s %s", f.Carrier, f.Number, f.Origin, f.At.UTC().Format("2006-01-02T15:04Z"))})
	})
	return nil
}

// stream writes flights in small steps over about the given time, each step acknowledged.
func (p *producer) stream(ctx context.Context, flights []nycflights.Flight, over time.Duration) error {
	chunks := slices.Collect(slices.Chunk(flights, 40))
	tick := time.NewTicker(over / time.Duration(len(chunks)))
	defer tick.Stop()
	for _, chunk := range chunks {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		if err := p.send(ctx, p.plain, chunk); err != nil {
			return err
		}
	}
	return nil
}

// background hands flights to the client without waiting for anything.
func (p *producer) background(flights []nycflights.Flight) {
	for _, f := range flights {
		if p.produce(context.Background(), p.plain, f) != nil {
			return
		}
	}
}

// giveUp is what the application does when its region is gone: what is not acknowledged stays with it.
func (p *producer) giveUp() {
	p.plain.PurgeTopicsFromClient("flights")
	p.close()
}

func (p *producer) acked() int { p.mu.Lock(); defer p.mu.Unlock(); return len(p.places) }

// beyond lists what a region acknowledged at or behind the given offsets: what the application believes to be written and is not in a
// mirror that ends there.
func (p *producer) beyond(ends map[int32]int64) []place {
	p.mu.Lock()
	defer p.mu.Unlock()
	var lost []place
	for _, pl := range p.places {
		if pl.offset >= ends[pl.partition] {
			lost = append(lost, pl)
		}
	}
	return lost
}
