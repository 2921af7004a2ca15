package plans

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// now is when the regions were observed; midnight is when the data of these tests begins.
var (
	now      = time.Date(2026, 11, 2, 4, 0, 0, 0, time.UTC)
	midnight = now.Add(-4 * time.Hour).UnixMilli()
)

func declared(t testing.TB) *Declared {
	t.Helper()
	d, found, err := Load(os.ReadFile, filepath.Join("testdata", "nycflights", "lifeboat.yaml"), now)
	if err != nil || len(found) > 0 {
		t.Fatalf("loading the topology: %v %+v", err, found)
	}
	return d
}

// partitions makes logs from 0 to the given ends, with records from midnight until now.
func partitions(ends ...Offset) []PartitionState {
	list := make([]PartitionState, len(ends))
	for i, end := range ends {
		list[i] = PartitionState{Start: 0, End: end, Stable: end, Oldest: midnight, Newest: now.UnixMilli() - int64(i)*1000}
	}
	return list
}

// observed is a healthy pair of regions: west is 14 records of flights behind.
func observed() *Observed {
	configs := func() map[string]string {
		return map[string]string{"cleanup.policy": "delete", "retention.ms": "604800000", "retention.bytes": "-1", "min.compaction.lag.ms": "0", "max.message.bytes": "1048588"}
	}
	east := &RegionState{Reachable: true, ClusterID: "east-1", Registry: "ok", Mode: "READWRITE", Engine: "ok",
		Topics: map[string]*TopicState{
			"flights":    {ID: "id-flights", Partitions: partitions(4502, 4498, 4510, 4497, 4499, 4512), Configs: configs()},
			"airlines":   {ID: "id-airlines", Partitions: partitions(16), Configs: map[string]string{"cleanup.policy": "compact", "retention.ms": "604800000", "retention.bytes": "-1", "min.compaction.lag.ms": "0"}},
			"departures": {ID: "id-departures", Partitions: partitions(26000), Configs: configs()},
		},
		Groups:     map[string]*GroupState{"ops-board": {State: "Stable", Positions: Positions{"flights": {0: 4000}}}, "other": {State: "Stable"}},
		Subjects:   map[string]*SubjectState{"flights-value": {Versions: []int{1, 2}, IDs: []int{1, 3}}, "airlines-value": {Versions: []int{1}, IDs: []int{2}}, "departures-value": {Versions: []int{1}, IDs: []int{4}}},
		Statements: map[string]StatementState{"departures-2": {Phase: "RUNNING"}, "delays-by-hour-2": {Phase: "RUNNING"}},
	}
	west := &RegionState{Reachable: true, ClusterID: "west-1", Registry: "ok", Mode: "READWRITE", Engine: "ok",
		Topics: map[string]*TopicState{
			"flights":  {ID: "id-flights-west", Partitions: partitions(4502, 4498, 4498, 4497, 4499, 4510), Configs: configs()},
			"airlines": {ID: "id-airlines-west", Partitions: partitions(16), Configs: configs()},
		},
		Groups:   map[string]*GroupState{"ops-board": {State: "Empty", Positions: Positions{"flights": {0: 4000}}}},
		Subjects: map[string]*SubjectState{"flights-value": {Mode: "IMPORT", Versions: []int{1, 2}, IDs: []int{1, 3}}, "airlines-value": {Mode: "IMPORT", Versions: []int{1}, IDs: []int{2}}},
	}
	west.Topics["flights"].Partitions[2].Newest -= 40_000
	west.Topics["flights"].Partitions[5].Newest -= 3_000
	seen := now.Add(-2 * time.Second)
	return &Observed{At: now, Regions: map[string]*RegionState{"east": east, "west": west}, Mirrors: map[string][]MirrorState{"east-west": {
		{Topic: "airlines", State: "ACTIVE", SourceID: "id-airlines", Source: map[int32]Offset{0: 16}, At: seen},
		{Topic: "flights", State: "ACTIVE", SourceID: "id-flights", Source: map[int32]Offset{0: 4502, 1: 4498, 2: 4510, 3: 4497, 4: 4499, 5: 4512}, At: seen},
	}}}
}

// eastLost is what is observed when east is gone.
func eastLost() *Observed {
	o := observed()
	o.Regions["east"] = &RegionState{Error: "broker.east:9092: connection refused, tried for 10s"}
	for i := range o.Mirrors["east-west"] {
		o.Mirrors["east-west"][i].State = "SOURCE_UNAVAILABLE"
	}
	return o
}

// westEmpty is what is observed before anything was mirrored.
func westEmpty() *Observed {
	o := observed()
	o.Mirrors = nil
	o.Regions["west"] = &RegionState{Reachable: true, ClusterID: "west-1", Registry: "ok", Mode: "READWRITE", Engine: "ok"}
	flights := o.Regions["east"].Topics["flights"].Partitions
	for p := range flights {
		flights[p].Start = 1000
	}
	return o
}

// troubled has something wrong with everything.
func troubled() *Observed {
	o := observed()
	east, west := o.Regions["east"], o.Regions["west"]
	west.Topics["flights"].Partitions = west.Topics["flights"].Partitions[:4]
	delete(west.Topics, "airlines")
	for p := range west.Topics["flights"].Partitions {
		part := &west.Topics["flights"].Partitions[p]
		part.Start, part.Oldest = 4400, now.Add(-40*time.Minute).UnixMilli()
	}
	east.Topics["flights"].ID = "id-flights-again"
	o.Mirrors["east-west"][1].State, o.Mirrors["east-west"][1].Error = "FAILED", "the source was deleted and created again"
	west.Mode = "READONLY"
	west.Engine = "dial tcp: connection refused"
	west.Groups["ops-board"].State = "Stable"
	west.Subjects["airlines-value"].IDs = []int{7}
	west.Statements = map[string]StatementState{"departures-2": {Phase: "RUNNING", SQL: "INSERT INTO departures SELECT 1"}}
	return o
}
