package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/rest"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// What applications and administrators do in scripts.

const orderSchema = `{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},{"name":"shop","type":"string"},{"name":"amount","type":"long"}]}`

func (s *stage) topic(args []string) error {
	n, err := number(args[2])
	if err != nil {
		return err
	}
	configs := map[string]*string{}
	for _, arg := range args[3:] {
		k, v, _ := strings.Cut(arg, "=")
		configs[k] = &v
	}
	cl, err := s.client(args[0])
	if err != nil {
		return err
	}
	defer cl.Close()
	resp, err := kadm.NewClient(cl).CreateTopic(s.ctx, int32(n), 1, configs, args[1])
	return errors.Join(err, resp.Err)
}

func (s *stage) remove(args []string) error {
	cl, err := s.client(args[0])
	if err != nil {
		return err
	}
	defer cl.Close()
	resp, err := kadm.NewClient(cl).DeleteTopic(s.ctx, args[1])
	return errors.Join(err, resp.Err)
}

func (s *stage) orders(args []string) error {
	n, err := number(args[2])
	if err != nil {
		return err
	}
	if err := s.topic([]string{args[0], args[1], "3", "retention.ms=864000000"}); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return err
	}
	order, err := s.orderOf(args[0], args[1])
	if err != nil {
		return err
	}
	return s.write(args[0], args[1], n, order)
}

// orderOf registers the schema of orders and returns what makes the i-th one, one a second.
func (s *stage) orderOf(region, topic string) (func(i int) (*kgo.Record, error), error) {
	ss, err := s.create(region, topic+"-value", sr.Schema{Schema: orderSchema})
	if err != nil {
		return nil, err
	}
	schema := avro.MustParse(orderSchema)
	begin := time.Now().Add(-2 * time.Hour).Truncate(time.Minute)
	return func(i int) (*kgo.Record, error) {
		body, err := schema.AppendEncode([]byte{0, byte(ss.ID >> 24), byte(ss.ID >> 16), byte(ss.ID >> 8), byte(ss.ID)}, &struct {
			ID     int64  `avro:"id"`
			Shop   string `avro:"shop"`
			Amount int64  `avro:"amount"`
		}{int64(i), fmt.Sprint("shop-", i%7), int64(i % 100)})
		return &kgo.Record{Key: fmt.Append(nil, i%7), Value: body, Timestamp: begin.Add(time.Duration(i) * time.Second)}, err
	}, nil
}

func (s *stage) produce(args []string) error {
	n, err := number(args[2])
	if err != nil {
		return err
	}
	return s.write(args[0], args[1], n, func(i int) (*kgo.Record, error) { return &kgo.Record{Value: fmt.Append(nil, "record ", i)}, nil })
}

func (s *stage) write(region, topic string, n int, record func(i int) (*kgo.Record, error)) error {
	cl, err := s.client(region, kgo.DefaultProduceTopic(topic))
	if err != nil {
		return err
	}
	defer cl.Close()
	recs := make([]*kgo.Record, n)
	for i := range recs {
		if recs[i], err = record(s.sent); err != nil {
			return err
		}
		s.sent++
	}
	return cl.ProduceSync(s.ctx, recs...).FirstErr()
}

