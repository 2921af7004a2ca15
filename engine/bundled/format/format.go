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

	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
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

// NewReader compiles a Reader. Errors: a format, a column type or a metadata key that is not supported, by name.
func NewReader(s Source) (*Reader, error) { return newReader(s) }

// Kinds are the kinds of the columns of the batches that the Reader fills.
func (r *Reader) Kinds() []vec.Kind { return r.kinds }

// Append decodes a record into a new last row of b. A *BadRecordError leaves b as it was; any other error is Lookup's.
// The caller sets b.Topic and b.Partition; Append adds the row time and the offset.
func (r *Reader) Append(b *vec.Batch, rec *Record) error { return r.append(b, rec) }

// Sink says how rows are written to a table.
type Sink struct {
	Table      *statements.Table
	Targets    []int // indexes in Table.Columns: the columns of the batches
	Key, Value *Schema
	// Key and Value are the schemas that are registered for the topic's subjects, with their ids; nil where the format has none.
}

// NewWriter compiles a Writer. Errors: a format or a type that is not supported; a schema that has no place for a column, or a field
// without default that no column fills.
func NewWriter(s Sink) (*Writer, error) { return newWriter(s) }

// Append encodes the selected rows of b at the end of dst. Errors name the column and the row's origin.
func (w *Writer) Append(dst *Records, b *vec.Batch) error { return w.append(dst, b) }

// ForTable gives the schemas that CREATE TABLE registers for a table's topic; an ID is 0, nil where the format has no schema.
func ForTable(t *statements.Table) (key, value *Schema, err error) { return forTable(t) }

// Topic is what a topic and its subjects tell of a table that nobody declared.
type Topic struct {
	Name       string
	Partitions int
	Compacted  bool    // cleanup.policy has compact
	Key, Value *Schema // the latest of the subjects <topic>-key and <topic>-value; nil where there is none
}

// Infer gives the table that a topic is where no CREATE TABLE stands, by the rules of the dialect.
func Infer(t Topic) (*statements.Table, error) { return infer(t) }
