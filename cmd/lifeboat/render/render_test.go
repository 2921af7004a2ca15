package render

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (write it with -update)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-golden +got; accept with -update):\n%s", path, diff)
	}
}

func at(seconds float64) time.Time {
	return time.Date(2026, 11, 2, 4, 0, 0, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
}

// sample is an unplanned failover with something in every part of a report.
func sample() report.Report {
	r := report.Report{
		Command: "failover", Title: "Unplanned failover of nycflights from east to west", Run: "20261102-040000-7f3a", Outcome: report.Done,
		Summary: "west is the primary now: 2 topics promoted, 2 statements running, RTO 4.8 s, 14 records lost by forecast (not measured: east is not reachable).",
		Start:   at(0), End: at(4.95),
		Steps: []report.Step{
			{ID: "offsets", Kind: "offsets", Phase: "promote", Goal: "the positions of ops-board in west are the newest known", Outcome: report.Done, Detail: "east is not reachable: 6 group positions stand as the link last wrote them", Start: at(0.1), End: at(0.34)},
			{ID: "promote", Kind: "promote", Phase: "promote", Goal: "all 2 topics are STOPPED as mirrors and writable in west", Irreversible: true, Outcome: report.Done, Detail: "2 topics STOPPED, writable", Start: at(0.34), End: at(1.2)},
			{ID: "registry-mode", Kind: "registry-mode", Phase: "promote", Goal: "no mirrored subject in west is in IMPORT mode", Outcome: report.Done, Start: at(1.2), End: at(1.26)},
			{ID: "canary", Kind: "canary", Phase: "promote", Goal: "an idempotent and a transactional write to west are read back", Outcome: report.Done, Detail: "an idempotent and a transactional write were read back", Start: at(1.26), End: at(1.5)},
			{ID: "start:departures", Kind: "start-statement", Phase: "start", Goal: "statement departures runs in west", Irreversible: true, Outcome: report.Done, Detail: "RUNNING", Start: at(1.5), End: at(1.62)},
			{ID: "start:delays-by-hour", Kind: "start-statement", Phase: "start", Goal: "statement delays-by-hour runs in west", Irreversible: true, Outcome: report.Done, Detail: "RUNNING", Start: at(1.62), End: at(1.7)},
			{ID: "watermark:delays-by-hour", Kind: "wait-watermark", Phase: "prove", Goal: "delays-by-hour has passed the failover point of every topic it reads", Outcome: report.Done, Detail: "positions past the failover point, watermark 2026-11-02T03:59:58.820Z, 27,004 rows read, 744 written", Start: at(1.7), End: at(4.9)},
			{ID: "measure-loss", Kind: "measure-loss", Phase: "prove", Goal: "every record of east that is not in west is counted", Outcome: report.Skipped, Detail: "east is not reachable: the forecast stands until `lifeboat verify` can read it"},
		},
		Figures: []report.Figure{
			{Name: "RTO", Value: 4.8, Unit: "s", Objective: 300, Outcome: report.Passed, Note: "from the run's begin to the last statement past the failover point"},
			{Name: "RTO phase", Phase: "promote", Value: 1.4, Unit: "s"}, {Name: "RTO phase", Phase: "start", Value: 0.2, Unit: "s"}, {Name: "RTO phase", Phase: "prove", Value: 3.2, Unit: "s"},
			{Name: "records lost", Value: 14, Unit: "records", Note: "a forecast from the last contact with the old primary"},
			{Name: "RPO", Value: 42, Unit: "s", Objective: 30, Outcome: report.Failed, Note: "a forecast from the last contact with the old primary"},
		},
		Topics: []report.Topic{
			{Name: "airlines", Partitions: 1, Measured: false, AsOf: at(-2)},
			{Name: "flights", Partitions: 6, LostRecords: 14, LostBytes: -1, LostSeconds: 42, AsOf: at(-2), Lost: []report.Range{
				{Topic: "flights", Partition: 2, First: 4490, End: 4502, Records: 12, Note: "at most", Sample: "N14228"},
				{Topic: "flights", Partition: 5, First: 4511, End: 4513, Records: -1}}},
		},
		Groups: []report.Group{{Name: "ops-board", Topic: "flights", ReReads: 1204, Clamped: 3, State: "Empty", Explanation: "positions lay beyond what had arrived"}},
		Statements: []report.Statement{
			{Name: "departures", Region: "west", Strategy: "resume", Phase: "RUNNING", Reason: "it keeps no state: it goes on from explicit offsets", Start: "flights-0@0 flights-1@0", Verdict: "deterministic-multiset", Reads: []string{"flights"}, Writes: []string{"departures"}, Rows: 26483},
			{Name: "delays-by-hour", Region: "west", Strategy: "rebuild", Phase: "RUNNING", Reason: "it keeps windows: their state is rebuilt from its input", Start: "flights-0@0 flights-1@0", Horizon: "1h (TUMBLE) + 180ms (watermark of flights) = 1h0m0.18s", Retention: "flights: PROVEN (kept for 14d)", Verdict: "deterministic-if-no-late-data", Reads: []string{"flights"}, Writes: []string{"delays_by_hour"}, Watermark: "2026-11-02T03:59:58.820Z", Digest: "sha256:5b0c8d…, equal to the control run", Rows: 744},
		},
		Mirrors: []report.Mirror{
			{Link: "east-west", Topic: "flights", Partition: 0, State: "STOPPED", Source: 4502, Dest: 4502, Lag: 0, LagSec: 0},
			{Link: "east-west", Topic: "flights", Partition: 2, State: "FAILED", Error: "source log starts at 4600 now: offsets 4490 to 4600 are gone", Source: -1, Dest: 4490, Lag: -1, LagSec: -1},
		},
		Checks: []report.Check{
			{ID: "region-reachable", Name: "west answers", Outcome: report.Passed, Detail: "cluster 5L6g3nShT-eMCtK--X86sw, 9 topics"},
			{ID: "region-reachable", Name: "east answers", Outcome: report.Failed, Detail: "east: broker.east:9092: connection refused, tried for 10s", Why: "nothing can be mirrored, checked or failed over to while a region does not answer", Remedy: "check the address in lifeboat.yaml, the network, and the brokers"},
			{ID: "engine", Name: "engine of west answers", Outcome: report.Warned, Detail: "2 statements", Why: "it answered after 4 s"},
			{ID: "schemas", Name: "schemas have the same ids in west", Outcome: report.Unknown, Detail: "the registry of east does not answer"},
		},
		Findings: []report.Finding{
			{Rule: "topology/unknown-key", Severity: report.Block, Place: report.Place{File: "lifeboat.yaml", Line: 8, Column: 13}, Message: `unknown key "bootstrp" in regions.east.kafka`, Excerpt: "    kafka: {bootstrp: [\"broker.east:9092\"]}\n            ^", Remedy: `did you mean "bootstrap"?`},
			{Rule: "failover/unfenced", Severity: report.High, Subject: "east", Message: "east could not be fenced: it does not answer", Why: "if it comes back, producers that still know it write there, and the logs of both regions diverge", Remedy: "keep producers away from east before it returns"},
			{Rule: "D17", Severity: report.Medium, Subject: "delays-by-hour", Place: report.Place{File: "sql/delays_by_hour.sql", Line: 17, Column: 13}, Message: "AVG over DOUBLE depends on the order of rows <script>alert(1)</script>", Waived: "tolerance 2 ulp agreed"},
		},
		Left: []report.Left{{Kind: "link", Name: "east-west", Why: "1 batch still to move"},
			{Kind: "topic", Name: "flights", Command: "kafka-topics --bootstrap-server broker.east:9092 --delete --topic flights", Why: "west has it"}},
		Runs: []report.Run{{ID: "20261102-040000-7f3a", Operation: "failover", Outcome: report.Done, Who: "ana@ops-1", Start: at(0), End: at(4.95)},
			{ID: "20261026-040000-11c2", Operation: "drill", Outcome: report.Stopped, Who: "ci@runner", Start: at(-604800), Detail: "stopped at start:departures"}},
		Next: []string{"point producers and consumers at west", "keep east away from its producers when it returns; then `lifeboat verify` measures what it still has"},
	}
	var lag, rate report.Series
	lag.Name, lag.Unit, rate.Name, rate.Unit = "lag of flights", "records", "lag of airlines", "records"
	for i := range 60 {
		v := float64(1500-i*i) * float64(1+i%3)
		lag.Points = append(lag.Points, report.Point{At: at(float64(i)/20 - 3), Value: max(0, v)})
		rate.Points = append(rate.Points, report.Point{At: at(float64(i)/20 - 3), Value: float64(60 - i)})
	}
	r.Series = []report.Series{lag, rate, {Name: "watermark delay", Unit: "s", Points: []report.Point{{At: at(1.7), Value: 32.5}, {At: at(2.6), Value: 17}, {At: at(3.5), Value: 4}, {At: at(4.8), Value: 0.18}}}}
	return r
}

func TestGolden(t *testing.T) {
	document := report.Report{Command: "plan failover", Outcome: report.Done, Text: "Planned failover of x\n\n   1. fence\n", Next: []string{"lifeboat apply plan.json"}}
	empty := report.Report{Command: "runs list", Outcome: report.Done, Summary: "no runs yet"}
	for _, tc := range []struct {
		file   string
		render Renderer
		report report.Report
	}{
		{"failover.txt", Human, sample()},
		{"failover.color.txt", Terminal{Width: 72, Color: true}.Render, sample()},
		{"failover.json", JSON, sample()},
		{"failover.xml", JUnit, sample()},
		{"failover.html", HTML, sample()},
		{"document.txt", Human, document},
		{"document.html", HTML, document},
		{"empty.txt", Human, empty},
		{"empty.html", HTML, empty},
	} {
		t.Run(tc.file, func(t *testing.T) {
			var b bytes.Buffer
			if err := tc.render(&b, tc.report); err != nil {
				t.Fatal(err)
			}
			golden(t, tc.file, b.Bytes())
		})
	}
}

func TestByName(t *testing.T) {
	for _, tc := range []struct{ in, err string }{
		{"", ""}, {"human", ""}, {"json", ""}, {"junit", ""}, {"html", ""},
		{"yaml", `unknown format "yaml": use human, json, junit, sarif or html`},
	} {
		t.Run(tc.in, func(t *testing.T) { checkChoice(t, ByName, tc.in, tc.err) })
	}
}

func TestByExtension(t *testing.T) {
	for _, tc := range []struct{ in, err string }{
		{"a/report.html", ""}, {"r.HTM", ""}, {"r.json", ""}, {"r.xml", ""}, {"r.txt", ""},
		{"report", `report report: the format is not known by "": use .txt, .json, .xml (junit), .sarif or .html`},
	} {
		t.Run(tc.in, func(t *testing.T) { checkChoice(t, ByExtension, tc.in, tc.err) })
	}
}

func checkChoice(t *testing.T, choose func(string) (Renderer, error), in, want string) {
	t.Helper()
	r, err := choose(in)
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != want || (r == nil) != (want != "") {
		t.Errorf("%q: renderer %t, error %q; want error %q", in, r != nil, got, want)
	}
}

// TestHTMLStandsAlone looks for anything that would be fetched or run, and for a report's text that became markup.
func TestHTMLStandsAlone(t *testing.T) {
	var b bytes.Buffer
	if err := HTML(&b, sample()); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, bad := range []string{"<script", "<link", "src=", "@import", "url(", "http://", "https://", "ZgotmplZ", "NaN"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if !strings.Contains(page, "&lt;script&gt;alert(1)") {
		t.Error("a finding's text is not escaped")
	}
	dec := xml.NewDecoder(strings.NewReader(regexp.MustCompile(`(?s)<svg.*?</svg>`).FindString(page)))
	for {
		if _, err := dec.Token(); err != nil {
			if err.Error() != "EOF" {
				t.Errorf("a drawing is not well-formed: %v", err)
			}
			break
		}
	}
}

func TestJSONReadsBack(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b, sample()); err != nil {
		t.Fatal(err)
	}
	var back report.Report
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), back); diff != "" {
		t.Error(diff)
	}
}

