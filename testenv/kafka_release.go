package testenv

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
)

// Release is which Apache Kafka a region's brokers are, and how they keep their metadata.
type Release int

const (
	Kafka4 Release = iota // KafkaVersion
	Kafka3                // Kafka3Version
	// Kafka3ZooKeeper is Kafka3Version with ZooKeeper and inter.broker.protocol.version=2.8: the last brokers that write message formats
	// v0 and v1, to topics with message.format.version 0.9.0 and 0.10.2. Without users, TLS and followers.
	Kafka3ZooKeeper
)

// Kafka3Version is the release before Kafka 4 that StartKafka runs where it is asked for; testenv/kafka3/pom.xml names it too.
const Kafka3Version = "3.9.2"

func (r Release) version() string {
	if r == Kafka4 {
		return KafkaVersion
	}
	return Kafka3Version
}

// files is the directory of kafkaFiles that its jars are made from.
func (r Release) files() string {
	if r == Kafka4 {
		return "kafka"
	}
	return "kafka3"
}

// startZooKeeper starts a broker and the ZooKeeper that it needs, which stays when the broker is killed.
func startZooKeeper(ctx context.Context, b *kafkaBroker) (stop func() error, err error) {
	if o := b.options; len(o.Users) > 0 || o.TLS != nil || o.Followers > 0 && b.region.Name == "west" {
		return nil, fmt.Errorf("a broker with ZooKeeper, with users, TLS or followers: %w", ErrNotSupported)
	}
	dir := filepath.Join(filepath.Dir(b.dir), b.region.Name+"-zookeeper")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making ZooKeeper's directory: %w", err)
	}
	port := FreePort()
	b.zookeeper = fmt.Sprintf("127.0.0.1:%d", port)
	config := filepath.Join(dir, "zookeeper.properties")
	text := fmt.Sprintf("dataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\ntickTime=1000\n", filepath.Join(dir, "data"), port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("writing ZooKeeper's configuration: %w", err)
	}
	cmd, err := b.release.java(context.WithoutCancel(ctx), []string{quiet, "-Xmx64m", "-XX:+UseSerialGC"}, "org.apache.zookeeper.server.ZooKeeperServerMain", config)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "zookeeper.log"))
	if err != nil {
		return nil, fmt.Errorf("starting ZooKeeper: %w", err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	p, err := startProcess(cmd)
	if err != nil {
		return nil, fmt.Errorf("starting ZooKeeper: %w", err)
	}
	stop = sync.OnceValue(func() error { return errors.Join(b.Kill(), p.kill()) })
	return stop, b.create(ctx) // the broker waits for ZooKeeper
}

// withZooKeeper are the configs of a broker that is not KRaft's; "" leaves one out.
func withZooKeeper(address string, l KafkaListeners, configs map[string]string) map[string]string {
	all := map[string]string{
		"zookeeper.connect":              address,
		"zookeeper.session.timeout.ms":   "6000",
		"broker.id":                      "1",
		"inter.broker.protocol.version":  "2.8",
		"listeners":                      "CLIENT://" + l.Client,
		"listener.security.protocol.map": "CLIENT:PLAINTEXT",
		"process.roles":                  "",
		"node.id":                        "",
		"controller.quorum.voters":       "",
		"controller.listener.names":      "",
		"broker.session.timeout.ms":      "",
		"broker.heartbeat.interval.ms":   "",
	}
	maps.Copy(all, configs)
	return all
}
