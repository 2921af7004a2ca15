//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/lifeboat-dr/lifeboat/testenv"
)

// maker is a MirrorMaker 2 of its own directory.
type maker struct {
	dir string
	env *testenv.Env
}

// mirrorMaker prepares MirrorMaker 2 in its dedicated mode, tuned for throughput, to mirror one topic under its own name and codec.
func mirrorMaker(env *testenv.Env, topic string, w workload) (*maker, error) {
	dir, err := os.MkdirTemp("", "lifeboat-bench-")
	if err != nil {
		return nil, err
	}
	const fetch, batch = 8 << 20, 512 << 10
	properties := []string{
		"clusters=east,west",
		"east.bootstrap.servers=" + strings.Join(env.East.Bootstrap, ","),
		"west.bootstrap.servers=" + strings.Join(env.West.Bootstrap, ","),
		"east->west.enabled=true",
		"east->west.topics=" + topic,
		"west->east.enabled=false",
		"replication.policy.class=org.apache.kafka.connect.mirror.IdentityReplicationPolicy",
		"tasks.max=4",
		"emit.heartbeats.enabled=false",
		"emit.checkpoints.enabled=false",
		"replication.factor=1",
		"offset-syncs.topic.replication.factor=1",
		"checkpoints.topic.replication.factor=1",
		"heartbeats.topic.replication.factor=1",
		"offset.storage.replication.factor=1",
		"status.storage.replication.factor=1",
		"config.storage.replication.factor=1",
		"offset.storage.partitions=1",
		"status.storage.partitions=1",
		fmt.Sprintf("east.consumer.fetch.max.bytes=%d", 4*fetch),
		fmt.Sprintf("east.consumer.max.partition.fetch.bytes=%d", fetch),
		"east.consumer.max.poll.records=10000",
		fmt.Sprintf("west.producer.batch.size=%d", batch),
		"west.producer.linger.ms=10",
		"west.producer.buffer.memory=134217728",
		"west.producer.compression.type=" + w.codec.String(),
	}
	return &maker{dir, env}, os.WriteFile(filepath.Join(dir, "mm2.properties"), []byte(strings.Join(properties, "\n")+"\n"), 0o600)
}

// retune has other settings of the clients instead of those that serve throughput.
func (m *maker) retune(settings ...string) error {
	name := filepath.Join(m.dir, "mm2.properties")
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	lines := slices.DeleteFunc(strings.Split(string(text), "\n"), func(l string) bool {
		return strings.HasPrefix(l, "east.consumer.") || strings.HasPrefix(l, "west.producer.")
	})
	return os.WriteFile(name, []byte(strings.Join(append(lines, settings...), "\n")+"\n"), 0o600)
}

// run begins anew: what a former run remembers of its positions and of its group is deleted.
func (m *maker) run(ctx context.Context) (*exec.Cmd, error) {
	for _, r := range []*testenv.Region{m.env.East, m.env.West} {
		if err := forget(ctx, r); err != nil {
			return nil, err
		}
	}
	return testenv.JavaCommand(ctx, 1536, "org.apache.kafka.connect.mirror.MirrorMaker", filepath.Join(m.dir, "mm2.properties"))
}

func forget(ctx context.Context, r *testenv.Region) error {
	cl, err := r.Client()
	if err != nil {
		return err
	}
	defer cl.Close()
	topics, err := kadm.NewClient(cl).ListTopics(ctx)
	if err != nil {
		return err
	}
	for _, name := range topics.Names() {
		if strings.HasPrefix(name, "mm2-") {
			if err := remove(ctx, r, name); err != nil {
				return err
			}
		}
	}
	return nil
}
