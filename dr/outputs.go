package dr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/zeebo/xxh3"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Where both regions compute, what statements put out in one of them is compared with what they put out in the other, as it comes: a row that both
// have put out cancels out, and what is left is what only one has. That counts as a difference when the other one has come as far, by its positions
// in the input and its watermark, as the first had when the row was seen. Rows of an append-only output are a multiset; of one that is
// updated, the last value of each key counts. Nothing is waited for, and what cancels out is not kept, so it goes on for as long as one likes.

// comparer compares one output topic in two regions.
type comparer struct {
	output   plans.Output
	topology *plans.Topology
	chain    []chained // the statements whose progress tells how far the output has come
	windows  *windows  // nil: rows tell no window
	sides    [2]*outputSide
	keyed    bool // the output is updated: the last value of a key counts

	open   map[xxh3.Uint128]*unpaired // of rows, or of keys
	forgot bool                       // keys that were equal are not in open any more
	marks  []mark                     // a look each, oldest first, that not both sides have come to yet
	last   mark                       // of the look before
	looks  int
	judged int // of so many looks: the rows that were read at them
	rows   [2]int64
	loose  [2]told // rows that tell no window
	spans  map[int64]*spanned
	alive  func() // called for every row

	told     [2]told // up to the stretch that was judged last
	closedTo int64   // the end of the last window that was judged
}

type outputSide struct {
	region  *linking.Region
	engine  engine.Backend
	next    map[int32]plans.Offset
	begun   map[string]string // by statement: which one of that name it is
	cut     string            // why it may have put out what is not there; "" where all is
	derived map[string][]put  // by topic that the chain's statements write and read, how far it was at some looks
}

// mark is how far both sides were at a look: at least, and at most.
type mark struct {
	look      int
	low, high [2]headway
}

// unpaired is what one side has and the other has not, or has otherwise.
type unpaired struct {
	n      int64           // rows: how many more the first side has
	values [2]xxh3.Uint128 // keys: the last values
	since  int             // the look at which it came to be so
	window int64           // where its window ends; noWindow
	told   int64           // how many were told as a difference
	sample string
}

// newComparer begins a comparison. *incomparable: it says nothing about this output.
func newComparer(ctx context.Context, w *World, output plans.Output, regions [2]string) (*comparer, error) {
	c := &comparer{output: output, topology: w.Declared.Topology, chain: chainOf(w.Declared, output), open: map[xxh3.Uint128]*unpaired{}, spans: map[int64]*spanned{}, alive: func() {}}
	for i, name := range regions {
		s := &outputSide{region: w.Regions[name], engine: w.Engines[name], begun: map[string]string{}, derived: map[string][]put{}}
		if s.region == nil {
			return nil, w.Errs[name]
		}
		if s.engine == nil {
			return nil, incomparable(name + " declares no engine")
		}
		for _, of := range c.chain {
			st, err := s.engine.Get(ctx, of.name)
			switch {
			case errors.Is(err, engine.ErrNotFound):
				return nil, incomparable(fmt.Sprintf("%s runs no statement %s", name, of.name))
			case err != nil:
				return nil, fmt.Errorf("%s: statement %q: %w", name, of.name, err)
			case st.Phase != engine.Running && st.Phase != engine.Completed:
				return nil, incomparable(fmt.Sprintf("in %s, %s is %s", name, of.name, st.Phase))
			}
			for key := range st.Properties {
				if key == engine.PropStartTime || key == engine.PropEmitFrom || strings.HasPrefix(key, "sql.tables.scan.startup") {
					return nil, incomparable(fmt.Sprintf("in %s, %s was started in the middle of its input (%s)", name, of.name, key))
				}
			}
			s.begun[of.name] = st.UID
			if slices.Contains(output.Statements, of.name) {
				c.keyed = c.keyed || !st.AppendOnly
			}
		}
		starts, err := logStarts(ctx, s.region, []string{output.Topic})
		if err != nil {
			return nil, err
		}
		for _, p := range sortedKeys(starts[output.Topic]) {
			if starts[output.Topic][p] > 0 {
				s.cut = fmt.Sprintf("the oldest rows of %s-%d in %s are not there any more", output.Topic, p, name)
			}
		}
		s.next, c.sides[i] = starts[output.Topic], s
	}
	return c, nil
}

var (
	// errShorter says that an output holds less than was read of it: it was emptied, or made again.
	errShorter = errors.New("is shorter than it was")
	// errTooMany ends a comparison that would hold more and more.
	errTooMany = errors.New("more rows are in one region only than are held")
)

