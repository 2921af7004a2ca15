package linking

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// translatedLog is a source's offsets that have a record, and where the mirror has them: what a map must answer.
type translatedLog struct {
	at  map[int64]int64
	end int64
	m   offsetMap
}

// drawLog mirrors batches with holes between them, and markers in the mirror, as an opening leaves them.
func drawLog(t *rapid.T) translatedLog {
	l := translatedLog{at: map[int64]int64{}}
	source, dest := rapid.Int64Range(0, 1000).Draw(t, "log start"), rapid.Int64Range(0, 1000).Draw(t, "first")
	l.m.dest = dest
	own := true
	for range rapid.IntRange(0, 200).Draw(t, "batches") {
		switch rapid.IntRange(0, 4).Draw(t, "what comes") {
		case 0:
			source += rapid.Int64Range(1, 5).Draw(t, "hole")
		case 1: // the mirror is opened again
			dest++
			own = true
		}
		l.m = l.m.place(source, dest, own)
		own = false
		for range rapid.Int64Range(1, 6).Draw(t, "records") {
			l.at[source] = dest
			source, dest = source+1, dest+1
		}
		l.m.source, l.m.dest = source, dest
	}
	source += rapid.Int64Range(0, 3).Draw(t, "hole at the end")
	l.m.source, l.end = max(l.m.source, source), source
	return l
}

func TestOffsetMapIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLog(t)
		next := l.m.dest
		for source := l.end + 3; source >= 0; source-- {
			dest, beyond := l.m.at(source)
			if at, ok := l.at[source]; ok {
				if dest != at || beyond != 0 {
					t.Fatalf("@%d is at @%d (%d beyond), want @%d", source, dest, beyond, at)
				}
				if back := l.m.from(dest); back != source {
					t.Fatalf("@%d of the mirror is @%d of the source, want @%d", dest, back, source)
				}
				next = at
				continue
			}
			if want := max(0, source-l.m.source); beyond != want {
				t.Fatalf("@%d is %d beyond the end @%d, want %d", source, beyond, l.m.source, want)
			}
			if dest > next {
				t.Fatalf("@%d has no record and is at @%d, behind the next record's @%d", source, dest, next)
			}
			for s, at := range l.at {
				if at >= dest && s < source {
					t.Fatalf("@%d has no record and is at @%d: @%d, which comes before, is at @%d", source, dest, s, at)
				}
			}
		}
	})
}

// A map comes back from the links topic as it was written, whatever was cut off and dropped in between.
func TestOffsetMapSurvivesTheLinksTopic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLog(t)
		k := partitionKey{"t", 3}
		s := &store{link: "l"}
		held := &memory{topics: map[string]*topicRecord{"t": {Topic: "t", Translated: map[int32]*translation{3: {}}}}, maps: map[partitionKey]mapPieces{}}
		held.topics["t"].Translated[3].Since = held.topics["t"].Translated[3].Since.AddDate(2000, 0, 0)
		l.m.of = held.topics["t"].Translated[3].Since.UnixNano()
		write := func(records map[string]any) {
			for _, key := range sorted(records) {
				var value []byte
				if records[key] != nil {
					var err error
					if value, err = json.Marshal(records[key]); err != nil {
						t.Fatal(err)
					}
				}
				if err := held.take("l", []byte(key), value); err != nil {
					t.Fatal(err)
				}
			}
		}
		all := l.m.runs
		m := l.m
		m.runs = all[:rapid.IntRange(0, len(all)).Draw(t, "runs of the first process")]
		write(s.mapRecords(k, m, 0, 0, 0))
		was := m.count()
		m.runs = m.runs[:rapid.IntRange(0, len(m.runs)).Draw(t, "of which came to something")]
		stored := m.count()
		m.runs = append(m.runs[:stored:stored], all[min(len(all), stored):]...)
		start := int64(0)
		if len(m.runs) > 0 {
			start = rapid.SampledFrom(m.runs).Draw(t, "log start").dest
		}
		m = m.drop(start)
		write(s.mapRecords(k, m, 0, stored, was))
		got, err := held.mapOf(k)
		if err != nil {
			t.Fatal(err)
		}
		if stored == len(all) && m.dropped == 0 {
			return // nothing new was recorded: what came to nothing may be there still, and is cut off again
		}
		if diff := cmp.Diff(fmt.Sprint(m.dropped, m.runs), fmt.Sprint(got.dropped, got.runs)); diff != "" {
			t.Fatalf("the map differs (-want +got):\n%s", diff)
		}
	})
}

func FuzzMapRecord(f *testing.F) {
	f.Add("t\x001\x000", []byte(`{"topic":"t","partition":1,"piece":0,"runs":[4,9,1,1]}`))
	f.Add("t\x001\x000", []byte(`{"runs":[9223372036854775807,1,1,1]}`))
	f.Add("t", []byte(`{}`))
	f.Fuzz(func(t *testing.T, name string, value []byte) {
		m := &memory{maps: map[partitionKey]mapPieces{}}
		if m.takeMap(name, value) != nil {
			return
		}
		for _, pieces := range m.maps {
			for _, part := range pieces {
				om := offsetMap{runs: part.runs, source: 1 << 40, dest: 1 << 40}
				for i, r := range part.runs {
					if i > 0 && (r.source <= part.runs[i-1].source || r.dest <= part.runs[i-1].dest) {
						t.Errorf("run %d does not rise: %v", i, part.runs)
					}
					om.at(r.source)
					om.from(r.dest)
				}
			}
		}
	})
}
