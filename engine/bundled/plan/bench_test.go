package plan_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/twmb/avro"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/format"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/plan"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
)

// The bids of the nexmark benchmark: seven columns, about 150 bytes in Avro.
const (
	bidDDL = "CREATE TABLE bid (auction BIGINT NOT NULL, bidder BIGINT NOT NULL, price BIGINT NOT NULL, channel STRING NOT NULL, url STRING NOT NULL, " +
		"date_time TIMESTAMP(3) NOT NULL, extra STRING NOT NULL, WATERMARK FOR date_time AS date_time - INTERVAL '4' SECOND)"
	bidSchema = `{"type":"record","name":"bid","fields":[{"name":"auction","type":"long"},{"name":"bidder","type":"long"},{"name":"price","type":"long"},
 {"name":"channel","type":"string"},{"name":"url","type":"string"},{"name":"date_time","type":{"type":"long","logicalType":"local-timestamp-millis"}},
 {"name":"extra","type":"string"}]}`
	q0DDL = "CREATE TABLE q0 (auction BIGINT NOT NULL, bidder BIGINT NOT NULL, price BIGINT NOT NULL, channel STRING NOT NULL, url STRING NOT NULL, " +
		"date_time TIMESTAMP(3) NOT NULL, extra STRING NOT NULL)"
	q0SQL     = "INSERT INTO q0 SELECT * FROM bid"
	q2DDL     = "CREATE TABLE q2 (auction BIGINT NOT NULL, price BIGINT NOT NULL)"
	q2SQL     = "INSERT INTO q2 SELECT auction, price FROM bid WHERE MOD(auction, 123) = 0"
	filterSQL = "INSERT INTO q2 SELECT auction, price FROM bid WHERE price > 50000000 AND channel <> 'Google'"
	q5DDL     = "CREATE TABLE q5 (auction BIGINT NOT NULL, num BIGINT NOT NULL, starts TIMESTAMP(3) NOT NULL)"
	q5SQL     = "INSERT INTO q5 SELECT auction, COUNT(*), window_start FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(date_time), INTERVAL '10' SECOND)) " +
		"GROUP BY auction, window_start, window_end"
	channelDDL = "CREATE TABLE by_channel (channel STRING NOT NULL, bidder BIGINT NOT NULL, num BIGINT NOT NULL, total BIGINT, best BIGINT, mean DOUBLE)"
	channelSQL = "INSERT INTO by_channel SELECT channel, bidder, COUNT(*), SUM(price), MAX(price), AVG(CAST(price AS DOUBLE)) " +
		"FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(date_time), INTERVAL '10' SECOND)) GROUP BY channel, bidder, window_start, window_end"
)

// bids makes records as the nexmark generator does in kind: most bids are for a few hundred hot auctions, 10,000 a second.
func bids(tb testing.TB, n int) []format.Record {
	tb.Helper()
	schema := avro.MustParse(bidSchema)
	r := rand.New(rand.NewPCG(1, 2))
	channels := []string{"Google", "Facebook", "Baidu", "Apple"}
	out := make([]format.Record, n)
	for i := range out {
		auction := int64(1000 + i/500*10 + r.IntN(100))
		at := int64(1_700_000_000_000 + i/10)
		value, err := schema.Encode(map[string]any{
			"auction": auction, "bidder": int64(1000 + r.IntN(10_000)), "price": int64(r.IntN(100_000_000)), "channel": channels[r.IntN(4)],
			"url": fmt.Sprintf("https://www.nexmark.com/%08x/item.htm?query=1", r.Uint32()), "date_time": at,
			"extra": "[MN[[`OY]_X^ZSLVXPURPSRHNQ^YRJ\\UaTaXKZcLWJXHQKL",
		})
		if err != nil {
			tb.Fatal(err)
		}
		out[i] = format.Record{Value: wire(1, value), Timestamp: at, Offset: int64(i)}
	}
	return out
}

func benchmark(b *testing.B, sinkDDL, sql string, encode bool) {
	cat := tables(b, bidDDL, sinkDDL)
	records := bids(b, 400_000)
	p := compile(b, cat, sql, nil)
	reader, err := p.NewReader(func(id int) (format.Schema, error) { return format.Schema{ID: id, Text: bidSchema}, nil }, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	_, value, err := format.ForTable(p.Output)
	if err != nil {
		b.Fatal(err)
	}
	writer, err := p.NewWriter(nil, value)
	if err != nil {
		b.Fatal(err)
	}
	var out format.Records
	rows := 0
	emit := plan.Emit(func(o *vec.Batch) error {
		rows += o.Selected()
		if !encode {
			return nil
		}
		out.Reset()
		return writer.Append(&out, o)
	})
	batch := p.NewBatch()
	mark := int64(vec.NoWatermark)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		// One operation is one record. When the data is through, all windows fire, and a new pipeline begins anew.
		at := i % len(records)
		if at == 0 && i > 0 {
			if err := p.Advance(math.MaxInt64, emit); err != nil {
				b.Fatal(err)
			}
			p, mark = compile(b, cat, sql, nil), vec.NoWatermark
		}
		if err := reader.Append(batch, &records[at]); err != nil {
			b.Fatal(err)
		}
		if !batch.Full() {
			continue
		}
		m, err := p.Watermark(batch)
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Process(batch, emit); err != nil {
			b.Fatal(err)
		}
		mark = max(mark, m)
		if err := p.Advance(mark, emit); err != nil {
			b.Fatal(err)
		}
		batch.Reset()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/row")
	if rows == 0 && b.N > 400_000 {
		b.Fatal("nothing came out")
	}
}

func BenchmarkPassThrough(b *testing.B)       { benchmark(b, q0DDL, q0SQL, false) }
func BenchmarkPassThroughToAvro(b *testing.B) { benchmark(b, q0DDL, q0SQL, true) }
func BenchmarkFilter(b *testing.B)            { benchmark(b, q2DDL, q2SQL, true) }
func BenchmarkFilterOnString(b *testing.B)    { benchmark(b, q2DDL, filterSQL, true) }
func BenchmarkTumbleCount(b *testing.B)       { benchmark(b, q5DDL, q5SQL, true) }
func BenchmarkTumbleByTwoKeys(b *testing.B)   { benchmark(b, channelDDL, channelSQL, true) }
