//go:build unix

// Command failover measures, on two Apache Kafka brokers that it starts, how long an unplanned failover takes with 1, 20 and 100
// statements to be brought up, and where the time goes (the primary is killed with SIGKILL first); then a planned one of many partitions and
// statements, ended in the middle and resumed, and a check of two regions of many topics. It prints tables in Markdown.
//
//	go run ./bench/failover -statements 1,20,100
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine/bundled"
	"github.com/lifeboat-dr/lifeboat/engine/rest"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
)

func main() {
	counts := flag.String("statements", "1,20,100", "how many statements, one failover each; none where empty")
	records := flag.Int("records", 100_000, "in the mirrored topic")
	large := flag.Bool("large", true, "measure the planned failover of 1,000 partitions and 100 statements, and the check of 2,000 topics, as well")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	fmt.Println("| statements | RTO | promote | start | prove | rows re-read |\n|---|---|---|---|---|---|")
	for text := range strings.FieldsFuncSeq(*counts, func(r rune) bool { return r == ',' }) {
		n, err := strconv.Atoi(text)
		if err == nil {
			err = one(ctx, n, *records)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench/failover:", err)
			os.Exit(1)
		}
	}
	if *large {
		fmt.Println("\n| runs over many things | took | of it |\n|---|--:|---|")
		err := errors.Join(planned(ctx, 1000, 100, *records, false), planned(ctx, 1000, 100, *records, true), checked(ctx, 2000))
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench/failover:", err)
			os.Exit(1)
		}
	}
}

const schema = `{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},{"name":"shop","type":"string"},{"name":"amount","type":"long"}]}`

// one prepares two regions with a mirrored topic and n statements over it, kills the primary, fails over and prints a row.
func one(ctx context.Context, n, records int) (err error) {
	env, err := testenv.StartKafka(ctx, testenv.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.Stop()) }()
	dir, err := os.MkdirTemp("", "lifeboat-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := produce(ctx, env.East, records); err != nil {
		return err
	}
	url, stop, err := serve(ctx, env.West)
	if err != nil {
		return err
	}
	defer stop()
	declared, err := declare(env, dir, url, n, "")
	if err != nil {
		return err
	}
	if err := mirror(ctx, declared, dir); err != nil {
		return err
	}
	if err := env.East.Broker.Kill(); err != nil {
		return err
	}
	w, err := dr.Open(ctx, declared, dr.Options{StateDir: dir, Timeout: 2 * time.Second})
	if err != nil {
		return err
	}
	defer w.Close()
	p, err := dr.Plan(ctx, w, plans.OpFailover, plans.Options{})
	if err != nil {
		return err
	}
	rep, err := dr.Execute(ctx, w, p)
	if err != nil {
		return err
	}
	phases := map[string]float64{}
	for _, f := range rep.Figures {
		phases[f.Name+f.Phase] = f.Value
	}
	fmt.Printf("| %d | %.2f s | %.2f s | %.2f s | %.2f s | %d |\n", n, phases["RTO"], phases["RTO phasepromote"], phases["RTO phasestart"],
		phases["RTO phaseprove"], n*records)
	return nil
}

