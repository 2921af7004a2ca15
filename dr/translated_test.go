package dr_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// rows decodes what a topic of the west has.
func (p *pipeline) rows(topic string) []map[string]any {
	p.t.Helper()
	reg, err := sr.NewClient(sr.URLs(p.env.West.Registry))
	must(p.t, err)
	w := p.open()
	defer w.Close()
	schemas := map[int]*avro.Schema{}
	var rows []map[string]any
	_, err = dr.DigestRows(p.t.Context(), w.Regions["west"], topic, func(rec *kgo.Record) bool {
		row := map[string]any{}
		for _, part := range [][]byte{rec.Key, rec.Value} { // columns that rows are distributed by are in the key
			id := int(part[3])<<8 | int(part[4])
			if schemas[id] == nil {
				schema, err := reg.SchemaByID(p.t.Context(), id)
				must(p.t, err)
				schemas[id] = avro.MustParse(schema.Schema)
			}
			_, err := schemas[id].Decode(part[5:], &row)
			must(p.t, err)
		}
		rows = append(rows, row)
		return true
	})
	must(p.t, err)
	return rows
}

// TestStatementsOverATranslatedTopicStartAtTheirTimeBehindOthersRecords fails over to a region whose topic has held other records before the mirror came. They
// are older and newer than those of the mirror, and no statement reads any: they have no part in the time that the statements start at, nor in what is
// found there.
func TestStatementsOverATranslatedTopicStartAtTheirTimeBehindOthersRecords(t *testing.T) {
	t.Parallel()
	env := each.Embedded(t)
	const sent = 1800
	p := newPipeline(t, env, sent)
	file := filepath.Join(p.dir, "lifeboat.yaml")
	text, err := os.ReadFile(file)
	must(t, err)
	p.write("lifeboat.yaml", strings.NewReplacer("    from: east\n", "    from: east\n    offsets: auto\n", "rto: 5m}", "rto: 1m}\n    rate: 1").Replace(string(text)))
	p.load()
	each.Topic(t, env.West, p.orders, 3)
	begin := time.Now().Add(-48 * time.Hour).Truncate(time.Minute) // as produce has it
	west := each.Client(t, env.West, kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	for i := range 60 {
		body, err := orders.AppendEncode([]byte{0, 0, 0, byte(p.schemaID >> 8), byte(p.schemaID)}, &order{int64(100_000 + i), "somebody else's", 99})
		must(t, err)
		at := begin.Add(-time.Hour)
		if i%2 == 1 {
			at = time.Now()
		}
		must(t, west.ProduceSync(t.Context(), &kgo.Record{Topic: p.orders, Partition: int32(i % 3), Value: body, Timestamp: at}).FirstErr())
	}
	p.mirror()

	w := p.open()
	defer w.Close()
	plan, err := dr.Plan(t.Context(), w, plans.OpFailover, plans.Options{Planned: true})
	must(t, err)
	startsAt, emitsFrom := map[string]int64{}, map[string]int64{}
	for _, s := range plan.Statements {
		startsAt[s.Name], _ = strconv.ParseInt(s.Properties["sql.tables.scan.startup.timestamp-millis"], 10, 64)
		emitsFrom[s.Name], _ = strconv.ParseInt(s.Properties["lifeboat.emit.from"], 10, 64)
	}
	if at := startsAt["big-2"]; at <= begin.UnixMilli() || at >= begin.Add(sent*time.Second).UnixMilli() {
		t.Fatalf("the statement starts at %d, which is not among the records from %d on: %+v", at, begin.UnixMilli(), plan.Statements)
	}
	rep, err := dr.Execute(t.Context(), w, plan)
	must(t, err)
	if rep.Outcome != report.Done {
		t.Fatalf("outcome %s: %s", rep.Outcome, rep.Summary)
	}

	var want, got []int64
	for i := range int64(sent) {
		if begin.Add(time.Duration(i)*time.Second).UnixMilli() >= startsAt["big-2"] && i%100 >= 50 {
			want = append(want, i)
		}
	}
	for _, row := range p.rows("big_" + p.orders) {
		got = append(got, row["id"].(int64))
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Errorf("orders of 50 and more (-want +got):\n%s", diff)
	}
	type sum struct{ n, total int64 }
	whole := map[string]map[time.Time]sum{}
	for i := range int64(sent) {
		shop, minute := "shop-"+strconv.FormatInt(i%7, 10), begin.Add(time.Duration(i)*time.Second).Truncate(time.Minute).UTC()
		if whole[shop] == nil {
			whole[shop] = map[time.Time]sum{}
		}
		whole[shop][minute] = sum{whole[shop][minute].n + 1, whole[shop][minute].total + i%100}
	}
	windows := map[time.Time]bool{}
	for _, row := range p.rows("sums_" + p.orders) {
		minute := asTime(t, row["minute_start"])
		windows[minute] = true
		if minute.UnixMilli() < emitsFrom["per-minute-2"] {
			t.Errorf("a window was put out that is not whole: %v", row)
		}
		if diff := cmp.Diff(whole[row["shop"].(string)][minute], sum{row["n"].(int64), asInt(row["total"])}, cmp.AllowUnexported(sum{})); diff != "" {
			t.Errorf("%v of %v (-want +got):\n%s", row["shop"], minute, diff)
		}
	}
	if len(windows) < 2 {
		t.Errorf("%d windows were put out: %v", len(windows), slices.Collect(maps.Keys(windows)))
	}
}

// asTime and asInt are what Avro has decoded, a value that may be null too.
func asTime(t *testing.T, v any) time.Time {
	t.Helper()
	switch v := v.(type) {
	case time.Time:
		return v.UTC()
	case int64:
		return time.UnixMilli(v).UTC()
	}
	t.Fatalf("%T %v is no time", v, v)
	return time.Time{}
}

func asInt(v any) int64 {
	n, _ := v.(int64) // another value differs
	return n
}
