// Command lint measures what lifeboat says about statements without a region: how fast SQL is parsed, how long `lint` of a thousand statements
// takes, and how long `check --offline` takes of a snapshot with 10,000 topics and 100,000 partitions in each region, and how much memory.
//
//	go run ./bench/lint -statements 1000
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/lifeboat-dr/lifeboat/bench/lint/scenario"
	"github.com/lifeboat-dr/lifeboat/cmd/lifeboat/render"
	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/statements"
)

func main() {
	n := flag.Int("statements", 1000, "statements to lint and check")
	topics := flag.Int("topics", 10_000, "topics of each region")
	partitions := flag.Int("partitions", 10, "partitions of each topic")
	flag.Parse()
	if err := bench(*n, *topics, *partitions); err != nil {
		fmt.Fprintln(os.Stderr, "bench/lint:", err)
		os.Exit(1)
	}
}

func bench(n, topics, partitions int) error {
	fmt.Printf("| what | size | took | limit |\n|---|---|---|---|\n")
	script := scenario.Script(n)
	start := time.Now()
	const rounds = 10
	for range rounds {
		if _, found := statements.Parse("bench.sql", script); len(found) > 0 {
			return fmt.Errorf("the script has findings: %v", found[0].Message)
		}
	}
	took := time.Since(start)
	fmt.Printf("| parse | %.1f MB | %.0f MB/s | |\n", float64(len(script))/1e6, float64(len(script))*rounds/1e6/took.Seconds())

	start = time.Now()
	d, found, err := scenario.Files(script)
	if err != nil {
		return err
	}
	rep := dr.Lint("bench", []*plans.Declared{d}, found, "", nil)
	if err := render.Human(io.Discard, *rep); err != nil {
		return err
	}
	linted := time.Since(start)
	fmt.Printf("| lint | %d statements | %s | 1 s |\n", n, linted.Round(time.Millisecond))

	s, err := kept(n, topics, partitions)
	if err != nil {
		return err
	}
	debug.FreeOSMemory()
	start = time.Now()
	peak, err := check(n, s)
	if err != nil {
		return err
	}
	checked := time.Since(start)
	fmt.Printf("| check --offline | %d topics, %d partitions in each region, %d statements | %s, %d MiB | 10 s, 1024 MiB |\n", topics, topics*partitions, n,
		checked.Round(time.Millisecond), peak>>20)
	if linted > time.Second || checked > 10*time.Second || peak > 1<<30 {
		return errors.New("a limit was missed")
	}
	return nil
}

// kept is a snapshot as a file holds it.
func kept(n, topics, partitions int) ([]byte, error) {
	d, o, err := scenario.Regions(n, topics, partitions)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = plans.NewSnapshot(d, o).Write(&b)
	return b.Bytes(), err
}

// check reads a snapshot, asks it everything and writes the report; it returns the most memory that Go had from the system.
func check(n int, text []byte) (peak uint64, err error) {
	s, err := plans.ReadSnapshot(bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	d, err := scenario.Declared(n)
	if err != nil {
		return 0, err
	}
	rep, err := dr.CheckSnapshot(context.Background(), d, nil, s, "", dr.SnapshotAge, s.Observed.At)
	if err != nil {
		return 0, err
	}
	for _, write := range []render.Renderer{render.Human, render.HTML, render.SARIF} {
		if err := write(io.Discard, *rep); err != nil {
			return 0, err
		}
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	return mem.Sys, nil
}
