package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/s2"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// packed is a payload as Builder would make it.
func packed(t testing.TB, codec Codec, payload []byte) []byte {
	t.Helper()
	if codec == None {
		return payload
	}
	out, err := new(compressor).append(nil, codec, payload, false)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// framed is payload in the framing that Java clients put around snappy, in blocks of the given size.
func framed(payload []byte, block int) []byte {
	out := append([]byte(nil), xerial...)
	out = binary.BigEndian.AppendUint32(out, 1)
	out = binary.BigEndian.AppendUint32(out, 1)
	for len(payload) > 0 {
		n := min(block, len(payload))
		c := s2.EncodeSnappy(nil, payload[:n])
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(c))), c...)
		payload = payload[n:]
	}
	return out
}

func lz4Frame(t testing.TB, payload []byte, options ...lz4.Option) []byte {
	t.Helper()
	var out bytes.Buffer
	w := lz4.NewWriter(&out)
	if err := errors.Join(w.Apply(options...), func() error { _, err := w.Write(payload); return err }(), w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestLZ4FramesAreTheLibrarys reads what is written here, compressible or not, with the library's reader.
func TestLZ4FramesAreTheLibrarys(t *testing.T) {
	random := make([]byte, 200_000)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(random)
	for name, payload := range map[string][]byte{"text": []byte(strings.Repeat("lifeboat ", 30_000)), "random": random, "mixed": append(random[:100_000:100_000], make([]byte, 100_000)...),
		"a byte": {7}, "a block": random[:lz4BlockMax], "nothing": {}} {
		frame := packed(t, LZ4, payload)
		if got, err := io.ReadAll(lz4.NewReader(bytes.NewReader(frame))); err != nil || !bytes.Equal(got, payload) {
			t.Errorf("%s: the library reads %d bytes, %v; want %d", name, len(got), err, len(payload))
		}
		if got, err := new(decompressor).unlz4(frame, MaxDecompressed); err != nil || !bytes.Equal(got, payload) {
			t.Errorf("%s: %d bytes come back, %v; want %d", name, len(got), err, len(payload))
		}
	}
}

func TestDecompress(t *testing.T) {
	payload := []byte(strings.Repeat("lifeboat ", 30_000))
	for _, tc := range []struct {
		name  string
		codec Codec
		in    []byte
	}{
		{"gzip", Gzip, packed(t, Gzip, payload)},
		{"snappy raw", Snappy, packed(t, Snappy, payload)},
		{"snappy framed", Snappy, framed(payload, 32<<10)},
		{"lz4", LZ4, packed(t, LZ4, payload)},
		{"lz4 in large blocks", LZ4, lz4Frame(t, payload, lz4.BlockSizeOption(lz4.Block4Mb), lz4.ChecksumOption(false))},
		{"lz4 with checksums and size", LZ4, lz4Frame(t, payload, lz4.BlockChecksumOption(true), lz4.ChecksumOption(true), lz4.SizeOption(uint64(len(payload))))},
		{"zstd", Zstd, packed(t, Zstd, payload)},
		{"zstd in two frames", Zstd, append(packed(t, Zstd, payload[:1000]), packed(t, Zstd, payload[1000:])...)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var d decompressor
			for range 2 { // the second time with used decoders
				got, err := d.decompress(tc.codec, tc.in, MaxDecompressed)
				if err != nil || !bytes.Equal(got, payload) {
					t.Fatalf("%d bytes, %v; want %d", len(got), err, len(payload))
				}
			}
			if _, err := d.decompress(tc.codec, tc.in, len(payload)/2); !errors.Is(err, ErrCorrupt) {
				t.Errorf("over the limit: %v, want ErrCorrupt", err)
			}
			if _, err := d.decompress(tc.codec, tc.in[:len(tc.in)-5], MaxDecompressed); !errors.Is(err, ErrCorrupt) {
				t.Errorf("cut off: %v, want ErrCorrupt", err)
			}
			if got, err := d.decompress(tc.codec, tc.in, MaxDecompressed); err != nil || !bytes.Equal(got, payload) {
				t.Errorf("after errors: %d bytes, %v", len(got), err)
			}
		})
	}
}

// TestHostileSizesAllocateLittle: what a payload says of its own size is worth nothing.
func TestHostileSizesAllocateLittle(t *testing.T) {
	zeros := make([]byte, 200<<20)
	claimed := packed(t, Zstd, zeros)[:12] // a frame header that says 200 MiB
	block := binary.AppendUvarint(nil, 200<<20)
	for _, tc := range []struct {
		name  string
		codec Codec
		in    []byte
	}{
		{"zstd frame of 200 MiB", Zstd, claimed},
		{"snappy block of 200 MiB", Snappy, append(block, 0, 0)},
		{"snappy framed block of 4 GiB", Snappy, append(append([]byte(nil), xerial...), 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := new(decompressor).decompress(tc.codec, tc.in, MaxDecompressed)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("%v, want ErrCorrupt", err)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
				t.Errorf("%d bytes allocated for %d", grown, len(tc.in))
			}
		})
	}
}

