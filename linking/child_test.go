package linking_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/proxy"
)

// childEnv makes this binary a link process instead of a test.
const childEnv = "LIFEBOAT_TEST_LINK"

// childSpec is what a link process mirrors, and what becomes of it.
type childSpec struct {
	East, West []string // bootstrap
	Link       *plans.Link
	Strike     strike
}

// strike is a signal that a link process sends to itself at a call that changes something in its destination. The zero value is none.
type strike struct {
	At     int64 // of how many calls, from 1
	Behind bool  // when the request was written, instead of before it is
	Signal syscall.Signal
	Data   bool // requests that write mirrored records are all that is counted
}

// Exit statuses of a link process.
const (
	childFailed    = 1
	childTakenOver = 3
)

// runChild serves a link until it is killed or taken over. It writes how many records it has mirrored, one number a line, and what call it is struck
// at. What it reads is what its network does from then on.
func runChild(text string) int {
	var spec childSpec
	err := json.Unmarshal([]byte(text), &spec)
	if err == nil {
		err = serveChild(context.Background(), &spec)
	}
	fmt.Fprintln(os.Stderr, err)
	if errors.Is(err, linking.ErrTakenOver) {
		return childTakenOver
	}
	return childFailed
}

func serveChild(ctx context.Context, spec *childSpec) error {
	network := proxy.New()
	dial := network.DialContext
	if spec.Strike != (strike{}) { // what is written is to be on its way, and not in a network that is stopped with the process
		dial = (&net.Dialer{}).DialContext
	}
	calls := &calls{data: spec.Strike.Data}
	calls.met = func(call int64, behind bool, key kmsg.Key) {
		if call == spec.Strike.At && behind == spec.Strike.Behind {
			spec.Strike.meet(key, calls.bulk.Load() > 0)
		}
	}
	east, err := linking.Open(ctx, "east", &plans.Region{Kafka: plans.Kafka{Bootstrap: spec.East}}, linking.Options{})
	if err == nil {
		east, err = behind(east, dial)
	}
	if err != nil {
		return err
	}
	west, err := linking.Open(ctx, "west", &plans.Region{Kafka: plans.Kafka{Bootstrap: spec.West}}, linking.Options{})
	if err == nil {
		west, err = behind(west, calls.dialer(dial))
	}
	if err != nil {
		return err
	}
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			switch lines.Text() {
			case "cut":
				network.BlackHole()
			case "reset":
				network.Reset()
			case "refuse":
				network.Refuse()
			case "heal":
				network.Heal()
			}
		}
	}()
	return linking.New(spec.Link, east, west, linking.Options{Timeout: 10 * time.Second, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}).Run(ctx, linking.RunOptions{Progress: func(p linking.Progress) {
		fmt.Println(p.Records)
	}})
}

// dialed is how a client reaches brokers.
type dialed = func(ctx context.Context, network, address string) (net.Conn, error)

// behind is a region reached by another way.
func behind(r *linking.Region, dial dialed) (*linking.Region, error) {
	cl, err := kgo.NewClient(append(r.Client.Opts(), kgo.Dialer(dial))...)
	if err != nil {
		return nil, err
	}
	return &linking.Region{Name: r.Name, Addresses: r.Addresses, Client: cl, Admin: kadm.NewClient(cl), Registry: r.Registry}, nil
}

// meet strikes the process at a call. bulk: a request for markers was about to be written.
func (s strike) meet(key kmsg.Key, bulk bool) {
	woken := make(chan os.Signal, 1)
	signal.Notify(woken, syscall.SIGCONT)
	if bulk {
		fmt.Fprintln(os.Stderr, markersOut)
	}
	fmt.Println(struckAt, key.Name())
	if err := syscall.Kill(os.Getpid(), s.Signal); err != nil {
		panic(err)
	}
	<-woken // whatever thread has the signal: this one goes no further before it
}

// markersOut is what a link process says that is struck between its last look at the lease and the request for bulk markers, of whatever partition.
const markersOut = "a request for markers was to be written"

// struckAt begins the line that names the call that a link process is struck at.
const struckAt = "struck at"
