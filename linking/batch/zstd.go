package batch

import (
	"fmt"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// unzstd decodes into the buffer and allocates nothing else. What a frame says of its own size is not believed, only its blocks are.
func (d *decompressor) unzstd(payload []byte, limit int) ([]byte, error) {
	if d.zstd == nil {
		var err error
		d.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxDecompressed), zstd.WithDecodeAllCapLimit(true))
		if err != nil {
			return nil, err
		}
	}
	most, err := zstdSize(payload)
	if err != nil {
		return nil, err
	}
	d.out = slices.Grow(d.out[:0], min(most, limit))
	out, err := d.zstd.DecodeAll(payload, d.out)
	if err != nil {
		return nil, corrupt(err)
	}
	if len(out) > limit {
		return nil, errTooLarge
	}
	d.out = out
	return out, nil
}

const (
	zstdBlockHeader  = 3
	zstdBlockMax     = 128 << 10 // of decompressed bytes
	zstdChecksumSize = 4
)

// zstdSize bounds what frames decompress to, by walking their blocks (RFC 8878, section 3.1.1).
func zstdSize(b []byte) (most int, err error) {
	for len(b) > 0 {
		var h zstd.Header
		if err := h.Decode(b); err != nil {
			return 0, corrupt(err)
		}
		b = b[h.HeaderSize:]
		if h.Skippable {
			if int64(h.SkippableSize) > int64(len(b)) {
				return 0, errZstdCut
			}
			b = b[h.SkippableSize:]
			continue
		}
		for last := false; !last; {
			if len(b) < zstdBlockHeader {
				return 0, errZstdCut
			}
			head := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
			b = b[zstdBlockHeader:]
			last = head&1 != 0
			stored, grown := head>>3, head>>3
			switch head >> 1 & 3 {
			case 1: // one byte, repeated
				stored = 1
			case 2: // compressed
				grown = zstdBlockMax
			}
			if stored > len(b) || grown > zstdBlockMax {
				return 0, errZstdCut
			}
			b, most = b[stored:], most+grown
		}
		if h.HasCheckSum {
			if len(b) < zstdChecksumSize {
				return 0, errZstdCut
			}
			b = b[zstdChecksumSize:]
		}
	}
	return most, nil
}

var errZstdCut = fmt.Errorf("zstd frame is cut off or has too large a block: %w", ErrCorrupt)
