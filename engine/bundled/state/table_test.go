package state

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestTableAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ints, strings := NewInts(), NewBytes()
		bySlot, known := []string{}, map[string]uint32{}
		for i := range rapid.IntRange(0, 3000).Draw(t, "operations") {
			k := rapid.Int64Range(-300, 300).Draw(t, "key")
			name := fmt.Sprint(k)
			var a, b uint32
			if k == 0 {
				a, b = ints.Null(), strings.Null()
			} else {
				a, b = ints.Int(k), strings.Bytes([]byte(name))
			}
			if want, ok := known[name]; ok {
				if a != want || b != want {
					t.Fatalf("operation %d: key %s has slots %d and %d, want %d", i, name, a, b, want)
				}
				continue
			}
			if int(a) != len(bySlot) || b != a {
				t.Fatalf("operation %d: the new key %s has slots %d and %d, want %d", i, name, a, b, len(bySlot))
			}
			known[name] = a
			bySlot = append(bySlot, name)
		}
		for s, name := range bySlot {
			slot := uint32(s)
			if ints.IsNull(slot) != (name == "0") || !ints.IsNull(slot) && (fmt.Sprint(ints.IntOf(slot)) != name || string(strings.BytesOf(slot)) != name) {
				t.Fatalf("slot %d is %d and %q, want %s", s, ints.IntOf(slot), strings.BytesOf(slot), name)
			}
		}
		order := ints.Order(nil)
		if !slices.IsSortedFunc(order, func(a, b uint32) int {
			if ints.IsNull(a) {
				return -1
			}
			if ints.IsNull(b) {
				return 1
			}
			return int(ints.IntOf(a) - ints.IntOf(b))
		}) {
			t.Fatal("Order does not sort")
		}
		for _, table := range []*Table{ints, strings} {
			var e Encoder
			for s := range table.Len() {
				table.EncodeKey(&e, uint32(s))
			}
			again := NewInts()
			if table == strings {
				again = NewBytes()
			}
			d := Decoder{B: e.B}
			for range table.Len() {
				if !again.DecodeKey(&d) {
					t.Fatal("a key was read twice")
				}
			}
			if err := d.Err(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(table.Order(nil), again.Order(nil)); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

func TestOpenRefusesWhatIsNotTheSegment(t *testing.T) {
	good := Seal("w/1/0", 7, []byte("payload"))
	if p, err := Open(good, 7); err != nil || string(p) != "payload" {
		t.Fatalf("%q, %v", p, err)
	}
	damaged := Segment{Name: good.Name, Data: slices.Clone(good.Data)}
	damaged.Data[12] ^= 1
	tests := map[string]struct {
		s        Segment
		operator uint64
		want     string
	}{
		"a flipped bit":     {damaged, 7, `state segment "w/1/0": its digest does not match: the segment is damaged`},
		"another name":      {Segment{"w/2/0", good.Data}, 7, `state segment "w/2/0": its digest does not match: the segment is damaged`},
		"another statement": {good, 8, `state segment "w/1/0": it belongs to another statement, or the statement's plan has changed`},
		"too short":         {Segment{"x", []byte{1, 2}}, 7, `state segment "x": 2 bytes are too few`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Open(tt.s, tt.operator)
			if diff := cmp.Diff(tt.want, fmt.Sprint(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(Seal("a", 1, []byte("x")).Data)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Open(Segment{"a", data}, 1)
		if err != nil {
			return
		}
		d := Decoder{B: p}
		d.Uint()
		d.Bytes()
		d.Int()
		d.Word()
		d.Bool()
		if d.Err() == nil && len(d.B) > 0 {
			t.Fatal("bytes are left over and nobody says so")
		}
	})
}
