package linking

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

var begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clockAt is metrics whose clock stands still.
func clockAt(at time.Time) *Metrics {
	m := NewMetrics()
	m.now = func() time.Time { return at }
	return m
}

func at(partition int32, written, stable int64) mirrorSample {
	return mirrorSample{partitionKey: partitionKey{"orders", partition}, state: Active, written: written, stable: stable, behind: -1}
}

func TestMetricsOfPartitions(t *testing.T) {
	m := clockAt(begin.Add(3 * time.Second))
	m.take(sample{at: begin, mirrors: []mirrorSample{at(0, 10, 10), at(1, 10, 20), at(2, 5, -1)}})
	behind := at(1, 14, 24)
	behind.copied, behind.queued, behind.ahead, behind.behind = moved{4, 400}, 300, 7, 2.5
	behind.expires = begin.Add(63 * time.Second)
	failed := at(2, 5, 9)
	failed.state, failed.failure = Failed, CodeForeignWriter
	m.take(sample{at: begin.Add(2 * time.Second), mirrors: []mirrorSample{at(0, 10, 10), behind, failed}})
	want := `
# HELP lifeboat_link_errors_total Times that a mirror failed, or began to wait for something, and that the link did, by name.
# TYPE lifeboat_link_errors_total counter
lifeboat_link_errors_total{error="FOREIGN_WRITER"} 1
# HELP lifeboat_link_mirror_lag_bytes Estimated bytes of them: what is read, and the rest by the mean size of what was mirrored.
# TYPE lifeboat_link_mirror_lag_bytes gauge
lifeboat_link_mirror_lag_bytes{partition="0",topic="orders"} 0
lifeboat_link_mirror_lag_bytes{partition="1",topic="orders"} 1000
lifeboat_link_mirror_lag_bytes{partition="2",topic="orders"} 0
# HELP lifeboat_link_mirror_lag_records Offsets of the source, up to its last stable offset, that are not in the mirror yet.
# TYPE lifeboat_link_mirror_lag_records gauge
lifeboat_link_mirror_lag_records{partition="0",topic="orders"} 0
lifeboat_link_mirror_lag_records{partition="1",topic="orders"} 10
lifeboat_link_mirror_lag_records{partition="2",topic="orders"} 4
# HELP lifeboat_link_mirror_lag_seconds How much older the newest mirrored record is than the newest that was read; where none is read, time since the mirror was last complete.
# TYPE lifeboat_link_mirror_lag_seconds gauge
lifeboat_link_mirror_lag_seconds{partition="0",topic="orders"} 0
lifeboat_link_mirror_lag_seconds{partition="1",topic="orders"} 2.5
lifeboat_link_mirror_lag_seconds{partition="2",topic="orders"} 3
# HELP lifeboat_link_mirror_progress_age_seconds Time since the mirror's position last moved.
# TYPE lifeboat_link_mirror_progress_age_seconds gauge
lifeboat_link_mirror_progress_age_seconds{partition="0",topic="orders"} 3
lifeboat_link_mirror_progress_age_seconds{partition="1",topic="orders"} 1
lifeboat_link_mirror_progress_age_seconds{partition="2",topic="orders"} 3
# HELP lifeboat_link_mirror_retention_overtakes_seconds Time until retention in the source removes what comes next; +Inf where nothing points to it.
# TYPE lifeboat_link_mirror_retention_overtakes_seconds gauge
lifeboat_link_mirror_retention_overtakes_seconds{partition="0",topic="orders"} +Inf
lifeboat_link_mirror_retention_overtakes_seconds{partition="1",topic="orders"} 60
lifeboat_link_mirror_retention_overtakes_seconds{partition="2",topic="orders"} +Inf
# HELP lifeboat_link_mirrors Mirrored partitions by state.
# TYPE lifeboat_link_mirrors gauge
lifeboat_link_mirrors{state="ACTIVE"} 2
lifeboat_link_mirrors{state="FAILED"} 1
lifeboat_link_mirrors{state="PAUSED"} 0
lifeboat_link_mirrors{state="PENDING_STOPPED"} 0
lifeboat_link_mirrors{state="SOURCE_UNAVAILABLE"} 0
lifeboat_link_mirrors{state="STOPPED"} 0
`
	err := testutil.CollectAndCompare(m, strings.NewReader(want), "lifeboat_link_errors_total", "lifeboat_link_mirror_lag_bytes", "lifeboat_link_mirror_lag_records",
		"lifeboat_link_mirror_lag_seconds", "lifeboat_link_mirror_progress_age_seconds", "lifeboat_link_mirror_retention_overtakes_seconds", "lifeboat_link_mirrors")
	if err != nil {
		t.Error(err)
	}
	if problems, err := testutil.CollectAndLint(m); err != nil || len(problems) > 0 {
		t.Errorf("%v, error %v", problems, err)
	}
}

