package dr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
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

// Where both regions compute, what a statement puts out in one of them is compared with what it puts out in the other, as it comes: a row that both
// have put out cancels out, and what is left is what only one has. That counts as a difference when the other one has come as far, by its positions
// in the input and its watermark, as the first had when the row was seen. Rows of an append-only output are a multiset; of one that is
// updated, the last value of each key counts. Nothing is waited for, and what cancels out is not kept, so it goes on for as long as one likes.

// comparer compares the output of one statement in two regions.
type comparer struct {
	name  string
	topic string
	sides [2]*outputSide
	keyed bool // the output is updated: the last value of a key counts
	keeps bool // the statement keeps something between rows: its watermark counts

	open   map[xxh3.Uint128]*unpaired // of rows, or of keys
	marks  []mark                     // a look each, oldest first, that not both sides have come to yet
	last   mark                       // of the look before
	looks  int
	judged int // of so many looks: the rows that were read at them
	rows   [2]int64
	sum    [2]xxh3.Uint128
}

type outputSide struct {
	region *linking.Region
	engine engine.Backend
	next   map[int32]plans.Offset
	cut    string // why it may have put out what is not there; "" where all is
}

// mark is how far both sides were at a look.
type mark struct {
	look int
	at   [2]engine.Progress
}

// unpaired is what one side has and the other has not, or has otherwise.
type unpaired struct {
	n      int64           // rows: how many more the first side has
	values [2]xxh3.Uint128 // keys: the last values
	since  int             // the look at which it came to be so
	sample string
}

// newComparer begins a comparison. *incomparable: it says nothing about this statement.
func newComparer(ctx context.Context, w *World, statement, topic string, regions [2]string) (*comparer, error) {
	c := &comparer{name: statement, topic: topic, open: map[xxh3.Uint128]*unpaired{}, keeps: w.Declared.Keeps(statement)}
	for i, name := range regions {
		s := &outputSide{region: w.Regions[name], engine: w.Engines[name]}
		if s.region == nil {
			return nil, w.Errs[name]
		}
		if s.engine == nil {
			return nil, incomparable(name + " declares no engine")
		}
		st, err := s.engine.Get(ctx, statement)
		switch {
		case errors.Is(err, engine.ErrNotFound):
			return nil, incomparable(fmt.Sprintf("%s runs no statement %s", name, statement))
		case err != nil:
			return nil, fmt.Errorf("%s: statement %q: %w", name, statement, err)
		case st.Phase != engine.Running && st.Phase != engine.Completed:
			return nil, incomparable(fmt.Sprintf("in %s it is %s", name, st.Phase))
		}
		for key := range st.Properties {
			if key == engine.PropEmitFrom || strings.HasPrefix(key, "sql.tables.scan.startup") {
				return nil, incomparable(fmt.Sprintf("in %s it was started in the middle of its input (%s)", name, key))
			}
		}
		c.keyed = c.keyed || !st.AppendOnly
		starts, err := logStarts(ctx, s.region, []string{topic})
		if err != nil {
			return nil, err
		}
		for _, p := range sortedKeys(starts[topic]) {
			if starts[topic][p] > 0 {
				s.cut = fmt.Sprintf("the oldest rows of %s-%d in %s are not there any more", topic, p, name)
			}
		}
		s.next, c.sides[i] = starts[topic], s
	}
	return c, nil
}

