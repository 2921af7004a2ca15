package linking_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// Kafka's own consumer is the second witness: what it prints of both regions is the same, with partition, offset, time, headers, key and
// value. Of the mirror it prints the same where it reads uncommitted records too, and empty ones that stand for many aborted ones.
func TestKafkasOwnConsumerSeesTheSame(t *testing.T) {
	t.Parallel()
	env := each.Kafka(t)
	topic := each.Name(t, "t")
	p := newPair(t, env, topic)
	p.decl.Gaps = "fenced"
	each.Topic(t, env.East, topic, 4)
	w := newWriter(t, p.east, topic, 7)
	for range 80 {
		must(t, w.step(t.Context()))
	}
	must(t, w.abort(t.Context(), 0, 700))
	must(t, p.once())
	records := 0
	for _, list := range consume(t, p.east, topic).Records {
		records += len(list)
	}
	if records < 200 {
		t.Fatalf("a workload of %d records shows little", records)
	}
	east, west := kafkasConsumer(t, env.East, readCommitted, records, topic), kafkasConsumer(t, env.West, readCommitted, records, topic)
	if len(east) != records {
		t.Errorf("it printed %d lines of %d records", len(east), records)
	}
	if diff := cmp.Diff(east, west); diff != "" {
		t.Error(diff)
	}
	all, empty := 0, 0
	for _, list := range consumeAs(t, p.west, topic, kgo.ReadUncommitted()).Records {
		all += len(list)
	}
	uncommitted := slices.DeleteFunc(kafkasConsumer(t, env.West, readUncommitted, all, topic), func(line string) bool {
		is := strings.HasSuffix(line, "\tNO_HEADERS\tnull\tnull")
		if is {
			empty++
		}
		return is
	})
	if diff := cmp.Diff(east, uncommitted); diff != "" || empty < 600 {
		t.Errorf("a read_uncommitted consumer sees %d empty records, and\n%s", empty, diff)
	}
}

// What a consumer sees.
const (
	readCommitted   = "read_committed"
	readUncommitted = "read_uncommitted"
)

// kafkasConsumer is what kafka-console-consumer prints of topics' records, sorted.
func kafkasConsumer(t *testing.T, r *testenv.Region, isolation string, records int, topics ...string) []string {
	t.Helper()
	args := []string{"--bootstrap-server", r.Bootstrap[0], "--include", strings.Join(topics, "|"), "--from-beginning", "--isolation-level", isolation,
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
