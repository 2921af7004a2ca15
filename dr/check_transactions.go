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

// checkTransactions names the open transactions in the source: what stands behind the first record of one is read by nobody who reads
// committed data, a link included, until it ends.
func checkTransactions(ctx context.Context, c *checkup) []report.Check {
	name := "no transaction holds link " + c.decl.Name + " back"
	from := c.seen.Regions[c.decl.From]
	if !from.Reachable {
		return []report.Check{{Name: name, Outcome: report.Unknown, Detail: c.decl.From + " does not answer"}}
	}
	held := kadm.TopicsSet{}
	partitions, behind := 0, int64(0)
	for topic, t := range from.Topics {
		for p, state := range t.Partitions {
			if c.decl.Selects(topic) && state.Stable >= 0 && state.Stable < state.End {
				held.Add(topic, int32(p))
				partitions++
				behind += int64(state.End - state.Stable)
			}
		}
	}
	if partitions == 0 {
		return []report.Check{{Name: name, Outcome: report.Passed, Detail: "none is open"}}
	}
	line := report.Check{Name: name, Outcome: report.Passed, Why: "records behind it are not mirrored, and would be lost with " + c.decl.From}
	described, err := c.world.Regions[c.decl.From].Admin.DescribeProducers(ctx, held)
	described.EachPartition(func(p kadm.DescribedProducersPartition) { err = cmp.Or(err, p.Err) })
	if err != nil {
		line.Outcome, line.Detail = report.Unknown, fmt.Sprintf("%s held back in %s; whose transactions: %v", counted(int(behind), "record"), counted(partitions, "partition"), err)
		line.Remedy = "grant READ on the topics, which DescribeProducers needs"
		return []report.Check{line}
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
		line.Remedy = "see who that is, and end it: kafka-transactions.sh --bootstrap-server … find-hanging, then abort --topic … --partition … --start-offset …"
	case len(open) > 0:
		line.Detail = "open: " + few(open)
	default:
		line.Outcome, line.Detail = report.Unknown, fmt.Sprintf("%s held back in %s, and the brokers do not tell by whom", counted(int(behind), "record"), counted(partitions, "partition"))
	}
	return []report.Check{line}
}

// few lists the first of many.
func few(texts []string) string {
	const most = 3
	if len(texts) > most {
		texts = append(slices.Clone(texts[:most]), fmt.Sprintf("and %d more", len(texts)-most))
	}
	return strings.Join(texts, "; ")
}
