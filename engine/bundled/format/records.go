package format

// Records is encoded rows, ready to be put into record batches. The zero value is empty; Reset keeps the memory.
type Records struct {
	arena []byte
	rows  []row
}

type row struct {
	key, value, end uint32 // places in the arena: the key is [key:value], the value [value:end]
	hasKey, hasTime bool
	null            bool // the value is null
	time            int64
}

// Reset empties r and keeps its memory.
func (r *Records) Reset() { r.arena, r.rows = r.arena[:0], r.rows[:0] }

// Len is the number of records, Bytes that of all keys and values.
func (r *Records) Len() int   { return len(r.rows) }
func (r *Records) Bytes() int { return len(r.arena) }

// Key is the key of record i, nil where it has none. The bytes are good until Reset.
func (r *Records) Key(i int) []byte {
	if w := &r.rows[i]; w.hasKey {
		return r.arena[w.key:w.value:w.value]
	}
	return nil
}

// Value is the value of record i; nil is a null value.
func (r *Records) Value(i int) []byte {
	if w := &r.rows[i]; !w.null {
		return r.arena[w.value:w.end:w.end]
	}
	return nil
}

// Timestamp is the timestamp that the statement gives record i, epoch milliseconds. ok is false where the table has no writable timestamp
// column: then the producer's clock stamps it.
func (r *Records) Timestamp(i int) (ms int64, ok bool) { return r.rows[i].time, r.rows[i].hasTime }

// Partition is the partition, of n, that the key of record i belongs to, as Kafka's default partitioner has it (murmur2). ok is false where
// the record has no key and may go anywhere.
func (r *Records) Partition(i int, n int32) (p int32, ok bool) {
	k := r.Key(i)
	if k == nil {
		return 0, false
	}
	return int32(murmur2(k)&0x7fffffff) % n, true
}

// murmur2 is the hash of Kafka's default partitioner (org.apache.kafka.common.utils.Utils.murmur2).
func murmur2(b []byte) uint32 {
	const m = 0x5bd1e995
	h := 0x9747b28c ^ uint32(len(b))
	for ; len(b) >= 4; b = b[4:] {
		k := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
		k *= m
		k ^= k >> 24
		k *= m
		h = h*m ^ k
	}
	switch len(b) {
	case 3:
		h ^= uint32(b[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(b[1]) << 8
		fallthrough
	case 1:
		h ^= uint32(b[0])
		h *= m
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}
