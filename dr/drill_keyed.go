package dr

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/zeebo/xxh3"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Of an output that is updated, the last value of a key counts. The drill's is what the statement makes of its input up to the cut. The primary goes on
// past the cut while it is looked at, so its value at the cut is one of few: the last one in front of it, or one that it has put out since. A key without
// a value is one that was deleted, or has never been.

// changes are what a key was changed to, as far as it matters.
type changes struct {
	values []xxh3.Uint128 // the drill: the last; the primary: the last in front of the cut, and all behind it. Zero: it has none
	sample string
}

// deleted is the value of a key that has none.
var deleted xxh3.Uint128

// changesOf reads what keys were changed to, of one key in every so many. Of values in front of settled only the last is kept.
func changesOf(ctx context.Context, in *linking.Region, topic string, from, to, settled map[int32]plans.Offset, one uint64) (map[xxh3.Uint128]*changes, error) {
	all, spans := map[xxh3.Uint128]*changes{}, map[int32]span{}
	for p, end := range to {
		spans[p] = span{int64(from[p]), int64(end)}
	}
	err := readRange(ctx, in, map[string]map[int32]span{topic: spans}, func(rec *kgo.Record) error {
		if rec.Key == nil {
			return incomparable(fmt.Sprintf("its output is updated, and %s-%d @%d of %s has no key", topic, rec.Partition, rec.Offset, in.Name))
		}
		key := behindSchemaID(rec.Key)
		at := xxh3.Hash128(key)
		if at.Lo%one != 0 {
			return nil
		}
		k := all[at]
		if k == nil {
			k = &changes{values: []xxh3.Uint128{deleted}, sample: shorten(rec)}
			all[at] = k
		}
		if plans.Offset(rec.Offset) < settled[rec.Partition] {
			k.values = k.values[:0]
		}
		value := deleted
		if rec.Value != nil {
			value = xxh3.Hash128(appendBytes(appendBytes(nil, key), behindSchemaID(rec.Value)))
		}
		k.values = append(k.values, value)
		return nil
	})
	if errors.Is(err, kerr.OffsetOutOfRange) {
		return all, incomparable(fmt.Sprintf("%s: rows of %s were removed while they were read", in.Name, topic))
	}
	return all, err
}

// compareKeyed compares the last values of the keys of an output. mine are the ends of the drill's, late those of the primary's when it had passed the
// cut; half says why it can not be told what the primary had in front of the cut: then each value has to be one that it has ever put out.
func (r *run) compareKeyed(ctx context.Context, sp plans.StatementPlan, mine, starts, late map[int32]plans.Offset, half string, line *report.Check) error {
	isolated := sp.Writes[0]
	topic, one := r.drill.original(isolated), sampleOf(mine, late)
	drill, err := changesOf(ctx, r.to, isolated, nil, mine, mine, one)
	if err != nil {
		return err
	}
	settled := r.drill.before.Ends[topic]
	if half != "" {
		settled = nil
	}
	had, err := changesOf(ctx, r.from, topic, starts, late, settled, one)
	if err != nil {
		return err
	}
	policy, err := policyOf(ctx, r.from, topic)
	if err != nil {
		return err
	}
	// Where older values may have been compacted away, or removed, behind a newer one, what is not found may have been there.
	vanishes := policy != "delete" || slices.ContainsFunc(sortedKeys(starts), func(p int32) bool { return starts[p] > 0 })
	var of rows
	var other, unjudged int64
	sample := ""
	for at, k := range drill {
		last := k.values[len(k.values)-1]
		if last != deleted {
			of.n, of.hi, of.lo = of.n+1, of.hi+last.Hi, of.lo+last.Lo
		}
		there := had[at]
		switch {
		case there == nil && last == deleted, there != nil && slices.Contains(there.values, last):
		case vanishes && (there == nil || len(there.values) > 1):
			unjudged++
		default:
			other, sample = other+1, k.sample
		}
	}
	var missing int64
	gone := ""
	for at, k := range had {
		if drill[at] == nil && half == "" && !slices.Contains(k.values, deleted) {
			missing, gone = missing+1, k.sample
		}
	}
	r.noteDigest(sp.Name, of)

	keys := counted(int(of.n), "key")
	if one > 1 {
		keys = fmt.Sprintf("%s, those of %s by their hash", keys, fraction(one))
	}
	switch {
	case other+missing > 0:
		line.Outcome = report.Failed
		line.Detail = fmt.Sprintf("of %s, %d have another last value than %s had at the cut%s", keys, other, r.plan.From, such(sample))
		if missing > 0 {
			line.Detail += fmt.Sprintf("; %s that %s had %s missing%s", counted(int(missing), "key"), r.plan.From, verbOf(missing), such(gone))
		}
		line.Why, line.Remedy = whyOther, remedyOther
	default:
		line.Outcome = report.Passed
		line.Detail = fmt.Sprintf("%s, digest %s: the last value of each is the one that %s had at the cut, or has put out since, and no key is missing", keys, of.digest(), r.plan.From)
		if half != "" {
			line.Outcome = report.Warned
			line.Detail = fmt.Sprintf("%s, digest %s: the last value of each is one that %s has put out; whether it is the last in front of the cut, and whether a key is missing, was not compared: %s", keys, of.digest(), r.plan.From, half)
			line.Why, line.Remedy = whyHalf, remedyHalf
		}
		if unjudged > 0 {
			line.Outcome = report.Warned
			line.Detail += fmt.Sprintf("; of %s the value at the cut is not in the log of %s any more", counted(int(unjudged), "key"), r.plan.From)
		}
	}
	return nil
}

func verbOf(n int64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