// look reads what came since the last look. It returns whether something is judged now that was not before.
func (c *comparer) look(ctx context.Context) (news bool, err error) {
	now := mark{look: c.looks}
	for i, s := range c.sides {
		if now.at[i], err = s.engine.Progress(ctx, c.name); err != nil {
			return false, fmt.Errorf("%s: statement %q: progress: %w", s.region.Name, c.name, err)
		}
	}
	// What a side has come to is committed together with its output, which is seen a little later: so it is the look before that says how far both
	// have come by what is read now.
	for i, s := range c.sides {
		ends, err := stableEnds(ctx, s.region, []string{c.topic})
		if err != nil {
			return false, err
		}
		spans := map[int32]span{}
		for p, end := range ends[c.topic] {
			if from := s.next[p]; from < end {
				spans[p] = span{int64(from), int64(end)}
			}
		}
		if len(spans) == 0 {
			continue
		}
		err = readRange(ctx, s.region, map[string]map[int32]span{c.topic: spans}, func(rec *kgo.Record) error { return c.add(i, rec) })
		if err != nil {
			return false, err
		}
		for p, end := range ends[c.topic] {
			s.next[p] = max(end, s.next[p])
		}
	}
	before := c.judged
	for c.looks > 0 && len(c.marks) > 0 && c.reached(c.marks[0], c.last) {
		c.judged = c.marks[0].look // what was read at the looks before it had been put out before it
		c.marks = c.marks[1:]
	}
	c.marks, c.last = append(c.marks, now), now
	c.looks++
	return c.judged > before, nil
}

// reached says whether each side is now where the other one was then.
func (c *comparer) reached(then, now mark) bool {
	for i := range c.sides {
		was, is := then.at[1-i], now.at[i]
		if c.keeps && was.Watermark != math.MinInt64 && is.Watermark < was.Watermark {
			return false
		}
		for topic, parts := range was.Offsets {
			for p, at := range parts {
				if is.Offsets[topic][p] < at {
					return false
				}
			}
		}
	}
	return true
}

// tooMany bounds what is held of rows that only one side has put out so far.
const tooMany = mostRows

