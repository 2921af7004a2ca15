package format

import (
	"fmt"
	"testing"

	"github.com/twmb/avro"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
)

const (
	bidColumns = "auction BIGINT NOT NULL, bidder BIGINT NOT NULL, price BIGINT NOT NULL, channel STRING NOT NULL, url STRING NOT NULL, date_time TIMESTAMP(3) NOT NULL, extra STRING NOT NULL"
	bidSchema  = `{"type":"record","name":"bid","fields":[{"name":"auction","type":"long"},{"name":"bidder","type":"long"},{"name":"price","type":"long"},
 {"name":"channel","type":"string"},{"name":"url","type":"string"},{"name":"date_time","type":{"type":"long","logicalType":"local-timestamp-millis"}},{"name":"extra","type":"string"}]}`
)

// bid is the nexmark benchmark's row, as Avro and as JSON.
func bid(tb testing.TB) (binary, text []byte) {
	const url, extra = "https://www.nexmark.com/fuc/wva/gld/item.htm?query=1", "[MN[[`OY]_X^ZSLVXPURPSRHNQ^YRJ_UaTaXKZcLWJXHQKL"
	binary, err := avro.MustParse(bidSchema).Encode(map[string]any{"auction": int64(1009), "bidder": int64(2001), "price": int64(74_812_331),
		"channel": "channel-8541", "url": url, "date_time": int64(1_700_000_000_123), "extra": extra})
	if err != nil {
		tb.Fatal(err)
	}
	text = fmt.Appendf(nil, `{"auction":1009,"bidder":2001,"price":74812331,"channel":"channel-8541","url":%q,"date_time":1700000000123,"extra":%q}`, url, extra)
	return wire(1, binary), wire(1, text)
}

func benchmarkDecode(b *testing.B, kind string, wanted []int) {
	clause := ""
	binary, text := bid(b)
	payload := binary
	if kind == "JSON" {
		clause, payload = jsonFormat, text
	}
	declared := table(b, bidColumns, clause)
	reader, err := NewReader(Source{Table: declared, Wanted: wanted, Lookup: schemas(map[int]string{1: bidSchema}, kind)})
	if err != nil {
		b.Fatal(err)
	}
	batch := vec.New(reader.Kinds()...)
	rec := Record{Value: payload}
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if err := reader.Append(batch, &rec); err != nil {
			b.Fatal(err)
		}
		if batch.Full() {
			batch.Reset()
		}
	}
}

func BenchmarkAvroDecode7(b *testing.B) { benchmarkDecode(b, "AVRO", []int{0, 1, 2, 3, 4, 5, 6}) }
func BenchmarkAvroDecode3(b *testing.B) { benchmarkDecode(b, "AVRO", []int{0, 2, 5}) }
func BenchmarkJSONDecode7(b *testing.B) { benchmarkDecode(b, "JSON", []int{0, 1, 2, 3, 4, 5, 6}) }
func BenchmarkJSONDecode3(b *testing.B) { benchmarkDecode(b, "JSON", []int{0, 2, 5}) }

func benchmarkEncode(b *testing.B, clause string) {
	binary, _ := bid(b)
	declared := table(b, bidColumns)
	reader, err := NewReader(Source{Table: declared, Wanted: physical(declared), Lookup: schemas(map[int]string{1: bidSchema}, "AVRO")})
	if err != nil {
		b.Fatal(err)
	}
	batch := vec.New(reader.Kinds()...)
	for !batch.Full() {
		if err := reader.Append(batch, &Record{Value: binary}); err != nil {
			b.Fatal(err)
		}
	}
	sink := table(b, bidColumns, clause)
	_, schema, err := ForTable(sink)
	if err != nil {
		b.Fatal(err)
	}
	writer, err := NewWriter(Sink{Table: sink, Targets: physical(sink), Value: schema})
	if err != nil {
		b.Fatal(err)
	}
	var records Records
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ { // one operation is one row
		if i%batch.N != 0 {
			continue
		}
		records.Reset()
		if err := writer.Append(&records, batch); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAvroEncode(b *testing.B) { benchmarkEncode(b, "") }
func BenchmarkJSONEncode(b *testing.B) { benchmarkEncode(b, jsonFormat) }
