// Package testenv starts two regions for a test or a demo, one call each: in this process (StartEmbedded), or as Apache
// Kafka JVM processes (StartKafka). Package testenv/containers starts the same in containers, and testenv/each runs one suite
// over all of them; faults of the network are testenv/proxy's. Only tests and `lifeboat demo` import it.
package testenv

import (
	"context"
	"crypto/tls"
	"fmt"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Env is two independent regions.
type Env struct {
	Kind string // embedded | kafka | containers
	East *Region
	West *Region
	// Stop ends both regions and removes their files, except under a directory that Options.Dir named. It is idempotent.
	Stop func() error
}

// Region is one running region: a Kafka cluster and a schema registry.
type Region struct {
	Name      string
	Bootstrap []string // host:port, on loopback
	Registry  string   // base URL of a registry with Confluent's API
	Broker    Broker
	Followers []Broker // Kafka: the brokers beside Broker, which is the controller as well where there are no Controllers
	// Controllers are those that are no brokers, by node id.
	Controllers map[int32]Broker
	Fake        *kfake.Cluster // embedded only: faults by request key; changes with Broker.Start
	// RegistryServer lets a test and the demo take the registry away and bring it back under the same URL.
	RegistryServer interface {
		Stop() error
		Start() error
	}

	users []User
	tls   *tls.Config // nil: clients connect without
}

// Broker is the process (or what stands for it) that serves a region's Kafka. Data and address survive Kill and Start.
type Broker interface {
	Kill() error                     // SIGKILL; embedded: the listeners and every connection are closed at once
	Pause() error                    // SIGSTOP; embedded: ErrNotSupported
	Resume() error                   // SIGCONT
	Start(ctx context.Context) error // after Kill; returns when the broker answers
}

// ErrNotSupported is returned by a Broker for what its kind cannot do.
var ErrNotSupported = fmt.Errorf("not supported by this kind of test region")

// Options tune both regions. The zero value is good for tests.
type Options struct {
	Dir         string            // where data lives; "" = a fresh temporary directory, removed by Stop
	Configs     map[string]string // broker configs, over those of this package
	Users       []User            // nil = anyone may do anything; else SASL is required and an authorizer is on
	TLS         *TLS              // nil = plain connections; not in containers
	HeapMiB     int               // Kafka: JVM heap, default 512, in containers 256
	Brief       bool              // Kafka: the JVMs compile with their first compiler only, which costs less than it gives in a life of minutes
	East        Release           // Kafka: what region east runs
	West        Release           // Kafka: what region west runs
	Followers   int               // Kafka: more brokers of region west; topics have as many replicas as there are brokers, and may lose one
	Controllers int               // Kafka: controllers of region west that are no brokers
	Transient   bool              // embedded: keep data in memory only; Kill then loses it
}
