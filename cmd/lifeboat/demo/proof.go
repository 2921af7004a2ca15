package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// after is life in west: flights depart there, the board goes on, and everything is measured.
func (s *story) after(ctx context.Context, declared *plans.Declared) error {
	w, err := dr.Open(ctx, declared, dr.Options{Log: s.o.Log, StateDir: s.dir, Timeout: 2 * time.Second})
	if err != nil {
		return err
	}
	west := w.Regions["west"]
	defer func() { w.Close() }()

	written := s.app
	if s.app, err = newProducer(ctx, west); err != nil {
		return err
	}
	defer s.app.close()
	rest := append(slices.Clone(written.pending), s.flights[len(s.flights)-live/2+200:]...)
	if err := s.app.stream(ctx, rest, 1500*time.Millisecond); err != nil {
		return err
	}
	s.say("%d flights departed in west, %d of them sent again because east never acknowledged them; %d are acknowledged in east",
		len(rest), len(written.pending), written.acked())

	if err := s.board.move(west); err != nil {
		return err
	}
	var g errgroup.Group
	g.Go(func() error { return s.board.watch(ctx) })
	ends, err := lastRecords(ctx, west, "flights")
	if err != nil {
		return err
	}
	err = until(ctx, 30*time.Second, boardGroup+" to reach the end in west", func() (bool, error) { return s.board.reached(ends), nil })
	s.board.stop()
	if err = errors.Join(err, g.Wait()); err != nil {
		return err
	}
	s.proveGroup()

	if err := s.control(ctx, west, declared); err != nil {
		return err
	}
	if err := s.env.East.Broker.Start(ctx); err != nil {
		return err
	}
	s.say("east is back, without writers: what it has and west has not can be measured now")
	w.Close()
	if w, err = dr.Open(ctx, declared, dr.Options{Log: s.o.Log, StateDir: s.dir}); err != nil {
		return err
	}
	if err := s.proveLoss(ctx, w, written); err != nil {
		return err
	}
	s.conclude()
	return nil
}

func (s *story) check(id, name string, ok bool, detail string) {
	c := report.Check{ID: id, Name: name, Outcome: report.Passed, Detail: detail}
	if !ok {
		c.Outcome, c.Why = report.Failed, "this is a promise of lifeboat's: the demo has failed"
	}
	s.rep.Checks = append(s.rep.Checks, c)
	mark := "proved"
	if !ok {
		mark = "NOT PROVED"
	}
	s.say("%s: %s: %s", mark, name, detail)
}

// proveGroup: the board missed nothing and was shown again only what it had not committed.
func (s *story) proveGroup() {
	again := s.board.reRead()
	for i := range s.rep.Groups {
		s.rep.Groups[i].ReReads = again
		s.rep.Groups[i].Explanation = "measured by the consumer itself"
	}
	s.rep.Figures = append(s.rep.Figures, report.Figure{Name: boardGroup + " re-reads", Value: float64(again), Unit: "records",
		Note: "flights that the consumer had already shown in east and was shown again in west"})
	s.check("group-goes-on", boardGroup+" goes on in west where it was", again <= live, fmt.Sprintf("%d flights shown, %d shown again", s.board.count, again))
}

// control: the statements run once more over the same log, without interruption; both outputs must be the same rows.
func (s *story) control(ctx context.Context, west *linking.Region, declared *plans.Declared) error {
	ends, err := lastRecords(ctx, west, "flights")
	if err != nil {
		return err
	}
	for _, st := range declared.Statements {
		text := strings.NewReplacer("delays_by_hour", "control_delays_by_hour", "departures (", "control_departures (",
			"INTO departures", "INTO control_departures").Replace(st.SQL)
		name := "control-" + st.Name
		if _, err := s.west.engine.Create(ctx, engine.Spec{Name: name, SQL: text, Properties: declared.Topology.Pipelines[0].Properties}); err != nil {
			return fmt.Errorf("west: statement %q: %w", name, err)
		}
		if err := s.west.settled(ctx, name); err != nil {
			return err
		}
	}
	var marks []int64
	for _, st := range declared.Statements {
		for _, name := range []string{st.Name, "control-" + st.Name} {
			p, err := s.west.passed(ctx, name, ends)
			if err != nil {
				return err
			}
			if strings.Contains(st.SQL, "TUMBLE") {
				marks = append(marks, p.Watermark)
			}
		}
	}
	s.check("same-watermark", "recovered and control run have the same watermark", slices.Min(marks) == slices.Max(marks),
		time.UnixMilli(slices.Min(marks)).UTC().Format(time.RFC3339Nano))
	for _, topic := range []string{"departures", "delays_by_hour"} {
		all := func(*kgo.Record) bool { return true }
		got, err := dr.DigestRows(ctx, west, topic, all)
		if err != nil {
			return err
		}
		want, err := dr.DigestRows(ctx, west, "control_"+topic, all)
		if err != nil {
			return err
		}
		s.check("same-output", fmt.Sprintf("%s equals an uninterrupted control run over the same log", topic), got == want && got.Count > 0,
			fmt.Sprintf("%d rows, digest %s; control %d rows, %s", got.Count, got, want.Count, want))
		for i := range s.rep.Statements {
			if slices.Contains(s.rep.Statements[i].Writes, topic) {
				s.rep.Statements[i].Digest, s.rep.Statements[i].Rows = got.String(), got.Count
			}
		}
	}
	return nil
}

