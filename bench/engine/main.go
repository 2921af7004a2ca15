//go:build unix

// Command engine measures the bundled engine on Kafka: rows of input per CPU second of this process, for a filter, a copy and a window aggregate
// over nexmark-like bids in Avro. The broker is another process, so its time is not counted; writing the input is not either.
//
//	go run ./bench/engine -rows 4600000
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled"
	"github.com/lifeboat-dr/lifeboat/testenv"
)

// query is a statement that is measured, with what Apache Flink does on the same topics: input events per CPU second of its TaskManager, Avro,
// 4.6 M bids of 160 bytes, exactly once, checkpoints every 10 s, Flink 2.3.0, two cores (measured November 2026; nexmark q2 and q0, and COUNT(*)
// per auction over TUMBLE 10 s).
type query struct {
	name, table, sql string
	flink            float64
	note             string
}

var queries = []query{
	{"filter", "CREATE TABLE bench_filter (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, `at` TIMESTAMP(3)) WITH ('kafka.retention.time' = '0')",
		"INSERT INTO bench_filter SELECT auction, bidder, price, channel, `at` FROM bids WHERE MOD(auction, 123) = 0", 548_000, "Flink to nowhere"},
	{"copy", "CREATE TABLE bench_copy (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, `at` TIMESTAMP(3)) WITH ('kafka.retention.time' = '0')",
		"INSERT INTO bench_copy SELECT auction, bidder, price, channel, `at` FROM bids", 169_000, "Flink to Kafka, all seven columns"},
	{"tumble", "CREATE TABLE bench_tumble (auction BIGINT, begins TIMESTAMP(3), n BIGINT) WITH ('kafka.retention.time' = '0')",
		"INSERT INTO bench_tumble SELECT auction, window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(`$rowtime`), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, auction",
		329_000, "Flink to Kafka"},
}

func main() {
	rows := flag.Int("rows", 4_600_000, "bids to write and read")
	partitions := flag.Int("partitions", 4, "partitions of the input")
	interval := flag.Duration("checkpoint", time.Second, "checkpoint interval")
	embedded := flag.Bool("embedded", false, "use the in-process broker, whose own CPU time then counts too")
	profile := flag.String("cpuprofile", "", "write a CPU profile of the queries to this file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := bench(ctx, *rows, *partitions, *interval, *embedded, *profile); err != nil {
		fmt.Fprintln(os.Stderr, "bench/engine:", err)
		stop()
		os.Exit(1)
	}
}

func bench(ctx context.Context, rows, partitions int, interval time.Duration, embedded bool, profile string) error {
	start := testenv.StartKafka
	if embedded {
		start = testenv.StartEmbedded
	}
	env, err := start(ctx, testenv.Options{HeapMiB: 1024})
	if err != nil {
		return err
	}
	defer func() { _ = env.Stop() }() // its files are temporary
	e, err := bundled.Open(ctx, bundled.Options{
		Region: "bench", Kafka: []kgo.Opt{kgo.SeedBrokers(env.East.Bootstrap...)}, RegistryURL: env.East.Registry, CheckpointInterval: interval,
	})
	if err != nil {
		return err
	}
	defer func() { _ = e.Close(ctx) }()
	bytes, err := write(ctx, e, env.East, rows, partitions)
	if err != nil {
		return err
	}
	fmt.Printf("%d bids of %d bytes on average, %d partitions, checkpoints every %v, %s\n", rows, bytes/int64(rows), partitions, interval, env.Kind)
	fmt.Println("\n| query | rows/CPU s | rows/s | rows out | CPU s | RUNNING after | memory | Flink rows/CPU s | ratio |\n|---|---:|---:|---:|---:|---:|---:|---|---:|")
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	for _, q := range queries {
		m, err := measure(ctx, e, q)
		if err != nil {
			return err
		}
		perCPU := float64(rows) / m.cpu.Seconds()
		fmt.Printf("| %s | %.2f M | %.2f M | %d | %.2f | %d ms | %d MiB | %.2f M (%s) | %.1f |\n", q.name, perCPU/1e6, float64(rows)/m.wall.Seconds()/1e6, m.rowsOut,
			m.cpu.Seconds(), m.started.Milliseconds(), m.memory>>20, q.flink/1e6, q.note, perCPU/q.flink)
	}
	fmt.Println("\nFlink needs 300 to 800 ms to start a statement on a warm cluster, 5 to 8 s for 20.")
	for _, n := range []int{1, 20, 100} {
		if err := startMany(ctx, e, n); err != nil {
			return err
		}
	}
	return nil
}

// startMany creates n statements one after the other, as a failover does, and waits until all of them run.
func startMany(ctx context.Context, e *bundled.Engine, n int) error {
	begun := time.Now()
	for i := range n {
		spec := engine.Spec{Name: fmt.Sprintf("start-%d-of-%d", i, n), SQL: queries[0].sql, Properties: map[string]string{"sql.tables.scan.startup.mode": "latest-offset"}}
		if _, err := e.Create(ctx, spec); err != nil {
			return err
		}
	}
	created := time.Since(begun)
	for i := range n {
		name := fmt.Sprintf("start-%d-of-%d", i, n)
		for {
			st, err := e.Get(ctx, name)
			if err != nil {
				return err
			}
			if st.Phase == engine.Running {
				break
			}
			if st.Phase == engine.Failed {
				return fmt.Errorf("%s: %s", name, st.Detail)
			}
			time.Sleep(time.Millisecond)
		}
	}
	fmt.Printf("%d statements created in %d ms, all RUNNING after %d ms\n", n, created.Milliseconds(), time.Since(begun).Milliseconds())
	for i := range n {
		if err := e.Delete(ctx, fmt.Sprintf("start-%d-of-%d", i, n)); err != nil {
			return err
		}
	}
	return nil
}

// measurement is one run of a query from its creation to the commit of its last row.
type measurement struct {
	cpu, wall, started time.Duration // started: from Create to RUNNING
	rowsOut            int64
	memory             uint64 // of the Go heap and stacks, at the end
}

func measure(ctx context.Context, e *bundled.Engine, q query) (measurement, error) {
	if _, err := e.Create(ctx, engine.Spec{Name: "ddl-" + q.name, SQL: q.table}); err != nil {
		return measurement{}, err
	}
	runtime.GC()
	var m measurement
	cpu, begun := cpuTime(), time.Now()
	if _, err := e.Create(ctx, engine.Spec{Name: q.name, SQL: q.sql, Properties: map[string]string{"sql.tables.scan.bounded.mode": "latest-offset"}}); err != nil {
		return measurement{}, err
	}
	for {
		st, err := e.Get(ctx, q.name)
		if err != nil {
			return measurement{}, err
		}
		if st.Phase != engine.Pending && m.started == 0 {
			m.started = time.Since(begun)
		}
		if st.Phase == engine.Failed {
			return measurement{}, fmt.Errorf("%s: %s", q.name, st.Detail)
		}
		if st.Phase == engine.Completed {
			m.cpu, m.wall = cpuTime()-cpu, time.Since(begun)
			p, err := e.Progress(ctx, q.name)
			if err != nil {
				return measurement{}, err
			}
			m.rowsOut = p.RowsOut
			break
		}
		select {
		case <-ctx.Done():
			return measurement{}, ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	m.memory = stats.HeapSys + stats.StackSys - stats.HeapReleased
	return m, nil
}

// cpuTime is what this process has used, in user and system mode.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it has no way to fail with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