func TestHealth(t *testing.T) {
	failed := at(0, 10, 20)
	failed.state, failed.failure = Failed, CodeTruncated
	away := at(0, 10, 20)
	away.state = SourceUnavailable
	stopped := at(0, -1, -1)
	stopped.state = Stopped
	for _, c := range []struct {
		name    string
		samples []sample
		after   time.Duration // of begin
		want    Health
	}{
		{"not begun", nil, 0, Health{UnknownHealth, []string{"the link does not run yet, or other processes serve all of it"}}},
		{"nothing mirrored", []sample{{at: begin}}, 0, Health{UnknownHealth, []string{"nothing is mirrored"}}},
		{"everything promoted", []sample{{at: begin, mirrors: []mirrorSample{stopped}}}, 0, Health{UnknownHealth, []string{"nothing is mirrored"}}},
		{"no progress with zero lag is not healthy", []sample{{at: begin, mirrors: []mirrorSample{at(0, 10, 10)}}}, 0,
			Health{UnknownHealth, []string{"nothing has come through since the run began"}}},
		{"progress", []sample{{at: begin, mirrors: []mirrorSample{at(0, 10, 10)}}, {at: begin, mirrors: []mirrorSample{at(0, 11, 11)}}}, 5 * time.Second, Health{Healthy, []string{}}},
		{"progress, long ago", []sample{{at: begin, mirrors: []mirrorSample{at(0, 10, 10)}}, {at: begin, mirrors: []mirrorSample{at(0, 11, 11)}}, {at: begin.Add(2 * time.Minute), mirrors: []mirrorSample{at(0, 11, 11)}}},
			2 * time.Minute, Health{UnknownHealth, []string{"nothing has come through for 2m0s, and no lag is known: the source is quiet, or the link is deaf"}}},
		{"behind and coming", []sample{{at: begin, mirrors: []mirrorSample{at(0, 10, 99)}}, {at: begin, mirrors: []mirrorSample{at(0, 11, 99)}}}, time.Second, Health{Healthy, []string{}}},
		{"behind and stuck", []sample{{at: begin, mirrors: []mirrorSample{at(0, 10, 99)}}, {at: begin.Add(40 * time.Second), mirrors: []mirrorSample{at(0, 10, 99)}}}, 40 * time.Second,
			Health{Unhealthy, []string{"orders-0 is 89 offsets behind and has not moved for 40s"}}},
		{"failed", []sample{{at: begin, mirrors: []mirrorSample{failed}}}, 0, Health{Unhealthy, []string{"orders-0 has failed: UNEXPECTED_TRUNCATION"}}},
		{"source away", []sample{{at: begin, mirrors: []mirrorSample{away}}}, 0, Health{Unhealthy, []string{"orders-0: its source does not answer"}}},
		{"waits", []sample{{at: begin, waiting: "CONNECTION", mirrors: []mirrorSample{at(0, 1, 1)}}}, 0, Health{Unhealthy, []string{"the link waits: CONNECTION"}}},
		{"the run hangs", []sample{{at: begin, mirrors: []mirrorSample{at(0, 10, 10)}}, {at: begin, mirrors: []mirrorSample{at(0, 11, 11)}}}, 20 * time.Second,
			Health{Unhealthy, []string{"the run has said nothing for 20s"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := clockAt(begin.Add(c.after))
			for _, s := range c.samples {
				m.take(s)
			}
			if diff := cmp.Diff(c.want, m.Health()); diff != "" {
				t.Error(diff)
			}
			code := http.StatusServiceUnavailable
			if c.want.Status == Healthy {
				code = http.StatusOK
			}
			answer := httptest.NewRecorder()
			m.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/healthz", nil))
			var told Health
			if err := json.Unmarshal(answer.Body.Bytes(), &told); err != nil {
				t.Fatal(err)
			}
			if answer.Code != code || !cmp.Equal(told, c.want) {
				t.Errorf("/healthz answers %d %+v", answer.Code, told)
			}
		})
	}
}

func TestWhenRetentionOvertakesAMirror(t *testing.T) {
	now := begin.Add(100 * time.Second)
	for _, c := range []struct {
		name    string
		mirror  mirrorSample
		earlier stall
		want    float64
	}{
		{"no lag", mirrorSample{written: 50, stable: 50, start: 49, expires: begin}, stall{begin, 0, 50}, math.Inf(1)},
		{"the source is not known", mirrorSample{written: 50, stable: -1}, stall{}, math.Inf(1)},
		{"nothing is removed", mirrorSample{written: 50, stable: 90}, stall{begin, 0, 0}, math.Inf(1)},
		{"the next record expires", mirrorSample{written: 50, stable: 90, expires: now.Add(30 * time.Second)}, stall{begin, 0, 50}, 30},
		{"it should have expired", mirrorSample{written: 50, stable: 90, expires: begin}, stall{begin, 0, 50}, 0},
		{"the log start comes nearer", mirrorSample{written: 150, stable: 900, start: 100}, stall{begin, 0, 100}, 100},
		{"the log start comes nearer, and something expires before", mirrorSample{written: 150, stable: 900, start: 100, expires: now.Add(time.Second)}, stall{begin, 0, 100}, 1},
		{"the mirror is faster", mirrorSample{written: 150, stable: 900, start: 10}, stall{begin, 0, 100}, math.Inf(1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := overtakes(now, &c.mirror, c.earlier); got != c.want {
				t.Errorf("%v s, want %v", got, c.want)
			}
		})
	}
}

func TestRetentionOfASource(t *testing.T) {
	for _, c := range []struct {
		policy, ms string
		want       time.Duration
		ok         bool
	}{
		{"delete", "1000", time.Second, true},
		{"compact,delete", "1000", time.Second, true},
		{"compact", "1000", 0, false},
		{"delete", "-1", 0, false},
		{"delete", "9223372036854775807", 0, false},
		{"", "", 0, false},
	} {
		got, ok := retention(&topicRecord{Configs: map[string]string{"cleanup.policy": c.policy, "retention.ms": c.ms}})
		if got != c.want || ok != c.ok {
			t.Errorf("%q, %q: %v %t", c.policy, c.ms, got, ok)
		}
	}
}

func TestErrorsHaveNames(t *testing.T) {
	for want, err := range map[string]error{
		CodeOverrun:                &MirrorError{Code: CodeOverrun, Err: kerr.OffsetOutOfRange},
		"NOT_LEADER_FOR_PARTITION": errors.Join(errors.New("writing"), kerr.NotLeaderForPartition),
		CodeSchema:                 &schemaError{7, errors.New("no")},
		"UNREACHABLE":              &UnreachableError{Err: errors.New("refused")},
		CodeUnsettled:              &unsettledError{3, 5},
		CodeOutOfSync:              &outOfSyncError{err: kerr.OffsetNotAvailable},
		"CONNECTION":               errors.New("EOF"),
	} {
		if got := errorName(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

// What is waited for counts once, however long it takes, and again when it comes again.
func TestErrorsAreCountedWhenTheyBegin(t *testing.T) {
	m := clockAt(begin)
	waits := at(0, 1, 5)
	waits.trouble = "NOT_ENOUGH_REPLICAS"
	for _, s := range []mirrorSample{at(0, 1, 5), waits, waits, at(0, 2, 5), waits} {
		m.take(sample{at: begin, mirrors: []mirrorSample{s}})
	}
	if diff := cmp.Diff(map[string]float64{"NOT_ENOUGH_REPLICAS": 2}, m.errors); diff != "" {
		t.Error(diff)
	}
}

func TestTrafficOfClients(t *testing.T) {
	m := clockAt(begin)
	h := m.Hook("east").(*traffic)
	h.OnBrokerRead(kgo.BrokerMetadata{}, 1, 100, 0, 0, nil)
	h.OnBrokerWrite(kgo.BrokerMetadata{}, 0, 30, 0, 0, nil)
	h.OnBrokerThrottle(kgo.BrokerMetadata{}, 2*time.Second, false)
	h.OnBrokerConnect(kgo.BrokerMetadata{}, 0, nil, nil)
	m.Hook("east").(*traffic).OnBrokerConnect(kgo.BrokerMetadata{}, 0, nil, errors.New("refused"))
	want := `
# HELP lifeboat_link_client_read_bytes_total Bytes that came from a region's brokers.
# TYPE lifeboat_link_client_read_bytes_total counter
lifeboat_link_client_read_bytes_total{region="east"} 100
# HELP lifeboat_link_client_throttled_seconds_total Time for which a region's brokers asked its clients to wait (quotas).
# TYPE lifeboat_link_client_throttled_seconds_total counter
lifeboat_link_client_throttled_seconds_total{region="east"} 2
# HELP lifeboat_link_client_connects_total Connections to a region's brokers.
# TYPE lifeboat_link_client_connects_total counter
lifeboat_link_client_connects_total{region="east",result="connected"} 1
lifeboat_link_client_connects_total{region="east",result="refused"} 1
`
	if err := testutil.CollectAndCompare(m, strings.NewReader(want), "lifeboat_link_client_read_bytes_total", "lifeboat_link_client_throttled_seconds_total",
		"lifeboat_link_client_connects_total"); err != nil {
		t.Error(err)
	}
}
