package run

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/state"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/txn"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
)

// restore reads the last checkpoint and brings the pipeline to it. The transactional id is this process's by now, so nobody
// else can commit another one.
func (w *worker) restore(ctx context.Context) error {
	w.watermark = vec.NoWatermark
	if w.job.Fresh {
		w.job.Fresh = false // only for the first attempt
		return nil
	}
	records, err := txn.ReadTable(ctx, w.job.Kafka, w.state.Topic)
	if err != nil {
		return err
	}
	m, segments, err := readManifest(records, w.job.UID)
	if err != nil {
		return &fatalError{fmt.Errorf("topic %q: %w; delete the statement and create it with explicit start offsets", w.state.Topic, err)}
	}
	if m == nil {
		return nil
	}
	if m.Statement != fingerprint(w.job.SQL) {
		return &fatalError{fmt.Errorf("topic %q: checkpoint %d is of another SQL text", w.state.Topic, m.Number)}
	}
	if err := w.pipeline.Restore(segments); err != nil {
		return &fatalError{fmt.Errorf("topic %q: checkpoint %d: %w", w.state.Topic, m.Number, err)}
	}
	w.last, w.rowsIn, w.rowsOut, w.watermark = m, m.RowsIn, m.RowsOut, markOf(m.Watermark)
	return nil
}

// prepareTime sets the partitions' watermarks to what the checkpoint has.
func (w *worker) prepareTime(now time.Time) {
	w.time = newEventTime(len(w.source.partitions), w.scan.idle, now)
	w.time.last = w.watermark
	if w.last == nil {
		return
	}
	for _, at := range w.last.Inputs[w.source.topic] {
		w.time.partitions[at.Partition].watermark = markOf(at.Watermark)
	}
}

// checkpoint commits the output since the last one, the state that changed, and how far the input has been read, in one transaction.
// Where nothing was done it commits nothing.
func (w *worker) checkpoint(ctx context.Context) error {
	if !w.changed {
		return nil
	}
	if err := w.sink.flush(ctx); err != nil {
		return err
	}
	segments, err := w.pipeline.Snapshot(false)
	if err != nil {
		return &fatalError{fmt.Errorf("taking a snapshot: %w", err)}
	}
	m := w.manifest()
	records, err := m.records(segments)
	if err != nil {
		return err
	}
	if err := w.awaitState(); err != nil {
		return err
	}
	batches, err := txn.Records(w.state, m.At, records)
	if err != nil {
		return err
	}
	if err := w.producer.Write(ctx, batches); err != nil {
		return fmt.Errorf("topic %q: %w", w.state.Topic, err)
	}
	if err := w.producer.Commit(ctx); err != nil {
		return err
	}
	w.last, w.changed = m, false
	w.commits++
	w.observer.Phase(engine.Running, "")
	w.observer.Progress(m.progress(w.commits))
	return nil
}

// awaitState waits, once, for the state topic.
func (w *worker) awaitState() error {
	if w.stateReady == nil {
		return nil
	}
	err := <-w.stateReady
	w.stateReady = nil
	return err
}

// manifest describes where the worker stands. Segments are those of the checkpoint before.
func (w *worker) manifest() *manifest {
	m := &manifest{
		Version: manifestVersion, UID: w.job.UID, Statement: fingerprint(w.job.SQL), Number: 1, At: time.Now().UTC(),
		Watermark: markOrNil(w.watermark),
		Inputs:    map[string][]inputPosition{}, Outputs: map[string]map[int32]int64{w.sink.topic: {}}, Segments: map[string]segmentDigest{},
		RowsIn: w.rowsIn, RowsOut: w.rowsOut + w.sink.rows,
	}
	if w.last != nil {
		m.Number = w.last.Number + 1
		maps.Copy(m.Outputs[w.sink.topic], w.last.Outputs[w.sink.topic])
		maps.Copy(m.Segments, w.last.Segments)
	}
	for at, end := range w.producer.Ends() {
		if at.Topic == w.sink.topic {
			m.Outputs[at.Topic][at.Partition] = end
		}
	}
	for i, p := range w.source.partitions {
		at := inputPosition{Partition: p.number, Next: p.next, Watermark: markOrNil(w.time.partitions[i].watermark), From: markOrNil(p.from)}
		if p.end != noEnd {
			at.End = &p.end
		}
		m.Inputs[w.source.topic] = append(m.Inputs[w.source.topic], at)
	}
	return m
}

// records are what a checkpoint writes to the state topic: the segments that changed, and last the manifest, which names all that are valid.
func (m *manifest) records(segments []state.Segment) ([]txn.Record, error) {
	out := make([]txn.Record, 0, len(segments)+1)
	for _, s := range segments {
		out = append(out, txn.Record{Key: segmentPrefix + s.Name, Value: s.Data})
		if s.Data == nil {
			delete(m.Segments, s.Name)
		} else {
			m.Segments[s.Name] = digest(s.Data)
		}
	}
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("writing the manifest: %w", err)
	}
	return append(out, txn.Record{Key: manifestKey, Value: body}), nil
}

// fingerprint tells statements apart by their text.
func fingerprint(sql string) string {
	sum := sha256.Sum256([]byte(sql))
	return hex.EncodeToString(sum[:8])
}
