//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// What is measured runs in processes of its own, so that their CPU time is theirs alone: this program again, in a role.
const roleVariable = "LIFEBOAT_BENCH_ROLE"

var roles = map[string]func(context.Context, []string) error{"produce": produceRole, "mirror": mirrorRole, "serve": serveRole}

// task is what a role is told to do.
type task struct {
	Bootstrap []string // of the destination; for mirror the source's first
	Topic     string
	Codec     batch.Codec
	Size      int
	Records   int
	Parts     int // partitions
	Batch     int // bytes before compression
}

func child(role string, bootstrap []string, topic string, w workload, batchSize int) runner {
	return func(ctx context.Context) (*exec.Cmd, error) {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		arg, err := json.Marshal(task{bootstrap, topic, w.codec, w.size, w.records, w.partitions, batchSize})
		if err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, self, string(arg))
		cmd.Env = append(os.Environ(), roleVariable+"="+role)
		return cmd, nil
	}
}

func (t *task) parse(args []string) error {
	if len(args) != 1 {
		return errors.New("a role takes one task")
	}
	return json.Unmarshal([]byte(args[0]), t)
}

// mirrorRole runs a link until lag is zero.
func mirrorRole(ctx context.Context, args []string) error {
	return runLink(ctx, args, linking.RunOptions{Once: true})
}

// serveRole runs a link until it is told to end.
func serveRole(ctx context.Context, args []string) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	if err := runLink(ctx, args, linking.RunOptions{}); ctx.Err() == nil {
		return err
	}
	return nil
}

