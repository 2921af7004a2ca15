package batch

import (
	"encoding/binary"
	"fmt"
	"math"
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

// Headers are a record's headers as bytes, without their number in front; Each reads them.
type Headers struct {
	N   int
	raw []byte
}

// Each calls fn for every header. A value of nil is null.
func (h Headers) Each(fn func(key, value []byte)) error {
	b := h.raw
	for range h.N {
		var key, value []byte
		var ok bool
		if key, b, ok = bytesAt(b); !ok || key == nil {
			return fmt.Errorf("record header: %w", ErrCorrupt)
		}
		if value, b, ok = bytesAt(b); !ok {
			return fmt.Errorf("record header: %w", ErrCorrupt)
		}
		fn(key, value)
	}
	return nil
}

// NewHeaders encodes headers given as key, value, key, value …; a nil value is null.
func NewHeaders(pairs ...[]byte) Headers {
	h := Headers{N: len(pairs) / 2}
	for i := 0; i+1 < len(pairs); i += 2 {
		h.raw = appendBytes(appendBytes(h.raw, pairs[i]), pairs[i+1])
	}
	return h
}

// Records calls fn for every record of a batch, decompressing it where needed. The record passed to fn is reused. Control batches
// have records too: see ParseMarker. Bytes that contradict the header are ErrCorrupt.
func Records(b Batch, fn func(*Record) error) error {
	payload := b.Payload()
	if c := b.Codec(); c != None {
		d := getDecompressor()
		defer putDecompressor(d)
		var err error
		if payload, err = d.decompress(c, payload); err != nil {
			return fmt.Errorf("offset %d: %s: %w", b.BaseOffset(), c, err)
		}
	}
	return eachRecord(b, payload, fn)
}

func eachRecord(b Batch, payload []byte, fn func(*Record) error) error {
	base, first, appendTime, maxTime, last := b.BaseOffset(), b.FirstTimestamp(), b.LogAppendTime(), b.MaxTimestamp(), b.LastOffsetDelta()
	var r Record
	return walk(payload, b.NumRecords(), func(f frame) error {
		if f.offsetDelta < 0 || f.offsetDelta > last {
			return fmt.Errorf("offset %d: record delta %d of %d: %w", base, f.offsetDelta, last, ErrCorrupt)
		}
		r = Record{Offset: base + int64(f.offsetDelta), Timestamp: first + f.timeDelta}
		if appendTime {
			r.Timestamp = maxTime
		}
		rest := f.body
		var ok bool
		if r.Key, rest, ok = bytesAt(rest); !ok {
			return fmt.Errorf("offset %d: record key: %w", r.Offset, ErrCorrupt)
		}
		if r.Value, rest, ok = bytesAt(rest); !ok {
			return fmt.Errorf("offset %d: record value: %w", r.Offset, ErrCorrupt)
		}
		n, size := binary.Varint(rest)
		if size <= 0 || n < 0 || n > int64(len(rest)) {
			return fmt.Errorf("offset %d: record headers: %w", r.Offset, ErrCorrupt)
		}
		r.Headers = Headers{int(n), rest[size:]}
		return fn(&r)
	})
}

// frame is a record cut out of a payload: its deltas, and the bytes from the key on.
type frame struct {
	attributes  byte
	timeDelta   int64
	offsetDelta int32
	body        []byte
}

// append writes the record with other deltas.
func (f frame) append(dst []byte, timeDelta int64, offsetDelta int32) []byte {
	size := 1 + varintLen(timeDelta) + varintLen(int64(offsetDelta)) + len(f.body)
	dst = binary.AppendVarint(dst, int64(size))
	dst = append(dst, f.attributes)
	dst = binary.AppendVarint(dst, timeDelta)
	dst = binary.AppendVarint(dst, int64(offsetDelta))
	return append(dst, f.body...)
}

// walk calls fn for each of n records of an uncompressed payload; less or more than n is ErrCorrupt.
func walk(payload []byte, n int32, fn func(frame) error) error {
	for i := range n {
		size, k := binary.Varint(payload)
		if k <= 0 || size < 1 || size > int64(len(payload)-k) {
			return fmt.Errorf("record %d of %d: length: %w", i, n, ErrCorrupt)
		}
		rec := payload[k : k+int(size)]
		payload = payload[k+int(size):]
		f := frame{attributes: rec[0]}
		rec = rec[1:]
		if f.timeDelta, k = binary.Varint(rec); k <= 0 {
			return fmt.Errorf("record %d of %d: timestamp delta: %w", i, n, ErrCorrupt)
		}
		rec = rec[k:]
		delta, k := binary.Varint(rec)
		if k <= 0 || delta < 0 || delta > math.MaxInt32 {
			return fmt.Errorf("record %d of %d: offset delta: %w", i, n, ErrCorrupt)
		}
		f.offsetDelta, f.body = int32(delta), rec[k:]
		if err := fn(f); err != nil {
			return err
		}
	}
	if len(payload) > 0 {
		return fmt.Errorf("%d bytes behind %d records: %w", len(payload), n, ErrCorrupt)
	}
	return nil
}

// bytesAt reads a varint length and that many bytes; -1 is null.
func bytesAt(b []byte) (v, rest []byte, ok bool) {
	n, k := binary.Varint(b)
	if k <= 0 || n < -1 || n > int64(len(b)-k) {
		return nil, nil, false
	}
	if n < 0 {
		return nil, b[k:], true
	}
	return b[k : k+int(n) : k+int(n)], b[k+int(n):], true
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

// Marker is the content of a control batch that ends a transaction.
type Marker struct {
	Commit bool // else abort
}

// ParseMarker reads a control batch. Control records that end no transaction (a leader change) are reported by ok = false: they take
// an offset like any other.
func ParseMarker(b Batch) (m Marker, ok bool, err error) {
	err = Records(b, func(r *Record) error {
		if len(r.Key) < 4 {
			return fmt.Errorf("offset %d: control record: %w", r.Offset, ErrCorrupt)
		}
		switch binary.BigEndian.Uint16(r.Key[2:]) {
		case 0:
			ok = true
		case 1:
			m.Commit, ok = true, true
		}
		return nil
	})
	return m, ok, err
}
