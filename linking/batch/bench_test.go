package batch

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// benchBatch has the size of a default producer's batch, 16 KiB: records of the given size with text that compresses about 1:3.
func benchBatch(b testing.TB, codec Codec, size int) Batch {
	rnd := rand.New(rand.NewPCG(1, 2))
	list := make([]plain, max(1, 16<<10/size))
	for i := range list {
		var value []byte
		for len(value) < size {
			value = fmt.Appendf(value, `{"flight":%d,"origin":"%c%c%c","delay":%d},`, rnd.IntN(10_000), 'A'+rnd.IntN(26), 'A'+rnd.IntN(26), 'A'+rnd.IntN(26), rnd.IntN(300))
		}
		list[i] = plain{Timestamp: int64(i), Key: fmt.Append(nil, i), Value: value[:size]}
	}
	return build(b, codec, list)
}

// BenchmarkPass is what the mirror does to a batch that passes through.
func BenchmarkPass(b *testing.B) {
	for _, codec := range []Codec{None, LZ4} {
		b.Run(codec.String(), func(b *testing.B) {
			src := benchBatch(b, codec, 1024)
			dst := make([]byte, 0, len(src))
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				first, _, err := Next(src)
				if err != nil || Check(first) != nil {
					b.Fatal("bad batch")
				}
				dst = Rewrite(dst[:0], first, Identity{1, 0, 0})
			}
		})
	}
}

func BenchmarkStamp(b *testing.B) {
	src := benchBatch(b, None, 1024)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for i := int32(0); b.Loop(); i++ {
		Stamp(src, Identity{1, 0, i})
	}
}

// BenchmarkMerge counts bytes before compression.
func BenchmarkMerge(b *testing.B) {
	for _, codec := range []Codec{None, LZ4, Snappy, Zstd} {
		for _, size := range []int{100, 1024} {
			b.Run(fmt.Sprintf("%s/%dB", codec, size), func(b *testing.B) {
				src := benchBatch(b, codec, size)
				parts := make([]Batch, 50)
				for i := range parts {
					parts[i] = bytes.Clone(src)
					parts[i].setOffset(int64(i) * int64(src.NumRecords()))
				}
				total := len(parts) * len(benchBatch(b, None, size))
				dst := make([]byte, 0, 2*total)
				b.SetBytes(int64(total))
				b.ReportAllocs()
				for b.Loop() {
					var err error
					if dst, err = Merge(dst[:0], parts, Identity{1, 0, 0}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkRecords and BenchmarkBuild count bytes before compression.
func BenchmarkRecords(b *testing.B) {
	for _, codec := range codecs {
		b.Run(codec.String(), func(b *testing.B) {
			src := benchBatch(b, codec, 100)
			b.SetBytes(int64(len(benchBatch(b, None, 100))))
			b.ReportAllocs()
			for b.Loop() {
				if err := Records(src, func(*Record) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(src.NumRecords()), "ns/record")
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	for _, codec := range codecs {
		b.Run(codec.String(), func(b *testing.B) {
			src := benchBatch(b, None, 100)
			var list []plain
			for range 64 { // 1 MiB: what a sink's batch has
				list = append(list, read(b, src)...)
			}
			builder := NewBuilder(codec)
			b.SetBytes(64 * int64(len(src)))
			b.ReportAllocs()
			var out []byte
			for b.Loop() {
				builder.Reset()
				for i := range list {
					builder.Append(list[i].Timestamp, list[i].Key, list[i].Value, Headers{})
				}
				var err error
				if out, err = builder.Build(out[:0], NoIdentity); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(list)), "ns/record")
			b.ReportMetric(64*float64(len(src))/float64(len(out)), "ratio")
		})
	}
}
