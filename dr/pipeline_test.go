package dr_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine/bundled"
	"github.com/lifeboat-dr/lifeboat/engine/rest"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// pipeline is a small pipeline over two regions: orders with their amounts, a filter, a sum per minute, a consumer group.
type pipeline struct {
	t        *testing.T
	env      *testenv.Env
	dir      string
	orders   string // the topic
	audit    string // another one, of no statement; "" where there is none
	group    string
	declared *plans.Declared
	schemaID int
	engines  []string // addresses, east and west
	sandbox  *rest.Client
	sent     int
	begin    time.Time // of the first order
}

const orderSchema = `{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},{"name":"shop","type":"string"},{"name":"amount","type":"long"}]}`

type order struct {
	ID     int64  `avro:"id"`
	Shop   string `avro:"shop"`
	Amount int64  `avro:"amount"`
}

var orders = avro.MustParse(orderSchema)

// newPipeline declares the pipeline, serves both engines, writes n orders in the east and lets group read half of them.
func newPipeline(t *testing.T, env *testenv.Env, n int, login ...testenv.User) *pipeline {
	t.Helper()
	p := &pipeline{t: t, env: env, dir: t.TempDir(), orders: each.Name(t, "orders"), group: each.Name(t, "ops")}
	p.write("sql/big.sql", fmt.Sprintf("CREATE TABLE `big_%[1]s` (id BIGINT NOT NULL, shop STRING NOT NULL, amount BIGINT NOT NULL) DISTRIBUTED BY (shop) INTO 2 BUCKETS;\n"+
		"INSERT INTO `big_%[1]s` SELECT id, shop, amount FROM `%[1]s` WHERE amount >= 50;\n", p.orders))
	p.write("sql/per_minute.sql", fmt.Sprintf("CREATE TABLE `sums_%[1]s` (shop STRING NOT NULL, minute_start TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL, total BIGINT) DISTRIBUTED BY (shop) INTO 2 BUCKETS;\n"+
		"INSERT INTO `sums_%[1]s` SELECT shop, window_start, COUNT(*), SUM(amount) FROM TABLE(TUMBLE(TABLE `%[1]s`, DESCRIPTOR($rowtime), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, shop;\n", p.orders))
	p.declare("", login...)

	east := each.Client(t, env.East)
	each.Topic(t, env.East, p.orders, 3, "retention.ms=864000000")
	reg, err := sr.NewClient(sr.URLs(env.East.Registry))
	must(t, err)
	ss, err := reg.CreateSchema(t.Context(), p.orders+"-value", sr.Schema{Schema: orderSchema})
	must(t, err)
	p.schemaID = ss.ID
	p.produce(east, n)
	p.consume(n / 2)
	return p
}

// declare writes and loads lifeboat.yaml; extra is appended to the east region. With a login, regions are reached by it.
func (p *pipeline) declare(extra string, login ...testenv.User) {
	p.t.Helper()
	sasl := ""
	if len(login) > 0 {
		p.t.Setenv("LIFEBOAT_TEST_USER", login[0].Name)
		p.t.Setenv("LIFEBOAT_TEST_PASSWORD", login[0].Password)
		sasl = `, sasl: {mechanism: PLAIN, username: "${env:LIFEBOAT_TEST_USER}", password: "${env:LIFEBOAT_TEST_PASSWORD}"}`
	}
	if p.engines == nil {
		p.engines = []string{serveEngine(p.t, p.env.East, login...), serveEngine(p.t, p.env.West, login...)}
	}
	engines := p.engines
	topics := fmt.Sprintf("%q", p.orders)
	if p.audit != "" {
		topics += fmt.Sprintf(", %q", p.audit)
	}
	p.write("lifeboat.yaml", strings.ReplaceAll(fmt.Sprintf(`apiVersion: lifeboat/v1
kind: Topology
name: shop
pattern: active-passive
primary: east
regions:
  east:
    kafka: {bootstrap: [%q]SASL}
    registry: {url: %q}
    engine: {backend: bundled, url: %q}
%s
  west:
    kafka: {bootstrap: [%q]SASL}
    registry: {url: %q}
    engine: {backend: bundled, url: %q}
links:
  - name: %q
    from: east
    to: west
    topics: {include: [%s]}
    groups: {include: [%q]}
    subjects: {include: [%q]}
pipelines:
  - name: shop
    statements: ["sql/*.sql"]
    objectives: {rpo: 1h, rto: 5m}
`, p.env.East.Bootstrap[0], p.env.East.Registry, engines[0], extra, p.env.West.Bootstrap[0], p.env.West.Registry, engines[1],
		"link-"+p.orders, topics, p.group, p.orders+"-.*"), "SASL", sasl))
	p.load()
}

func (p *pipeline) load() {
	p.t.Helper()
	declared, findings, err := plans.Load(os.ReadFile, filepath.Join(p.dir, "lifeboat.yaml"), time.Now())
	must(p.t, err)
	if report.Blocked(findings) {
		p.t.Fatalf("findings: %+v", findings)
	}
	p.declared = declared
}

func (p *pipeline) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	must(p.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(p.t, os.WriteFile(path, []byte(text), 0o644))
}

