package batch

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// MaxDecompressed bounds what one batch may grow to: hostile input must not take the process's memory. Brokers accept batches of
// message.max.bytes (1 MiB by default) and real records rarely compress better than 1:100.
const MaxDecompressed = 256 << 20

var errTooLarge = fmt.Errorf("more than %d bytes decompressed: %w", MaxDecompressed, ErrCorrupt)

type decompressor struct {
	out  []byte
	in   bytes.Reader
	lz4  *lz4.Reader
	gzip *gzip.Reader
	zstd *zstd.Decoder
}

var decompressors = sync.Pool{New: func() any { return new(decompressor) }}

func getDecompressor() *decompressor  { return decompressors.Get().(*decompressor) }
func putDecompressor(d *decompressor) { decompressors.Put(d) }

// decompress returns the records of a payload in a buffer that holds until the decompressor is used again.
func (d *decompressor) decompress(c Codec, payload []byte) ([]byte, error) {
	switch c {
	case Snappy:
		return d.snappy(payload)
	case Zstd:
		if d.zstd == nil {
			var err error
			if d.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxDecompressed)); err != nil {
				return nil, err
			}
		}
		var err error
		d.out, err = d.zstd.DecodeAll(payload, d.out[:0])
		return d.out, corrupt(err)
	case LZ4:
		d.in.Reset(payload)
		if d.lz4 == nil {
			d.lz4 = lz4.NewReader(&d.in)
		} else {
			d.lz4.Reset(&d.in)
		}
		return d.read(d.lz4)
	case Gzip:
		d.in.Reset(payload)
		var err error
		if d.gzip == nil {
			d.gzip, err = gzip.NewReader(&d.in)
		} else {
			err = d.gzip.Reset(&d.in)
		}
		if err != nil {
			d.gzip = nil
			return nil, corrupt(err)
		}
		return d.read(d.gzip)
	}
	return nil, fmt.Errorf("%s: %w", c, ErrCorrupt)
}

// read drains r into the reused buffer.
func (d *decompressor) read(r io.Reader) ([]byte, error) {
	if cap(d.out) == 0 {
		d.out = make([]byte, 0, 64<<10)
	}
	d.out = d.out[:0]
	for {
		if len(d.out) == cap(d.out) {
			d.out = append(d.out, 0)[:len(d.out)]
		}
		n, err := r.Read(d.out[len(d.out):cap(d.out)])
		d.out = d.out[:len(d.out)+n]
		switch {
		case err == io.EOF:
			return d.out, nil
		case err != nil:
			return nil, corrupt(err)
		case len(d.out) > MaxDecompressed:
			return nil, errTooLarge
		}
	}
}

// xerial is the framing that Java clients put around snappy blocks: an 8-byte magic, two versions, then length-prefixed blocks.
var xerial = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

func (d *decompressor) snappy(payload []byte) ([]byte, error) {
	d.out = d.out[:0]
	if !bytes.HasPrefix(payload, xerial) {
		return d.snappyBlock(payload)
	}
	if len(payload) < 16 {
		return nil, fmt.Errorf("snappy header: %w", ErrCorrupt)
	}
	for payload = payload[16:]; len(payload) > 0; {
		if len(payload) < 4 {
			return nil, fmt.Errorf("snappy block length: %w", ErrCorrupt)
		}
		n := binary.BigEndian.Uint32(payload)
		if int64(n) > int64(len(payload)-4) {
			return nil, fmt.Errorf("snappy block of %d bytes: %w", n, ErrCorrupt)
		}
		if _, err := d.snappyBlock(payload[4 : 4+n]); err != nil {
			return nil, err
		}
		payload = payload[4+n:]
	}
	return d.out, nil
}

// snappyBlock appends one block to the buffer.
func (d *decompressor) snappyBlock(block []byte) ([]byte, error) {
	n, err := s2.DecodedLen(block)
	if err != nil {
		return nil, corrupt(err)
	}
	if len(d.out)+n > MaxDecompressed || n > 1024*(len(block)+64) {
		return nil, errTooLarge
	}
	at := len(d.out)
	d.out = append(d.out, make([]byte, n)...)
	got, err := s2.Decode(d.out[at:], block)
	if err != nil {
		return nil, corrupt(err)
	}
	d.out = d.out[:at+len(got)]
	return d.out, nil
}

func corrupt(err error) error {
	if err == nil || errors.Is(err, ErrCorrupt) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}

// compressor compresses whole payloads.
type compressor struct {
	out  bytes.Buffer
	lz4  *lz4.Writer
	gzip *gzip.Writer
	zstd *zstd.Encoder
}

var compressors = sync.Pool{New: func() any { return new(compressor) }}

// append writes the compressed payload to dst.
func (c *compressor) append(dst []byte, codec Codec, payload []byte) ([]byte, error) {
	c.out.Reset()
	switch codec {
	case None:
		return append(dst, payload...), nil
	case Snappy:
		return append(dst, s2.EncodeSnappy(nil, payload)...), nil
	case Zstd:
		if c.zstd == nil {
			var err error
			if c.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20)); err != nil {
				return dst, err
			}
		}
		return c.zstd.EncodeAll(payload, dst), nil
	case LZ4:
		if c.lz4 == nil {
			c.lz4 = lz4.NewWriter(&c.out)
			if err := c.lz4.Apply(lz4.BlockSizeOption(lz4.Block64Kb)); err != nil {
				return dst, err
			}
		} else {
			c.lz4.Reset(&c.out)
		}
		return c.close(dst, c.lz4, payload)
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
