package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// MaxDecompressed bounds what one batch may grow to: hostile input must not take the process's memory. Brokers accept batches of
// message.max.bytes (1 MiB by default) and real records rarely compress better than 1:100.
const MaxDecompressed = 256 << 20

var errTooLarge = fmt.Errorf("too many bytes decompressed: %w", ErrCorrupt)

type decompressor struct {
	out  []byte
	in   bytes.Reader
	lz4  *lz4.Reader
	gzip *gzip.Reader
	zstd *zstd.Decoder
}

// trim drops a buffer that is too large to keep for batches of a usual size.
func (d *decompressor) trim() {
	if cap(d.out) > maxKept {
		d.out = nil
	}
}

const maxKept = 8 << 20

// decompress returns the records of a payload, limit bytes of them at most, in a buffer that holds until the decompressor is used
// again. Memory grows with what was really decompressed, not with what the payload says of itself.
func (d *decompressor) decompress(c Codec, payload []byte, limit int) ([]byte, error) {
	switch c {
	case Snappy:
		return d.snappy(payload, limit)
	case Zstd:
		return d.unzstd(payload, limit)
	case LZ4:
		return d.unlz4(payload, limit)
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
		return d.read(d.gzip, limit)
	}
	return nil, fmt.Errorf("%s: %w", c, ErrCorrupt)
}

// read drains r into the reused buffer.
func (d *decompressor) read(r io.Reader, limit int) ([]byte, error) {
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
		case len(d.out) > limit:
			return nil, errTooLarge
		case err == io.EOF:
			return d.out, nil
		case err != nil:
			return nil, corrupt(err)
		}
	}
}

// xerial is the framing that Java clients put around snappy blocks: an 8-byte magic, two versions, then length-prefixed blocks.
var xerial = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

func (d *decompressor) snappy(payload []byte, limit int) ([]byte, error) {
	d.out = d.out[:0]
	if !bytes.HasPrefix(payload, xerial) {
		return d.snappyBlock(payload, limit)
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
		if _, err := d.snappyBlock(payload[4:4+n], limit); err != nil {
			return nil, err
		}
		payload = payload[4+n:]
	}
	return d.out, nil
}

// snappyBlock appends one block to the buffer.
func (d *decompressor) snappyBlock(block []byte, limit int) ([]byte, error) {
	n, err := s2.DecodedLen(block)
	if err != nil {
		return nil, corrupt(err)
	}
	if len(d.out)+n > limit || n > 64*(len(block)+64) { // a copy of 64 bytes takes at least two
		return nil, errTooLarge
	}
	d.out = slices.Grow(d.out, n)
	at := len(d.out)
	got, err := s2.Decode(d.out[at:at+n], block)
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
