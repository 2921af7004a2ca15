// Package format turns Kafka records into columns and columns into records.
//
// A [Reader] takes records one by one and appends them to a batch: it finds the writer's schema by the id in the record, compiles a
// decoder from that schema and the columns that the statement wants, once for each id, and runs it over the record's bytes. Fields that
// nobody wants are skipped, not decoded. A [Writer] does the way back. [ForTable] gives the schemas that a table's topic is to have,
// [Infer] the table that a topic with schemas is.
//
// Formats: avro-registry, json-registry and raw. Which subject a schema has, fetching and registering it, and what happens to a bad
// record is the caller's.
package format

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/statements"
)

// Schema is a schema as a registry holds it.
type Schema struct {
	ID         int
	Type       string // AVRO, JSON, PROTOBUF; "" is AVRO
	Text       string
	References []Reference // in the order in which each needs only those before it
}

// Reference is a schema that another one refers to by name.
type Reference struct{ Name, Text string }

// Lookup finds the schema of an id. A Reader asks once for each id and remembers the answer, not an error.
type Lookup func(id int) (Schema, error)

// Record is one Kafka record as a source reads it. The bytes are only read, and not kept.
type Record struct {
	Key, Value  []byte // nil: null
	Timestamp   int64  // epoch milliseconds
	Offset      int64
	Partition   int32
	LeaderEpoch int32 // -1: unknown
	LogAppend   bool  // the broker set the timestamp
}

// BadRecordError says that a record cannot be decoded. What to do about it is the table's error-handling.mode.
type BadRecordError struct {
	Part   string // "key" or "value"
	Reason string
	Origin string // topic-partition@offset
}

func (e *BadRecordError) Error() string {
	return fmt.Sprintf("%s: decoding the record's %s: %s", e.Origin, e.Part, e.Reason)
}

// Source says how the records of a table are read.
type Source struct {
	Table  *statements.Table
	Wanted []int // indexes in Table.Row(): the columns of the batches, in this order. No computed columns
	Lookup Lookup
	// Key and Value are the schemas that the table was read with when the statement was created: they tell the defaults of fields that
	// a record's own schema does not have. Optional: without one such a field is NULL, and a bad record where the column is NOT NULL.
	Key, Value *Schema
}

// Sink says how rows are written to a table.
type Sink struct {
	Table      *statements.Table
	Targets    []int // indexes in Table.Columns: the columns of the batches
	Key, Value *Schema
	// Key and Value are the schemas that are registered for the topic's subjects, with their ids; nil where the format has none.
}

// Topic is what a topic and its subjects tell of a table that nobody declared.
type Topic struct {
	Name       string
	Partitions int
	Compacted  bool    // cleanup.policy has compact
	Key, Value *Schema // the latest of the subjects <topic>-key and <topic>-value; nil where there is none
}
