package linking

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// run is a stretch of a translated mirror with one distance: the source's offset source stands at dest, the next one at the next, and so on up
// to where the next run begins. A log without holes is one run.
type run struct{ source, dest int64 }

// offsetMap says where the source's offsets stand in a translated mirror. It is a value that others may read while its owner makes the next
// one: runs are appended behind what they see, or copied.
type offsetMap struct {
	runs    []run
	of      int64 // which translation of the partition it is about: a topic that was deleted has another one when it comes again
	dropped int   // runs that stood in front of these, until the mirror's log start passed them: whole pieces
	// Every record of the source in front of source is in the mirror in front of dest, and nothing behind.
	source, dest int64

	writers []int64 // producer ids of the mirror's batches: what others wrote between them is not the mirror's
}

// mirrored says whether a batch of the mirror's log is the link's. A map without writers takes all.
func (m offsetMap) mirrored(b batch.Batch) bool {
	return len(m.writers) == 0 || slices.Contains(m.writers, b.ProducerID())
}

// at is where a reader of the mirror goes on that has read the source up to an offset: the place of its record, or, where the source has none
// there, of the next one. What is not mirrored yet is beyond the mirror's end by the offsets returned.
func (m offsetMap) at(source int64) (dest, beyond int64) {
	if source >= m.source {
		return m.dest, source - m.source
	}
	i := sort.Search(len(m.runs), func(i int) bool { return m.runs[i].source > source }) - 1
	if i < 0 {
		return m.first(), 0
	}
	dest = m.runs[i].dest + source - m.runs[i].source
	if i+1 < len(m.runs) {
		dest = min(dest, m.runs[i+1].dest)
	}
	return min(dest, m.dest), 0
}

// first is where the mirror begins.
func (m offsetMap) first() int64 {
	if len(m.runs) == 0 {
		return m.dest
	}
	return min(m.runs[0].dest, m.dest)
}

// from is the contrary of at for a record of the mirror: its offset in the source. Of an offset that has no mirrored record it is that of
// the next one.
func (m offsetMap) from(dest int64) int64 {
	i := sort.Search(len(m.runs), func(i int) bool { return m.runs[i].dest > dest }) - 1
	if i < 0 {
		if len(m.runs) == 0 {
			return m.source
		}
		return m.runs[0].source
	}
	source := m.runs[i].source + dest - m.runs[i].dest
	if i+1 < len(m.runs) {
		source = min(source, m.runs[i+1].source)
	}
	return source
}

// cut forgets the runs that hold nothing, because the mirror's records end in front of dest.
func (m offsetMap) cut(dest int64) offsetMap {
	i := sort.Search(len(m.runs), func(i int) bool { return m.runs[i].dest >= dest })
	m.runs = slices.Clip(m.runs[:i]) // what is appended next is nobody's who reads the old one
	return m
}

// place returns the map with the source's offset at dest, as a run of its own where it is to be one or the last one does not say so already.
func (m offsetMap) place(source, dest int64, own bool) offsetMap {
	if n := len(m.runs); n == 0 || own || dest-m.runs[n-1].dest != source-m.runs[n-1].source {
		m.runs = append(m.runs, run{source, dest})
	}
	return m
}

// count numbers the runs that there are and were.
func (m offsetMap) count() int { return m.dropped + len(m.runs) }

// drop forgets whole pieces of runs whose records are all in front of the mirror's log start.
func (m offsetMap) drop(start int64) offsetMap {
	for len(m.runs) > mapPiece && m.runs[mapPiece].dest <= start {
		m.runs, m.dropped = m.runs[mapPiece:], m.dropped+mapPiece
	}
	return m
}

// mapPiece is how many runs a record of the links topic holds: it is written again as long as runs are added to it.
const mapPiece = 64

// mapRecord is a piece of a partition's map in the links topic.
type mapRecord struct {
	Topic     string  `json:"topic"`
	Partition int32   `json:"partition"`
	Piece     int     `json:"piece"`
	Of        int64   `json:"of"`   // when the translation began, ns
	Runs      []int64 `json:"runs"` // source and destination offset of the first run; of each other one the differences to the one before
}

func packRuns(runs []run) []int64 {
	packed := make([]int64, 0, 2*len(runs))
	var last run
	for _, r := range runs {
		packed = append(packed, r.source-last.source, r.dest-last.dest)
		last = r
	}
	return packed
}

// unpackRuns refuses what is no map: offsets that do not rise.
func unpackRuns(packed []int64) ([]run, error) {
	if len(packed)%2 != 0 {
		return nil, fmt.Errorf("%d numbers are no pairs", len(packed))
	}
	runs := make([]run, 0, len(packed)/2)
	var last run
	for i := 0; i < len(packed); i += 2 {
		ds, dd := packed[i], packed[i+1]
		if ds < 0 || dd < 0 || i > 0 && (ds == 0 || dd == 0) || last.source+ds < 0 || last.dest+dd < 0 {
			return nil, fmt.Errorf("run %d does not rise", i/2)
		}
		last = run{last.source + ds, last.dest + dd}
		runs = append(runs, last)
	}
	return runs, nil
}

