package batch

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

// Sum is a digest of everything that a consumer sees of a record: offset, timestamp, key, value and headers; null and empty differ.
func (r *Record) Sum() [4]uint64 {
	key, value := xxh3.Hash128(r.Key), xxh3.Hash128(r.Value)
	h := xxh3.New()
	var head [8 * 9]byte
	put := func(i int, v uint64) { binary.LittleEndian.PutUint64(head[8*i:], v) }
	put(0, uint64(r.Offset))
	put(1, uint64(r.Timestamp))
	put(2, uint64(length(r.Key)))
	put(3, uint64(length(r.Value)))
	put(4, key.Lo)
	put(5, key.Hi)
	put(6, value.Lo)
	put(7, value.Hi)
	put(8, uint64(r.Headers.N))
	_, _ = h.Write(head[:]) // a hash never fails
	_, _ = h.Write(r.Headers.raw)
	sum := h.Sum128()
	return [4]uint64{sum.Lo, sum.Hi, uint64(r.Offset), uint64(r.Timestamp)}
}

func length(b []byte) int {
	if b == nil {
		return -1
	}
	return len(b)
}
