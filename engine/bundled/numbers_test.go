package bundled_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled"
	"github.com/lifeboat-dr/lifeboat/testenv"
)

const patience = 30 * time.Second

// numbers is a region with tables of numbers in JSON, and what the tests of faults do with it.
type numbers struct {
	t      *testing.T
	env    *testenv.Env
	client *kgo.Client
	admin  *kadm.Client
	ids    map[string]int
}

func newNumbers(t *testing.T, env *testenv.Env) *numbers {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(env.East.Bootstrap...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &numbers{t: t, env: env, client: client, admin: kadm.NewClient(client), ids: map[string]int{}}
}

// table declares a table of numbers with two partitions.
func (n *numbers) table(b engine.Backend, name string) {
	n.t.Helper()
	_, err := b.Create(n.t.Context(), engine.Spec{
		Name: "ddl-" + name,
		SQL:  "CREATE TABLE IF NOT EXISTS `" + name + "` (n BIGINT NOT NULL) DISTRIBUTED INTO 2 BUCKETS WITH ('value.format' = 'json-registry', 'kafka.retention.time' = '0')",
	})
	if err != nil && !errors.Is(err, engine.ErrExists) {
		n.t.Fatal(err)
	}
}

// sums declares a table of sums over 10 seconds and returns the statement that fills it.
func (n *numbers) sums(b engine.Backend, name, in string) string {
	n.t.Helper()
	_, err := b.Create(n.t.Context(), engine.Spec{
		Name: "ddl-" + name,
		SQL: "CREATE TABLE `" + name + "` (k BIGINT, from_ms TIMESTAMP_LTZ(3) NOT NULL, total BIGINT, n BIGINT NOT NULL) DISTRIBUTED INTO 2 BUCKETS " +
			"WITH ('value.format' = 'json-registry', 'kafka.retention.time' = '0')",
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return fmt.Sprintf("INSERT INTO `%s` SELECT MOD(n, 7), CAST(window_start AS TIMESTAMP_LTZ(3)), SUM(n), COUNT(*) "+
		"FROM TABLE(TUMBLE(TABLE `%s`, DESCRIPTOR(`$rowtime`), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, MOD(n, 7)", name, in)
}

// encode writes a value with the newest schema of its topic.
func (n *numbers) encode(topic, body string) []byte {
	n.t.Helper()
	id, ok := n.ids[topic]
	if !ok {
		registry, err := sr.NewClient(sr.URLs(n.env.East.Registry))
		if err != nil {
			n.t.Fatal(err)
		}
		s, err := registry.SchemaByVersion(n.t.Context(), topic+"-value", -1)
		if err != nil {
			n.t.Fatal(err)
		}
		id = s.ID
		n.ids[topic] = id
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), body...)
}

// fill writes the numbers from, …, to-1, a tenth of a second of event time apart.
func (n *numbers) fill(topic string, from, to int) {
	n.t.Helper()
	var records []*kgo.Record
	for i := from; i < to; i++ {
		records = append(records, &kgo.Record{
			Topic: topic, Partition: int32(i % 2), Timestamp: time.UnixMilli(1_700_000_000_000 + int64(i)*100),
			Value: n.encode(topic, fmt.Sprintf(`{"n":%d}`, i)),
		})
	}
	n.produce(records...)
}

func (n *numbers) produce(records ...*kgo.Record) {
	n.t.Helper()
	if err := n.client.ProduceSync(n.t.Context(), records...).FirstErr(); err != nil {
		n.t.Fatal(err)
	}
}

// committed are the committed values of a topic, without their schema ids, sorted.
func (n *numbers) committed(ctx context.Context, topic string) ([]string, error) {
	ends, err := n.admin.ListCommittedOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, err
	}
	from, left := map[int32]kgo.Offset{}, map[int32]int64{}
	for p, end := range ends[topic] {
		if end.Offset > 0 {
			from[p], left[p] = kgo.NewOffset().AtStart(), end.Offset
		}
	}
	out := []string{}
	if len(left) == 0 {
		return out, nil
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(n.env.East.Bootstrap...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(50*time.Millisecond))
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	for len(left) > 0 {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				out = append(out, string(r.Value[5:]))
			}
			if end, ok := left[r.Partition]; ok && r.Offset+1 >= end {
				delete(left, r.Partition)
			}
		})
	}
	slices.Sort(out)
	return out, nil
}

// values are what fill has written, as the engine writes it again.
func values(from, to int) []string {
	out := []string{}
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprintf(`{"n":%d}`, i))
	}
	slices.Sort(out)
	return out
}

func (n *numbers) eventually(check func(context.Context) error) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := check(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			n.t.Fatal(err)
		case <-time.After(pause):
		}
	}
}

// await waits for a phase and returns the statement.
func (n *numbers) await(e *bundled.Engine, name string, want engine.Phase) engine.Statement {
	n.t.Helper()
	var st engine.Statement
	n.eventually(func(ctx context.Context) (err error) {
		if st, err = e.Get(ctx, name); err == nil && st.Phase != want {
			err = fmt.Errorf("statement %q is %s (%s), want %s", name, st.Phase, st.Detail, want)
		}
		return err
	})
	return st
}

func (n *numbers) create(e *bundled.Engine, name, sql string, properties ...string) {
	n.t.Helper()
	spec := engine.Spec{Name: name, SQL: sql, Properties: map[string]string{}}
	for i := 0; i+1 < len(properties); i += 2 {
		spec.Properties[properties[i]] = properties[i+1]
	}
	if _, err := e.Create(n.t.Context(), spec); err != nil {
		n.t.Fatal(err)
	}
}
