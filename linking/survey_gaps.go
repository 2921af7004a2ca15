package linking

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// How much of a log is looked at for gaps: so many places of it, and so much at each. A log with less than that is read whole.
const (
	gapPlaces = 8
	gapBytes  = 256 << 10
)

// Gaps looks for offsets without a record in what is still to be mirrored of the link's topics, in a few places of each partition's log. from are
// positions in the source from which on something is to come; partitions without one begin where their logs do.
func (l *Link) Gaps(ctx context.Context, topics []string, from plans.Positions) (map[string]map[int32]*plans.Gaps, error) {
	if l.from == nil {
		return nil, l.noSource()
	}
	bounds, err := committedBounds(ctx, l.from, topics)
	if err != nil {
		return nil, err
	}
	all := map[string]map[int32]*plans.Gaps{}
	looks := map[partitionKey]*gapLook{}
	for k, b := range bounds {
		if b.err != nil {
			continue // what stands against reading it is found out elsewhere
		}
		start := max(b.start, int64(from[k.topic][k.partition]))
		look := &gapLook{offsets: offsets{start, max(start, b.end)}, seen: &plans.Gaps{Of: max(0, b.end-start)}}
		looks[k] = look
		if all[k.topic] == nil {
			all[k.topic] = map[int32]*plans.Gaps{}
		}
		all[k.topic][k.partition] = look.seen
	}
	for place := range int64(gapPlaces) {
		at := map[partitionKey]int64{}
		for k, look := range looks {
			if next := max(look.read, look.from+place*(look.end-look.from)/gapPlaces); next < look.end {
				at[k], look.read = next, next
			}
		}
		err := readWith(ctx, l.from, fetch.Options{MaxPartitionBytes: gapBytes}, at, func(k partitionKey, c *fetch.Chunk) (bool, error) {
			if c.Err == nil && len(c.Records) == 0 && c.Next <= looks[k].read {
				return false, nil
			}
			if c.Err != nil || looks[k].count(c) != nil { // retention was there first, or it is no log that can be mirrored: the run says
				delete(all[k.topic], k.partition)
				delete(looks, k)
			}
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// gapLook is one partition being looked at.
type gapLook struct {
	offsets
	read int64
	seen *plans.Gaps
}

// count takes a chunk's offsets in.
func (g *gapLook) count(c *fetch.Chunk) error {
	var aborted batch.Aborted
	aborted.Add(c.Aborted)
	var run, inRun int64 // offsets without a record up to here, and how many of them were aborted
	flush := func() {
		switch {
		case run >= fillFrom && 2*inRun > run:
			g.seen.Aborted += run
		case run >= keyedBulk:
			g.seen.Runs, g.seen.Large = g.seen.Runs+run, g.seen.Large+run
		case run >= keyedFenced:
			g.seen.Runs += run
		}
		run, inRun = 0, 0
	}
	begin := g.read
	for rest := c.Records; len(rest) > 0; {
		b, behind, err := batch.Next(rest)
		if err != nil {
			if errors.Is(err, batch.ErrTruncated) {
				break
			}
			return err
		}
		if rest = behind; b.NextOffset() <= g.read {
			continue
		}
		visible, err := aborted.Visible(b)
		if err != nil {
			return err
		}
		first := max(g.read, b.BaseOffset())
		hole, width := first-g.read, b.NextOffset()-first
		run += hole
		g.seen.Offsets += hole
		switch {
		case visible && !b.Control() && int64(b.NumRecords()) == b.NextOffset()-b.BaseOffset():
			flush()
		case visible && !b.Control(): // compaction left holes in it
			next := first
			err := batch.Records(b, func(r *batch.Record) error {
				if r.Offset >= first {
					run += r.Offset - next
					g.seen.Offsets += r.Offset - next
					flush()
					next = r.Offset + 1
				}
				return nil
			})
			if err != nil {
				return err
			}
			run += b.NextOffset() - next
			g.seen.Offsets += b.NextOffset() - next
		default:
			run += width
			g.seen.Offsets += width
			if !b.Control() {
				inRun += width
			}
		}
		g.read = b.NextOffset()
	}
	flush()
	if g.read = max(g.read, c.Next); g.read > g.end {
		g.read = g.end
	}
	g.seen.Looked += g.read - begin
	return nil
}

// MarkersAllowed says whether the region lets its client write markers in bulk: it needs ALTER or CLUSTER_ACTION on the cluster. Brokers that do
// not tell give "".
func (r *Region) MarkersAllowed(ctx context.Context) (string, error) {
	req := kmsg.NewPtrDescribeClusterRequest()
	req.IncludeClusterAuthorizedOperations = true
	resp, err := req.RequestWith(ctx, r.Client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return "", fmt.Errorf("%s: describing the cluster: %w", r.Name, err)
	}
	const notTold = -1 << 31
	bits := resp.ClusterAuthorizedOperations
	switch {
	case bits == notTold || bits == 0:
		return "", nil
	case bits&(1<<kmsg.ACLOperationAlter|1<<kmsg.ACLOperationClusterAction) != 0:
		return plans.MarkersAllowed, nil
	}
	return plans.MarkersDenied, nil
}
