package batch

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sync"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Verify compares the batch's CRC-32C, which covers everything from the attributes on. A batch that passes through needs no Verify, see
// Stamp, and Merge and Split have their own. One that is taken apart does, and one that is left out because of what its header says.
func Verify(b Batch) error {
	if got := crc32.Checksum(b[posAttributes:], castagnoli); got != b.CRC() {
		return fmt.Errorf("offset %d: checksum %08x, header says %08x: %w", b.BaseOffset(), got, b.CRC(), ErrCorrupt)
	}
	return nil
}

// seal writes length and checksum over a batch whose other fields stand.
func (b Batch) seal() {
	binary.BigEndian.PutUint32(b[posLength:], uint32(len(b)-posLeaderEpoch))
	binary.BigEndian.PutUint32(b[posCRC:], crc32.Checksum(b[posAttributes:], castagnoli))
}

// editHeader runs edit over the part of the header that the checksum covers, and corrects the checksum by what changed, without
// reading the records. A checksum that was wrong before stays wrong, so damage on the way is still found by the next reader.
func (b Batch) editHeader(edit func()) {
	before := crc32.Checksum(b[posAttributes:HeaderSize], castagnoli)
	edit()
	changed := before ^ crc32.Checksum(b[posAttributes:HeaderSize], castagnoli)
	binary.BigEndian.PutUint32(b[posCRC:], b.CRC()^shift(changed, len(b)-HeaderSize))
}

// A CRC is linear: the checksums of two messages of one length differ by the remainder of their difference. A difference in front of
// n equal bytes is multiplied by x^8n. Polynomials are reflected here as in hash/crc32: the highest bit is x^0.

// powers are x^(2^k) modulo the Castagnoli polynomial.
var powers = sync.OnceValue(func() (t [36]uint32) {
	t[0] = 1 << 30
	for k := 1; k < len(t); k++ {
		t[k] = multiply(t[k-1], t[k-1])
	}
	return t
})

// shift is crc * x^(8n).
func shift(crc uint32, n int) uint32 {
	t := powers()
	for k := 3; n > 0 && crc != 0; k++ {
		if n&1 != 0 {
			crc = multiply(t[k], crc)
		}
		n >>= 1
	}
	return crc
}

// multiply is a * b modulo the Castagnoli polynomial.
func multiply(a, b uint32) (product uint32) {
	for ; a != 0; a <<= 1 {
		if a>>31 != 0 {
			product ^= b
		}
		b = b>>1 ^ crc32.Castagnoli&-(b&1)
	}
	return product
}
