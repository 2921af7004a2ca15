package batch

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"
)

// Record is one record of a batch. Key, Value and Headers alias the batch or a decompression buffer: they hold until the callback
// returns.
type Record struct {
	Offset    int64
	Timestamp int64  // ms; with log append time, the batch's
	Key       []byte // nil is null
	Value     []byte // nil is null
	Headers   Headers
}

// reader is what reading a batch needs in memory; it is pooled.
type reader struct {
	decompressor
	frame  frame
	record Record
	joined []byte // the records of batches that are merged
}

var readers = sync.Pool{New: func() any { return new(reader) }}

// Records calls fn for every record of a batch, decompressing it where needed. The record passed to fn is reused. Offsets increase.
// Control batches have records too: see ParseMarker. Bytes that contradict themselves or the header are ErrCorrupt; the checksum is
// Verify's.
func Records(b Batch, fn func(*Record) error) error {
	r := readers.Get().(*reader)
	defer r.free()
	payload := b.Payload()
	if c := b.Codec(); c != None {
		var err error
		if payload, err = r.decompress(c, payload, MaxDecompressed); err != nil {
			return fmt.Errorf("offset %d: %s: %w", b.BaseOffset(), c, err)
		}
	}
	return r.each(b, payload, fn)
}

func (r *reader) free() {
	r.frame, r.record = frame{}, Record{} // they would keep the batch alive
	if r.trim(); cap(r.joined) > maxKept {
		r.joined = nil
	}
	readers.Put(r)
}

func (r *reader) each(b Batch, payload []byte, fn func(*Record) error) error {
	base, first, last, n := b.BaseOffset(), b.FirstTimestamp(), b.LastOffsetDelta(), b.NumRecords()
	appendTime, maxTime := b.LogAppendTime(), b.MaxTimestamp()
	rec, f, previous := &r.record, &r.frame, int32(-1)
	for i := range n {
		var err error
		if payload, err = f.cut(payload); err != nil {
			return fmt.Errorf("offset %d: record %d of %d: %w", base, i, n, err)
		}
		if f.offsetDelta <= previous || f.offsetDelta > last {
			return fmt.Errorf("offset %d: record %d of %d: delta %d behind %d, up to %d: %w", base, i, n, f.offsetDelta, previous, last, ErrCorrupt)
		}
		previous = f.offsetDelta
		rec.Offset, rec.Timestamp = base+int64(f.offsetDelta), first+f.timeDelta
		if appendTime {
			rec.Timestamp = maxTime
		}
		at, headers := 0, int64(0)
		if rec.Key, at = bytesAt(f.body, 0); at < 0 {
			return fmt.Errorf("offset %d: record key: %w", rec.Offset, ErrCorrupt)
		}
		if rec.Value, at = bytesAt(f.body, at); at < 0 {
			return fmt.Errorf("offset %d: record value: %w", rec.Offset, ErrCorrupt)
		}
		if headers, at = varintAt(f.body, at); at < 0 || headers < 0 || headers > int64(len(f.body)-at) || headers == 0 && at != len(f.body) {
			return fmt.Errorf("offset %d: record headers: %w", rec.Offset, ErrCorrupt)
		}
		rec.Headers = Headers{int(headers), f.body[at:]}
		if err := fn(rec); err != nil {
			return err
		}
	}
	return ended(payload, n)
}

// frame is a record cut out of a payload: its deltas, and the bytes from the key on.
type frame struct {
	body        []byte
	timeDelta   int64
	offsetDelta int32
	attributes  byte // no bit has a meaning so far
}

// cut takes the first record off an uncompressed payload.
func (f *frame) cut(payload []byte) (rest []byte, err error) {
	size, at := varintAt(payload, 0)
	if at < 0 || size < 1 || size > int64(len(payload)-at) {
		return nil, errLength
	}
	rec, rest := payload[at:at+int(size)], payload[at+int(size):]
	f.attributes = rec[0]
	if f.timeDelta, at = varintAt(rec, 1); at < 0 {
		return nil, errTimeDelta
	}
	delta, at := varintAt(rec, at)
	if at < 0 || delta < 0 || delta > math.MaxInt32 {
		return nil, errOffsetDelta
	}
	f.offsetDelta, f.body = int32(delta), rec[at:]
	return rest, nil
}

var (
	errLength      = fmt.Errorf("length: %w", ErrCorrupt)
	errTimeDelta   = fmt.Errorf("timestamp delta: %w", ErrCorrupt)
	errOffsetDelta = fmt.Errorf("offset delta: %w", ErrCorrupt)
)

func ended(payload []byte, n int32) error {
	if len(payload) > 0 {
		return fmt.Errorf("%d bytes behind %d records: %w", len(payload), n, ErrCorrupt)
	}
	return nil
}

// append writes the record with other deltas.
func (f *frame) append(dst []byte, timeDelta int64, offsetDelta int32) []byte {
	size := 1 + varintLen(timeDelta) + varintLen(int64(offsetDelta)) + len(f.body)
	dst = binary.AppendVarint(dst, int64(size))
	dst = append(dst, f.attributes)
	dst = binary.AppendVarint(dst, timeDelta)
	dst = binary.AppendVarint(dst, int64(offsetDelta))
	return append(dst, f.body...)
}

// varintAt reads a zigzag varint and says where it ends, or -1 where there is none. Most take one byte or two.
func varintAt(b []byte, at int) (v int64, end int) {
	if at+1 < len(b) {
		x, y := uint64(b[at]), uint64(b[at+1])
		if x < 0x80 {
			return int64(x>>1) ^ -int64(x&1), at + 1
		}
		if y < 0x80 {
			x = x&0x7f | y<<7
			return int64(x>>1) ^ -int64(x&1), at + 2
		}
	}
	v, n := binary.Varint(b[at:])
	if n <= 0 {
		return 0, -1
	}
	return v, at + n
}

// bytesAt reads a varint length and that many bytes, and says where they end, or -1 where they do not; a length of -1 is null.
func bytesAt(b []byte, at int) (v []byte, end int) {
	n, at := varintAt(b, at)
	if at < 0 || n < -1 || n > int64(len(b)-at) {
		return nil, -1
	}
	if n < 0 {
		return nil, at
	}
	end = at + int(n)
	return b[at:end:end], end
}

// appendBytes writes a varint length and the bytes; nil is null.
func appendBytes(dst, v []byte) []byte {
	if v == nil {
		return binary.AppendVarint(dst, -1)
	}
	return append(binary.AppendVarint(dst, int64(len(v))), v...)
}

func varintLen(v int64) int {
	u := uint64(v)<<1 ^ uint64(v>>63)
	n := 1
	for u >= 0x80 {
		u >>= 7
		n++
	}
	return n
}
