package dr

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/zeebo/xxh3"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Judged is what a continuous comparison says of one window of an output, or of the rows that tell none and were judged together.
type Judged struct {
	Output  plans.Output
	Regions [2]string
	Window  [2]time.Time // from, up to; a zero from is not known, and both are for rows that tell no window
	Late    bool         // the window was judged before
	Noun    string       // row or key: of an output that is updated, its last value
	Rows    [2]int64
	Digest  [2]string
	Only    [2]int64 // differences: what one region has alone
	Sample  [2]string
	Came    int64  // what had been a difference, and is none any more
	Unknown string // why what only one region has is no difference

	sum [2]xxh3.Uint128
}

// Differs says whether a difference was found.
func (j Judged) Differs() bool { return j.Only[0]+j.Only[1] > 0 && j.Unknown == "" }

// Where names the window, or what was looked at without one.
func (j Judged) Where() string {
	if j.Window[1].IsZero() {
		return "since the look before"
	}
	text := "window "
	if !j.Window[0].IsZero() {
		text += j.Window[0].UTC().Format("2006-01-02T15:04:05.999") + "/"
	} else {
		text += "to "
	}
	text += j.Window[1].UTC().Format("2006-01-02T15:04:05.999")
	if j.Late {
		text += ", again"
	}
	return text
}

// String is a line for people.
func (j Judged) String() string {
	at := fmt.Sprintf("%s (%s), %s: ", j.Output.Topic, strings.Join(j.Output.Statements, ", "), j.Where())
	a, b := j.Regions[0], j.Regions[1]
	rows := fmt.Sprintf("%s in %s, %d in %s", counted(int(j.Rows[0]), j.Noun), a, j.Rows[1], b)
	var only []string
	for i, in := range j.Regions {
		if j.Only[i] > 0 {
			only = append(only, fmt.Sprintf("%s only in %s%s", counted(int(j.Only[i]), j.Noun), in, such(j.Sample[i])))
		}
	}
	came := ""
	if j.Came > 0 {
		came = fmt.Sprintf("; %s that only one region had %s come in the other one too", counted(int(j.Came), j.Noun), has(j.Came))
	}
	digests := fmt.Sprintf("digests %s and %s", j.Digest[0], j.Digest[1])
	switch {
	case j.Differs():
		return at + "differs: " + strings.Join(only, ", ") + "; " + rows + ", " + digests + came
	case len(only) > 0:
		return at + "not known: " + strings.Join(only, ", ") + ", but " + j.Unknown
	case j.Digest[0] == j.Digest[1]:
		return at + "the same: " + rows + ", digest " + j.Digest[0] + came
	}
	return at + "the same by now: " + rows + ", " + digests + came
}

func has(n int64) string {
	if n == 1 {
		return "has"
	}
	return "have"
}

// told is what of the rows that tell no window was judged up to a look.
type told struct {
	rows int64
	sum  xxh3.Uint128
}

// settle judges what can be, forgets it, and says what it found, in the order of the windows. What differs is kept: it may come later.
func (c *comparer) settle(ctx context.Context) ([]Judged, error) {
	if c.judged == 0 {
		return nil, nil
	}
	closed := c.closed()
	var ripe []xxh3.Uint128 // of c.open
	for key, u := range c.open {
		if u.since < c.judged && (u.window == noWindow || u.window <= closed) {
			ripe = append(ripe, key)
		}
	}
	if err := c.lookUp(ctx, ripe); err != nil {
		return nil, err
	}
	found, differing := map[int64]*Judged{}, map[int64][]*unpaired{}
	at := func(window int64) *Judged {
		if found[window] == nil {
			found[window] = c.judgedAt(window)
		}
		return found[window]
	}
	for _, key := range ripe {
		u := c.open[key]
		equal := !c.keyed && u.n == 0 || c.keyed && u.values[0] == u.values[1]
		if c.keyed && u.told == 0 {
			at(u.window).both(u)
		}
		switch {
		case equal:
			if u.told > 0 {
				at(u.window).Came += u.told
			}
			delete(c.open, key)
			c.forgot = c.forgot || c.keyed
		case u.told == 0:
			u.told = max(u.n, -u.n, 1)
			differing[u.window] = append(differing[u.window], u)
		}
	}
	for window, list := range differing {
		at(window).differ(c, list)
	}
	closedTo := c.closedTo // what is judged together is not late
	for window, s := range c.spans {
		if s.since < c.judged && window <= closed {
			if j := at(window); !c.keyed {
				j.Rows, j.sum = s.rows, s.sum
			}
			delete(c.spans, window)
			closedTo = max(closedTo, window)
		}
	}
	c.closedTo = closedTo
	if now := c.looseUpToNow(); !c.keyed && now != c.told {
		j := at(noWindow)
		for i := range now {
			j.Rows[i], j.sum[i] = now[i].rows-c.told[i].rows, minus(now[i].sum, c.told[i].sum)
		}
		c.told = now
	}
	var list []Judged
	for _, window := range sortedKeys(found) {
		j := found[window]
		j.Digest = [2]string{digestText(j.sum[0]), digestText(j.sum[1])}
		list = append(list, *j)
	}
	return list, nil
}

