//go:build unix

// Command link measures, on two Apache Kafka brokers that it starts, how fast a topic is mirrored: by lifeboat's link, by MirrorMaker 2
// from the same jars, and, as the limit of what the destination takes, by a loop that sends ready-made batches. It prints a table in
// Markdown. All run one after the other on the same machine, beside both brokers, so ratios mean more than figures.
//
//	go run ./bench/link -scale 1    # 1 M records of 1 KiB, 5 M of 100 B; the default is 0.3 of that, in about three minutes
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/testenv"
)

// workload is a topic to be mirrored.
type workload struct {
	name       string
	codec      batch.Codec
	size       int // of a record's value, bytes
	records    int // at scale 1
	partitions int
	rounds     int
}

var workloads = []workload{
	{"1 KiB uncompressed", batch.None, 1024, 1_000_000, partitions, 0},
	{"1 KiB lz4", batch.LZ4, 1024, 1_000_000, partitions, 0},
	{"1 KiB zstd", batch.Zstd, 1024, 1_000_000, partitions, 0},
	{"100 B uncompressed", batch.None, 100, 5_000_000, partitions, 0},
	{"100 B lz4", batch.LZ4, 100, 5_000_000, partitions, 0},
	{"100 B zstd", batch.Zstd, 100, 5_000_000, partitions, 0},
	{"1 KiB lz4, 1 partition", batch.LZ4, 1024, 1_000_000, 1, 0},
	{"1 KiB lz4, 100 partitions", batch.LZ4, 1024, 1_000_000, 100, 0},
}

const (
	partitions    = 6         // where a workload says no other number
	producerBatch = 16 << 10  // what a producer's batch.size is by default, in bytes before compression
	largeBatch    = 900 << 10 // below the default max.message.bytes
)

func main() {
	if run, ok := roles[os.Getenv(roleVariable)]; ok {
		exit(run(context.Background(), os.Args[1:]))
		return
	}
	scale := flag.Float64("scale", 0.3, "of 1 M records of 1 KiB and 5 M of 100 B")
	rounds := flag.Int("rounds", 3, "of every way, behind one that does not count; the middle one is shown")
	only := flag.String("only", "", "workloads whose name contains this; latency, groups and setup are three more, backlog is the last row of setup alone")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *only == "backlog" { // no real broker plays a part in it
		exit(backlog(ctx, 100))
		return
	}
	exit(bench(ctx, *scale, *rounds, *only))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/link:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, scale float64, rounds int, only string) (err error) {
	env, err := testenv.StartKafka(ctx, testenv.Options{HeapMiB: 1024})
	if err != nil {
		return err
	}
	defer func() {
		if stopped := env.Stop(); err == nil {
			err = stopped
		}
	}()
	fmt.Printf("Mirroring, scale %g: %d partitions where nothing else is said, replication factor 1, two brokers and the mirror on %d CPUs; source batches of %d KiB before compression.\n\n",
		scale, partitions, runtime.NumCPU(), producerBatch>>10)
	fmt.Println("| records | by | records/s | MB/s | CPU s | CPU s per 1 M | memory MiB | rate, of the limit | rate, of MM2 | CPU, of MM2 |")
	fmt.Println("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|")
	for i, w := range workloads {
		if !strings.Contains(w.name, only) {
			continue
		}
		w.rounds = rounds
		w.records = int(float64(w.records) * scale)
		if err := compare(ctx, env, fmt.Sprint("w", i), w); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	fmt.Println("\nRates are from the first record at the destination to the last; CPU is of the whole process with its start, which for MirrorMaker 2 is most of it in small runs.")
	for _, other := range []struct {
		name string
		run  func(context.Context, *testenv.Env) error
	}{{"latency", latency}, {"groups", groups}, {"setup", func(ctx context.Context, env *testenv.Env) error { return setup(ctx, env, rounds) }}} {
		if strings.Contains(other.name, only) {
			if err := other.run(ctx, env); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare mirrors one workload in every way and prints a line for each.
func compare(ctx context.Context, env *testenv.Env, topic string, w workload) error {
	// The source is written by the same loop that finds the limit.
	if _, err := measure(ctx, env.East, topic, w, child("produce", env.East.Bootstrap, topic, w, producerBatch), false); err != nil {
		return fmt.Errorf("writing the source: %w", err)
	}
	mm2, err := mirrorMaker(env, topic, w)
	if err != nil {
		return err
	}
	defer os.RemoveAll(mm2.dir)
	ways := []struct {
		name    string
		run     runner
		service bool
	}{
		{"limit: the same batches, ready-made", child("produce", env.West.Bootstrap, topic, w, producerBatch), false},
		{"limit: ready-made batches of 900 KiB", child("produce", env.West.Bootstrap, topic, w, largeBatch), false},
		{"lifeboat", child("mirror", slices.Concat(env.East.Bootstrap, env.West.Bootstrap), topic, w, 0), false},
		{"MirrorMaker 2, tuned", mm2.run, true},
	}
	// One way after the other, several times over: a broker that has just been started, or that cleans up, is not charged to one of them.
	rounds := make([][]result, len(ways))
	for range 1 + w.rounds {
		for i, way := range ways {
			r, err := measure(ctx, env.West, topic, w, way.run, way.service)
			if err != nil {
				return fmt.Errorf("%s: %w", way.name, err)
			}
			rounds[i] = append(rounds[i], r)
			if err := remove(ctx, env.West, topic); err != nil {
				return err
			}
		}
	}
	results := make([]result, len(ways))
	for i := range ways {
		results[i] = middle(rounds[i][1:])
	}
	limit, other := max(results[0].rate(), results[1].rate()), results[len(results)-1]
	for i, r := range results {
		fmt.Printf("| %d × %s | %s | %s | %.0f | %.1f | %.2f | %d | %.0f %% | %.1f× | %.2f |\n", w.records, w.name, ways[i].name, fmt.Sprintf("%.0f k", r.rate()/1e3),
			r.rate()*float64(w.size)/1e6, r.cpu.Seconds(), r.cpu.Seconds()/float64(w.records)*1e6, r.memory>>20, 100*r.rate()/limit, r.rate()/other.rate(),
			r.cpu.Seconds()/other.cpu.Seconds())
	}
	return remove(ctx, env.East, topic)
}

// result is what one run took.
type result struct {
	records int
	took    time.Duration // from the first record at the destination to the last
	cpu     time.Duration // of the process
	memory  int64         // its largest resident set, bytes
}

// middle is the run of the median rate.
func middle(runs []result) result {
	runs = slices.SortedFunc(slices.Values(runs), func(a, b result) int { return cmp.Compare(a.rate(), b.rate()) })
	return runs[len(runs)/2]
}

func (r result) rate() float64 { return float64(r.records) / r.took.Seconds() }