func (s *stage) consume(args []string) error {
	n, err := number(args[3])
	if err != nil {
		return err
	}
	cl, err := s.client(args[0], kgo.ConsumerGroup(args[1]), kgo.ConsumeTopics(args[2]), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer cl.Close()
	for got := 0; got < n; {
		f := cl.PollRecords(s.ctx, n-got)
		if err := f.Err(); err != nil {
			return err
		}
		got += f.NumRecords()
	}
	return cl.CommitUncommittedOffsets(s.ctx)
}

func (s *stage) create(region, subject string, schema sr.Schema) (sr.SubjectSchema, error) {
	cl, err := s.registryClient(region)
	if err != nil {
		return sr.SubjectSchema{}, err
	}
	return cl.CreateSchema(s.ctx, subject, schema)
}

func (s *stage) register(args []string) error {
	schema := sr.Schema{Schema: s.ts.ReadFile(args[2])}
	switch filepath.Ext(args[2]) {
	case ".proto":
		schema.Type = sr.TypeProtobuf
	case ".json":
		schema.Type = sr.TypeJSON
	}
	_, err := s.create(args[0], args[1], schema)
	return err
}

// readonly is a registry whose operator lets this user read only.
func (s *stage) readonly(args []string) error {
	r, err := s.region(args[0])
	if err != nil {
		return err
	}
	behind, err := url.Parse(r.Registry)
	if err != nil {
		return err
	}
	proxy := httputil.NewSingleHostReverseProxy(behind)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodGet {
			proxy.ServeHTTP(w, req)
			return
		}
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"error_code":40301,"message":"User is denied operation Write on Subject"}`)
	}))
	s.ts.Defer(server.Close)
	s.ts.Setenv(strings.ToUpper(args[0])+"_READONLY", server.URL)
	return nil
}

func (s *stage) answers(args []string) error {
	for {
		resp, err := http.Get(args[0])
		if err == nil {
			return resp.Body.Close()
		}
		select {
		case <-s.ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s *stage) terminate([]string) error {
	running := s.ts.BackgroundCmds()
	return running[len(running)-1].Process.Signal(syscall.SIGTERM)
}

func (s *stage) shows(args []string) error {
	for s.ctx.Err() == nil {
		if b, err := os.ReadFile(s.ts.MkAbs(args[0])); err == nil && strings.Contains(string(b), args[1]) {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("%s does not hold %q", args[0], args[1])
}

func (s *stage) tells(args []string) error {
	var said []byte
	for s.ctx.Err() == nil {
		if resp, err := http.Get(args[0]); err == nil {
			said, _ = io.ReadAll(resp.Body) // an answer that is cut off does not hold the text
			resp.Body.Close()
			if strings.Contains(string(said), args[1]) {
				return nil
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("%s does not tell %q:\n%s", args[0], args[1], said)
}

func (s *stage) registryClient(region string) (*sr.Client, error) {
	r, err := s.region(region)
	if err != nil {
		return nil, err
	}
	return sr.NewClient(sr.URLs(r.Registry))
}

func (s *stage) registry(args []string) error {
	r, err := s.region(args[0])
	switch {
	case err != nil:
		return err
	case args[1] == "stop":
		return r.RegistryServer.Stop()
	default:
		return r.RegistryServer.Start()
	}
}

func (s *stage) holds(args []string) error {
	n, err := number(args[2])
	if err != nil {
		return err
	}
	cl, err := s.client(args[0])
	if err != nil {
		return err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	for {
		listed, err := adm.ListEndOffsets(s.ctx, args[1])
		if err != nil {
			return err
		}
		var sum int64
		listed.Each(func(o kadm.ListedOffset) { sum += max(0, o.Offset) })
		if sum >= int64(n) {
			return nil
		}
		select {
		case <-s.ctx.Done():
			return fmt.Errorf("%s: topic %q: its log ends add up to %d, want %d", args[0], args[1], sum, n)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// hold is a topic's creation that hangs: a script stops a run at the step that needs it.
type hold struct {
	reached, released chan struct{}
	once              sync.Once
}

func (s *stage) hold(args []string) error {
	r, err := s.region(args[0])
	if err != nil {
		return err
	}
	h := &hold{reached: make(chan struct{}), released: make(chan struct{})}
	s.waiting = h
	s.ts.Defer(func() { h.once.Do(func() { close(h.released) }) })
	var seen sync.Once
	r.Fake.ControlKey(int16(kmsg.CreateTopics), func(req kmsg.Request) (kmsg.Response, error, bool) {
		r.Fake.KeepControl()
		c := req.(*kmsg.CreateTopicsRequest)
		if len(c.Topics) != 1 || c.ValidateOnly {
			return nil, nil, false
		}
		if is, _ := path.Match(args[1], c.Topics[0].Topic); !is { // an error is a script's mistake, and shows when nothing is held
			return nil, nil, false
		}
		seen.Do(func() { close(h.reached) })
		r.Fake.SleepControl(func() { <-h.released })
		return nil, nil, false
	})
	return nil
}

func (s *stage) held([]string) error {
	select {
	case <-s.waiting.reached:
		return nil
	case <-s.ctx.Done():
		return errors.New("the creation of the topic that was to be held has not come")
	}
}

func (s *stage) release([]string) error {
	s.waiting.once.Do(func() { close(s.waiting.released) })
	return nil
}

// statements starts the declared statements in a region, as whoever runs the pipeline has.
func (s *stage) statements(args []string) error {
	rows, err := number(args[1])
	if err != nil {
		return err
	}
	declared, _, err := plans.Load(os.ReadFile, s.ts.MkAbs("lifeboat.yaml"), time.Now())
	if err != nil {
		return err
	}
	b := rest.NewClient("http://"+s.engines[args[0]], "lifeboat", args[0], "", "", http.DefaultClient)
	for _, st := range declared.In(args[0]).Statements {
		created, err := b.Create(s.ctx, engine.Spec{Name: st.Name, SQL: st.SQL})
		if errors.Is(err, engine.ErrExists) {
			created, err = b.Get(s.ctx, st.Name)
		}
		if err != nil {
			return err
		}
		for deadline := time.Now().Add(20 * time.Second); created.Phase != engine.Completed; time.Sleep(10 * time.Millisecond) {
			if p, err := b.Progress(s.ctx, st.Name); err == nil && p.RowsIn >= int64(rows) {
				break
			} else if time.Now().After(deadline) {
				return fmt.Errorf("statement %s has read %d rows of %d: %v", st.Name, p.RowsIn, rows, err)
			}
		}
	}
	return nil
}
