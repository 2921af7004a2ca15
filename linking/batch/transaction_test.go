package batch

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// txnBatch is a transactional batch of one record.
func txnBatch(t *testing.T, offset, producer int64) Batch {
	t.Helper()
	b := NewBuilder(None)
	b.Append(1, nil, []byte("v"), Headers{})
	out, err := b.BuildTransactional(nil, Identity{ProducerID: producer})
	if err != nil {
		t.Fatal(err)
	}
	Batch(out).setOffset(offset)
	return out
}

// marker is a control batch as brokers write it: key version and type; kind 0 aborts, 1 commits, others are no transaction's end.
func marker(t *testing.T, offset, producer int64, kind uint16) Batch {
	t.Helper()
	b := NewBuilder(None)
	b.Append(1, binary.BigEndian.AppendUint16([]byte{0, 0}, kind), []byte{0, 0, 0, 0, 0, 0}, Headers{})
	out, err := b.build(nil, Identity{ProducerID: producer}, attrTransactional|attrControl)
	if err != nil {
		t.Fatal(err)
	}
	Batch(out).setOffset(offset)
	return out
}

func TestParseMarker(t *testing.T) {
	type result struct{ Commit, OK bool }
	for _, tc := range []struct {
		name string
		kind uint16
		want result
	}{
		{"abort", 0, result{false, true}},
		{"commit", 1, result{true, true}},
		{"leader change", 2, result{false, false}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, ok, err := ParseMarker(marker(t, 0, 1, tc.kind))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, result{m.Commit, ok}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAborted(t *testing.T) {
	for _, tc := range []struct {
		name    string
		list    []AbortedTxn
		batches []Batch
		want    []bool
	}{
		{"nothing aborted", nil, []Batch{txnBatch(t, 0, 1), marker(t, 1, 1, 1)}, []bool{true, false}},
		{"aborted, then committed by the same producer", []AbortedTxn{{1, 0}},
			[]Batch{txnBatch(t, 0, 1), marker(t, 1, 1, 0), txnBatch(t, 2, 1), marker(t, 3, 1, 1)}, []bool{false, false, true, false}},
		{"aborted twice", []AbortedTxn{{1, 2}, {1, 0}},
			[]Batch{txnBatch(t, 0, 1), marker(t, 1, 1, 0), txnBatch(t, 2, 1), marker(t, 3, 1, 0)}, []bool{false, false, false, false}},
		{"two producers interleaved", []AbortedTxn{{2, 1}},
			[]Batch{txnBatch(t, 0, 1), txnBatch(t, 1, 2), txnBatch(t, 2, 1), marker(t, 3, 1, 1), txnBatch(t, 4, 2), marker(t, 5, 2, 0)},
			[]bool{true, false, true, false, false, false}},
		{"a commit marker does not end another's abort", []AbortedTxn{{2, 0}},
			[]Batch{txnBatch(t, 0, 2), marker(t, 1, 1, 1), txnBatch(t, 2, 2)}, []bool{false, false, false}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var a Aborted
			a.Add(tc.list)
			var got []bool
			for _, b := range tc.batches {
				visible, err := a.Visible(b)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, visible)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestAbortedForgetsFormerAnswers: the log cleaner removes an abort marker once no record of its transaction is left. A reader between
// the two must not hide what the producer commits afterwards.
func TestAbortedForgetsFormerAnswers(t *testing.T) {
	var a Aborted
	a.Add([]AbortedTxn{{1, 0}})
	if visible, err := a.Visible(txnBatch(t, 0, 1)); visible || err != nil {
		t.Fatalf("aborted batch: visible %v, %v", visible, err)
	}
	a.Add(nil) // the marker at offset 1 is gone
	if visible, err := a.Visible(txnBatch(t, 2, 1)); !visible || err != nil {
		t.Errorf("committed batch of the same producer: visible %v, %v", visible, err)
	}
}