// looseUpToNow are the rows that tell no window and are judged.
func (c *comparer) looseUpToNow() [2]told {
	now := c.loose
	for key, u := range c.open {
		if u.since >= c.judged && u.window == noWindow && !c.keyed {
			now[0].less(key, max(u.n, 0))
			now[1].less(key, max(-u.n, 0))
		}
	}
	return now
}

// closed is the end of the last window that both regions have put out: where the watermark of the slower one is.
func (c *comparer) closed() int64 {
	at := int64(math.MaxInt64)
	for _, low := range c.last.low {
		for _, of := range c.chain {
			if mark, is := low.marks[of.name]; is && of.writes == c.output.Topic {
				at = min(at, mark)
			}
		}
	}
	return at
}

func (c *comparer) judgedAt(window int64) *Judged {
	j := &Judged{Output: c.output, Regions: [2]string{c.sides[0].region.Name, c.sides[1].region.Name}, Noun: c.noun()}
	if window != noWindow {
		j.Window[1], j.Late = time.UnixMilli(window), window <= c.closedTo
		if c.windows.Size > 0 {
			j.Window[0] = j.Window[1].Add(-c.windows.Size)
		}
	}
	return j
}

// both counts a key's last value in each region.
func (j *Judged) both(u *unpaired) {
	for i, v := range u.values {
		if v != (xxh3.Uint128{}) {
			j.Rows[i]++
			j.sum[i] = plus(j.sum[i], v)
		}
	}
}

// differ adds what is left to what was found.
func (j *Judged) differ(c *comparer, list []*unpaired) {
	slices.SortFunc(list, func(a, b *unpaired) int { return strings.Compare(a.sample, b.sample) })
	j.Only, j.Sample = left(c.keyed, list)
	for i := range c.sides {
		if j.Only[i] == 0 && c.sides[i].cut != "" {
			j.Unknown = c.sides[i].cut
		}
	}
}

func (t *told) less(row xxh3.Uint128, n int64) {
	t.rows, t.sum = t.rows-n, minus(t.sum, times(row, n))
}

func digestText(d xxh3.Uint128) string {
	b := d.Bytes()
	return hex.EncodeToString(b[:8])
}

// lookUp reads the last values of keys that seem to differ in both logs, where values that were equal are not kept any more.
func (c *comparer) lookUp(ctx context.Context, keys []xxh3.Uint128) error {
	seem := map[xxh3.Uint128]bool{}
	for _, key := range keys {
		if u := c.open[key]; u.told == 0 && u.values[0] != u.values[1] {
			seem[key] = true
		}
	}
	if !c.keyed || !c.forgot || len(seem) == 0 {
		return nil
	}
	for i, s := range c.sides {
		starts, err := logStarts(ctx, s.region, []string{c.output.Topic})
		if err != nil {
			return err
		}
		spans, last := map[int32]span{}, map[xxh3.Uint128]xxh3.Uint128{}
		for p, from := range starts[c.output.Topic] {
			spans[p] = span{int64(from), int64(s.next[p])}
		}
		err = readRange(ctx, s.region, map[string]map[int32]span{c.output.Topic: spans}, func(rec *kgo.Record) error {
			key := behindSchemaID(rec.Key)
			at := xxh3.Hash128(key)
			if !seem[at] {
				return nil
			}
			last[at] = xxh3.Uint128{}
			if rec.Value != nil {
				last[at] = xxh3.Hash128(appendBytes(appendBytes(nil, key), behindSchemaID(rec.Value)))
			}
			return nil
		})
		if err != nil {
			return err
		}
		for key := range seem {
			if v, is := last[key]; is {
				c.open[key].values[i] = v
			}
		}
	}
	return nil
}
