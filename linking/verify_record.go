package linking

import (
	"bytes"
	"fmt"
	"time"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
)

// fullRecord is a record with everything that a consumer sees of it.
type fullRecord struct {
	offset, timestamp int64
	key, value        []byte
	headers           []header
}

type header struct{ key, value []byte }

// fullCopy copies a record that a batch lends.
func fullCopy(r *batch.Record) (fullRecord, error) {
	full := fullRecord{r.Offset, r.Timestamp, bytes.Clone(r.Key), bytes.Clone(r.Value), nil}
	err := r.Headers.Each(func(k, v []byte) { full.headers = append(full.headers, header{bytes.Clone(k), bytes.Clone(v)}) })
	if err != nil {
		err = fmt.Errorf("offset %d: %w", r.Offset, err)
	}
	return full, err
}

// differences compares what two regions have of the same offsets, in order. The details say how long things are and where they begin to
// differ, never what they are.
func differences(source, dest []fullRecord, from, to string) (all []Difference) {
	for len(source) > 0 || len(dest) > 0 {
		switch {
		case len(dest) == 0 || len(source) > 0 && source[0].offset < dest[0].offset:
			all = append(all, Difference{Offset: source[0].offset, What: []string{DiffMissing},
				Detail: fmt.Sprintf("%s has %s, %s has no record there", from, source[0].brief(), to)})
			source = source[1:]
		case len(source) == 0 || dest[0].offset < source[0].offset:
			all = append(all, Difference{Offset: dest[0].offset, What: []string{DiffExtra},
				Detail: fmt.Sprintf("%s has %s, %s has no record there", to, dest[0].brief(), from)})
			dest = dest[1:]
		default:
			if what, detail := source[0].differs(&dest[0], from, to); len(what) > 0 {
				all = append(all, Difference{Offset: source[0].offset, What: what, Detail: detail})
			}
			source, dest = source[1:], dest[1:]
		}
	}
	return all
}

func (r *fullRecord) brief() string {
	return fmt.Sprintf("one of %s, key of %s, value of %s", clock(r.timestamp), sizeOf(r.key), sizeOf(r.value))
}

// differs names the parts in which two records of one offset differ.
func (r *fullRecord) differs(o *fullRecord, from, to string) (what []string, detail string) {
	add := func(part, text string) {
		what = append(what, part)
		if detail != "" {
			detail += "; "
		}
		detail += text
	}
	if r.timestamp != o.timestamp {
		add(DiffTimestamp, fmt.Sprintf("timestamp %s in %s, %s in %s", clock(r.timestamp), from, clock(o.timestamp), to))
	}
	if text := compareBytes("key", r.key, o.key, from, to); text != "" {
		add(DiffKey, text)
	}
	if text := compareBytes("value", r.value, o.value, from, to); text != "" {
		add(DiffValue, text)
	}
	if text := compareHeaders(r.headers, o.headers, from, to); text != "" {
		add(DiffHeaders, text)
	}
	return what, detail
}

func compareHeaders(a, b []header, from, to string) string {
	for i := range min(len(a), len(b)) {
		if !bytes.Equal(a[i].key, b[i].key) {
			return fmt.Sprintf("header %d has another name", i+1)
		}
		if text := compareBytes(fmt.Sprintf("header %d (%q)", i+1, a[i].key), a[i].value, b[i].value, from, to); text != "" {
			return text
		}
	}
	if len(a) != len(b) {
		return fmt.Sprintf("%d headers in %s, %d in %s", len(a), from, len(b), to)
	}
	return ""
}

// compareBytes says how two values differ, "" where they do not. Null is not empty.
func compareBytes(part string, a, b []byte, from, to string) string {
	if (a == nil) == (b == nil) && bytes.Equal(a, b) {
		return ""
	}
	text := fmt.Sprintf("%s of %s in %s, of %s in %s", part, sizeOf(a), from, sizeOf(b), to)
	if a != nil && b != nil {
		at := 0
		for at < min(len(a), len(b)) && a[at] == b[at] {
			at++
		}
		text += fmt.Sprintf(", first different at byte %d", at)
	}
	return text
}

func sizeOf(b []byte) string {
	switch {
	case b == nil:
		return "null"
	case len(b) == 1:
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", len(b))
}

func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
