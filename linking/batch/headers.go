package batch

import "fmt"

// Headers are a record's headers as bytes, without their number in front; Each reads them. The zero value has none.
type Headers struct {
	N   int
	raw []byte
}

// NewHeaders encodes headers given as key, value, key, value …; a nil value is null.
func NewHeaders(pairs ...[]byte) Headers {
	h := Headers{N: len(pairs) / 2}
	for i := 0; i+1 < len(pairs); i += 2 {
		key := pairs[i]
		if key == nil {
			key = []byte{} // a key can not be null
		}
		h.raw = appendBytes(appendBytes(h.raw, key), pairs[i+1])
	}
	return h
}

// Each calls fn for every header. A value of nil is null.
func (h Headers) Each(fn func(key, value []byte)) error {
	at := 0
	for range h.N {
		var key, value []byte
		if key, at = bytesAt(h.raw, at); at < 0 || key == nil {
			return fmt.Errorf("record header: %w", ErrCorrupt)
		}
		if value, at = bytesAt(h.raw, at); at < 0 {
			return fmt.Errorf("record header: %w", ErrCorrupt)
		}
		fn(key, value)
	}
	if at < len(h.raw) {
		return fmt.Errorf("%d bytes behind %d record headers: %w", len(h.raw)-at, h.N, ErrCorrupt)
	}
	return nil
}
