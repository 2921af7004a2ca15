//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/testenv"
)

// What every partition of the stalled destination's source has.
const (
	backlogRecords = 2
	backlogBytes   = 64 << 10 // of one record
	stalledFor     = 30 * time.Second
)

// backlog measures what a mirroring process takes of memory when each of ten thousand partitions has more to read than a broker is asked for
// of one, and the destination takes nothing.
func backlog(ctx context.Context, topics int) (err error) {
	fake, err := testenv.StartEmbedded(ctx, testenv.Options{Transient: true}) // files would be more than a process may open
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx) // ends what the destination holds
	defer func() {
		cancel()
		err = errors.Join(err, fake.Stop())
	}()
	var names []string
	for i := range topics {
		names = append(names, fmt.Sprint("backlog-", i))
	}
	if err := heap(ctx, fake.East, names); err != nil {
		return err
	}
	fake.West.Fake.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.West.Fake.KeepControl()
		if req.(*kmsg.ProduceRequest).TransactionID == nil {
			fake.West.Fake.SleepControl(func() { <-ctx.Done() })
		}
		return nil, nil, false
	})
	cmd, err := child("serve", slices.Concat(fake.East.Bootstrap, fake.West.Bootstrap), "backlog-.*", workload{}, 0)(ctx)
	if err != nil {
		return err
	}
	var out tail
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return err
	}
	select {
	case <-time.After(stalledFor):
	case <-ctx.Done():
	}
	memory := peak(cmd.Process.Pid)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if _, ended := errors.AsType[*exec.ExitError](cmd.Wait()); ended {
		return fmt.Errorf("with a backlog: %s", out.bytes)
	}
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	fmt.Printf("| %d with %d KiB each, stalled | lifeboat | – | – | %.1f | %d |\n", topics*setupPartitions, backlogRecords*backlogBytes>>10, cpu.Seconds(), memory>>20)
	return nil
}

// peak is the largest resident set of a process that runs, in bytes; 0 where the system does not tell. What it tells of one that has ended is never
// less than its parent's was, and this parent holds the source.
func peak(pid int) (bytes int64) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &bytes); err == nil {
			return bytes << 10
		}
	}
	return 0
}

// heap makes topics and writes their partitions' backlog, topic by topic.
func heap(ctx context.Context, r *testenv.Region, topics []string) error {
	cl, err := r.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return err
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopics(ctx, setupPartitions, 1, nil, topics...); err != nil {
		return fmt.Errorf("creating topics: %w", err)
	}
	value := make([]byte, backlogBytes)
	for _, t := range topics {
		var records []*kgo.Record
		for p := range int32(setupPartitions) {
			for range backlogRecords {
				records = append(records, &kgo.Record{Topic: t, Partition: p, Value: value})
			}
		}
		if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
			return fmt.Errorf("filling topic %s: %w", t, err)
		}
	}
	return nil
}