// look reads what came since the last look. It returns whether something is judged now that was not before. After an error it may be given again:
// what was read counts.
func (c *comparer) look(ctx context.Context) (news bool, err error) {
	now := mark{look: c.looks}
	for i, s := range c.sides {
		if now.low[i], now.high[i], err = c.reach(ctx, s); err != nil {
			return false, err
		}
	}
	// What a side has come to is committed together with its output, which is seen a little later: so it is the look before that says how far both
	// have come by what is read now.
	for i, s := range c.sides {
		ends, err := stableEnds(ctx, s.region, []string{c.output.Topic})
		if err != nil {
			return false, err
		}
		spans := map[int32]span{}
		for p, end := range ends[c.output.Topic] {
			switch from := s.next[p]; {
			case from < end:
				spans[p] = span{int64(from), int64(end)}
			case from > end:
				return false, fmt.Errorf("%s: %s-%d %w: %v, and was read to %v", s.region.Name, c.output.Topic, p, errShorter, end, from)
			}
		}
		if len(spans) == 0 {
			continue
		}
		err = readRange(ctx, s.region, map[string]map[int32]span{c.output.Topic: spans}, func(rec *kgo.Record) error {
			if plans.Offset(rec.Offset) < s.next[rec.Partition] {
				return nil
			}
			if err := c.add(i, rec); err != nil {
				return err
			}
			s.next[rec.Partition] = plans.Offset(rec.Offset) + 1
			c.alive()
			return nil
		})
		if err != nil {
			return false, err
		}
		for p, end := range ends[c.output.Topic] {
			s.next[p] = max(end, s.next[p])
		}
	}
	before := c.judged
	for c.looks > 0 && len(c.marks) > 0 && c.reached(c.marks[0], c.last) {
		c.judged = c.marks[0].look // what was read at the looks before it had been put out before it
		c.marks = c.marks[1:]
	}
	c.marks, c.last = append(c.marks, now), now
	if len(c.marks) > mostMarks {
		c.marks = slices.Delete(c.marks, 1, 2) // who comes to the next one has come to this one
	}
	c.looks++
	return c.judged > before, nil
}

// tooMany bounds what is held of rows that only one side has put out so far, mostMarks the looks that not both have come to.
const (
	tooMany   = mostRows
	mostMarks = 1000
)

func (c *comparer) add(side int, rec *kgo.Record) error {
	window, err := c.windows.of(side, rec)
	if err != nil {
		return err
	}
	key, value := behindSchemaID(rec.Key), behindSchemaID(rec.Value)
	row := xxh3.Hash128(appendBytes(appendBytes(nil, key), value))
	c.rows[side]++
	if window != noWindow {
		c.span(window).add(side, row, c.looks)
	} else {
		c.loose[side].less(row, -1)
	}
	if !c.keyed {
		u := c.open[row]
		if u == nil {
			u = &unpaired{since: c.looks, window: window, sample: shorten(rec)}
			c.open[row] = u
		}
		switch u.n += int64(1 - 2*side); {
		case u.told > 0:
			u.since = c.looks // it is told that it has come, when it is judged
		case u.n == 0:
			delete(c.open, row)
		}
	} else {
		at := xxh3.Hash128(key)
		u := c.open[at]
		if u == nil {
			u = &unpaired{sample: shorten(rec)}
			c.open[at] = u
		}
		if rec.Value == nil {
			row = xxh3.Uint128{}
		}
		u.values[side], u.since, u.window = row, c.looks, window
	}
	if len(c.open)+len(c.spans) > tooMany {
		return fmt.Errorf("%w: %d", errTooMany, tooMany)
	}
	return nil
}

// left counts what one side has not that the other has: of how many rows, or keys, and a sample of each side.
func left(keyed bool, list []*unpaired) (n [2]int64, sample [2]string) {
	for _, u := range list {
		switch {
		case !keyed && u.n > 0:
			n[0], sample[0] = n[0]+u.n, u.sample
		case !keyed && u.n < 0:
			n[1], sample[1] = n[1]-u.n, u.sample
		case keyed && u.values[0] != u.values[1]:
			side := 0
			if u.values[0] == (xxh3.Uint128{}) {
				side = 1
			}
			n[side], sample[side] = n[side]+1, u.sample
		}
	}
	return n, sample
}

