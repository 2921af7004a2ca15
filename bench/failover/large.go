//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
)

// stage starts two regions with the topic orders, others with a record in every partition, and the destination's engine.
func stage(ctx context.Context, records, topics, partitions, statements int) (declared *plans.Declared, dir string, end func() error, err error) {
	var ends []func() error
	end = func() error {
		var errs []error
		for i := len(ends) - 1; i >= 0; i-- {
			errs = append(errs, ends[i]())
		}
		return errors.Join(errs...)
	}
	fail := func(err error) (*plans.Declared, string, func() error, error) {
		return nil, "", nil, errors.Join(err, end())
	}
	env, err := testenv.StartKafka(ctx, testenv.Options{})
	if err != nil {
		return fail(err)
	}
	ends = append(ends, env.Stop)
	if dir, err = os.MkdirTemp("", "lifeboat-bench-"); err != nil {
		return fail(err)
	}
	ends = append(ends, func() error { return os.RemoveAll(dir) })
	if err := produce(ctx, env.East, records); err != nil {
		return fail(err)
	}
	if err := fill(ctx, env.East, topics, partitions); err != nil {
		return fail(err)
	}
	url, stop, err := serve(ctx, env.West)
	if err != nil {
		return fail(err)
	}
	ends = append(ends, func() error { stop(); return nil })
	if declared, err = declare(env, dir, url, statements, `, "many-.*"`); err != nil {
		return fail(err)
	}
	if err := mirror(ctx, declared, dir); err != nil {
		return fail(err)
	}
	return declared, dir, end, nil
}

// fill makes topics many-0, many-1, … with a record in each of their partitions.
func fill(ctx context.Context, r *testenv.Region, topics, partitions int) error {
	cl, err := r.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(-1)) // brokers hear of two thousand topics one after the other
	if err != nil {
		return err
	}
	defer cl.Close()
	names := make([]string, topics)
	for i := range names {
		names[i] = fmt.Sprintf("many-%d", i)
	}
	for begin := 0; begin < topics; begin += 100 {
		made, err := kadm.NewClient(cl).CreateTopics(ctx, int32(partitions), 1, nil, names[begin:min(begin+100, topics)]...)
		if err == nil {
			err = made.Error()
		}
		if err != nil {
			return err
		}
	}
	var records []*kgo.Record
	for _, name := range names {
		for p := range partitions {
			records = append(records, &kgo.Record{Topic: name, Partition: int32(p), Value: []byte("one")})
		}
	}
	return cl.ProduceSync(ctx, records...).FirstErr()
}

// planned fails over partitions and statements with nothing lost. With broken it ends the run when all tables are declared and half of the statements
// are started, and resumes it; the figures are of what comes behind.
func planned(ctx context.Context, partitions, statements, records int, broken bool) (err error) {
	declared, dir, end, err := stage(ctx, records, partitions/10, 10, statements)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	o := dr.Options{StateDir: dir, Timeout: 5 * time.Second, Confirm: func(context.Context, string) (bool, error) { return true, nil }}
	running, kill := context.WithCancelCause(ctx)
	defer kill(nil)
	started := 0
	o.Events = func(e dr.Event) {
		if broken && e.Step.Kind == plans.StepStart && e.State == dr.EntryDone {
			if started++; started == statements+statements/2 {
				kill(errors.New("ended by the benchmark"))
			}
		}
	}
	w, err := dr.Open(ctx, declared, o)
	if err != nil {
		return err
	}
	defer w.Close()
	begin := time.Now()
	p, err := dr.Plan(ctx, w, plans.OpFailover, plans.Options{Planned: true})
	if err != nil {
		return err
	}
	of := fmt.Sprintf("planned failover of %d partitions and %d statements", partitions, statements)
	if !broken {
		fmt.Printf("| plan of a %s | %.2f s | %d steps |\n", of, time.Since(begin).Seconds(), len(p.Steps))
	}
	rep, err := dr.Execute(running, w, p)
	switch {
	case broken && err == nil:
		return fmt.Errorf("the run came to its end before it could be ended: %s", rep.Summary)
	case broken:
		begin = time.Now()
		if _, err = dr.Resume(ctx, w, rep.Run); err != nil {
			return err
		}
		fmt.Printf("| the same, ended when half of its statements had been started, resumed to its end | %.2f s | |\n", time.Since(begin).Seconds())
		return nil
	case err != nil:
		return err
	}
	rto, phases := 0.0, []string{}
	for _, f := range rep.Figures {
		switch f.Name {
		case "RTO":
			rto = f.Value
		case "RTO phase":
			phases = append(phases, fmt.Sprintf("%s %.2f s", f.Phase, f.Value))
		}
	}
	fmt.Printf("| RTO of a %s | %.2f s | %s |\n", of, rto, strings.Join(phases, ", "))
	return nil
}

// checked makes the pre-flight check of two regions.
func checked(ctx context.Context, topics int) (err error) {
	declared, dir, end, err := stage(ctx, 1000, topics, 1, 10)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	w, err := dr.Open(ctx, declared, dr.Options{StateDir: dir, Timeout: 5 * time.Second})
	if err != nil {
		return err
	}
	defer w.Close()
	begin := time.Now()
	rep, err := dr.Check(ctx, w, "")
	if err != nil {
		return err
	}
	passed := 0
	for _, c := range rep.Checks {
		if c.Outcome == report.Passed {
			passed++
		}
	}
	fmt.Printf("| check of two regions of %d topics | %.2f s | %d lines, %d passed |\n", topics, time.Since(begin).Seconds(), len(rep.Checks), passed)
	return nil
}
