package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled"
	"github.com/lifeboat-dr/lifeboat/engine/rest"
	"github.com/lifeboat-dr/lifeboat/examples/nycflights"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
)

// engineServer is one region's `lifeboat engine serve`, in this process.
type engineServer struct {
	engine *bundled.Engine
	server *http.Server
	url    string
	group  errgroup.Group
	ended  bool
}

func (s *story) engines(ctx context.Context) (err error) {
	if s.east, err = serveEngine(ctx, s.env.East, s.o); err != nil {
		return err
	}
	if s.west, err = serveEngine(ctx, s.env.West, s.o); err != nil {
		return errors.Join(err, s.east.stop())
	}
	return nil
}

func serveEngine(ctx context.Context, r *testenv.Region, o Options) (*engineServer, error) {
	e, err := bundled.Open(ctx, bundled.Options{Region: r.Name, Kafka: []kgo.Opt{kgo.SeedBrokers(r.Bootstrap...)}, RegistryURL: r.Registry,
		CheckpointInterval: 250 * time.Millisecond, Log: o.Log})
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	es := &engineServer{engine: e, url: "http://" + listener.Addr().String(),
		server: &http.Server{Handler: rest.NewServer(e, rest.Options{}), ReadHeaderTimeout: 10 * time.Second}}
	es.group.Go(func() error {
		if err := es.server.Serve(listener); err != http.ErrServerClosed {
			return err
		}
		return nil
	})
	return es, nil
}

// create starts the declared statements, as their authors did long before the disaster.
func (es *engineServer) create(ctx context.Context, d *plans.Declared) error {
	for _, st := range d.Statements {
		if _, err := es.engine.Create(ctx, engine.Spec{Name: st.Name, SQL: st.SQL, Properties: d.Topology.Pipelines[0].Properties}); err != nil {
			return fmt.Errorf("east: statement %q: %w", st.Name, err)
		}
		if err := es.settled(ctx, st.Name); err != nil {
			return err
		}
	}
	return nil
}

// settled waits until a statement runs or has completed.
func (es *engineServer) settled(ctx context.Context, name string) error {
	return until(ctx, 20*time.Second, "statement "+name+" to run", func() (bool, error) {
		st, err := es.engine.Get(ctx, name)
		if err != nil {
			return false, err
		}
		if st.Phase == engine.Failed {
			return false, fmt.Errorf("statement %q: %s", name, st.Detail)
		}
		return st.Phase == engine.Running || st.Phase == engine.Completed, nil
	})
}

// halt ends an engine whose region is gone. What it could not write any more is lost with the region: closing it fails, on purpose.
func (es *engineServer) halt() error {
	es.ended = true
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	es.server.Close()
	_ = es.engine.Close(ctx)
	return es.group.Wait()
}

func (es *engineServer) stop() error {
	if es.ended {
		return nil
	}
	es.ended = true
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	es.server.Close()
	return errors.Join(es.engine.Close(ctx), es.group.Wait())
}

// topology is lifeboat.yaml of the demo: examples/nycflights/lifeboat.yaml with the addresses of this process, and with an objective
// for lost data in the time of the flights: the demo lets days of them depart in seconds.
const topology = `apiVersion: lifeboat/v1
kind: Topology
name: nycflights
pattern: active-passive
primary: east
regions:
  east:
    kafka: {bootstrap: [%q]}
    registry: {url: %q}
    engine: {backend: bundled, url: %q}
  west:
    kafka: {bootstrap: [%q]}
    registry: {url: %q}
    engine: {backend: bundled, url: %q}
links:
  - name: east-west
    from: east
    to: west
    topics: {include: [flights, airlines]}
    groups: {include: ["ops-.*"]}
    subjects: {include: ["flights-.*", "airlines-.*"]}
pipelines:
  - name: delays
    statements: ["sql/*.sql"]
    objectives: {rpo: 24h, rto: 1m, semantics: at-least-once}
`

// declare writes the topology and its SQL files and loads them back, as every command does.
func (s *story) declare() (*plans.Declared, error) {
	if err := os.CopyFS(s.dir, nycflights.SQL()); err != nil {
		return nil, err
	}
	text := fmt.Sprintf(topology, s.env.East.Bootstrap[0], s.env.East.Registry, s.east.url, s.env.West.Bootstrap[0], s.env.West.Registry, s.west.url)
	path := filepath.Join(s.dir, "lifeboat.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return nil, err
	}
	declared, findings, err := plans.Load(os.ReadFile, path, time.Now())
	if err != nil {
		return nil, err
	}
	if report.Blocked(findings) {
		var lines []string
		for _, f := range findings {
			lines = append(lines, fmt.Sprintf("%s:%d: %s", f.Place.File, f.Place.Line, f.Message))
		}
		return nil, fmt.Errorf("the demo's own topology: %s", strings.Join(lines, "; "))
	}
	return declared, nil
}