func (c *comparer) add(side int, rec *kgo.Record) error {
	key, value := behindSchemaID(rec.Key), behindSchemaID(rec.Value)
	row := xxh3.Hash128(appendBytes(appendBytes(nil, key), value))
	c.rows[side]++
	if !c.keyed {
		c.sum[side].Hi, c.sum[side].Lo = c.sum[side].Hi+row.Hi, c.sum[side].Lo+row.Lo
		u := c.open[row]
		if u == nil {
			u = &unpaired{since: c.looks, sample: shorten(rec)}
			c.open[row] = u
		}
		if u.n += int64(1 - 2*side); u.n == 0 {
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
		u.values[side], u.since = row, c.looks
	}
	if len(c.open) > tooMany {
		return incomparable(fmt.Sprintf("more than %d rows are in one region only so far", tooMany))
	}
	return nil
}

// left lists what one side has not that the other has, as far as that is judged: of how many rows, or keys, and a sample of each side.
func (c *comparer) left() (n [2]int64, sample [2]string) {
	for _, at := range slices.SortedFunc(maps.Keys(c.open), func(a, b xxh3.Uint128) int { return cmp.Or(cmp.Compare(a.Hi, b.Hi), cmp.Compare(a.Lo, b.Lo)) }) {
		u := c.open[at]
		switch {
		case u.since >= c.judged:
			continue
		case !c.keyed && u.n > 0:
			n[0], sample[0] = n[0]+u.n, u.sample
		case !c.keyed:
			n[1], sample[1] = n[1]-u.n, u.sample
		case u.values[0] != u.values[1]:
			side := 0
			if u.values[0] == (xxh3.Uint128{}) {
				side = 1
			}
			n[side], sample[side] = n[side]+1, u.sample
		}
	}
	return n, sample
}

// line says what the comparison has shown so far.
func (c *comparer) line() report.Check {
	a, b := c.sides[0].region.Name, c.sides[1].region.Name
	line := report.Check{ID: "output", Name: fmt.Sprintf("%s puts out the same in %s and in %s", c.name, a, b), Outcome: report.Passed}
	n, sample := c.left()
	noun := "row"
	if c.keyed {
		noun = "key"
	}
	switch {
	case n[1] > 0 && n[0] == 0 && c.sides[0].cut != "":
		line.Outcome, line.Detail = report.Unknown, fmt.Sprintf("%s of %s only in %s%s; but %s", counted(int(n[1]), noun), c.topic, b, such(sample[1]), c.sides[0].cut)
	case n[0] > 0 && n[1] == 0 && c.sides[1].cut != "":
		line.Outcome, line.Detail = report.Unknown, fmt.Sprintf("%s of %s only in %s%s; but %s", counted(int(n[0]), noun), c.topic, a, such(sample[0]), c.sides[1].cut)
	case c.judged == 0:
		line.Outcome, line.Detail = report.Unknown, "not judged: "+c.apart()
	case n[0]+n[1] == 0 && c.keyed:
		line.Detail = fmt.Sprintf("the last value of each of %s", counted(len(c.open), noun))
	case n[0]+n[1] == 0:
		line.Detail = fmt.Sprintf("%s in %s, %d in %s, as far as both have come", counted(int(c.rows[0]), noun), a, c.rows[1], b)
	default:
		line.Outcome = report.Failed
		var told []string
		for side, in := range []string{a, b} {
			if n[side] > 0 {
				told = append(told, fmt.Sprintf("%s of %s only in %s%s", counted(int(n[side]), noun), c.topic, in, such(sample[side])))
			}
		}
		line.Detail = strings.Join(told, "; ")
		line.Why = "the loss of a region would change the results that readers see"
		line.Remedy = "lifeboat statement explain tells what its result depends on; lifeboat lint names what is not deterministic"
	}
	return line
}

// apart says which side is behind where the other one was when the comparison began.
func (c *comparer) apart() string {
	if len(c.marks) < 2 {
		return "both regions were looked at once"
	}
	first, last := c.marks[0], c.marks[len(c.marks)-1]
	for i, s := range c.sides {
		was, is := first.at[1-i], last.at[i]
		for _, topic := range sortedKeys(was.Offsets) {
			for _, p := range sortedKeys(was.Offsets[topic]) {
				if at, want := is.Offsets[topic][p], was.Offsets[topic][p]; at < want {
					return fmt.Sprintf("%s has read %s-%d to @%d, and %s had to @%d", s.region.Name, topic, p, at, c.sides[1-i].region.Name, want)
				}
			}
		}
		if c.keeps && is.Watermark < was.Watermark {
			return fmt.Sprintf("the watermark of %s is %s, and in %s it was %s: one of its partitions may be idle", s.region.Name, watermarkText(is.Watermark),
				c.sides[1-i].region.Name, watermarkText(was.Watermark))
		}
	}
	return "neither has come to where the other one was"
}

// outputsWithin is how long two regions may take to come to where the other one was.
const outputsWithin = 30 * time.Second

// compareOutput compares a statement's output once: as far as both regions are when it begins.
func compareOutput(ctx context.Context, w *World, statement, topic string, regions [2]string) (report.Check, error) {
	unknown := report.Check{ID: "output", Name: fmt.Sprintf("%s puts out the same in %s and in %s", statement, regions[0], regions[1]), Outcome: report.Unknown}
	c, err := newComparer(ctx, w, statement, topic, regions)
	for deadline := w.now().Add(outputsWithin); err == nil; {
		if _, err = c.look(ctx); err != nil || c.judged > 0 || w.now().After(deadline) {
			break
		}
		err = sleep(ctx, 100*time.Millisecond)
	}
	var why incomparable
	if errors.As(err, &why) {
		unknown.Detail, unknown.Why = "not compared: "+string(why), "that it runs in both does not show that it computes the same"
		return unknown, nil
	}
	if err != nil {
		return unknown, err
	}
	return c.line(), nil
}

// outputs are the statements that write topics, and what they write.
func outputs(d *plans.Declared) (list [][2]string) {
	for _, s := range d.Statements {
		if writes := d.Writes(s.Name); d.Inserts(s.Name) && len(writes) == 1 {
			list = append(list, [2]string{s.Name, writes[0]})
		}
	}
	return list
}

// compareOutputs compares what all statements put out in both regions of a link, a line each.
func compareOutputs(ctx context.Context, w *World, decl *plans.Link) ([]report.Check, error) {
	var lines []report.Check
	for _, o := range outputs(w.Declared) {
		line, err := compareOutput(ctx, w, o[0], o[1], [2]string{decl.From, decl.To})
		if err != nil {
			return lines, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}
