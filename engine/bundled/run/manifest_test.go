package run

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/state"
)

func TestManifest(t *testing.T) {
	mark := int64(1000)
	m := &manifest{
		Version: manifestVersion, UID: "u", Number: 3, At: time.Unix(5, 0).UTC(), Watermark: &mark,
		Inputs:  map[string][]inputPosition{"in": {{Partition: 0, Next: 7, Watermark: &mark}, {Partition: 1, Next: 0}}},
		Outputs: map[string]map[int32]int64{"out": {0: 5}}, Segments: map[string]segmentDigest{"gone": {}, "kept": digest([]byte("k"))},
		RowsIn: 9, RowsOut: 4,
	}
	written, err := m.records([]state.Segment{{Name: "new", Data: []byte("n")}, {Name: "gone"}})
	if err != nil {
		t.Fatal(err)
	}
	if last := written[len(written)-1]; last.Key != manifestKey {
		t.Errorf("the last record is %q: the manifest closes a checkpoint", last.Key)
	}
	topic := map[string][]byte{segmentPrefix + "kept": []byte("k"), segmentPrefix + "gone": []byte("old"), segmentPrefix + "of another": []byte("x")}
	for _, r := range written {
		topic[r.Key] = r.Value
		if r.Value == nil {
			delete(topic, r.Key)
		}
	}
	got, segments, err := readManifest(topic, "u")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]state.Segment{{Name: "kept", Data: []byte("k")}, {Name: "new", Data: []byte("n")}}, segments); diff != "" {
		t.Error(diff)
	}
	p, err := ReadProgress(topic, "u")
	want := engine.Progress{Watermark: 1000, Offsets: map[string]map[int32]int64{"in": {0: 7, 1: 0}}, RowsIn: 9, RowsOut: 4}
	if diff := cmp.Diff(want, p); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestManifestRefusals(t *testing.T) {
	body := func(m manifest) []byte {
		out, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	segments := map[string]segmentDigest{"a": digest([]byte("1"))}
	for _, tc := range []struct {
		name  string
		topic map[string][]byte
		err   string // "" = no checkpoint
	}{
		{"nothing there", map[string][]byte{}, ""},
		{"of an older statement of the same name", map[string][]byte{manifestKey: body(manifest{Version: 1, UID: "other", Segments: segments})}, ""},
		{"not JSON", map[string][]byte{manifestKey: []byte("x")}, "reading the manifest"},
		{"another layout", map[string][]byte{manifestKey: body(manifest{Version: 2, UID: "u", Number: 4})}, "checkpoint 4 has layout 2, this program reads 1"},
		{"a segment is missing", map[string][]byte{manifestKey: body(manifest{Version: 1, UID: "u", Number: 4, Segments: segments})}, `checkpoint 4: segment "a" is missing`},
		{"a segment is damaged", map[string][]byte{manifestKey: body(manifest{Version: 1, UID: "u", Number: 4, Segments: segments}), segmentPrefix + "a": []byte("2")}, `checkpoint 4: segment "a" is damaged`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, _, err := readManifest(tc.topic, "u")
			if m != nil || (err == nil) != (tc.err == "") || err != nil && !strings.HasPrefix(err.Error(), tc.err) {
				t.Errorf("manifest %v, error %v, want %q", m, err, tc.err)
			}
		})
	}
	if p, err := ReadProgress(nil, "u"); err != nil || p.Watermark != math.MinInt64 {
		t.Errorf("no checkpoint: %+v, %v", p, err)
	}
}

func FuzzReadManifest(f *testing.F) {
	f.Add([]byte(`{"version":1,"uid":"u","inputs":{"t":[{"partition":0,"next":1}]},"segments":{"a":{"bytes":1,"xxh3":"x"}}}`), []byte("1"))
	f.Fuzz(func(t *testing.T, body, segment []byte) {
		topic := map[string][]byte{manifestKey: body, segmentPrefix + "a": segment}
		m, segments, err := readManifest(topic, "u")
		if err == nil && m != nil && len(segments) != len(m.Segments) {
			t.Errorf("%d of %d segments", len(segments), len(m.Segments))
		}
	})
}
