package run

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/state"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
)

// Keys of a statement's state topic.
const (
	manifestKey   = "manifest"
	segmentPrefix = "segment/"
)

// manifestVersion is the layout of a manifest; another one is refused.
const manifestVersion = 1

// manifest is a checkpoint: it is committed in one transaction with the output and the segments that it names.
type manifest struct {
	Version   int                        `json:"version"`
	UID       string                     `json:"uid"` // the statement's: a topic may outlive a statement of the same name
	Statement string                     `json:"statement"`
	Number    int64                      `json:"number"`
	At        time.Time                  `json:"at"`
	Inputs    map[string][]inputPosition `json:"inputs"`
	Watermark *int64                     `json:"watermark,omitempty"` // the highest that the statement has worked with
	Outputs   map[string]map[int32]int64 `json:"outputs"`             // where this statement's last record of each partition ends
	Segments  map[string]segmentDigest   `json:"segments,omitempty"`  // all that are valid, not only those of this transaction
	RowsIn    int64                      `json:"rows_in"`
	RowsOut   int64                      `json:"rows_out"`
}

type inputPosition struct {
	Partition int32  `json:"partition"`
	Next      int64  `json:"next"`
	Watermark *int64 `json:"watermark,omitempty"`
	End       *int64 `json:"end,omitempty"`  // of a bounded input
	From      *int64 `json:"from,omitempty"` // records before the first one with this timestamp are passed over
}

type segmentDigest struct {
	Bytes int    `json:"bytes"`
	XXH3  string `json:"xxh3"`
}

func digest(data []byte) segmentDigest {
	return segmentDigest{Bytes: len(data), XXH3: fmt.Sprintf("%016x", xxh3.Hash(data))}
}

// markOrNil keeps "no watermark yet" out of the JSON.
func markOrNil(w int64) *int64 {
	if w == vec.NoWatermark {
		return nil
	}
	return &w
}

func markOf(w *int64) int64 {
	if w == nil {
		return vec.NoWatermark
	}
	return *w
}

// readManifest finds the last checkpoint of a statement in what its state topic holds, with its segments; nil where there is none.
func readManifest(records map[string][]byte, uid string) (*manifest, []state.Segment, error) {
	data, ok := records[manifestKey]
	if !ok {
		return nil, nil, nil
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, nil, fmt.Errorf("reading the manifest: %w", err)
	}
	if m.UID != uid {
		return nil, nil, nil
	}
	if m.Version != manifestVersion {
		return nil, nil, fmt.Errorf("checkpoint %d has layout %d, this program reads %d", m.Number, m.Version, manifestVersion)
	}
	var segments []state.Segment
	for _, name := range slices.Sorted(maps.Keys(m.Segments)) {
		data, ok := records[segmentPrefix+name]
		switch want := m.Segments[name]; {
		case !ok:
			return nil, nil, fmt.Errorf("checkpoint %d: segment %q is missing", m.Number, name)
		case digest(data) != want:
			return nil, nil, fmt.Errorf("checkpoint %d: segment %q is damaged: %v, not %v", m.Number, name, digest(data), want)
		}
		segments = append(segments, state.Segment{Name: name, Data: data})
	}
	return &m, segments, nil
}

// ReadProgress tells how far the last checkpoint in a state topic's records is.
func ReadProgress(records map[string][]byte, uid string) (engine.Progress, error) {
	m, _, err := readManifest(records, uid)
	if err != nil || m == nil {
		return engine.Progress{Watermark: math.MinInt64, Offsets: map[string]map[int32]int64{}}, err
	}
	return m.progress(0), nil
}

func (m *manifest) progress(commits int64) engine.Progress {
	p := engine.Progress{
		Watermark: markOf(m.Watermark), Offsets: map[string]map[int32]int64{}, RowsIn: m.RowsIn, RowsOut: m.RowsOut, Commits: commits,
	}
	for topic, positions := range m.Inputs {
		p.Offsets[topic] = map[int32]int64{}
		for _, at := range positions {
			p.Offsets[topic][at.Partition] = at.Next
		}
	}
	return p
}

// StateTopic is the topic of a statement's checkpoints.
func StateTopic(region, statement string) string {
	return "_lifeboat." + region + ".state." + statement
}

// TransactionalID is what a statement writes under.
func TransactionalID(region, statement string) string {
	return strings.Join([]string{"lifeboat", region, statement}, ".")
}
