package dr

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// lookBack is how many offsets before the failover point are read to find the newest record that arrived.
const lookBack = 100

// measureLoss reads what the old primary holds beyond the failover point and says of each topic what did not arrive: committed
// records by partition and offset range, their bytes, and how much newer the newest of them is than the newest record that did
// arrive. The latter is looked for among the last lookBack offsets before the point.
func measureLoss(ctx context.Context, from *linking.Region, topics []string, point plans.Positions, asOf time.Time) ([]report.Topic, error) {
	stable, err := stableEnds(ctx, from, topics)
	if err != nil {
		return nil, err
	}
	ends, err := logEnds(ctx, from, topics)
	if err != nil {
		return nil, err
	}
	starts, err := logStarts(ctx, from, topics)
	if err != nil {
		return nil, err
	}
	spans := map[string]map[int32]span{}
	for _, topic := range topics {
		spans[topic] = map[int32]span{}
		for p, end := range stable[topic] {
			first := max(point[topic][p]-lookBack, starts[topic][p])
			spans[topic][p] = span{int64(first), int64(end)}
		}
	}
	lost := map[string]map[int32]*report.Range{}
	out := map[string]*report.Topic{}
	for _, topic := range topics {
		lost[topic] = map[int32]*report.Range{}
		out[topic] = &report.Topic{Name: topic, Partitions: len(stable[topic]), Measured: true, AsOf: asOf}
	}
	latest, newest := map[string]int64{}, map[string]int64{}
	err = readRange(ctx, from, spans, func(rec *kgo.Record) error {
		if plans.Offset(rec.Offset) < point[rec.Topic][rec.Partition] {
			newest[rec.Topic] = max(newest[rec.Topic], rec.Timestamp.UnixMilli())
			return nil
		}
		t := out[rec.Topic]
		t.LostRecords++
		t.LostBytes += int64(len(rec.Key) + len(rec.Value))
		latest[rec.Topic] = max(latest[rec.Topic], rec.Timestamp.UnixMilli())
		g := lost[rec.Topic][rec.Partition]
		if g == nil {
			g = &report.Range{Topic: rec.Topic, Partition: rec.Partition, First: rec.Offset, Sample: shorten(rec)}
			lost[rec.Topic][rec.Partition] = g
		}
		g.End, g.Records = rec.Offset+1, g.Records+1
		return nil
	})
	if err != nil {
		return nil, err
	}
	var list []report.Topic
	for _, topic := range slices.Sorted(maps.Keys(out)) {
		t := out[topic]
		for _, p := range sortedKeys(lost[topic]) {
			g := *lost[topic][p]
			if open := ends[topic][p] - stable[topic][p]; open > 0 {
				g.Note = fmt.Sprintf("and %d offsets of transactions that never committed", open)
			}
			t.Lost = append(t.Lost, g)
		}
		if t.LostRecords > 0 && newest[topic] > 0 {
			t.LostSeconds = max(0, float64(latest[topic]-newest[topic])/1000)
		}
		list = append(list, *t)
	}
	return list, nil
}

// mirrorLoss is measureLoss of a link's mirrors, which it names: point is by their names too.
func mirrorLoss(ctx context.Context, decl *plans.Link, from *linking.Region, mirrors []string, point plans.Positions, asOf time.Time) ([]report.Topic, error) {
	var sources []string
	there, mirrorOf := plans.Positions{}, map[string]string{}
	for _, mirror := range mirrors {
		if source, ok := decl.Names().Source(mirror); ok {
			sources = append(sources, source)
			there[source], mirrorOf[source] = point[mirror], mirror
		}
	}
	list, err := measureLoss(ctx, from, sources, there, asOf)
	for i := range list {
		list[i].Name = mirrorOf[list[i].Name]
		for j := range list[i].Lost {
			list[i].Lost[j].Topic = list[i].Name
		}
	}
	return list, err
}

// shorten gives a record's key, or its value where it has none, in at most 40 printable characters.
func shorten(rec *kgo.Record) string {
	b := rec.Key
	if len(b) == 0 {
		b = rec.Value
	}
	text := string(b)
	printable := utf8.Valid(b) && !slices.ContainsFunc([]rune(text), func(c rune) bool { return !unicode.IsPrint(c) })
	if !printable {
		text = "base64:" + base64.StdEncoding.EncodeToString(b[:min(len(b), 24)])
	}
	if runes := []rune(text); len(runes) > 40 {
		text = string(runes[:39]) + "…"
	}
	return text
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