// TestJavaBatches reads batches that the Java producer of Apache Kafka 4.3.1 wrote with each codec; linking/fetch's test of the same
// name wrote them down. Their values are the numbers from 0 on, their keys "k", and one header is named "h".
func TestJavaBatches(t *testing.T) {
	files, err := filepath.Glob("testdata/java-*.batch")
	if err != nil || len(files) != len(codecs) {
		t.Fatalf("%v, %v; want one for each of %v", files, err, codecs)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b, rest, err := Next(raw)
			if err != nil || len(rest) > 0 {
				t.Fatalf("%d bytes left, %v", len(rest), err)
			}
			if err := errors.Join(Verify(b), CheckRecords(b)); err != nil {
				t.Fatal(err)
			}
			if want := "java-" + b.Codec().String() + ".batch"; filepath.Base(file) != want {
				t.Errorf("codec %s", b.Codec())
			}
			for i, r := range read(t, b) {
				if string(r.Value) != fmt.Sprint(i) {
					t.Errorf("record %d has value %q", i, r.Value)
				}
			}
		})
	}
}

// TestBothWaysWithKgo: what kgo compresses we read, and what we compress kgo reads.
func TestBothWaysWithKgo(t *testing.T) {
	cluster := kfake.MustCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	defer cluster.Close()
	for _, tc := range []struct {
		codec Codec
		kgo   kgo.CompressionCodec
	}{
		{None, kgo.NoCompression()}, {Gzip, kgo.GzipCompression()}, {Snappy, kgo.SnappyCompression()}, {LZ4, kgo.Lz4Compression()}, {Zstd, kgo.ZstdCompression()},
	} {
		t.Run(tc.codec.String(), func(t *testing.T) {
			cl, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ProducerBatchCompression(tc.kgo), kgo.ConsumeTopics("t"),
				kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()))
			if err != nil {
				t.Fatal(err)
			}
			defer cl.Close()
			var sent []*kgo.Record
			for i := range 500 {
				sent = append(sent, &kgo.Record{Topic: "t", Key: fmt.Append(nil, i), Value: bytes.Repeat([]byte{'v'}, i), Headers: []kgo.RecordHeader{{Key: "h", Value: fmt.Append(nil, i)}}})
			}
			if err := cl.ProduceSync(t.Context(), sent...).FirstErr(); err != nil {
				t.Fatal(err)
			}
			b := fetchOne(t, cl, sent[0].Offset)
			if b.Codec() != tc.codec {
				t.Fatalf("kgo wrote %s", b.Codec())
			}
			ours := read(t, b)
			rebuilt := build(t, tc.codec, ours)
			produceRaw(t, cl, rebuilt)
			cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{"t": {0: kgo.NewOffset().At(sent[0].Offset)}})
			var got []plain
			for len(got) < 2*len(sent) {
				f := cl.PollFetches(t.Context())
				if err := f.Err(); err != nil {
					t.Fatal(err)
				}
				f.EachRecord(func(r *kgo.Record) {
					p := plain{Offset: r.Offset, Timestamp: r.Timestamp.UnixMilli(), Key: r.Key, Value: r.Value}
					for _, h := range r.Headers {
						p.Headers = append(p.Headers, [2][]byte{[]byte(h.Key), h.Value})
					}
					got = append(got, p)
				})
			}
			want := append([]plain(nil), ours...)
			for i, r := range ours {
				r.Offset = ours[0].Offset + int64(len(ours)+i)
				want = append(want, r)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-ours +kgo):\n%s", diff)
			}
		})
	}
}

// fetchOne is the batch at an offset of t-0.
func fetchOne(t *testing.T, cl *kgo.Client, offset int64) Batch {
	t.Helper()
	meta, err := kmsg.NewPtrMetadataRequest().RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	req := kmsg.NewPtrFetchRequest()
	req.MinBytes, req.MaxWaitMillis, req.MaxBytes = 1, 1000, 1<<20
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = "t", meta.Topics[0].TopicID
	part := kmsg.NewFetchRequestTopicPartition()
	part.FetchOffset, part.PartitionMaxBytes = offset, 1<<20
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := Next(resp.Topics[0].Partitions[0].RecordBatches)
	if err != nil || b == nil {
		t.Fatalf("fetching offset %d: %v", offset, err)
	}
	return b
}

// produceRaw appends a batch to t-0.
func produceRaw(t *testing.T, cl *kgo.Client, b Batch) {
	t.Helper()
	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks, req.TimeoutMillis = 11, -1, 1000
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = "t"
	meta, err := kmsg.NewPtrMetadataRequest().RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	topic.TopicID = meta.Topics[0].TopicID
	part := kmsg.NewProduceRequestTopicPartition()
	part.Records = Rewrite(nil, b, NoIdentity)
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	if code := resp.Topics[0].Partitions[0].ErrorCode; code != 0 {
		t.Fatalf("producing: error code %d", code)
	}
}

// TestJoinedBatchesAreAsTightAsTheirParts sees to it that what is joined quickly is not larger than its parts, and takes no more memory than it
// has bytes, about: it is kept while it is on its way.
func TestJoinedBatchesAreAsTightAsTheirParts(t *testing.T) {
	for _, codec := range []Codec{Gzip, Snappy, LZ4, Zstd} {
		var parts []Batch
		for i, sum := 0, 0; i < 20; i++ {
			b := benchBatch(t, codec, 1024)
			b.setOffset(int64(sum))
			parts, sum = append(parts, b), sum+int(b.NumRecords())
		}
		out, err := Merge(nil, parts, NoIdentity)
		if err != nil {
			t.Fatal(codec, err)
		}
		if most := len(parts) * len(parts[0]); len(out) > most || cap(out) > most*5/4 {
			t.Errorf("%s: %d bytes in %d of memory from parts of %d together", codec, len(out), cap(out), most)
		}
	}
}
