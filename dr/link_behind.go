package dr

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// leftBehind is what the source has, where it answers, behind the ends of mirrors that were promoted just now. A mirror comes to the last stable offset:
// what stands behind that, of a transaction that is open and of everybody else, is not in it, whatever becomes of the transaction. Neither is what is
// committed while it is promoted.
func (w *World) leftBehind(ctx context.Context, decl *plans.Link, promoted []linking.Promoted) []report.Finding {
	from := w.Regions[decl.From]
	if from == nil {
		return nil
	}
	come := plans.Positions{} // by what topics are called in the source
	for _, p := range promoted {
		if source, ok := decl.Names().Source(p.Topic); ok && !p.Found {
			come[source] = p.Come
		}
	}
	if len(come) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, w.opts.Timeout)
	defer cancel()
	topics := sortedKeys(come)
	ends, err := logEnds(ctx, from, topics)
	var open []string
	var stable plans.Positions
	if err == nil {
		open, err = openTransactions(ctx, from, topics, ends, w.now())
	}
	if err == nil {
		stable, err = stableEnds(ctx, from, topics)
	}
	if err != nil {
		return []report.Finding{{Rule: "link/left-behind", Severity: report.Medium, Subject: decl.From, Message: fmt.Sprintf("what is behind the mirrors' ends in %s could not be looked up: %v", decl.From, err),
			Why: "records of a transaction that is open there are not mirrored any more"}}
	}
	var found []report.Finding
	if len(open) > 0 {
		found = append(found, report.Finding{Rule: "link/open-transaction", Severity: report.High, Subject: decl.From,
			Message: fmt.Sprintf("%s open in %s: %s", counted(len(open), "transaction")+" "+are(len(open)), decl.From, few(open)), Why: fmt.Sprintf("what is in them, and all that stands behind their first records, is not in %s, and will not be", decl.To),
			Remedy: "write what is committed of them again in " + decl.To + "; lifeboat check names open transactions before a promotion"})
	}
	for _, topic := range topics {
		var only []string
		for p, end := range come[topic] {
			if s := stable[topic][p]; s > end {
				only = append(only, fmt.Sprintf("%s-%d @%d–@%d", topic, p, end, s-1))
			}
		}
		if slices.Sort(only); len(only) > 0 {
			found = append(found, report.Finding{Rule: "link/left-behind", Severity: report.High, Subject: topic,
				Message: fmt.Sprintf("%s has been written to in %s while it was promoted: %s", topic, decl.From, few(only)), Why: "these offsets are not in " + decl.To + ", and will not be",
				Remedy: "stop its writers before a promotion: lifeboat failover --planned fences them"})
		}
	}
	return found
}

// hanging are the transactions at the source that nobody will end: a mirror comes to the first record of one, has no lag, and no more of the partition.
// Where the brokers do not tell, nothing is said.
func (w *World) hanging(ctx context.Context, decl *plans.Link, mirrors []report.Mirror) []report.Finding {
	from := w.Regions[decl.From]
	if from == nil || len(mirrors) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, w.opts.Timeout)
	defer cancel()
	var topics []string
	for _, m := range mirrors {
		if source, ok := decl.Names().Source(m.Topic); ok && m.State != plans.MirrorStopped && !slices.Contains(topics, source) {
			topics = append(topics, source)
		}
	}
	ends, err := logEnds(ctx, from, topics)
	if err != nil {
		return nil // the mirrors' own lines say that the source does not answer
	}
	open, _, err := describeOpen(ctx, from, topics, ends)
	if err != nil {
		return nil
	}
	var texts []string
	for _, p := range open {
		if w.now().Sub(time.UnixMilli(p.LastTimestamp)) > hangingAfter {
			texts = append(texts, openText(p, w.now()))
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return []report.Finding{{Rule: "link/hanging-transaction", Severity: report.High, Subject: decl.From,
		Message: fmt.Sprintf("%s in %s that nobody will end: %s", counted(len(texts), "transaction")+" "+are(len(texts))+" open", decl.From, few(texts)),
		Why:     "what stands behind their first records is not mirrored, and does not count as lag", Remedy: endHanging}}
}
