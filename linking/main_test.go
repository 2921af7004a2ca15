package linking_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		os.Exit(runChild(text))
	}
	if err := flag.Set("test.parallel", "4"); err != nil { // they wait for brokers more than they compute; the command line may say another number
		panic(err)
	}
	each.Main(m)
}

// childEnv makes this binary a link process instead of a test.
const childEnv = "LIFEBOAT_TEST_LINK"

// childSpec is what a link process mirrors.
type childSpec struct {
	East, West []string // bootstrap
	Link       *plans.Link
}

// Exit statuses of a link process.
const (
	childFailed    = 1
	childTakenOver = 3
)

// runChild serves a link until it is killed or taken over. It writes how many records it has mirrored, one number a line.
func runChild(text string) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return childFailed
	}
	var spec childSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return fail(err)
	}
	ctx := context.Background()
	east, err := linking.Open(ctx, "east", &plans.Region{Kafka: plans.Kafka{Bootstrap: spec.East}}, linking.Options{})
	if err != nil {
		return fail(err)
	}
	west, err := linking.Open(ctx, "west", &plans.Region{Kafka: plans.Kafka{Bootstrap: spec.West}}, linking.Options{})
	if err != nil {
		return fail(err)
	}
	err = linking.New(spec.Link, east, west, linking.Options{Timeout: 10 * time.Second, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}).Run(ctx, linking.RunOptions{Progress: func(p linking.Progress) {
		fmt.Println(p.Records)
	}})
	fmt.Fprintln(os.Stderr, err)
	if errors.Is(err, linking.ErrTakenOver) {
		return childTakenOver
	}
	return childFailed
}
