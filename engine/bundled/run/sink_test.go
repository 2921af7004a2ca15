package run

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
)

func TestSpread(t *testing.T) {
	framed := func(id uint32, body string) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{0}, id), body...)
	}
	counts := make([]int, 6)
	for i := range 6000 {
		body := fmt.Sprint(i)
		p := spread(framed(1, body), 6)
		if other := spread(framed(200, body), 6); other != p {
			t.Fatalf("row %d is in partition %d, and %d where its schema has another id", i, p, other)
		}
		counts[p]++
	}
	for p, n := range counts {
		if n < 800 || n > 1200 {
			t.Errorf("partition %d has %d rows of 6000", p, n)
		}
	}
	for _, value := range [][]byte{nil, {}, {0}, []byte("\x00\x00\x00\x00\x01")} {
		if p := spread(value, 3); p < 0 || p > 2 {
			t.Errorf("%x is in partition %d", value, p)
		}
	}
}

func TestCodecOf(t *testing.T) {
	for name, want := range map[string]batch.Codec{"none": batch.None, "gzip": batch.Gzip, "snappy": batch.Snappy, "lz4": batch.LZ4, "zstd": batch.Zstd} {
		if got, err := codecOf(name); err != nil || got != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := codecOf("brotli"); err == nil {
		t.Error("brotli is no compression of Kafka")
	}
}