// serveEngine serves a region's engine until the test ends and returns its address.
func serveEngine(t *testing.T, r *testenv.Region, login ...testenv.User) string {
	t.Helper()
	opts := []kgo.Opt{kgo.SeedBrokers(r.Bootstrap...)}
	for _, u := range login {
		opts = append(opts, kgo.SASL(plain.Auth{User: u.Name, Pass: u.Password}.AsMechanism()))
	}
	e, err := bundled.Open(t.Context(), bundled.Options{Region: r.Name, Kafka: opts, RegistryURL: r.Registry,
		CheckpointInterval: 100 * time.Millisecond})
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	server := &http.Server{Handler: rest.NewServer(e, rest.Options{})}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() {
		server.Close()
		<-done
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = e.Close(ctx) // the region may be dead by now, on purpose
	})
	return "http://" + l.Addr().String()
}

// produce writes n more orders, one every second of record time.
func (p *pipeline) produce(cl *kgo.Client, n int) {
	p.t.Helper()
	if p.begin.IsZero() {
		p.begin = time.Now().Add(-48 * time.Hour).Truncate(time.Minute)
	}
	var recs []*kgo.Record
	for range n {
		recs = append(recs, p.order(p.sent, p.begin))
		p.sent++
	}
	must(p.t, cl.ProduceSync(p.t.Context(), recs...).FirstErr())
}

// order is the i-th order, i seconds behind begin.
func (p *pipeline) order(i int, begin time.Time) *kgo.Record {
	p.t.Helper()
	body, err := orders.AppendEncode([]byte{0, 0, 0, byte(p.schemaID >> 8), byte(p.schemaID)}, &order{int64(i), "shop-" + fmt.Sprint(i%7), int64(i % 100)})
	must(p.t, err)
	return &kgo.Record{Topic: p.orders, Key: fmt.Append(nil, i%7), Value: body, Timestamp: begin.Add(time.Duration(i) * time.Second)}
}

// consume reads the n oldest orders as the group and commits: the same ones, however the partitions come.
func (p *pipeline) consume(n int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	cl := each.Client(p.t, p.env.East, kgo.ConsumerGroup(p.group), kgo.ConsumeTopics(p.orders), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	ends, err := kadm.NewClient(cl).ListCommittedOffsets(ctx, p.orders)
	must(p.t, err)
	left := map[int32]bool{}
	ends.Each(func(o kadm.ListedOffset) { left[o.Partition] = o.Offset > 0 })
	maps.DeleteFunc(left, func(_ int32, more bool) bool { return !more })
	var read []*kgo.Record
	for len(left) > 0 {
		f := cl.PollFetches(ctx)
		must(p.t, f.Err())
		f.EachRecord(func(r *kgo.Record) {
			read = append(read, r)
			if end, _ := ends.Lookup(p.orders, r.Partition); r.Offset+1 >= end.Offset {
				delete(left, r.Partition)
			}
		})
	}
	slices.SortFunc(read, func(a, b *kgo.Record) int { return a.Timestamp.Compare(b.Timestamp) })
	must(p.t, cl.CommitRecords(ctx, read[:n]...))
	cl.Close()
}

// mirror runs the link until lag is zero.
func (p *pipeline) mirror() {
	p.t.Helper()
	w := p.open()
	defer w.Close()
	l, err := w.OpenLink(p.declared.Topology.Links[0])
	must(p.t, err)
	must(p.t, l.Run(p.t.Context(), linking.RunOptions{Once: true}))
}

func (p *pipeline) options() dr.Options {
	return dr.Options{Log: slog.New(slog.DiscardHandler), Timeout: 2 * time.Second, StateDir: filepath.Join(p.dir, "state"), Who: "sre@" + p.t.Name(),
		LeaseTTL: 500 * time.Millisecond, Renewal: 100 * time.Millisecond, Still: 100 * time.Millisecond, Confirm: func(context.Context, string) (bool, error) { return true, nil }}
}

func (p *pipeline) open() *dr.World {
	p.t.Helper()
	w, err := dr.Open(p.t.Context(), p.declared, p.options())
	must(p.t, err)
	return w
}

// state is what must be equal at the end of a broken and an unbroken run: counts of what each step leaves behind in the west.
type state struct {
	Orders, Big, Canaries int64
	Statements            string
	Mirrors               string
	Group                 string
}

func (p *pipeline) state() state {
	p.t.Helper()
	w := p.open()
	defer w.Close()
	west := w.Regions["west"]
	count := func(topic string) int64 {
		d, err := dr.DigestRows(p.t.Context(), west, topic, func(*kgo.Record) bool { return true })
		must(p.t, err)
		return d.Count
	}
	s := state{Orders: count(p.orders), Big: count("big_" + p.orders), Canaries: count(dr.CanaryTopic("west"))}
	seen, err := dr.Observe(p.t.Context(), w)
	must(p.t, err)
	for _, name := range []string{"big-1", "big-2", "per-minute-1", "per-minute-2"} {
		s.Statements += name + "=" + seen.Regions["west"].Statements[name].Phase + " "
	}
	for _, m := range seen.Mirrors[p.declared.Topology.Links[0].Name] {
		name := "orders"
		if m.Topic == p.audit {
			name = " audit"
		}
		s.Mirrors += name + "=" + m.State
	}
	if g := seen.Regions["west"].Groups[p.group]; g != nil {
		s.Group = fmt.Sprint(g.Positions[p.orders])
	}
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
