package linking

import (
	"context"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Foreign says of mirrors, while nothing mirrors them, what stands at their ends that the source has not: somebody else has written it, and the
// mirror can not go on behind it by the same offsets. It is by topic, in words; a topic that has nothing of the kind is not in it. Translated
// partitions go on behind what others write, and are not looked at.
func (l *Link) Foreign(ctx context.Context, topics []string) (map[string]string, error) {
	if l.from == nil {
		return nil, l.noSource()
	}
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	if len(topics) == 0 {
		return found, nil
	}
	sources, err := listBounds(ctx, l.from, topics)
	if err != nil {
		return nil, err
	}
	mirrors, err := listBounds(ctx, l.to, topics)
	if err != nil {
		return nil, err
	}
	ends := map[partitionKey]offsets{}
	for _, name := range topics {
		rec := m.topics[name]
		if rec == nil {
			return nil, fmt.Errorf("link %s: topic %q is not a mirror", l.decl.Name, name)
		}
		for p := range int32(rec.Partitions) {
			k := partitionKey{name, p}
			src, dst := sources[k], mirrors[k]
			switch {
			case src.err != nil:
				return nil, fmt.Errorf("%s: the source of %s-%d: reading log bounds: %w", l.from.Name, name, p, src.err)
			case dst.err != nil:
				return nil, fmt.Errorf("%s: %s-%d: reading log bounds: %w", l.to.Name, name, p, dst.err)
			case rec.Translated[p] != nil:
				continue
			case dst.end > src.end && found[name] == "":
				found[name] = fmt.Sprintf("%s-%d has %v–%v, and the log of %s ends at %v", name, p, plans.Offset(src.end), plans.Offset(dst.end-1), l.from.Name, plans.Offset(src.end))
			}
			end := min(src.end, dst.end)
			if from := max(src.start, dst.start, end-tailOffsets); from < end {
				ends[k] = offsets{from, end}
			}
		}
	}
	tails, err := readTails(ctx, l, ends, nil)
	if err != nil {
		return nil, err
	}
	for k, t := range tails {
		if err := t.failed(); err != nil {
			return nil, fmt.Errorf("comparing %s-%d of %s and %s: %w", k.topic, k.partition, l.from.Name, l.to.Name, err)
		}
		if _, how := t.differs(compacts(m.topics[k.topic]), l.from.Name, l.to.Name); how != "" {
			found[k.topic] = fmt.Sprintf("%s-%d: %s", k.topic, k.partition, how)
		}
	}
	return found, nil
}