// unequal lists what is left as far as that is judged, in an order that does not depend on when it came.
func (c *comparer) unequal() (list []*unpaired) {
	for _, at := range slices.SortedFunc(maps.Keys(c.open), func(a, b xxh3.Uint128) int { return cmp.Or(cmp.Compare(a.Hi, b.Hi), cmp.Compare(a.Lo, b.Lo)) }) {
		if u := c.open[at]; u.since < c.judged {
			list = append(list, u)
		}
	}
	return list
}

func (c *comparer) noun() string {
	if c.keyed {
		return "key"
	}
	return "row"
}

// line says what the comparison has shown so far.
func (c *comparer) line() report.Check {
	a, b := c.sides[0].region.Name, c.sides[1].region.Name
	line := report.Check{ID: "output", Name: outputName(c.output, [2]string{a, b}), Outcome: report.Passed}
	n, sample := left(c.keyed, c.unequal())
	switch {
	case n[1] > 0 && n[0] == 0 && c.sides[0].cut != "":
		line.Outcome, line.Detail = report.Unknown, c.only([2]int64{0, n[1]}, sample)+"; but "+c.sides[0].cut
	case n[0] > 0 && n[1] == 0 && c.sides[1].cut != "":
		line.Outcome, line.Detail = report.Unknown, c.only([2]int64{n[0], 0}, sample)+"; but "+c.sides[1].cut
	case c.judged == 0:
		line.Outcome, line.Detail = report.Unknown, "not judged: "+c.apart()
	case n[0]+n[1] == 0 && c.keyed && c.forgot:
		line.Detail = fmt.Sprintf("the last value of every key, %s in %s, %d in %s", counted(int(c.rows[0]), "change"), a, c.rows[1], b)
	case n[0]+n[1] == 0 && c.keyed:
		line.Detail = fmt.Sprintf("the last value of each of %s", counted(len(c.open), "key"))
	case n[0]+n[1] == 0:
		line.Detail = fmt.Sprintf("%s in %s, %d in %s, as far as both have come", counted(int(c.rows[0]), "row"), a, c.rows[1], b)
	default:
		line.Outcome = report.Failed
		line.Detail = c.only(n, sample)
		line.Why = "the loss of a region would change the results that readers see"
		line.Remedy = "lifeboat statement explain tells what its result depends on; lifeboat lint names what is not deterministic"
	}
	return line
}

// only says what one side has alone.
func (c *comparer) only(n [2]int64, sample [2]string) string {
	var told []string
	for i, s := range c.sides {
		if n[i] > 0 {
			told = append(told, fmt.Sprintf("%s of %s only in %s%s", counted(int(n[i]), c.noun()), c.output.Topic, s.region.Name, such(sample[i])))
		}
	}
	return strings.Join(told, "; ")
}

func outputName(o plans.Output, regions [2]string) string {
	verb := "puts"
	if len(o.Statements) > 1 {
		verb = "put"
	}
	return fmt.Sprintf("%s %s out the same in %s and in %s", strings.Join(o.Statements, " and "), verb, regions[0], regions[1])
}

// outputsWithin is how long two regions may take to come to where the other one was.
const outputsWithin = 30 * time.Second

// compareOutput compares an output once: as far as both regions are when it begins. It is judged where both came that far; where they did not, or
// it says nothing, the line tells why.
func compareOutput(ctx context.Context, w *World, output plans.Output, regions [2]string) (line report.Check, judged bool, err error) {
	unknown := report.Check{ID: "output", Name: outputName(output, regions), Outcome: report.Unknown}
	c, err := newComparer(ctx, w, output, regions)
	for deadline := w.now().Add(outputsWithin); err == nil; {
		if _, err = c.look(ctx); err != nil || c.judged > 0 || w.now().After(deadline) {
			break
		}
		err = sleep(ctx, 100*time.Millisecond)
	}
	var why incomparable
	if errors.As(err, &why) || errors.Is(err, errTooMany) {
		unknown.Detail, unknown.Why = "not compared: "+err.Error(), "that it runs in both does not show that it computes the same"
		return unknown, true, nil
	}
	if err != nil {
		return unknown, false, err
	}
	return c.line(), c.judged > 0, nil
}

// compareOutputs compares what all statements put out in both regions of a link, a line for each output.
func compareOutputs(ctx context.Context, w *World, decl *plans.Link) ([]report.Check, error) {
	var lines []report.Check
	for _, o := range w.Declared.Outputs() {
		line, _, err := compareOutput(ctx, w, o, [2]string{decl.From, decl.To})
		if err != nil {
			return lines, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}
