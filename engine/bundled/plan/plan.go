// Package plan turns a resolved INSERT statement into a pipeline over batches: what the source has to decode, the fused filters and
// projections, the window aggregate, and what the sink writes.
//
// A [Pipeline] knows nothing of Kafka, of time or of goroutines: the runner gives it batches and watermarks and takes what it emits.
// What it computes is a function of the batches, their order and the watermarks alone.
package plan

import (
	"github.com/lifeboat-dr/lifeboat/engine/bundled/format"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/state"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// Emit takes a batch of result rows: the columns are Pipeline.Targets. The batch belongs to the pipeline and is good until Emit returns.
type Emit func(*vec.Batch) error

// Pipeline is a compiled statement with its state. One goroutine uses it.
type Pipeline struct {
	Input   *statements.Table
	Wanted  []int             // indexes in Input.Row(): what the source decodes; the columns of the batches given to Process
	Options map[string]string // Input's options with those of an OPTIONS hint over them: scan.startup.mode …
	Output  *statements.Table
	Targets []int // indexes in Output.Columns: the columns of the batches emitted
	Mode    statements.ChangelogMode
	// Stateful is false where a snapshot is empty: rows in are rows out.
	Stateful bool

	c *compiled
}

// Stats is what a pipeline has done since it was compiled or restored.
type Stats struct {
	RowsIn, RowsOut int64
	Late            int64 // rows dropped because their window had fired
	Windows, Groups int   // open now
	StateBytes      int64
	Watermark       int64 // the last one that Advance was given
}

// Compile plans an INSERT. props are the statement's properties: sql.local-time-zone, lifeboat.emit.from and lifeboat.emit.after are used.
// What cannot be run is an *engine.InvalidError with its position.
func Compile(r *statements.Resolved, props map[string]string) (*Pipeline, error) {
	return compile(r, props)
}

// NewReader compiles the decoder of the pipeline's input. key and value are the schemas the input's subjects have now, or nil: they tell
// defaults of fields that older records do not have.
func (p *Pipeline) NewReader(lookup format.Lookup, key, value *format.Schema) (*format.Reader, error) {
	return format.NewReader(format.Source{Table: p.Input, Wanted: p.Wanted, Lookup: lookup, Key: key, Value: value})
}

// NewWriter compiles the encoder of the pipeline's output. key and value are the schemas registered for the output's subjects, with their
// ids; nil where the format has none.
func (p *Pipeline) NewWriter(key, value *format.Schema) (*format.Writer, error) {
	return format.NewWriter(format.Sink{Table: p.Output, Targets: p.Targets, Key: key, Value: value})
}

// NewBatch returns an empty batch for the Reader to fill. Release takes it back when Process and Watermark are done with it.
func (p *Pipeline) NewBatch() *vec.Batch { return p.c.pool.Get() }
func (p *Pipeline) Release(b *vec.Batch) { p.c.pool.Put(b) }

// Watermark is the highest watermark that the rows of b allow: max(column − delay) of the declared watermark, or $rowtime − 180 ms.
// vec.NoWatermark where b has no row with one. A batch of one partition gives that partition's watermark, never lower than before by
// taking the maximum with the last. Call it before Process.
func (p *Pipeline) Watermark(b *vec.Batch) (int64, error) { return p.c.watermark(b) }

// Watermarks is the same for each row of b, appended to dst; vec.NoWatermark where a row gives none.
func (p *Pipeline) Watermarks(b *vec.Batch, dst []int64) ([]int64, error) {
	return p.c.watermarks(b, dst)
}

// Process runs a batch through. Windows do not fire here. An error ends the statement: it names the place in the SQL and the record.
// Process may change b's selection, nothing else of it.
func (p *Pipeline) Process(b *vec.Batch, emit Emit) error { return p.c.process(b, emit) }

// Advance tells that no row with an earlier row time will come: windows whose last millisecond is at or before the watermark are emitted, in
// the order of window and key. A watermark that is not higher than the last one does nothing. math.MaxInt64 ends the input.
func (p *Pipeline) Advance(watermark int64, emit Emit) error { return p.c.advance(watermark, emit) }

// Snapshot returns the segments that changed since the last Snapshot or Restore, or with full all of them. The bytes are the caller's.
func (p *Pipeline) Snapshot(full bool) ([]state.Segment, error) { return p.c.snapshot(full) }

// Restore replaces the state by that of a snapshot's segments, in any order, without tombstones. Error: a segment is damaged, of another
// version or of another statement, by its name.
func (p *Pipeline) Restore(segments []state.Segment) error { return p.c.restore(segments) }

// Stats tells what the pipeline has done.
func (p *Pipeline) Stats() Stats { return p.c.stats() }

// Explain prints the plan for people.
func (p *Pipeline) Explain() string { return p.c.explain(p) }
