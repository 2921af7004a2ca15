//go:build unix

package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv"
)

// way is one that fills the destination's topic.
type way struct {
	name    string
	run     runner
	service bool // it does not end by itself
}

// choice is what is measured of everything.
type choice struct {
	only   []string // parts of the names of what is mirrored
	by     []string // parts of the names of ways to mirror it
	beside string   // another build of this program
}

func (c choice) measures(workload string) bool { return contains(workload, c.only) }
func (c choice) has(way string) bool           { return contains(way, c.by) }

func contains(name string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(name, part) })
}

// other is a run by the other build.
func (c choice) other(run runner) runner {
	return func(ctx context.Context) (*exec.Cmd, error) {
		cmd, err := run(ctx)
		if err == nil {
			cmd.Path = c.beside
		}
		return cmd, err
	}
}

// What the others are compared with.
const (
	limitName = "limit: the same batches, ready-made"
	makerName = "MirrorMaker 2, tuned"
	otherName = "lifeboat, the other build"
)

// compare mirrors one workload in every way and prints a line for each.
func compare(ctx context.Context, env *testenv.Env, topic string, w workload, among choice) error {
	// The source is written by the same loop that finds the limit.
	if _, err := measure(ctx, env, env.East, topic, w, child("produce", env.East.Bootstrap, topic, w, producerBatch), false); err != nil {
		return fmt.Errorf("writing the source: %w", err)
	}
	mm2, err := mirrorMaker(env, topic, w)
	if err != nil {
		return err
	}
	defer os.RemoveAll(mm2.dir)
	mirror := child("mirror", slices.Concat(env.East.Bootstrap, env.West.Bootstrap), topic, w, 0)
	ways := []way{
		{limitName, child("produce", env.West.Bootstrap, topic, w, producerBatch), false},
		{"ready-made batches of 900 KiB", child("produce", env.West.Bootstrap, topic, w, largeBatch), false},
		{"lifeboat", mirror, false},
	}
	if among.beside != "" {
		ways = append(ways, way{otherName, among.other(mirror), false})
	}
	ways = append(ways, way{makerName, mm2.run, true})
	ways = slices.DeleteFunc(ways, func(w way) bool { return !among.has(w.name) })
	// One way after the other, several times over: a broker that has just been started, or that cleans up, is not charged to one of them.
	rounds := make([][]result, len(ways))
	for range 1 + w.rounds {
		for i, way := range ways {
			r, err := measure(ctx, env, env.West, topic, w, way.run, way.service)
			if err != nil {
				return fmt.Errorf("%s: %w", way.name, err)
			}
			rounds[i] = append(rounds[i], r)
			if err := remove(ctx, env.West, topic); err != nil {
				return err
			}
		}
	}
	results, limit, maker := make([]result, len(ways)), 0.0, result{}
	for i, way := range ways {
		results[i] = middle(rounds[i][1:])
		switch way.name {
		case limitName:
			limit = results[i].rate()
		case makerName:
			maker = results[i]
		}
	}
	for i, r := range results {
		fmt.Printf("| %d × %s | %s | %.0f k | %.0f | %.1f | %.2f | %.1f | %.1f | %d | %s | %s | %s | %s |\n", w.records, w.name, ways[i].name, r.rate()/1e3,
			r.rate()*float64(w.size)/1e6, r.cpu.Seconds(), r.cpu.Seconds()/float64(w.records)*1e6, r.source.Seconds(), r.destination.Seconds(), r.memory>>20, ratio("%.1f", float64(r.allocations), float64(w.batches())),
			ratio("%.0f %%", 100*r.rate(), limit), ratio("%.1f×", r.rate(), maker.rate()), ratio("%.3f", r.cpu.Seconds(), maker.cpu.Seconds()))
	}
	return remove(ctx, env.East, topic)
}

// ratio shows a of b, where both were measured.
func ratio(format string, a, b float64) string {
	if a == 0 || b == 0 {
		return "–"
	}
	return fmt.Sprintf(format, a/b)
}

// result is what one run took.
type result struct {
	records             int
	took                time.Duration // from the first record at the destination to the last
	cpu                 time.Duration // of the process
	source, destination time.Duration // CPU of the brokers meanwhile
	memory              int64         // its largest resident set, bytes
	allocations         int           // of a link
}

// middle is the run of the median rate.
func middle(runs []result) result {
	runs = slices.SortedFunc(slices.Values(runs), func(a, b result) int { return cmp.Compare(a.rate(), b.rate()) })
	return runs[len(runs)/2]
}

func (r result) rate() float64 {
	if r.took == 0 {
		return 0 // it was not measured
	}
	return float64(r.records) / r.took.Seconds()
}
