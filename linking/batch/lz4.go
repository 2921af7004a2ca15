package batch

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/pierrec/lz4/v4"
)

// The LZ4 frame format (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md). Frames are written, and those that Kafka's clients
// write are read, block by block into the buffer at hand; the library's streams, which copy once more, read all others.
const (
	lz4Header   = "\x04\x22\x4d\x18\x60\x40\x82" // magic; version 1, independent blocks, no checksums; blocks of 64 KiB; the header's checksum
	lz4BlockMax = 64 << 10
	lz4Stored   = 1 << 31 // of a block's length: its bytes are not compressed

	lz4Version, lz4VersionBits    = 0x40, 0xc0
	lz4Independent                = 0x20
	lz4BlockChecksums             = 0x10
	lz4ContentSize, lz4Dictionary = 0x08, 0x01
	lz4ContentChecksum            = 0x04
)

// appendLZ4 writes payload as one frame.
func (c *compressor) appendLZ4(dst, payload []byte) ([]byte, error) {
	dst = append(slices.Grow(dst, len(lz4Header)+len(payload)+4*(len(payload)/lz4BlockMax+2)), lz4Header...)
	for block := range slices.Chunk(payload, lz4BlockMax) {
		at := len(dst)
		dst = append(dst, 0, 0, 0, 0)
		dst = slices.Grow(dst, len(block))
		n, err := c.lz4.CompressBlock(block, dst[at+4:at+4+len(block)])
		if err != nil {
			return dst[:at], fmt.Errorf("lz4: %w", err)
		}
		if n == 0 || n >= len(block) { // it does not get smaller
			dst = append(dst, block...)
			binary.LittleEndian.PutUint32(dst[at:], uint32(len(block))|lz4Stored)
			continue
		}
		dst = dst[:at+4+n]
		binary.LittleEndian.PutUint32(dst[at:], uint32(n))
	}
	return append(dst, 0, 0, 0, 0), nil
}

// unlz4 reads one frame. The block maximum that it declares bounds what a block may claim.
func (d *decompressor) unlz4(payload []byte, limit int) ([]byte, error) {
	const head = 7
	if len(payload) < head || string(payload[:4]) != lz4Header[:4] {
		return d.lz4Stream(payload, limit)
	}
	flags, sizes := payload[4], payload[5]
	if flags&(lz4VersionBits|lz4Independent|lz4BlockChecksums|lz4ContentSize|lz4ContentChecksum|lz4Dictionary) != lz4Version|lz4Independent ||
		sizes>>4 < 4 || sizes>>4 > 7 {
		return d.lz4Stream(payload, limit)
	}
	most := 1 << (8 + 2*int(sizes>>4)) // 64 KiB, 256 KiB, 1 MiB, 4 MiB
	d.out = d.out[:0]
	for rest := payload[head:]; ; {
		if len(rest) < 4 {
			return nil, fmt.Errorf("lz4 block length: %w", ErrCorrupt)
		}
		word := binary.LittleEndian.Uint32(rest)
		rest = rest[4:]
		if word == 0 {
			return d.out, nil
		}
		n := int(word &^ lz4Stored)
		if n > len(rest) || n > most {
			return nil, fmt.Errorf("lz4 block of %d bytes: %w", n, ErrCorrupt)
		}
		block := rest[:n]
		rest = rest[n:]
		if word&lz4Stored != 0 {
			d.out = append(d.out, block...)
		} else {
			at := len(d.out)
			d.out = slices.Grow(d.out, min(most, 255*n)) // a byte stands for 255 at most
			got, err := lz4.UncompressBlock(block, d.out[at:at+min(most, 255*n)])
			if err != nil {
				return nil, corrupt(err)
			}
			d.out = d.out[:at+got]
		}
		if len(d.out) > limit {
			return nil, errTooLarge
		}
	}
}

// lz4Stream reads a frame of any kind, and several behind one another.
func (d *decompressor) lz4Stream(payload []byte, limit int) ([]byte, error) {
	d.in.Reset(payload)
	if d.lz4 == nil {
		d.lz4 = lz4.NewReader(&d.in)
	} else {
		d.lz4.Reset(&d.in)
	}
	return d.read(d.lz4, limit)
}
