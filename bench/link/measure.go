//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/testenv"
)

const (
	pollEvery = 50 * time.Millisecond
	noGrowth  = 2 * time.Minute // before a run counts as stuck
	endWithin = 30 * time.Second
)

// runner makes the process that fills a topic.
type runner func(ctx context.Context) (*exec.Cmd, error)

// measure runs a process until the topic in a region has all records. A service does not end by itself: it is told to.
func measure(ctx context.Context, env *testenv.Env, r *testenv.Region, topic string, w workload, run runner, service bool) (result, error) {
	// As it comes, a client remembers for seconds that there was no topic, and asks again as late.
	cl, err := r.Client(kgo.MetadataMinAge(pollEvery), kgo.RetryBackoffFn(func(int) time.Duration { return pollEvery }))
	if err != nil {
		return result{}, err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	cmd, err := run(ctx)
	if err != nil {
		return result{}, err
	}
	var out tail
	cmd.Stdout, cmd.Stderr = &out, &out
	source, destination := cpuOf(brokerOf(env.East)), cpuOf(brokerOf(env.West))
	if err := cmd.Start(); err != nil {
		return result{}, fmt.Errorf("starting %s: %w", cmd.Path, err)
	}
	var exit error
	ended := make(chan struct{})
	go func() { defer close(ended); exit = cmd.Wait() }()
	took, err := watch(ctx, adm, topic, w.records, ended)
	if err == nil && service {
		_ = cmd.Process.Signal(syscall.SIGTERM)
	}
	if err == nil {
		select {
		case <-ended:
		case <-time.After(endWithin):
			err = fmt.Errorf("it did not end within %s", endWithin)
		}
	}
	if err != nil {
		_ = cmd.Process.Kill() // it may have ended
	}
	<-ended
	if err == nil && !service { // a JVM ends with 143 on SIGTERM
		err = exit
	}
	if err != nil {
		return result{}, fmt.Errorf("%w; its output ends:\n%s", err, out.bytes)
	}
	res := result{records: w.records, took: took, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		source: cpuOf(brokerOf(env.East)) - source, destination: cpuOf(brokerOf(env.West)) - destination}
	for line := range strings.Lines(string(out.bytes)) {
		_, _ = fmt.Sscanf(line, allocated, &res.allocations) // it is one of them where it was a link
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		res.memory = int64(usage.Maxrss)
		if runtime.GOOS != "darwin" {
			res.memory <<= 10 // KiB elsewhere
		}
	}
	return res, nil
}

var errEnded = errors.New("the process ended before all records were there")

// watch waits until a topic has n records, and says how long that took from the first one seen.
func watch(ctx context.Context, adm *kadm.Client, topic string, n int, ended <-chan struct{}) (time.Duration, error) {
	var first, grown time.Time
	seen := int64(0)
	done := false
	for begin := time.Now(); ; {
		listed, err := adm.ListEndOffsets(ctx, topic)
		if err == nil {
			err = listed.Error()
		}
		if err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) && !kerr.IsRetriable(err) {
			return 0, err
		}
		total := int64(0)
		listed.Each(func(o kadm.ListedOffset) { total += max(0, o.Offset) })
		now := time.Now()
		if total > seen {
			if seen == 0 {
				first = now.Add(-pollEvery / 2) // it came at some moment since the last look
			}
			seen, grown = total, now
		}
		switch {
		case seen >= int64(n):
			return grown.Sub(first), nil
		case done:
			return 0, fmt.Errorf("%w: %d of %d", errEnded, seen, n)
		case now.Sub(begin) > noGrowth && now.Sub(grown) > noGrowth:
			return 0, fmt.Errorf("%d of %d records, and nothing new for %s", seen, n, noGrowth)
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-ended:
			done, ended = true, nil // look once more
		case <-time.After(pollEvery):
		}
	}
}

// remove deletes a topic and waits until it is gone.
func remove(ctx context.Context, r *testenv.Region, topic string) error {
	cl, err := r.Client()
	if err != nil {
		return err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	if _, err := adm.DeleteTopic(ctx, topic); err != nil {
		return fmt.Errorf("%s: deleting topic %s: %w", r.Name, topic, err)
	}
	for {
		topics, err := adm.ListTopics(ctx, topic)
		if err == nil && errors.Is(topics[topic].Err, kerr.UnknownTopicOrPartition) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}

// tail keeps the end of what is written to it.
type tail struct{ bytes []byte }

func (t *tail) Write(p []byte) (int, error) {
	const most = 4 << 10
	t.bytes = append(t.bytes, p...)
	t.bytes = t.bytes[max(0, len(t.bytes)-most):]
	return len(p), nil
}
