//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/testenv"
)

const (
	groupCount   = 100
	groupRecords = 10_000 // of every partition
	groupsWithin = 2 * time.Minute
)

// groups measures how long it takes from the start of a mirroring process until every consumer group stands in the destination exactly
// where it stands in the source, and where they stand when that does not come.
func groups(ctx context.Context, env *testenv.Env) error {
	fmt.Printf("\nPositions of %d consumer groups in a topic of %d partitions with %d records each, from the start of the process until all are exact, at most %s.\n\n",
		groupCount, partitions, groupRecords, groupsWithin)
	fmt.Println("| by | all exact after s | positions exact | most records behind | CPU s |")
	fmt.Println("|---|--:|--:|--:|--:|")
	topic := fmt.Sprint("groups-", time.Now().UnixNano())
	want, err := commit(ctx, env.East, topic)
	if err != nil {
		return err
	}
	if err := groupsBy(ctx, env.West, "lifeboat", child("serve", slices.Concat(env.East.Bootstrap, env.West.Bootstrap), topic, workload{}, 0), want); err != nil {
		return fmt.Errorf("groups, lifeboat: %w", err)
	}
	if err := clearGroups(ctx, env.West, topic, want); err != nil {
		return err
	}
	mm2, err := mirrorMaker(env, topic, workload{})
	if err != nil {
		return err
	}
	defer os.RemoveAll(mm2.dir)
	if err := mm2.syncGroups(); err != nil {
		return err
	}
	if err := groupsBy(ctx, env.West, "MirrorMaker 2, tuned, every second", mm2.run, want); err != nil {
		return fmt.Errorf("groups, MirrorMaker 2: %w", err)
	}
	return errors.Join(clearGroups(ctx, env.West, topic, want), clearGroups(ctx, env.East, topic, want))
}

// commit fills a topic and lets groups stand somewhere in it.
func commit(ctx context.Context, r *testenv.Region, topic string) (map[string]kadm.Offsets, error) {
	cl, err := r.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	if _, err := adm.CreateTopic(ctx, partitions, 1, nil, topic); err != nil {
		return nil, err
	}
	var records []*kgo.Record
	for p := range int32(partitions) {
		for range groupRecords {
			records = append(records, &kgo.Record{Topic: topic, Partition: p, Value: []byte("a record of a group's topic")})
		}
	}
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return nil, err
	}
	want := map[string]kadm.Offsets{}
	for i := range groupCount {
		at := kadm.Offsets{}
		for p := range int32(partitions) {
			at.Add(kadm.Offset{Topic: topic, Partition: p, At: int64(1 + (i*7919+int(p)*104729)%groupRecords), LeaderEpoch: -1})
		}
		name := fmt.Sprint(topic, "-group-", i)
		if err := adm.CommitAllOffsets(ctx, name, at); err != nil {
			return nil, fmt.Errorf("group %s: %w", name, err)
		}
		want[name] = at
	}
	return want, nil
}

func groupsBy(ctx context.Context, r *testenv.Region, name string, run runner, want map[string]kadm.Offsets) error {
	cl, err := r.Client()
	if err != nil {
		return err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	cmd, err := run(ctx)
	if err != nil {
		return err
	}
	var out tail
	cmd.Stdout, cmd.Stderr = &out, &out
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	var exact int
	var behind int64
	took := "never"
	for time.Since(begun) < groupsWithin && ctx.Err() == nil {
		exact, behind = compareGroups(adm.FetchManyOffsets(ctx, sortedNames(want)...), want)
		if exact == groupCount*partitions {
			took = fmt.Sprintf("%.1f", time.Since(begun).Seconds())
			break
		}
		time.Sleep(pollEvery)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return errors.Join(err, errors.New(string(out.bytes)))
	}
	_ = cmd.Wait() // a JVM ends with 143
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	fmt.Printf("| %s | %s | %d of %d | %d | %.1f |\n", name, took, exact, groupCount*partitions, behind, cpu.Seconds())
	return ctx.Err()
}

// compareGroups counts the positions that are as they should be, and says how far the worst of the others is behind.
func compareGroups(have kadm.FetchOffsetsResponses, want map[string]kadm.Offsets) (exact int, behind int64) {
	for name, offsets := range want {
		offsets.Each(func(o kadm.Offset) {
			at, there := have[name].Fetched.Lookup(o.Topic, o.Partition)
			switch {
			case there && at.At == o.At:
				exact++
			case there && at.At >= 0:
				behind = max(behind, o.At-at.At)
			default:
				behind = max(behind, o.At)
			}
		})
	}
	return exact, behind
}

// clearGroups removes the topic and the groups.
func clearGroups(ctx context.Context, r *testenv.Region, topic string, groups map[string]kadm.Offsets) error {
	cl, err := r.Client()
	if err != nil {
		return err
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).DeleteGroups(ctx, sortedNames(groups)...); err != nil {
		return err
	}
	return remove(ctx, r, topic)
}

func sortedNames(groups map[string]kadm.Offsets) []string {
	var names []string
	for name := range groups {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// syncGroups has MirrorMaker 2 write group positions, as often and as exactly as it can be told to.
func (m *maker) syncGroups() error {
	name := filepath.Join(m.dir, "mm2.properties")
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	lines := slices.DeleteFunc(strings.Split(string(text), "\n"), func(l string) bool { return strings.HasPrefix(l, "emit.checkpoints.enabled") })
	lines = append(lines, "emit.checkpoints.enabled=true", "emit.checkpoints.interval.seconds=1", "sync.group.offsets.enabled=true",
		"sync.group.offsets.interval.seconds=1", "refresh.groups.interval.seconds=1", "offset.lag.max=0", "groups=groups-.*")
	return os.WriteFile(name, []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}
