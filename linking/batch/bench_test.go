package batch

import (
	"bytes"
	"testing"
)

// benchBatch has the size of a default producer's batch: 16 records of 1 KiB.
func benchBatch(b *testing.B, codec Codec) Batch {
	list := make([]plain, 16)
	for i := range list {
		list[i] = plain{Timestamp: int64(i), Key: []byte("key"), Value: bytes.Repeat([]byte{byte(i), 'x'}, 512)}
	}
	return build(b, codec, list)
}

func BenchmarkRewrite(b *testing.B) {
	for _, codec := range []Codec{None, LZ4} {
		b.Run(codec.String(), func(b *testing.B) {
			src := benchBatch(b, codec)
			dst := make([]byte, 0, len(src))
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				if Verify(src) != nil || Check(src) != nil {
					b.Fatal("bad batch")
				}
				dst = Rewrite(dst[:0], src, Identity{1, 0, 0})
			}
		})
	}
}

func BenchmarkMerge(b *testing.B) {
	src := benchBatch(b, None)
	parts := make([]Batch, 50)
	size := 0
	for i := range parts {
		parts[i] = bytes.Clone(src)
		parts[i].setOffset(int64(i * 16))
		size += len(src)
	}
	dst := make([]byte, 0, size)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = Merge(dst[:0], parts, Identity{1, 0, 0}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRecords(b *testing.B) {
	for _, codec := range codecs {
		b.Run(codec.String(), func(b *testing.B) {
			src := benchBatch(b, codec)
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				if err := Records(src, func(*Record) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