func runLink(ctx context.Context, args []string, o linking.RunOptions) error {
	linking.LimitMemory(linking.DefaultMemory) // as the command does
	var t task
	if err := t.parse(args); err != nil {
		return err
	}
	var regions [2]*linking.Region
	for i, name := range []string{"east", "west"} {
		var err error
		if regions[i], err = linking.Open(ctx, name, &plans.Region{Kafka: plans.Kafka{Bootstrap: t.Bootstrap[i : i+1]}}, linking.Options{}); err != nil {
			return err
		}
		defer regions[i].Close()
	}
	stop, err := profile()
	if err != nil {
		return err
	}
	defer stop()
	decl := &plans.Link{Name: "bench-" + strings.Trim(t.Topic, "-.*"), From: "east", To: "west", Topics: plans.TopicRule{Rule: plans.Rule{Include: []string{t.Topic}}},
		Groups: plans.Rule{Include: []string{t.Topic + "-group-.*"}}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = linking.New(decl, regions[0], regions[1], linking.Options{}).Run(ctx, o)
	runtime.ReadMemStats(&after)
	fmt.Printf(allocated, after.Mallocs-before.Mallocs)
	return err
}

// allocated is how a link tells how often it has allocated memory.
const allocated = "%d allocations\n"

// profileVariable names a file that a link's CPU profile is written to.
const profileVariable = "LIFEBOAT_BENCH_PROFILE"

func profile() (stop func(), err error) {
	name := os.Getenv(profileVariable)
	if name == "" {
		return func() {}, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return pprof.StopCPUProfile, nil
}

// The loop keeps so many requests under way on each of so many connections: a broker works on those of one connection one after the other.
const (
	inFlight    = 4
	connections = 2
)

// produceRole fills a topic with ready-made batches, as fast as the broker takes them: every request carries one batch of every
// partition of its connection.
func produceRole(ctx context.Context, args []string) error {
	var t task
	if err := t.parse(args); err != nil {
		return err
	}
	ready, n, err := t.batches()
	if err != nil {
		return err
	}
	left := make([]int, t.Parts)
	for p := range left {
		left[p] = t.Records / t.Parts
	}
	left[0] += t.Records % t.Parts
	var id [16]byte
	var broker int
	g, ctx := errgroup.WithContext(ctx)
	for c := range min(connections, t.Parts) {
		cl, err := kgo.NewClient(kgo.SeedBrokers(t.Bootstrap...))
		if err != nil {
			return err
		}
		defer cl.Close()
		if c == 0 {
			if id, broker, err = t.create(ctx, cl); err != nil {
				return err
			}
		}
		var parts []int32
		for p := c; p < t.Parts; p += connections {
			parts = append(parts, int32(p))
		}
		g.Go(func() error { return t.fill(ctx, cl, id, broker, parts, left, ready, n) })
	}
	return g.Wait()
}

// fill sends what is left to be written of some partitions over one connection.
func (t *task) fill(ctx context.Context, cl *kgo.Client, id [16]byte, broker int, parts []int32, left []int, ready [][]byte, perBatch int) (err error) {
	if _, err := cl.Broker(broker).RetriableRequest(ctx, kmsg.NewPtrApiVersionsRequest()); err != nil { // the client learns of its brokers
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(inFlight)
	for next := 0; ctx.Err() == nil; {
		req := kmsg.NewPtrProduceRequest()
		req.Acks, req.TimeoutMillis = -1, 30_000
		rt := kmsg.NewProduceRequestTopic()
		rt.Topic, rt.TopicID = t.Topic, id
		for _, p := range parts {
			if left[p] == 0 {
				continue
			}
			rp := kmsg.NewProduceRequestTopicPartition()
			rp.Partition, rp.Records = p, ready[next%len(ready)]
			if next++; left[p] < perBatch {
				if rp.Records, err = t.batch(left[p], rand.New(rand.NewPCG(3, 4))); err != nil {
					return err
				}
			}
			left[p] -= min(left[p], perBatch)
			rt.Partitions = append(rt.Partitions, rp)
		}
		if len(rt.Partitions) == 0 {
			break
		}
		req.Topics = append(req.Topics, rt)
		g.Go(func() error { return send(ctx, cl.Broker(broker), req) })
	}
	return g.Wait()
}

// send sends a request, and again what the broker refuses for a moment: for some time after a topic was created it does not know yet
// that it leads it.
func send(ctx context.Context, broker *kgo.Broker, req *kmsg.ProduceRequest) error {
	for {
		resp, err := broker.Request(ctx, req)
		if err != nil {
			return err
		}
		refused := map[int32]bool{}
		for _, rp := range resp.(*kmsg.ProduceResponse).Topics[0].Partitions {
			if err := kerr.ErrorForCode(rp.ErrorCode); kerr.IsRetriable(err) {
				refused[rp.Partition] = true
			} else if err != nil {
				return fmt.Errorf("%s-%d: %w", req.Topics[0].Topic, rp.Partition, err)
			}
		}
		if len(refused) == 0 {
			return nil
		}
		rt := &req.Topics[0]
		rt.Partitions = slices.DeleteFunc(rt.Partitions, func(rp kmsg.ProduceRequestTopicPartition) bool { return !refused[rp.Partition] })
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}

// create makes the topic and waits until its leader is known and takes requests.
func (t *task) create(ctx context.Context, cl *kgo.Client) (id [16]byte, broker int, err error) {
	adm := kadm.NewClient(cl)
	if _, err := adm.CreateTopic(ctx, int32(t.Parts), 1, map[string]*string{"retention.ms": kadm.StringPtr("-1")}, t.Topic); err != nil {
		return id, 0, fmt.Errorf("creating topic %s: %w", t.Topic, err)
	}
	for {
		ends, err := adm.ListEndOffsets(ctx, t.Topic)
		if err == nil && ends.Error() == nil && len(ends[t.Topic]) == t.Parts {
			topics, err := adm.ListTopics(ctx, t.Topic)
			if err != nil {
				return id, 0, err
			}
			return topics[t.Topic].ID, int(topics[t.Topic].Partitions[0].Leader), nil
		}
		select {
		case <-ctx.Done():
			return id, 0, ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}

// batches are some different batches of the same number of records.
func (t *task) batches() (list [][]byte, n int, err error) {
	const different = 32
	random := rand.New(rand.NewPCG(1, 2))
	n = perBatch(t.Size, t.Batch)
	for range different {
		b, err := t.batch(n, random)
		if err != nil {
			return nil, 0, err
		}
		list = append(list, b)
	}
	return list, n, nil
}

// batch has values of a text that codecs make something of: lz4 about half of it, zstd a third. Letters drawn at random, as in Kafka's own performance
// test, are stored as they are by each of them.
func (t *task) batch(n int, random *rand.Rand) ([]byte, error) {
	b := batch.NewBuilder(t.Codec)
	var value []byte
	now := time.Now().UnixMilli()
	for range n {
		for value = value[:0]; len(value) < t.Size; {
			value = fmt.Appendf(value, `{"flight":%d,"origin":"%c%c%c","delay":%d},`, random.IntN(10_000), 'A'+random.IntN(26), 'A'+random.IntN(26), 'A'+random.IntN(26), random.IntN(300))
		}
		b.Append(now, nil, value[:t.Size], batch.Headers{})
	}
	return b.Build(nil, batch.NoIdentity)
}
