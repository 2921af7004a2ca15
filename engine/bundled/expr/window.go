package expr

import (
	"time"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	st "github.com/lifeboat-dr/lifeboat/statements"
)

// The bounds of the tumbling window of a time, for queries that use them without an aggregation. Arguments: the time, then the window's
// size and offset in milliseconds, both constants.
const (
	WindowStart = "$window_start"
	WindowEnd   = "$window_end"
	WindowTime  = "$window_time"
)

var _ = register(map[string]builder{WindowStart: buildWindow, WindowEnd: buildWindow, WindowTime: buildWindow})

type windowNode struct {
	x            value
	at           st.Pos
	size, offset int64
	add          int64 // to the start
	ticks        int64 // of the time
	zone         *time.Location
	instant      bool // the result is an instant
	out          vec.Vector
}

func buildWindow(c *Compiler, op *st.Op, args []value) (node, error) {
	if len(args) != 3 || args[1].constant == nil || args[2].constant == nil {
		return nil, invalid(op.Pos, "a window's size and offset are not constant")
	}
	n := &windowNode{x: args[0], at: op.Pos, size: args[1].constant.one.I64[0], offset: args[2].constant.one.I64[0], zone: time.UTC,
		ticks: vec.TicksPerMilli(args[0].typ.Precision), out: vec.Vector{Kind: vec.Int64}}
	if args[0].typ.Kind == st.KindTimestampLTZ {
		n.zone = c.env.Zone
	}
	n.instant = op.Of.Kind == st.KindTimestampLTZ
	switch op.Name {
	case WindowEnd:
		n.add = n.size
	case WindowTime:
		n.add = n.size - 1
	}
	return n, nil
}

func (n *windowNode) eval(c *context, rows []int32) (*vec.Vector, error) {
	x, err := n.x.eval(c, rows)
	if err != nil {
		return nil, err
	}
	n.out.Resize(c.b.N)
	for _, i := range rows {
		if x.Nulls.Get(int(i)) {
			return nil, &RowError{n.at, int(i), "the time attribute of the window is NULL"}
		}
		t := toLocal(floorDiv(x.I64[i], n.ticks), n.zone)
		t = t - floorMod(t-n.offset, n.size) + n.add
		if n.instant {
			t = toInstant(t, n.zone)
		}
		n.out.I64[i] = t
	}
	return &n.out, nil
}
