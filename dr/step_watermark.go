package dr

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// A statement is caught up when its committed positions have passed the failover point of every mirrored partition it reads, and
// the end that a topic derived in the destination had when its own statement was caught up. Its watermark has then passed every
// record of the old primary, as far as the records' times allow.

func derivedFact(topic string) string { return "derived-end:" + topic }

func watermarkDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	sp, b, err := r.statement(s.Subject)
	if err != nil {
		return false, "", err
	}
	targets, err := r.targets(sp)
	if err != nil {
		return false, "", err
	}
	p, err := b.Progress(ctx, sp.Name)
	if err != nil {
		return false, "", fmt.Errorf("%s: statement %q: progress: %w", r.plan.To, sp.Name, err)
	}
	var behind []string
	for topic, parts := range targets {
		for partition, target := range parts {
			if at := plans.Offset(p.Offsets[topic][partition]); at < target {
				behind = append(behind, fmt.Sprintf("%s-%d %v of %v", topic, partition, at, target))
			}
		}
	}
	if len(behind) > 0 {
		slices.Sort(behind)
		return false, "behind the " + r.pointName() + ": " + strings.Join(behind, ", "), nil
	}
	if err := r.markDerived(ctx, sp); err != nil {
		return false, "", err
	}
	mark := watermarkText(p.Watermark)
	r.noteStatement(ctx, sp, mark, p.RowsIn, p.RowsOut)
	return true, fmt.Sprintf("positions past the %s, watermark %s, %d rows read, %d written", r.pointName(), mark, p.RowsIn, p.RowsOut), nil
}

func watermarkApply(ctx context.Context, r *run, s plans.Step) error {
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		done, detail, err := watermarkDone(ctx, r, s)
		if err != nil || done {
			return err
		}
		if err := r.stuck(s, r.waitsFor(s, detail), detail); err != nil {
			return fmt.Errorf("%s: statement %q: %w", r.plan.To, s.Subject, err)
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		if err := r.statementAlive(ctx, s.Subject); err != nil {
			return err
		}
	}
}

// statementAlive returns an error when the statement has ended by itself.
func (r *run) statementAlive(ctx context.Context, name string) error {
	_, b, err := r.statement(name)
	if err != nil {
		return err
	}
	st, err := b.Get(ctx, name)
	if err != nil {
		return fmt.Errorf("%s: statement %q: %w", r.plan.To, name, err)
	}
	if st.Phase.Terminal() && st.Phase != "COMPLETED" {
		return fmt.Errorf("%s: statement %q is %s: %s", r.plan.To, name, st.Phase, st.Detail)
	}
	return nil
}

func (r *run) pointName() string {
	if r.drill != nil {
		return "cut"
	}
	return "failover point"
}

// targets are the positions that a statement must pass.
func (r *run) targets(sp plans.StatementPlan) (plans.Positions, error) {
	var point plans.Positions
	fact := factFailoverPoint
	if r.drill != nil {
		fact = factCut
	}
	if _, err := r.recall(fact, &point); err != nil {
		return nil, err
	}
	targets := plans.Positions{}
	for _, topic := range sp.Reads {
		if ends, ok := point[topic]; ok {
			targets[topic] = ends
			continue
		}
		var ends map[int32]plans.Offset
		if ok, err := r.recall(derivedFact(topic), &ends); err != nil {
			return nil, err
		} else if ok {
			targets[topic] = ends
		}
	}
	return targets, nil
}

// markDerived journals where the topics that a statement writes ended when it was caught up, for the statements that read them.
func (r *run) markDerived(ctx context.Context, sp plans.StatementPlan) error {
	for _, topic := range sp.Writes {
		read := slices.ContainsFunc(r.plan.Statements, func(o plans.StatementPlan) bool { return slices.Contains(o.Reads, topic) })
		if !read || r.knows(derivedFact(topic)) {
			continue
		}
		ends, err := stableEnds(ctx, r.to, []string{topic})
		if err != nil {
			return err
		}
		if err := r.learn(ctx, derivedFact(topic), ends[topic]); err != nil {
			return err
		}
	}
	return nil
}

// noteStatement puts a statement's part into the report.
func (r *run) noteStatement(ctx context.Context, sp plans.StatementPlan, watermark string, read, rows int64) {
	line := statementLine(r.plan, sp)
	line.Watermark, line.Read, line.Rows = watermark, read, rows
	if st, err := r.engine().Get(ctx, sp.Name); err == nil {
		line.Phase, line.Detail = string(st.Phase), st.Detail
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	list := append(slices.DeleteFunc(r.rep.Statements, func(x report.Statement) bool { return x.Name == sp.Name }), line)
	at := func(x report.Statement) int {
		return slices.IndexFunc(r.plan.Statements, func(p plans.StatementPlan) bool { return p.Name == x.Name })
	}
	slices.SortFunc(list, func(a, b report.Statement) int { return at(a) - at(b) })
	r.rep.Statements = list
}

func statementLine(p *plans.Plan, sp plans.StatementPlan) report.Statement {
	line := report.Statement{Name: sp.Name, Region: p.To, Strategy: string(sp.Strategy), Reason: sp.Reason, Horizon: sp.Horizon,
		Verdict: sp.Verdict, Reads: sp.Reads, Writes: sp.Writes}
	var verdicts []string
	for _, v := range sp.Retention {
		verdicts = append(verdicts, fmt.Sprintf("%s: %s (%s)", v.Topic, v.Verdict, v.Detail))
	}
	line.Retention = strings.Join(verdicts, "; ")
	var starts []string
	for _, topic := range sortedKeys(sp.Start) {
		for _, part := range sortedKeys(sp.Start[topic]) {
			starts = append(starts, fmt.Sprintf("%s-%d%v", topic, part, sp.Start[topic][part]))
		}
	}
	line.Start = strings.Join(starts, " ")
	return line
}

func watermarkText(ms int64) string {
	if ms == math.MinInt64 {
		return "none yet"
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}
