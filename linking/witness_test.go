package linking_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// Kafka's own consumer is the second witness: what it prints of both regions is the same, with partition, offset, time, headers, key and
// value.
func TestKafkasOwnConsumerSeesTheSame(t *testing.T) {
	t.Parallel()
	env := each.Kafka(t)
	topic := each.Name(t, "t")
	p := newPair(t, env, topic)
	each.Topic(t, env.East, topic, 4)
	workload(t, p.east, topic, 7, 80)
	must(t, p.once())
	records := 0
	for _, list := range consume(t, p.east, topic).Records {
		records += len(list)
	}
	if records < 200 {
		t.Fatalf("a workload of %d records shows little", records)
	}
	east, west := kafkasConsumer(t, env.East, topic, records), kafkasConsumer(t, env.West, topic, records)
	if len(east) != records {
		t.Errorf("it printed %d lines of %d records", len(east), records)
	}
	if diff := cmp.Diff(east, west); diff != "" {
		t.Error(diff)
	}
}

// kafkasConsumer is what kafka-console-consumer prints of a topic's committed records, sorted.
func kafkasConsumer(t *testing.T, r *testenv.Region, topic string, records int) []string {
	t.Helper()
	args := []string{"--bootstrap-server", r.Bootstrap[0], "--topic", topic, "--from-beginning", "--isolation-level", "read_committed",
		"--max-messages", fmt.Sprint(records), "--timeout-ms", "20000"}
	for _, what := range []string{"partition", "offset", "timestamp", "headers", "key", "value"} {
		args = append(args, "--formatter-property", "print."+what+"=true")
	}
	cmd, err := testenv.JavaCommand(t.Context(), 128, "org.apache.kafka.tools.consumer.ConsoleConsumer", args...)
	must(t, err)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: ConsoleConsumer: %v: %s", r.Name, err, stderr.String())
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	slices.Sort(lines) // partitions come in any order
	return lines
}
