package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseOffsets(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       map[int32]int64
		err        string
	}{
		{"nothing", "  ", map[int32]int64{}, ""},
		{"one", "partition:0,offset:42", map[int32]int64{0: 42}, ""},
		{"two, spaces, a last semicolon", " partition:10, offset:1 ;partition:2,offset:300;", map[int32]int64{10: 1, 2: 300}, ""},
		{"twice", "partition:1,offset:2;partition:1,offset:3", nil, "offsets: partition 1 is named twice"},
		{"negative", "partition:1,offset:-2", nil, `offsets: offset "-2" is not a number from 0`},
		{"too large a partition", "partition:4294967296,offset:2", nil, `offsets: partition "4294967296" is not a number from 0`},
		{"other form", "0:42", nil, `offsets: "0:42" is not of the form partition:0,offset:42`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ParseOffsets(tc.text)
			if text := errorText(err); text != tc.err {
				t.Fatalf("error %q, want %q", text, tc.err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzParseOffsets(f *testing.F) {
	f.Add("partition:0,offset:42;partition:1,offset:300")
	f.Add(";;partition:,offset:")
	f.Fuzz(func(t *testing.T, text string) {
		offsets, err := ParseOffsets(text)
		if err != nil {
			return
		}
		again, err := ParseOffsets(FormatOffsets(offsets))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(offsets, again); diff != "" {
			t.Error(diff)
		}
	})
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