// passed waits until a statement that reads flights has committed everything below ends. Statements without input have nothing to pass.
func (es *engineServer) passed(ctx context.Context, name string, ends map[int32]int64) (engine.Progress, error) {
	var p engine.Progress
	err := until(ctx, 60*time.Second, "statement "+name+" to reach the end of flights", func() (bool, error) {
		st, err := es.engine.Get(ctx, name)
		if err != nil || st.Phase == engine.Completed {
			return true, err
		}
		if st.Phase == engine.Failed {
			return false, fmt.Errorf("statement %q: %s", name, st.Detail)
		}
		if p, err = es.engine.Progress(ctx, name); err != nil {
			return false, err
		}
		for part, end := range ends {
			if p.Offsets["flights"][part] < end {
				return false, nil
			}
		}
		return true, nil
	})
	return p, err
}

// proveLoss: what verify measures on the old primary is what the application knows to be acknowledged there and not in west.
func (s *story) proveLoss(ctx context.Context, w *dr.World, written *producer) error {
	v, err := dr.Verify(ctx, w, "")
	if err != nil {
		return err
	}
	for _, c := range v.Checks {
		s.rep.Checks = append(s.rep.Checks, c)
		s.say("%s: %s: %s", c.Outcome, c.Name, c.Detail)
	}
	s.rep.Topics = v.Topics
	s.rep.Figures = slices.DeleteFunc(s.rep.Figures, func(f report.Figure) bool { return f.Name == "records lost" })
	for i := range v.Figures {
		if v.Figures[i].Name == "RPO" {
			v.Figures[i].Note += ", in the time of the flights: days of them depart here in seconds"
		}
	}
	s.rep.Figures = append(s.rep.Figures, v.Figures...)
	var measured int64
	var ranges []string
	ends := map[int32]int64{}
	for _, t := range v.Topics {
		measured += t.LostRecords
		for _, l := range t.Lost {
			ranges = append(ranges, fmt.Sprintf("%s-%d @%d–@%d", l.Topic, l.Partition, l.First, l.End-1))
			if _, ok := ends[l.Partition]; !ok && l.Topic == "flights" {
				ends[l.Partition] = l.First
			}
		}
	}
	for p := range int32(flightPartitions) {
		if _, ok := ends[p]; !ok {
			ends[p] = 1 << 62
		}
	}
	lost := written.beyond(ends)
	names := make([]string, len(lost))
	for i, pl := range lost {
		names[i] = fmt.Sprintf("%s (flights-%d @%d)", pl.name, pl.partition, pl.offset)
	}
	detail := "none"
	if measured > 0 {
		detail = fmt.Sprintf("%d records in %s, of which the application was told %d are safe", measured, strings.Join(ranges, ", "), len(lost))
		if len(names) > 0 {
			detail += ": " + strings.Join(names[:min(len(names), 5)], ", ")
			if len(names) > 5 {
				detail += fmt.Sprintf(" and %d more", len(names)-5)
			}
		}
	}
	s.check("loss-by-name", "every record that did not reach west is known by name", int64(len(lost)) <= measured, detail)
	return nil
}

// conclude ends the report: failed if one proof failed.
func (s *story) conclude() {
	s.rep.End = time.Now()
	s.rep.Title = "nycflights: east is killed in mid-stream, west goes on"
	passed, failed := 0, 0
	for _, c := range s.rep.Checks {
		switch c.Outcome {
		case report.Passed:
			passed++
		case report.Skipped: // what an unplanned failover can not look at
		default:
			failed++
		}
	}
	s.rep.Outcome = report.Done
	if failed > 0 {
		s.rep.Outcome = report.Failed
	}
	lost := int64(0)
	for _, t := range s.rep.Topics {
		lost += t.LostRecords
	}
	s.rep.Summary = fmt.Sprintf("East was killed; west is the primary: %d topics promoted, %d statements running, %d records lost (measured). %d proofs hold, %d do not.",
		len(s.rep.Topics), len(s.rep.Statements), lost, passed, failed)
	s.lag = slices.DeleteFunc(s.lag, func(p report.Point) bool { return p.At.After(s.killed) })
	s.rep.Series = append(s.rep.Series, report.Series{Name: "lag of link east-west until east was killed", Unit: "records", Points: s.lag})
	for i := range s.rep.Findings {
		s.rep.Findings[i].Place.File = strings.TrimPrefix(s.rep.Findings[i].Place.File, s.dir+"/")
	}
	s.rep.Next = []string{"write a lifeboat.yaml of your own: lifeboat schema, examples/nycflights/lifeboat.yaml"}
}

// lastRecords returns, by partition, the offset behind the last visible record of a topic.
func lastRecords(ctx context.Context, r *linking.Region, topic string) (map[int32]int64, error) {
	listed, err := fetch.Offsets(ctx, r.Admin.ListCommittedOffsets, topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: topic %q: log ends: %w", r.Name, topic, err)
	}
	ends := map[int32]int64{}
	for p, o := range listed[topic] {
		ends[p] = o.Offset
	}
	return ends, nil
}
