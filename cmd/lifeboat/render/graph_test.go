package render

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// TestClicksInTheGraphLeadSomewhere: a box leads to the first finding about it, else to its statement, and what it leads to is on the page; its colour is
// its outcome's.
func TestClicksInTheGraphLeadSomewhere(t *testing.T) {
	r := report.Report{Command: "lint", Statements: []report.Statement{{Name: "totals"}, {Name: "recent"}},
		Findings: []report.Finding{{Rule: "D03", Severity: report.Block, Subject: "recent", Message: "CURRENT_TIMESTAMP decides which rows count"}},
		Graph: &report.Graph{
			Nodes: []report.Node{{ID: "topic:orders", Kind: report.TopicNode, Name: "orders"},
				{ID: "statement:totals", Kind: report.StatementNode, Name: "totals", Outcome: report.Passed},
				{ID: "statement:recent", Kind: report.StatementNode, Name: "recent", Outcome: report.Failed},
				{ID: "statement:odd", Kind: report.StatementNode, Name: "odd", Outcome: report.Unknown}},
			Edges: []report.Edge{{From: "topic:orders", To: "statement:totals"}, {From: "topic:orders", To: "statement:recent"}},
		}}
	var b bytes.Buffer
	if err := HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	boxes := regexp.MustCompile(`(?:<a href="#([^"]*)">)?<g class="node ([^"]*)"><title>statement (\w+)`).FindAllStringSubmatch(page, -1)
	if len(boxes) != 3 {
		t.Fatalf("%d boxes of statements in\n%s", len(boxes), page)
	}
	want := map[string][2]string{"totals": {"statement-0", "n-passed"}, "recent": {"finding-0", "n-failed"}, "odd": {"", "n-unknown"}}
	for _, box := range boxes {
		anchor, class, name := box[1], box[2], box[3]
		if anchor != want[name][0] || !strings.HasSuffix(class, want[name][1]) {
			t.Errorf("%s leads to %q and is drawn as %q, want %q", name, anchor, class, want[name])
		}
		if anchor != "" && !strings.Contains(page, `id="`+anchor+`"`) {
			t.Errorf("%s leads to %q, which is not on the page", name, anchor)
		}
	}
}
