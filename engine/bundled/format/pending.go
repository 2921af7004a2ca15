package format

import (
	"errors"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	"github.com/lifeboat-dr/lifeboat/statements"
)

type Reader struct{ kinds []vec.Kind }
type Writer struct{}

var errPending = errors.New("pending")

func newReader(s Source) (*Reader, error)                          { return nil, errPending }
func (r *Reader) append(b *vec.Batch, rec *Record) error           { return errPending }
func newWriter(s Sink) (*Writer, error)                            { return nil, errPending }
func (w *Writer) append(dst *Records, b *vec.Batch) error          { return errPending }
func forTable(t *statements.Table) (key, value *Schema, err error) { return nil, nil, errPending }
func infer(t Topic) (*statements.Table, error)                     { return nil, errPending }
