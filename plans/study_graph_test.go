package plans

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// TestStatementsAreDrawnByTheirVerdict: what is not judged is not drawn as if it were well.
func TestStatementsAreDrawnByTheirVerdict(t *testing.T) {
	low, block := report.Finding{Subject: "s", Severity: report.Low}, report.Finding{Subject: "s", Severity: report.Block}
	for _, c := range []struct {
		name    string
		verdict statements.Verdict
		found   []report.Finding
		want    report.Outcome
	}{
		{"judged well", statements.DeterministicMultiset, nil, report.Passed},
		{"something small", statements.DeterministicMultiset, []report.Finding{low}, report.Passed},
		{"judged badly, and nothing found", statements.NonDeterministic, nil, report.Warned},
		{"something that blocks", statements.DeterministicMultiset, []report.Finding{block}, report.Failed},
		{"not judged", "", nil, report.Unknown},
		{"not judged, and something blocks", "", []report.Finding{block}, report.Failed},
	} {
		if got := outcomeOf(&Study{Findings: c.found}, Studied{Name: "s", Verdict: string(c.verdict)}); got != c.want {
			t.Errorf("%s: drawn as %s, want %s", c.name, got, c.want)
		}
	}
}
