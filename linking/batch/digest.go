package batch

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

// Sum is a digest of everything that a consumer sees of a record: offset, timestamp, key, value and headers; null and empty differ. How
// its batch is compressed, how long it is and how its numbers are encoded play no part.
func (r *Record) Sum() [4]uint64 {
	sum := r.digest()
	return [4]uint64{sum.Lo, sum.Hi, uint64(r.Offset), uint64(r.Timestamp)}
}

// digest is 128 bits of xxh3 over the record's parts, each of them summed for itself, so that nothing can move from one into another.
func (r *Record) digest() xxh3.Uint128 {
	key, value, headers := xxh3.Hash128(r.Key), xxh3.Hash128(r.Value), r.Headers.sum()
	var parts [8 * 11]byte
	for i, v := range [...]uint64{uint64(r.Offset), uint64(r.Timestamp), uint64(length(r.Key)), uint64(length(r.Value)), uint64(r.Headers.N),
		key.Lo, key.Hi, value.Lo, value.Hi, headers.Lo, headers.Hi} {
		binary.LittleEndian.PutUint64(parts[8*i:], v)
	}
	return xxh3.Hash128(parts[:])
}

// KeySum is a digest of the record's key, for telling keys apart without keeping them.
func (r *Record) KeySum() [2]uint64 {
	sum := xxh3.Hash128(r.Key)
	return [2]uint64{sum.Lo, sum.Hi}
}

// sum is over what the headers say, not over their bytes: a length may be written in more bytes than it needs. Headers that can not be
// read are summed as they are.
func (h Headers) sum() xxh3.Uint128 {
	if h.N == 0 && len(h.raw) == 0 {
		return xxh3.Uint128{}
	}
	var room [256]byte
	canonical := room[:0]
	err := h.Each(func(key, value []byte) { canonical = appendBytes(appendBytes(canonical, key), value) })
	if err != nil {
		return xxh3.Hash128(h.raw)
	}
	return xxh3.Hash128(canonical)
}

func length(b []byte) int {
	if b == nil {
		return -1
	}
	return len(b)
}

// Digest sums records: their number, and 128 bits in which every record's offset, timestamp, key, value and headers count. It is a sum,
// so records may come in any order and digests of parts add up to the digest of the whole. Two logs whose digests of a range of offsets
// agree have the same records there. It finds accidents: it is no signature against somebody who makes records on purpose to agree.
type Digest struct {
	Records int64
	Lo, Hi  uint64
}

// Add counts a record in.
func (d *Digest) Add(r *Record) {
	sum := r.digest()
	d.plus(Digest{1, sum.Lo, sum.Hi})
}

func (d *Digest) plus(o Digest) { d.Records, d.Lo, d.Hi = d.Records+o.Records, d.Lo+o.Lo, d.Hi+o.Hi }

// Plus is the digest of both ones' records.
func (d Digest) Plus(o Digest) Digest { d.plus(o); return d }

// Ranges are the digests of equal ranges of offsets, side by side, so that two logs are compared without keeping their records.
type Ranges struct {
	From, End int64    // what is summed, [From, End)
	Width     int64    // of one range; the last may be shorter
	Sums      []Digest // by range
}

// NewRanges divides [from, end) into at most the given number of ranges.
func NewRanges(from, end int64, most int) *Ranges {
	end = max(from, end)
	width := max(1, (end-from+int64(most)-1)/int64(most))
	return &Ranges{From: from, End: end, Width: width, Sums: make([]Digest, (end-from+width-1)/width)}
}

// AddBatch counts in the records of a batch; those outside play no part. It compares the checksum first: bytes that are damaged are
// ErrCorrupt. After an error the sums mean nothing.
func (s *Ranges) AddBatch(b Batch) error {
	if b.NextOffset() <= s.From || b.BaseOffset() >= s.End {
		return nil
	}
	return s.AddTranslated(b, nil)
}

// AddTranslated is AddBatch for a log whose offsets are not those of the other one: from turns them into those. Nil leaves them as they are.
func (s *Ranges) AddTranslated(b Batch, from func(int64) int64) error {
	if err := Verify(b); err != nil {
		return err
	}
	return Records(b, func(r *Record) error {
		if from != nil {
			r.Offset = from(r.Offset)
		}
		if r.Offset >= s.From && r.Offset < s.End {
			s.Sums[(r.Offset-s.From)/s.Width].Add(r)
		}
		return nil
	})
}

// Total is the digest of all of them.
func (s *Ranges) Total() (d Digest) {
	for _, one := range s.Sums {
		d.plus(one)
	}
	return d
}

// Differing returns the ranges in which two logs differ, in order, at most the given number of them; both must be divided alike. It
// searches by halves: digests add up, so whether a half holds a difference is told by two sums.
func (s *Ranges) Differing(o *Ranges, most int) (found [][2]int64) {
	ours, theirs := prefixes(s.Sums), prefixes(o.Sums)
	var search func(first, end int)
	search = func(first, end int) {
		if len(found) >= most || first >= end || ours[end].minus(ours[first]) == theirs[end].minus(theirs[first]) {
			return
		}
		if end-first == 1 {
			from := s.From + int64(first)*s.Width
			found = append(found, [2]int64{from, min(from+s.Width, s.End)})
			return
		}
		middle := (first + end) / 2
		search(first, middle)
		search(middle, end)
	}
	search(0, min(len(s.Sums), len(o.Sums)))
	return found
}

// prefixes are the digests of the first 0, 1, 2 … ranges.
func prefixes(sums []Digest) []Digest {
	all := make([]Digest, len(sums)+1)
	for i, d := range sums {
		all[i+1] = all[i].Plus(d)
	}
	return all
}

func (d Digest) minus(o Digest) Digest {
	return Digest{d.Records - o.Records, d.Lo - o.Lo, d.Hi - o.Hi}
}
