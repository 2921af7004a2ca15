package dr

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// hangingAfter is when an open transaction whose producer has written nothing more counts as one that nobody will end: brokers allow none to
// last longer (transaction.max.timeout.ms, 15 min by default), and those that do were lost by their coordinator (KIP-664).
const hangingAfter = 15 * time.Minute

const endHanging = "see who that is, and end it: kafka-transactions.sh --bootstrap-server … find-hanging, then abort --topic … --partition … --start-offset …"

// checkTransactions names the open transactions in both regions: what stands behind the first record of one is read by nobody who reads
// committed data, until it ends: not by a link in the source, and in the destination not by what goes on there after a failover.
func checkTransactions(ctx context.Context, c *checkup) []report.Check {
	source := heldBack{region: c.decl.From, name: "no transaction holds link " + c.decl.Name + " back", of: c.decl.Selects,
		why: "records behind it are not mirrored, and would be lost with " + c.decl.From}
	moved := map[string]bool{}
	if c.plan != nil {
		for _, t := range c.plan.Topics {
			moved[t.Name] = true
		}
		for _, s := range c.plan.Statements {
			for _, topic := range slices.Concat(s.Reads, s.Writes) {
				moved[topic] = true
			}
		}
	}
	destination := heldBack{region: c.decl.To, name: "no transaction holds readers in " + c.decl.To + " back", of: func(topic string) bool { return moved[topic] },
		why: "statements and consumers that go on there would stand still in front of it"}
	return []report.Check{source.look(ctx, c), destination.look(ctx, c)}
}

// heldBack asks it of some topics of one region.
type heldBack struct {
	region, name, why string
	of                func(topic string) bool
}

func (o heldBack) look(ctx context.Context, c *checkup) report.Check {
	line := report.Check{Name: o.name, Outcome: report.Passed, Detail: "none is open", Why: o.why}
	state := c.seen.Regions[o.region]
	if !state.Reachable {
		line.Outcome, line.Detail = report.Unknown, o.region+" does not answer"
		return line
	}
	held := kadm.TopicsSet{}
	partitions, behind := 0, int64(0)
	for topic, t := range state.Topics {
		for p, part := range t.Partitions {
			if o.of(topic) && part.Stable >= 0 && part.Stable < part.End {
				held.Add(topic, int32(p))
				partitions++
				behind += int64(part.End - part.Stable)
			}
		}
	}
	if partitions == 0 {
		line.Why = ""
		return line
	}
	described, err := c.world.Regions[o.region].Admin.DescribeProducers(ctx, held)
	described.EachPartition(func(p kadm.DescribedProducersPartition) { err = cmp.Or(err, p.Err) })
	if err != nil {
		line.Outcome, line.Detail = report.Unknown, fmt.Sprintf("%s held back in %s; whose transactions: %v", counted(int(behind), "record"), counted(partitions, "partition"), err)
		line.Remedy = "grant READ on the topics, which DescribeProducers needs"
		return line
	}
	var open, hanging []string
	for _, p := range described.SortedProducers() {
		if p.CurrentTxnStartOffset < 0 {
			continue
		}
		text := openText(p, c.world.now())
		if open = append(open, text); c.world.now().Sub(time.UnixMilli(p.LastTimestamp)) > hangingAfter {
			hanging = append(hanging, text)
		}
	}
	switch {
	case len(hanging) > 0:
		line.Outcome, line.Detail = report.Failed, "hanging: "+few(hanging)
		line.Remedy = endHanging
	case len(open) > 0:
		line.Detail = "open: " + few(open)
	default:
		stable, err := stableEnds(ctx, c.world.Regions[o.region], sortedKeys(held))
		still := 0
		for topic, parts := range held {
			for p := range parts {
				if stable[topic][p] <= state.Topics[topic].Partitions[p].Stable {
					still++
				}
			}
		}
		switch {
		case err != nil:
			line.Outcome, line.Detail = report.Unknown, err.Error()
		case still > 0:
			line.Outcome, line.Detail = report.Unknown, fmt.Sprintf("%s held back in %s, and the brokers do not tell by whom", counted(int(behind), "record"), counted(still, "partition"))
		default:
			line.Detail, line.Why = "what was open has ended", ""
		}
	}
	return line
}

// few lists the first of many.
func few(texts []string) string {
	const most = 3
	if len(texts) > most {
		texts = append(slices.Clone(texts[:most]), fmt.Sprintf("and %d more", len(texts)-most))
	}
	return strings.Join(texts, "; ")
}
