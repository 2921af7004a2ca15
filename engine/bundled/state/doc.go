// Package state holds what operators remember: keyed tables whose accumulators are columns, and their snapshots.
//
// A snapshot is a set of named [Segment]s. Between two snapshots only segments whose slab of slots was touched change, so a checkpoint
// writes what changed and not everything; a segment that is gone is a tombstone. Where segments are kept, and when, is the runner's.
package state

// Segment is a named part of a snapshot. Names are unique in a snapshot, and stay the same from one to the next.
type Segment struct {
	Name string
	Data []byte // nil: the segment is gone
}
