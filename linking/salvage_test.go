package linking_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/linking/batch"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestRepairExportsWhatItRemoves has somebody write to a mirror, in and outside of transactions, and wants every record of the topic in both
// files before the topic is gone.
func TestRepairExportsWhatItRemoves(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		p.fail(topic, func(p *pair, topic string) {
			cl, err := kgo.NewClient(append(p.west.Client.Opts(), kgo.TransactionalID(each.Name(t, "txn")), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
			must(t, err)
			defer cl.Close()
			for i, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
				must(t, cl.BeginTransaction())
				rec := &kgo.Record{Topic: topic, Key: []byte{0xff, byte(i)}, Value: fmt.Append(nil, "foreign <", i, ">"), Headers: []kgo.RecordHeader{{Key: "by", Value: []byte("somebody")}, {Key: "null"}}}
				must(t, cl.ProduceSync(t.Context(), rec).FirstErr())
				must(t, cl.EndTransaction(t.Context(), end))
			}
			p.eventually("the markers are in the log, behind which the commits were answered", func() bool { return p.end(p.west, topic, 0) == 14 })
			write(t, p.west, &kgo.Record{Topic: topic, Partition: 0, Value: nil, Key: []byte("tombstone")})
		})
		before := map[int32]int64{0: p.end(p.west, topic, 0), 1: p.end(p.west, topic, 1)}
		plan, err := p.link().PlanRepair(t.Context(), nil)
		must(t, err)
		dir := filepath.Join(t.TempDir(), "run")
		must(t, p.link().Repair(t.Context(), plan, linking.RepairOptions{Salvage: dir}))
		if len(plan[0].Salvaged) != 2 {
			t.Fatalf("exported: %+v", plan[0].Salvaged)
		}
		for _, s := range plan[0].Salvaged {
			if s.First != 0 || s.End != before[s.Partition] {
				t.Errorf("%s-%d: @%d–@%d is exported, the log ended at @%d", s.Topic, s.Partition, s.First, s.End, before[s.Partition])
			}
			if next := lastOffsetOf(t, s.Log) + 1; next != s.End {
				t.Errorf("%s ends at @%d, want @%d", s.Log, next, s.End)
			}
			lines := linesOf(t, s.Lines)
			if int64(len(lines)) != s.Records {
				t.Errorf("%s has %d lines, want %d", s.Lines, len(lines), s.Records)
			}
			if s.Partition == 1 {
				continue
			}
			headers := []any{map[string]any{"key": "by", "value": "somebody"}, map[string]any{"key": "null"}}
			want := []map[string]any{
				{"offset": 10.0, "keyBase64": "/wA=", "value": "foreign <0>", "headers": headers},
				{"offset": 12.0, "keyBase64": "/wE=", "value": "foreign <1>", "headers": headers, "transaction": "aborted"},
				{"offset": 14.0, "key": "tombstone"},
			}
			for _, l := range lines {
				delete(l, "timestamp")
			}
			if diff := cmp.Diff(want, lines[len(lines)-3:]); diff != "" {
				t.Errorf("the last lines (-want +got):\n%s", diff)
			}
		}
		must(t, p.once())
		p.identical(topic)
	})
}

// TestRepairRemovesNothingThatItCanNotExport gives it a directory in which such files are already, and one that can not be made.
func TestRepairRemovesNothingThatItCanNotExport(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(dir string) error
	}{
		{"an older export", func(dir string) error {
			if err := os.MkdirAll(filepath.Join(dir, "t-1"), 0o755); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, "t-1", fmt.Sprintf("%020d.log", 0)), []byte("older"), 0o644)
		}},
		{"no directory", func(dir string) error { return os.WriteFile(dir, nil, 0o644) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := each.Embedded(t)
			p := newPair(t, env, "t")
			p.fail("t", func(p *pair, topic string) { put(p.t, p.west, topic, 1, 3) })
			dir := filepath.Join(t.TempDir(), "run")
			must(t, c.spoil(dir))
			plan, err := p.link().PlanRepair(t.Context(), nil)
			must(t, err)
			if err := p.link().Repair(t.Context(), plan, linking.RepairOptions{Salvage: dir}); err == nil {
				t.Error("it was repaired")
			}
			if end, state := p.end(p.west, "t", 1), p.states()["t"]; end != 13 || state != linking.Failed {
				t.Errorf("the mirror is %s and ends at @%d", state, end)
			}
		})
	}
}

// lastOffsetOf reads a file of batches, every one of which must be whole.
func lastOffsetOf(t *testing.T, name string) int64 {
	t.Helper()
	rest, err := os.ReadFile(name)
	must(t, err)
	last := int64(-1)
	for len(rest) > 0 {
		var b batch.Batch
		b, rest, err = batch.Next(rest)
		must(t, err)
		must(t, batch.Verify(b))
		last = b.LastOffset()
	}
	return last
}

func linesOf(t *testing.T, name string) []map[string]any {
	t.Helper()
	f, err := os.Open(name)
	must(t, err)
	defer f.Close()
	var lines []map[string]any
	for s := bufio.NewScanner(f); s.Scan(); {
		var line map[string]any
		must(t, json.Unmarshal(s.Bytes(), &line))
		lines = append(lines, line)
	}
	return lines
}
