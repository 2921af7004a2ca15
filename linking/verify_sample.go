package linking

import (
	"cmp"
	"context"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	quietEvery = time.Second // how often logs' bounds are read while there is nothing to compare
	againAfter = time.Hour   // after everything was compared, and this long, all of it is compared again
)

// follow compares until ctx ends: in every round of every partition something that is new, or, as often, something that was not compared
// yet, wherever it stands in the log. What does not fit into the bandwidth is left for later: the rest was compared by sample then.
func (v *verifier) follow(ctx context.Context) error {
	seed := fnv.New64a()
	_, _ = seed.Write([]byte(v.l.decl.Name)) // a hash never fails
	rnd := rand.New(rand.NewPCG(seed.Sum64(), 1))
	lap := v.now()
	for {
		if v.now().Sub(lap) > againAfter && v.all() {
			lap = v.now()
			for _, p := range v.parts {
				p.done = nil
			}
		}
		var round []window
		for _, i := range rnd.Perm(len(v.parts)) {
			if w, ok := v.parts[i].pick(rnd); ok && len(round) < v.parallel {
				round = append(round, w)
			}
		}
		var err error
		if len(round) > 0 {
			err = v.round(ctx, round)
		} else {
			err = wait(ctx, quietEvery)
		}
		if err == nil {
			err = v.survey(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// all says that everything that can be compared was.
func (v *verifier) all() bool {
	p := v.progress()
	return p.Compared == p.Offsets
}

// pick chooses what to compare next of a partition: its end, or the beginning of a run of offsets that was not compared.
func (p *verified) pick(rnd *rand.Rand) (window, bool) {
	if p.closed || p.absent {
		return window{}, false
	}
	gaps := p.done.gaps(p.from, p.end)
	if len(gaps) == 0 {
		return window{}, false
	}
	last := gaps[len(gaps)-1]
	if last.end == p.end && (len(gaps) == 1 || rnd.IntN(2) == 0) {
		return window{p, offsets{max(last.from, last.end-p.width), last.end}}, true
	}
	gap := gaps[rnd.IntN(len(gaps))]
	return window{p, offsets{gap.from, min(gap.end, gap.from+p.width)}}, true
}

// intervals are runs of offsets, in order, apart from each other.
type intervals []offsets

// add joins [from, end) to them.
func (s *intervals) add(from, end int64) {
	if from >= end {
		return
	}
	i, _ := slices.BinarySearchFunc(*s, from, func(o offsets, at int64) int { return cmp.Compare(o.end, at) })
	j := i
	for ; j < len(*s) && (*s)[j].from <= end; j++ {
		from, end = min(from, (*s)[j].from), max(end, (*s)[j].end)
	}
	*s = slices.Replace(*s, i, j, offsets{from, end})
}

// within is how many offsets of [from, end) are in them.
func (s intervals) within(from, end int64) (n int64) {
	for _, o := range s {
		n += max(0, min(o.end, end)-max(o.from, from))
	}
	return n
}

// gaps are the runs of [from, end) that are not in them.
func (s intervals) gaps(from, end int64) (gaps []offsets) {
	for _, o := range s {
		if o.from > from && from < end {
			gaps = append(gaps, offsets{from, min(o.from, end)})
		}
		from = max(from, o.end)
	}
	if from < end {
		gaps = append(gaps, offsets{from, end})
	}
	return gaps
}
