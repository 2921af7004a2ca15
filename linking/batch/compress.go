package batch

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// compressor compresses whole payloads.
type compressor struct {
	out  bytes.Buffer
	lz4  lz4.Compressor
	gzip *gzip.Writer
	zstd *zstd.Encoder
}

var compressors = sync.Pool{New: func() any { return new(compressor) }}

// append writes the compressed payload to dst.
func (c *compressor) append(dst []byte, codec Codec, payload []byte) ([]byte, error) {
	c.out.Reset()
	switch codec {
	case Snappy:
		n := s2.MaxEncodedLen(len(payload))
		if n < 0 {
			return dst, fmt.Errorf("compressing: %d bytes are too many for snappy", len(payload))
		}
		dst = slices.Grow(dst, n)
		return dst[:len(dst)+len(s2.EncodeSnappy(dst[len(dst):len(dst)+n], payload))], nil
	case Zstd:
		if c.zstd == nil {
			var err error
			if c.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20)); err != nil {
				return dst, err
			}
		}
		return c.zstd.EncodeAll(payload, dst), nil
	case LZ4:
		return c.appendLZ4(dst, payload)
	case Gzip:
		if c.gzip == nil {
			c.gzip = gzip.NewWriter(&c.out)
		} else {
			c.gzip.Reset(&c.out)
		}
		return c.close(dst, c.gzip, payload)
	}
	return dst, fmt.Errorf("compressing: unknown %s", codec)
}

func (c *compressor) close(dst []byte, w io.WriteCloser, payload []byte) ([]byte, error) {
	if _, err := w.Write(payload); err != nil {
		return dst, err
	}
	if err := w.Close(); err != nil {
		return dst, err
	}
	return append(dst, c.out.Bytes()...), nil
}
