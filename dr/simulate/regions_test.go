package simulate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/lifeboat-dr/lifeboat/engine/bundled"
	"github.com/lifeboat-dr/lifeboat/engine/rest"
	"github.com/lifeboat-dr/lifeboat/testenv/registry"
)

const (
	brokerPort   = ":9092"
	registryPort = ":8081"
	enginePort   = ":8088"
)

// region is one region's servers.
type region struct {
	name   string
	broker *kfake.Cluster
	engine *process // nil where none is served
}

// startRegion serves a broker and a registry.
func startRegion(t *testing.T, n *network, name string) *region {
	t.Helper()
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(kmsg.Produce.Int16(), 12) // by topic id, two topics that are gone are one too many for kfake
	broker, err := kfake.NewCluster(
		kfake.MaxVersions(versions),
		kfake.ClusterID(name),
		kfake.Ports(9092),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return n.listen(name + brokerPort), nil }),
		kfake.DefaultNumPartitions(1),
		kfake.GroupMinSessionTimeout(100*time.Millisecond),
		kfake.BrokerConfigs(map[string]string{"default.replication.factor": "1", "transaction.max.timeout.ms": "900000"}),
	)
	must(t, err)
	t.Cleanup(broker.Close)
	serve(t, n, name+registryPort, registry.New(registry.Options{}))
	return &region{name: name, broker: broker}
}

// serveEngine serves the region's statements.
func (r *region) serveEngine(t *testing.T, n *network) {
	t.Helper()
	r.engine = n.process(t.Context(), "engine of "+r.name)
	e, err := bundled.Open(t.Context(), bundled.Options{Region: r.name, Kafka: []kgo.Opt{kgo.SeedBrokers(r.name + brokerPort), kgo.Dialer(r.engine.dial), kgo.DisableClientMetrics()},
		RegistryURL: "http://" + r.name + registryPort, RegistryTransport: &http.Transport{DialContext: r.engine.dial}, CheckpointInterval: 200 * time.Millisecond})
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = e.Close(ctx) // its region may be gone
	})
	serve(t, n, r.name+enginePort, rest.NewServer(e, rest.Options{}))
}

func serve(t *testing.T, n *network, address string, h http.Handler) {
	t.Helper()
	server := &http.Server{Handler: h}
	done := make(chan struct{})
	l := n.listen(address)
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-done })
}

// errStage is a failure of what is around the operations, not of one.
var errStage = errors.New("setting the stage")

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Helper()
		panic(failure{fmt.Errorf("%w: %w", errStage, err)})
	}
}