// TestJUnitCounts keeps the sums that CI systems show in line with the cases.
func TestJUnitCounts(t *testing.T) {
	var b bytes.Buffer
	if err := JUnit(&b, sample()); err != nil {
		t.Fatal(err)
	}
	var s junitSuites
	if err := xml.Unmarshal(b.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	got := [4]int{s.Tests, s.Failures, s.Errors, s.Skipped}
	if want := [4]int{4 + 8 + 3 + 2, 1 + 1 + 1, 1, 1}; got != want {
		t.Errorf("tests, failures, errors, skipped: %v, want %v", got, want)
	}
}

// TestHumanKeepsControlCharactersOut feeds what a record or a broker's message may hold.
func TestHumanKeepsControlCharactersOut(t *testing.T) {
	var b bytes.Buffer
	r := report.Report{Command: "check", Title: "t", Checks: []report.Check{{Name: "a\x1b[2Jb", Outcome: report.Failed, Detail: "x\r\ny\u009b1m"}},
		Mirrors: []report.Mirror{{Topic: "t\x1b]0;owned\a", State: "FAILED", Error: "e\x00"}}}
	if err := Human(&b, r); err != nil {
		t.Fatal(err)
	}
	for _, c := range b.String() {
		if c < ' ' && c != '\n' || c == 0x7f || c >= 0x80 && c < 0xa0 {
			t.Errorf("control character %q in\n%s", c, b.String())
		}
	}
}

func TestWords(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{thousands(0), "0"}, {thousands(999), "999"}, {thousands(1000), "1,000"}, {thousands(-1234567), "-1,234,567"},
		{span(0), "0 s"}, {span(-1), "?"}, {span(0.0004), "0 ms"}, {span(0.84), "840 ms"}, {span(0.9999), "1.0 s"}, {span(59.97), "1 m 00 s"}, {span(245), "4 m 05 s"}, {span(7800), "2 h 10 m"},
		{size(-1), "?"}, {size(0), "0 B"}, {size(1536), "1.5 KiB"}, {size(3 << 40), "3.0 TiB"},
		{amount(1204, "records"), "1,204 records"}, {amount(1, "records"), "1 record"}, {amount(0.5, "ratio"), "0.5 ratio"}, {amount(2048, "bytes"), "2.0 KiB"}, {amount(30, "s"), "30.0 s"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}

// TestDrillFacts has what an auditor asks of a drill first at the head of every page for people.
func TestDrillFacts(t *testing.T) {
	rep := report.Report{Command: "drill", Outcome: report.Done, Drill: &report.Drill{Name: "weekly", Scenario: "loss of east", Scope: "east to west", Who: "sre@host",
		Target: "RPO 1h, RTO 5m", Actual: "RPO 0 s, RTO 2 s", Last: "done on 2026-11-16", NextDue: time.Date(2026, 11, 30, 4, 0, 0, 0, time.UTC)}}
	for name, write := range map[string]func(io.Writer, report.Report) error{"human": Human, "html": HTML} {
		var b bytes.Buffer
		if err := write(&b, rep); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"weekly", "loss of east", "east to west", "sre@host", "RPO 1h, RTO 5m", "RPO 0 s, RTO 2 s", "done on 2026-11-16", "2026-11-30 04:00:00 UTC"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: no %q in\n%s", name, want, b.String())
			}
		}
	}
}
