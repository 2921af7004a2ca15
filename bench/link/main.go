//go:build unix

// Command link measures, on two Apache Kafka brokers that it starts, how fast a topic is mirrored: by lifeboat's link, by MirrorMaker 2
// from the same jars, and, as the limit of what the destination takes, by a loop that sends the source's batches ready-made. It prints a table in
// Markdown. All run one after the other on the same machine, beside both brokers, so ratios mean more than figures; bench/README.md says more.
//
//	go run ./bench/link -scale 1    # 1 M records of 1 KiB, 5 M of 100 B; the default is 0.3 of that, in about three minutes
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"

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

// everywhere are both sizes and all codecs over one partition and a hundred as well: about three times as long.
func everywhere() []workload {
	var all []workload
	for _, w := range workloads {
		if all = append(all, w); w.partitions != partitions {
			continue
		}
		for _, over := range []struct {
			name string
			n    int
		}{{"1 partition", 1}, {"100 partitions", 100}} {
			more := w
			more.name, more.partitions = w.name+", "+over.name, over.n
			if !slices.ContainsFunc(workloads, func(w workload) bool { return w.name == more.name }) {
				all = append(all, more)
			}
		}
	}
	return all
}

// batches is how many the source has, about.
func (w workload) batches() int { return w.records / perBatch(w.size, producerBatch) }

// perBatch is how many records make a batch of about so many bytes.
func perBatch(record, bytes int) int { return max(1, bytes/(record+10)) }

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
	only := flag.String("only", "", "workloads whose names contain one of these, separated by commas; latency, groups and setup are three more, backlog is the last row of setup alone")
	by := flag.String("by", "", "only ways to mirror whose names contain one of these, separated by commas")
	beside := flag.String("beside", "", "another build of this program, whose lifeboat is measured too")
	all := flag.Bool("all", false, "every codec and size over 1 partition and over 100 too")
	flag.Parse()
	if *all {
		workloads = everywhere()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *only == "backlog" { // no real broker plays a part in it
		exit(backlog(ctx, 100))
		return
	}
	exit(bench(ctx, *scale, *rounds, choice{strings.Split(*only, ","), strings.Split(*by, ","), *beside}))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/link:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, scale float64, rounds int, among choice) (err error) {
	env, err := testenv.StartKafka(ctx, testenv.Options{HeapMiB: 1024, Configs: map[string]string{"log.segment.delete.delay.ms": "1000"}})
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
	fmt.Println("| records | by | records/s | MB/s | CPU s | CPU s per 1 M | source's CPU s | destination's CPU s | memory MiB | allocations per batch | rate, of the limit | rate, of MM2 | CPU, of MM2 |")
	fmt.Println("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for i, w := range workloads {
		if !among.measures(w.name) {
			continue
		}
		w.rounds = rounds
		w.records = int(float64(w.records) * scale)
		if err := compare(ctx, env, fmt.Sprint("w", i), w, among); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	fmt.Println("\nRates are from the first record at the destination to the last; CPU is of the whole process with its start, which for MirrorMaker 2 is most of it in small runs.")
	for _, other := range []struct {
		name string
		run  func(context.Context, *testenv.Env) error
	}{{"latency", func(ctx context.Context, env *testenv.Env) error { return latency(ctx, env, among) }}, {"groups", groups}, {"setup", func(ctx context.Context, env *testenv.Env) error { return setup(ctx, env, rounds) }}} {
		if among.measures(other.name) {
			if err := other.run(ctx, env); err != nil {
				return err
			}
		}
	}
	return nil
}
