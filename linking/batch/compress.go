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
	packed []byte // what it makes; used again
	out    bytes.Buffer
	lz4    lz4.Compressor
	gzip   *gzip.Writer
	zstd   *zstd.Encoder
	quick  *zstd.Encoder
}

var compressors = sync.Pool{New: func() any { return new(compressor) }}

// compress appends the compressed payload to dst. It comes about in a buffer that is as large as the payload and used again, so that dst, which is
// kept while it is on its way, has no more room than it needs. Quick is for what is joined: a larger payload makes up for what a faster search misses.
func compress(dst []byte, codec Codec, payload []byte, quick bool) ([]byte, error) {
	c := compressors.Get().(*compressor)
	defer compressors.Put(c)
	var err error
	if c.packed, err = c.append(c.packed[:0], codec, payload, quick); err != nil {
		return dst, err
	}
	dst = append(dst, c.packed...)
	if cap(c.packed) > maxKept {
		c.packed = nil
	}
	return dst, nil
}

// append writes the compressed payload to dst.
func (c *compressor) append(dst []byte, codec Codec, payload []byte, quick bool) ([]byte, error) {
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
		if quick {
			return appendZstd(&c.quick, zstd.SpeedFastest, dst, payload)
		}
		return appendZstd(&c.zstd, zstd.SpeedDefault, dst, payload)
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

// appendZstd writes payload as one frame, by an encoder that is made the first time. A batch has a checksum, so the frame needs none.
func appendZstd(e **zstd.Encoder, level zstd.EncoderLevel, dst, payload []byte) ([]byte, error) {
	if *e == nil {
		var err error
		if *e, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithEncoderLevel(level), zstd.WithEncoderCRC(false)); err != nil {
			return dst, err
		}
	}
	return (*e).EncodeAll(payload, dst), nil
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