func mapName(k partitionKey, piece int) string {
	return fmt.Sprintf("%s\x00%d\x00%d", k.topic, k.partition, piece)
}

func cutMapName(name string) (k partitionKey, piece int, err error) {
	parts := strings.Split(name, "\x00")
	if len(parts) != 3 {
		return k, 0, fmt.Errorf("%q names no piece of a map", name)
	}
	p, err := strconv.ParseInt(parts[1], 10, 32)
	if err == nil {
		piece, err = strconv.Atoi(parts[2])
	}
	return partitionKey{parts[0], int32(p)}, piece, err
}

// mapPieces are the pieces of a partition's map as they are read.
type mapPieces map[int]mapPart

type mapPart struct {
	of   int64
	runs []run
}

// takeMap reads a piece; nil is one that was removed.
func (m *memory) takeMap(name string, value []byte) error {
	k, piece, err := cutMapName(name)
	if err != nil {
		return err
	}
	if value == nil {
		delete(m.maps[k], piece)
		return nil
	}
	var rec mapRecord
	if err := json.Unmarshal(value, &rec); err != nil {
		return err
	}
	runs, err := unpackRuns(rec.Runs)
	if err != nil {
		return fmt.Errorf("map of %s-%d: %w", k.topic, k.partition, err)
	}
	if m.maps[k] == nil {
		m.maps[k] = mapPieces{}
	}
	m.maps[k][piece] = mapPart{rec.Of, runs}
	return nil
}

// mapOf puts a translated partition's map together: its runs, up to where the topic's record says that the mirror has come for certain.
func (m *memory) mapOf(k partitionKey) (offsetMap, error) {
	rec := m.topics[k.topic]
	if rec == nil || rec.Translated[k.partition] == nil {
		return offsetMap{}, fmt.Errorf("%s-%d is not translated", k.topic, k.partition)
	}
	t := rec.Translated[k.partition]
	om := offsetMap{writers: m.writers[k], of: t.Since.UnixNano(), source: int64(t.Source), dest: int64(t.Dest)}
	numbers := slices.Sorted(maps.Keys(m.maps[k]))
	numbers = slices.DeleteFunc(numbers, func(n int) bool { return m.maps[k][n].of != om.of })
	for i, number := range numbers {
		runs := m.maps[k][number].runs
		if i == 0 {
			om.dropped = number * mapPiece
		} else if number != numbers[i-1]+1 || len(m.maps[k][numbers[i-1]].runs) != mapPiece {
			return om, fmt.Errorf("map of %s-%d: piece %d does not follow piece %d", k.topic, k.partition, number, numbers[i-1])
		}
		if n := len(om.runs); n > 0 && len(runs) > 0 && (runs[0].source <= om.runs[n-1].source || runs[0].dest <= om.runs[n-1].dest) {
			return om, fmt.Errorf("map of %s-%d: piece %d does not rise from the one before it", k.topic, k.partition, number)
		}
		om.runs = append(om.runs, runs...)
	}
	return om, nil
}

// joinMaps gives the topics' records the maps of their translated partitions.
func (m *memory) joinMaps() error {
	for _, name := range sorted(m.topics) {
		rec := m.topics[name]
		for p := range rec.Translated {
			om, err := m.mapOf(partitionKey{name, p})
			if err != nil {
				return err
			}
			if rec.Offsets == nil {
				rec.Offsets = map[int32]offsetMap{}
			}
			rec.Offsets[p] = om
		}
	}
	return nil
}

// mapRecords are what the links topic needs to hold a map, of which it has the first runs already: stored of them as they are now, of held
// that it holds. before is how many were dropped then.
func (s *store) mapRecords(k partitionKey, m offsetMap, before, stored, held int) map[string]any {
	records := map[string]any{}
	for piece := max(stored, m.dropped) / mapPiece; piece*mapPiece < m.count(); piece++ {
		part := m.runs[piece*mapPiece-m.dropped : min(m.count(), (piece+1)*mapPiece)-m.dropped]
		records[linkKey(s.link, "map", mapName(k, piece))] = mapRecord{k.topic, k.partition, piece, m.of, packRuns(part)}
	}
	for piece := before / mapPiece; piece < m.dropped/mapPiece; piece++ {
		records[linkKey(s.link, "map", mapName(k, piece))] = nil
	}
	for piece := (m.count() + mapPiece - 1) / mapPiece; piece*mapPiece < held; piece++ {
		records[linkKey(s.link, "map", mapName(k, piece))] = nil
	}
	return records
}

// translation is what a topic's record says of a partition whose offsets are not the source's.
type translation struct {
	Why   string       `json:"why"`
	Since time.Time    `json:"since"`
	First plans.Offset `json:"first"` // where the destination's log ended when it was decided: what is in front is not the link's
	// Every record of the source in front of Source is in the mirror in front of Dest: how far it had come, and maybe further since.
	Source plans.Offset `json:"source"`
	Dest   plans.Offset `json:"destination"`
}

// reach is the translation with the mirror as far as a map goes.
func (t *translation) reach(m offsetMap) *translation {
	next := *t
	next.Source, next.Dest = plans.Offset(m.source), plans.Offset(m.dest)
	return &next
}
