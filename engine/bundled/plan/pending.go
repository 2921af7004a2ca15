package plan

import (
	"errors"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/state"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	"github.com/lifeboat-dr/lifeboat/statements"
)

type compiled struct{ pool *vec.Pool }

var errPending = errors.New("pending")

func compile(r *statements.Resolved, props map[string]string) (*Pipeline, error) {
	return nil, errPending
}
func (c *compiled) watermark(b *vec.Batch) (int64, error)                 { return 0, errPending }
func (c *compiled) watermarks(b *vec.Batch, dst []int64) ([]int64, error) { return nil, errPending }
func (c *compiled) process(b *vec.Batch, emit Emit) error                 { return errPending }
func (c *compiled) advance(watermark int64, emit Emit) error              { return errPending }
func (c *compiled) snapshot(full bool) ([]state.Segment, error)           { return nil, errPending }
func (c *compiled) restore(segments []state.Segment) error                { return errPending }
func (c *compiled) stats() Stats                                          { return Stats{} }
func (c *compiled) explain(p *Pipeline) string                            { return "" }
