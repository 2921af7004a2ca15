//go:build unix

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/testenv"
)

// setupPartitions is how many partitions each of many topics has, with a record in each.
const setupPartitions = 100

// setup measures how long it takes from the start of a mirroring process until every one of a thousand partitions has its record at the
// destination, and what that costs; and what ten thousand cost, on brokers in this process, because a single real one takes minutes to
// make them.
func setup(ctx context.Context, env *testenv.Env, rounds int) error {
	fmt.Printf("\nSetting up topics of %d partitions, a record in each, from the start of the process.\n\n", setupPartitions)
	fmt.Println("| partitions | by | first record s | all records s | CPU s | memory MiB |")
	fmt.Println("|--:|---|--:|--:|--:|--:|")
	if err := setUp(ctx, env, 10, rounds, true); err != nil {
		return err
	}
	fake, err := testenv.StartEmbedded(ctx, testenv.Options{Transient: true})
	if err != nil {
		return err
	}
	if err := errors.Join(setUp(ctx, fake, 100, rounds, false), fake.Stop()); err != nil {
		return err
	}
	return backlog(ctx, 100)
}

// setUpResult is one start.
type setUpResult struct {
	first, all, cpu time.Duration
	memory          int64 // bytes
}

func setUp(ctx context.Context, env *testenv.Env, n, rounds int, real bool) error {
	var topics []string
	for i := range n {
		topics = append(topics, fmt.Sprint("setup-", i))
	}
	if err := seed(ctx, env.East, topics); err != nil {
		return err
	}
	ways := []struct {
		name string
		run  runner
	}{{"lifeboat", child("serve", slices.Concat(env.East.Bootstrap, env.West.Bootstrap), "setup-.*", workload{}, 0)}}
	if real {
		mm2, err := mirrorMaker(env, "setup-.*", workload{})
		if err != nil {
			return err
		}
		defer os.RemoveAll(mm2.dir)
		ways = append(ways, struct {
			name string
			run  runner
		}{"MirrorMaker 2, tuned", mm2.run})
	}
	results := make([][]setUpResult, len(ways))
	for range 1 + rounds { // the first does not count: a broker that has just been started makes topics at half its speed
		for i, way := range ways {
			r, err := setUpBy(ctx, env, topics, way.run)
			if err != nil {
				return fmt.Errorf("%s: %w", way.name, err)
			}
			results[i] = append(results[i], r)
		}
	}
	for i, way := range ways {
		runs := slices.SortedFunc(slices.Values(results[i][1:]), func(a, b setUpResult) int { return cmp.Compare(a.all, b.all) })
		r := runs[len(runs)/2]
		fmt.Printf("| %d | %s | %.1f | %.1f | %.1f | %d |\n", len(topics)*setupPartitions, way.name, r.first.Seconds(), r.all.Seconds(), r.cpu.Seconds(), r.memory>>20)
	}
	return nil
}

func setUpBy(ctx context.Context, env *testenv.Env, topics []string, run runner) (setUpResult, error) {
	var none setUpResult
	cl, err := env.West.Client()
	if err != nil {
		return none, err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	cmd, err := run(ctx)
	if err != nil {
		return none, err
	}
	var out tail
	cmd.Stdout, cmd.Stderr = &out, &out
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return none, err
	}
	var first, all time.Duration
	for want := int64(len(topics) * setupPartitions); all == 0 && ctx.Err() == nil; time.Sleep(pollEvery) {
		listed, err := adm.ListEndOffsets(ctx, topics...)
		if err != nil {
			continue // topics come one after the other
		}
		var sum int64
		listed.Each(func(o kadm.ListedOffset) { sum += max(0, o.Offset) })
		if sum > 0 && first == 0 {
			first = time.Since(begun)
		}
		if sum >= want {
			all = time.Since(begun)
		}
		if time.Since(begun) > noGrowth {
			err = fmt.Errorf("%d of %d records after %s", sum, want, noGrowth)
			_ = cmd.Process.Kill()
			return none, errors.Join(err, cmd.Wait(), errors.New(string(out.bytes)))
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return none, err
	}
	_ = cmd.Wait() // a JVM ends with 143
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	for _, t := range topics {
		if err := remove(ctx, env.West, t); err != nil {
			return none, err
		}
	}
	return setUpResult{first, all, cpu, usage.Maxrss << 10}, nil
}

// seed makes the topics and writes a record to every partition.
func seed(ctx context.Context, r *testenv.Region, topics []string) error {
	cl, err := r.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopics(ctx, setupPartitions, 1, nil, topics...); err != nil {
		return fmt.Errorf("creating topics: %w", err)
	}
	var records []*kgo.Record
	for _, t := range topics {
		for p := range int32(setupPartitions) {
			records = append(records, &kgo.Record{Topic: t, Partition: p, Value: []byte("a record")})
		}
	}
	return cl.ProduceSync(ctx, records...).FirstErr()
}
