//go:build unix

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/testenv"
)

const (
	latencyRate    = 5000 // records a second, of 1 KiB
	latencyWarm    = 5 * time.Second
	latencySeconds = 15
)

// Other MirrorMakers than the one that is tuned for throughput.
const (
	quickName = "MirrorMaker 2, tuned for latency"
	plainName = "MirrorMaker 2, as it comes"
)

// latency measures how much later than at the source a consumer at the destination has a record, while records come at a steady rate.
// The consumer takes every record's time of sending from its value; both ends are this process, so there is one clock.
func latency(ctx context.Context, env *testenv.Env, among choice) error {
	fmt.Printf("\nLatency at %d records/s of 1 KiB over %d partitions: from a record's sending at the source to its reading at the destination, over %d s.\n\n",
		latencyRate, partitions, latencySeconds)
	fmt.Println("| by | p50 ms | p99 ms | max ms | CPU s |")
	fmt.Println("|---|--:|--:|--:|--:|")
	for _, by := range []string{"no mirror: read at the source", "lifeboat", otherName, makerName, quickName, plainName} {
		if !among.has(by) || by == otherName && among.beside == "" {
			continue
		}
		if err := latencyOf(ctx, env, by, among); err != nil {
			return fmt.Errorf("latency, %s: %w", by, err)
		}
	}
	return nil
}

func latencyOf(ctx context.Context, env *testenv.Env, by string, among choice) (err error) {
	topic := fmt.Sprint("latency-", time.Now().UnixNano())
	source, err := env.East.Client(kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(5*time.Millisecond))
	if err != nil {
		return err
	}
	defer source.Close()
	if _, err := kadm.NewClient(source).CreateTopic(ctx, partitions, 1, nil, topic); err != nil {
		return err
	}
	var run runner
	at := env.West
	switch by {
	case "lifeboat", otherName:
		if run = child("serve", slices.Concat(env.East.Bootstrap, env.West.Bootstrap), topic, workload{}, 0); by == otherName {
			run = among.other(run)
		}
	case makerName, quickName, plainName:
		mm2, err := mirrorMaker(env, topic, workload{})
		if err != nil {
			return err
		}
		defer os.RemoveAll(mm2.dir)
		switch by {
		case quickName: // a record waits for no other; batches stay large, for when it is behind
			err = mm2.retune("east.consumer.fetch.min.bytes=1", "east.consumer.fetch.max.wait.ms=500", "west.producer.linger.ms=0",
				"west.producer.batch.size=65536", "west.producer.max.in.flight.requests.per.connection=5")
		case plainName:
			err = mm2.retune()
		}
		if err != nil {
			return err
		}
		run = mm2.run
	default:
		at = env.East
	}
	var cmd *exec.Cmd
	if run != nil {
		if cmd, err = run(ctx); err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		defer func() {
			if cmd.ProcessState == nil {
				_ = cmd.Process.Kill() // it may have ended
				_ = cmd.Wait()
			}
		}()
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if err := source.ProduceSync(ctx, &kgo.Record{Value: make([]byte, 1024)}).FirstErr(); err != nil {
		return err
	}
	reader, err := at.Client(kgo.ConsumeTopics(topic), kgo.FetchMaxWait(500*time.Millisecond), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer reader.Close()
	for reader.PollFetches(ctx).NumRecords() == 0 { // the mirror is up
		if ctx.Err() != nil {
			return errors.New("nothing is mirrored")
		}
	}
	const n = latencyRate * latencySeconds
	var took []time.Duration
	var g errgroup.Group
	g.Go(func() error {
		begin := time.Now()
		for i := range latencyRate*int(latencyWarm/time.Second) + n {
			due := begin.Add(time.Duration(i) * time.Second / latencyRate)
			if wait := time.Until(due); wait > 0 {
				time.Sleep(wait)
			}
			value := make([]byte, 1024)
			now := time.Now()
			binary.BigEndian.PutUint64(value, uint64(now.UnixNano()))
			source.Produce(ctx, &kgo.Record{Value: value}, nil)
		}
		return source.Flush(ctx)
	})
	var before, after time.Duration
	for seen := 0; seen < latencyRate*int(latencyWarm/time.Second)+n && ctx.Err() == nil; {
		fetches := reader.PollFetches(ctx)
		now := time.Now()
		fetches.EachRecord(func(r *kgo.Record) {
			sent := int64(binary.BigEndian.Uint64(r.Value))
			if sent == 0 {
				return
			}
			if seen++; seen > latencyRate*int(latencyWarm/time.Second) {
				if before == 0 && cmd != nil {
					before = cpuOf(cmd.Process.Pid)
				}
				took = append(took, now.Sub(time.Unix(0, sent)))
			}
		})
	}
	if err := errors.Join(g.Wait(), ctx.Err()); err != nil {
		return err
	}
	if cmd != nil {
		after = cpuOf(cmd.Process.Pid)
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()                          // a JVM ends with 143
	}
	slices.Sort(took)
	ms := func(share float64) float64 { return took[int(share*float64(len(took)-1))].Seconds() * 1000 }
	fmt.Printf("| %s | %.0f | %.0f | %.0f | %.1f |\n", by, ms(0.5), ms(0.99), ms(1), (after - before).Seconds())
	return remove(ctx, env.East, topic)
}