// produce writes the topic orders in a region: Avro, 6 partitions, one record every 100 ms of record time.
func produce(ctx context.Context, r *testenv.Region, records int) error {
	cl, err := r.Client(kgo.DefaultProduceTopic("orders"), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	if err != nil {
		return err
	}
	defer cl.Close()
	month := "2592000000"
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, 6, 1, map[string]*string{"retention.ms": &month}, "orders"); err != nil {
		return err
	}
	registry, err := sr.NewClient(sr.URLs(r.Registry))
	if err != nil {
		return err
	}
	ss, err := registry.CreateSchema(ctx, "orders-value", sr.Schema{Schema: schema})
	if err != nil {
		return err
	}
	encoder := avro.MustParse(schema)
	begin := time.Now().Add(-time.Duration(records) * 100 * time.Millisecond)
	failed := make(chan error, 1)
	for i := range records {
		body, err := encoder.AppendEncode([]byte{0, 0, 0, 0, byte(ss.ID)}, &struct {
			ID     int64  `avro:"id"`
			Shop   string `avro:"shop"`
			Amount int64  `avro:"amount"`
		}{int64(i), "shop-" + strconv.Itoa(i%100), int64(i % 1000)})
		if err != nil {
			return err
		}
		rec := &kgo.Record{Key: strconv.AppendInt(nil, int64(i%100), 10), Value: body, Timestamp: begin.Add(time.Duration(i) * 100 * time.Millisecond)}
		cl.Produce(ctx, rec, func(_ *kgo.Record, err error) {
			if err != nil {
				select {
				case failed <- err:
				default: // the first one is told
				}
			}
		})
	}
	if err := cl.Flush(ctx); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// serve runs a region's engine behind the statements API.
func serve(ctx context.Context, r *testenv.Region) (url string, stop func(), err error) {
	e, err := bundled.Open(ctx, bundled.Options{Region: r.Name, Kafka: []kgo.Opt{kgo.SeedBrokers(r.Bootstrap...)}, RegistryURL: r.Registry})
	if err != nil {
		return "", nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: rest.NewServer(e, rest.Options{}), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l) // returns when stop closes it
	}()
	return "http://" + l.Addr().String(), func() {
		server.Close()
		<-ended
		closing, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = e.Close(closing) // the measurement is over
	}, nil
}

// declare writes the topology and n statements, half of them filters, half sums per minute.
func declare(env *testenv.Env, dir, engine string, n int, topics string) (*plans.Declared, error) {
	if err := os.Mkdir(filepath.Join(dir, "sql"), 0o755); err != nil {
		return nil, err
	}
	for i := range n {
		text := fmt.Sprintf("CREATE TABLE out_%[1]d (id BIGINT NOT NULL, shop STRING NOT NULL) INTO 1 BUCKETS;\nINSERT INTO out_%[1]d SELECT id, shop FROM orders WHERE amount >= 990;\n", i)
		if i%2 == 1 {
			text = fmt.Sprintf("CREATE TABLE out_%[1]d (shop STRING NOT NULL, n BIGINT NOT NULL, total BIGINT) INTO 1 BUCKETS;\n"+
				"INSERT INTO out_%[1]d SELECT shop, COUNT(*), SUM(amount) FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(`$rowtime`), INTERVAL '1' HOUR)) GROUP BY window_start, window_end, shop;\n", i)
		}
		text = strings.ReplaceAll(text, " INTO 1 BUCKETS", " DISTRIBUTED INTO 1 BUCKETS")
		if err := os.WriteFile(filepath.Join(dir, "sql", fmt.Sprintf("s%03d.sql", i)), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(dir, "lifeboat.yaml")
	text := fmt.Sprintf(`apiVersion: lifeboat/v1
kind: Topology
name: bench
pattern: active-passive
primary: east
regions:
  east: {kafka: {bootstrap: [%q]}, registry: {url: %q}}
  west: {kafka: {bootstrap: [%q]}, registry: {url: %q}, engine: {backend: bundled, url: %q}}
links:
  - {name: east-west, from: east, to: west, topics: {include: [orders%s]}, subjects: {include: ["orders-.*"]}}
pipelines:
  - {name: bench, statements: ["sql/*.sql"]}
`, env.East.Bootstrap[0], env.East.Registry, env.West.Bootstrap[0], env.West.Registry, engine, topics)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return nil, err
	}
	declared, findings, err := plans.Load(os.ReadFile, path, time.Now())
	if err == nil && report.Blocked(findings) {
		err = fmt.Errorf("the topology has mistakes: %+v", findings)
	}
	return declared, err
}

// mirror brings the topic over, until lag is zero.
func mirror(ctx context.Context, declared *plans.Declared, dir string) error {
	w, err := dr.Open(ctx, declared, dr.Options{StateDir: dir})
	if err != nil {
		return err
	}
	defer w.Close()
	l, err := w.OpenLink(declared.Topology.Links[0])
	if err != nil {
		return err
	}
	return l.Run(ctx, linking.RunOptions{Once: true})
}
