package dr

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// A question that gets no answer is UNKNOWN after the time-out, keeps no other one from being asked, and leaves the order of the answers as it is.
func TestQuestionsWithoutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checkup{world: &World{opts: Options{Timeout: 10 * time.Second, Now: time.Now}}}
		says := func(name string) check {
			return check{id: name, run: func(context.Context, *checkup) []report.Check {
				return []report.Check{{Name: name, Outcome: report.Passed}}
			}}
		}
		silent := func(ctx context.Context, _ *checkup) []report.Check { <-ctx.Done(); return nil }
		errs := func(ctx context.Context, _ *checkup) []report.Check {
			<-ctx.Done()
			return []report.Check{{Name: "half", Outcome: report.Passed}, {Name: "other half", Outcome: report.Unknown, Detail: ctx.Err().Error()}}
		}
		list := []check{says("first"), {id: "silent", run: silent}, {id: "errs", run: errs}}
		for i := range 3 * checksAtOnce {
			list = append(list, check{id: fmt.Sprint("silent-", i), run: silent})
		}
		list = append(list, says("last"))
		begun := time.Now()
		got := c.answers(t.Context(), list)
		if took := time.Since(begun); took != 40*time.Second { // 26 that are silent, 8 at once
			t.Errorf("it took %s, want 4 times the time-out", took)
		}
		if len(got) != 5+3*checksAtOnce || got[0].Name != "first" || got[len(got)-1].Name != "last" {
			t.Fatalf("%d answers, from %q to %q", len(got), got[0].Name, got[len(got)-1].Name)
		}
		want := []report.Check{{ID: "silent", Name: "silent is known", Outcome: report.Unknown, Detail: "no answer within 10s"}, {ID: "errs", Name: "half", Outcome: report.Passed},
			{ID: "errs", Name: "other half", Outcome: report.Unknown, Detail: "no answer within 10s"}}
		if diff := cmp.Diff(want, got[1:4]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestOvertakes(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) int64 { return now.Add(-d).UnixMilli() }
	const hour = time.Hour
	for _, c := range []struct {
		name    string
		configs map[string]string
		src     plans.PartitionState
		mirror  plans.PartitionState
		state   plans.MirrorState
		want    string // "": nothing is missing
	}{
		{name: "level", src: plans.PartitionState{End: 100, Stable: 100}, mirror: plans.PartitionState{End: 100}},
		{name: "not known", src: plans.PartitionState{End: 100, Stable: 100}, mirror: plans.PartitionState{End: -1}},
		{name: "by time", configs: map[string]string{"cleanup.policy": "delete", "retention.ms": "36000000"}, src: plans.PartitionState{End: 100, Stable: 100, Oldest: ago(9 * hour), Newest: ago(0)},
			mirror: plans.PartitionState{End: 90, Newest: ago(2 * hour)}, want: "retention.ms 8h0m0s of 10h0m0s"},
		{name: "nothing has come yet", configs: map[string]string{"cleanup.policy": "delete", "retention.ms": "36000000"}, src: plans.PartitionState{End: 100, Stable: 100, Oldest: ago(9 * hour), Newest: ago(0)},
			mirror: plans.PartitionState{End: 0, Newest: -1}, want: "retention.ms 1h0m0s of 10h0m0s"},
		{name: "it is going on", configs: map[string]string{"cleanup.policy": "delete", "retention.ms": "3600000"}, src: plans.PartitionState{End: 100, Stable: 100, Oldest: ago(2 * hour), Newest: ago(0)},
			mirror: plans.PartitionState{End: 90, Newest: ago(2 * hour)}, want: "retention.ms 0s of 1h0m0s"},
		{name: "kept for ever", configs: map[string]string{"cleanup.policy": "delete", "retention.ms": "-1"}, src: plans.PartitionState{End: 100, Stable: 100, Oldest: ago(9 * hour), Newest: ago(0)},
			mirror: plans.PartitionState{End: 90, Newest: ago(2 * hour)}, want: "not foreseen"},
		{name: "compacted", configs: map[string]string{"cleanup.policy": "compact", "retention.ms": "3600000"}, src: plans.PartitionState{End: 100, Stable: 100, Oldest: ago(9 * hour), Newest: ago(0)},
			mirror: plans.PartitionState{End: 90, Newest: ago(2 * hour)}, want: "not foreseen"},
		// 1000 bytes in 10 hours: the limit is 200 bytes away, and half of the log is in front of what comes next.
		{name: "by size", configs: map[string]string{"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "1200"},
			src: plans.PartitionState{End: 100, Stable: 100, Oldest: ago(10 * hour), Newest: ago(0), Bytes: 1000}, mirror: plans.PartitionState{End: 50, Newest: ago(5 * hour)}, want: "retention.bytes 7h0m0s of 12h0m0s"},
		{name: "what comes first", configs: map[string]string{"cleanup.policy": "compact,delete", "retention.ms": "21600000", "retention.bytes": "1200"},
			src: plans.PartitionState{End: 100, Stable: 100, Oldest: ago(10 * hour), Newest: ago(0), Bytes: 1000}, mirror: plans.PartitionState{End: 50, Newest: ago(5 * hour)}, want: "retention.ms 1h0m0s of 6h0m0s"},
		{name: "translated", configs: map[string]string{"cleanup.policy": "delete", "retention.ms": "36000000"}, src: plans.PartitionState{End: 100, Stable: 100, Oldest: ago(9 * hour), Newest: ago(0)},
			mirror: plans.PartitionState{End: 1000, Newest: ago(hour)}, state: plans.MirrorState{Translated: map[int32]plans.Translation{0: {Source: 100}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			c.state.Topic = "orders"
			if o := overtakes(now, &plans.TopicState{Configs: c.configs, Partitions: []plans.PartitionState{c.src}}, c.state, 0, c.mirror); o != nil && o.foreseen {
				got = fmt.Sprintf("%s %s of %s", o.config, o.left, o.keeps)
			} else if o != nil {
				got = "not foreseen"
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// entriesOf is a journal with one run that has ended.
func entriesOf(t *testing.T, id string, op plans.Operation, figures []report.Figure, read int64) []Entry {
	t.Helper()
	plan, err := json.Marshal(&plans.Plan{Operation: op, Link: "east-west", From: "east", To: "west", Drill: map[bool]*plans.DrillPlan{true: {ID: id}}[op == plans.OpDrill]})
	if err != nil {
		t.Fatal(err)
	}
	end, err := json.Marshal(&report.Report{Run: id, Outcome: report.Done, Figures: figures, Statements: []report.Statement{{Name: "a", Read: read}}})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	return []Entry{{Run: id, At: at, Kind: EntryPlan, Data: plan}, {Run: id, At: at, Kind: EntryEnd, Data: end}}
}

// A failover is forecast from what was measured, in proportion to what has to be read, and from nothing else.
func TestForecast(t *testing.T) {
	took := func(promote, start, prove float64) (list []report.Figure) {
		list = append(list, report.Figure{Name: "RTO", Value: promote + start + prove})
		for phase, v := range map[string]float64{"promote": promote, "start": start, "prove": prove} {
			if v > 0 {
				list = append(list, report.Figure{Name: "RTO phase", Phase: phase, Value: v})
			}
		}
		return list
	}
	drill := func(start, prove float64, read int64) []Entry {
		return entriesOf(t, "d", plans.OpDrill, took(0, start, prove), read)
	}
	for _, c := range []struct {
		name     string
		entries  []Entry
		backlog  int64
		capacity string
		forecast string
	}{
		{"never measured", nil, 1000, "warned UNKNOWN: never measured; 4s for 1000 rows", "warned UNKNOWN: no failover and no drill has measured it"},
		{"a drill", drill(1, 9, 1000), 1000, "passed 1000 rows were read in 10s by the drill", "passed 10s: statements 10s, and the promotion, which no failover has measured"},
		{"a drill that stopped part-way", entriesOf(t, "d", plans.OpDrill, took(0, 1, 9)[1:], 1000), 1000, "warned UNKNOWN", "warned UNKNOWN"},
		{"a drill that read nothing", drill(1, 9, 0), 1000, "warned UNKNOWN", "warned UNKNOWN"},
		{"less to read is not quicker", drill(1, 9, 1000), 10, "passed 1000 rows", "passed 10s"},
		{"more than in the drill", drill(1, 9, 1000), 3000, "passed 1000 rows were read in 10s by the drill on 2026-11-23 (run d); 3000 rows at that rate: 30s", "passed 30s"},
		{"too much", drill(1, 9, 1000), 7000, "failed 1000 rows were read in 10s by the drill on 2026-11-23 (run d); 7000 rows at that rate: 1m10s", "failed 1m10s"},
		{"too much, as far as a small drill tells", drill(1, 9, 100), 70000, "warned UNKNOWN: 100 rows", "warned UNKNOWN: 1h56m40s"},
		{"a failover", append(drill(1, 9, 10), entriesOf(t, "f", plans.OpFailover, took(3, 2, 20), 1000)...), 1000, "passed 1000 rows were read in 22s by the failover", "passed 25s: statements 22s, promotion 3s (failover on 2026-11-23 (run f))"},
		{"a promotion that is too slow", append(entriesOf(t, "f", plans.OpFailover, took(55, 2, 20), 1000), drill(1, 9, 1000)...), 1000, "passed 1000 rows were read in 10s by the drill", "failed 1m5s"},
		{"a failback tells of another link", entriesOf(t, "b", plans.OpFailback, took(3, 2, 20), 1000), 1000, "warned UNKNOWN", "warned UNKNOWN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := &checkup{decl: &plans.Link{Name: "east-west", From: "east", To: "west"}, journals: map[string]journal{"west": {entries: c.entries}},
				plan: &plans.Plan{Operation: plans.OpFailover, Objectives: plans.Objectives{RTO: plans.Duration(time.Minute)}, Statements: []plans.StatementPlan{{Name: "a", Backlog: c.backlog, RebuildSeconds: 4}}}}
			for want, got := range map[string][]report.Check{c.capacity: checkCapacity(t.Context(), u), c.forecast: checkForecast(t.Context(), u)} {
				if text := fmt.Sprint(got[0].Outcome, " ", got[0].Detail); !strings.HasPrefix(text, want) {
					t.Errorf("%s: %s, want %s", got[0].Name, text, want)
				}
				if got[0].Outcome != report.Passed && (got[0].Why == "" || got[0].Remedy == "") {
					t.Errorf("%s: it says neither why nor what to do: %+v", got[0].Name, got[0])
				}
			}
		})
	}
}

func TestClocks(t *testing.T) {
	for _, c := range []struct {
		apart []time.Duration
		want  string
	}{
		{nil, "skipped nothing there tells its time"},
		{[]time.Duration{0, time.Millisecond}, "passed a the same, b the same"},
		{[]time.Duration{-900 * time.Millisecond}, "passed a 900ms behind"},
		{[]time.Duration{0, 2 * time.Second}, "warned a the same, b 2s ahead"},
		{[]time.Duration{-31 * time.Second, 2 * time.Second}, "failed a 31s behind, b 2s ahead"},
	} {
		var clocks []clockSeen
		for i, d := range c.apart {
			clocks = append(clocks, clockSeen{string(rune('a' + i)), d})
		}
		if line := clocksLine("east", clocks); fmt.Sprint(line.Outcome, " ", line.Detail) != c.want {
			t.Errorf("%v: %s %s, want %s", c.apart, line.Outcome, line.Detail, c.want)
		}
	}

	late := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusUnauthorized) // which tells the time as well
	}))
	defer late.Close()
	c := &checkup{world: &World{opts: Options{Now: time.Now}}}
	if d, err := c.httpClock(t.Context(), http.DefaultTransport, late.URL); err != nil || d > -58*time.Second || d < -time.Minute {
		t.Errorf("a server that is a minute behind: %s, %v", d, err)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

// A writer's clock is seen in the distance between what it has stamped and the marker that the broker has.
func TestMarkersTellTheBrokersTime(t *testing.T) {
	env := each.Embedded(t)
	r, err := linking.Open(t.Context(), "west", &plans.Region{Kafka: plans.Kafka{Bootstrap: env.West.Bootstrap}}, linking.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	topic := each.Name(t, "clock")
	each.Topic(t, env.West, topic, 1)
	if _, err := markerClock(t.Context(), r, topic); err == nil {
		t.Error("an empty topic tells the time")
	}
	cl := each.Client(t, env.West, kgo.TransactionalID(topic), kgo.DefaultProduceTopic(topic))
	for range 3 {
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Value: []byte("x"), Timestamp: time.Now().Add(time.Hour)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
	}
	if d, err := markerClock(t.Context(), r, topic); err != nil || d > -59*time.Minute || d < -time.Hour {
		t.Errorf("a writer an hour ahead of the brokers: they are %s, %v", d, err)
	}
}
