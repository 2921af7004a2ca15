package render

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// The part of SARIF 2.1.0 that a report fills: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Language    string            `json:"language"`
		Newlines    []string          `json:"newlineSequences"`
		ColumnKind  string            `json:"columnKind"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
	}
	sarifInvocation struct {
		Successful bool   `json:"executionSuccessful"`
		Start      string `json:"startTimeUtc,omitempty"`
		End        string `json:"endTimeUtc,omitempty"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name  string      `json:"name"`
		URI   string      `json:"informationUri"`
		Lang  string      `json:"language"`
		Rules []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID       string        `json:"id"`
		Short    sarifText     `json:"shortDescription"`
		Full     *sarifText    `json:"fullDescription,omitempty"`
		Help     *sarifText    `json:"help,omitempty"`
		Defaults *sarifDefault `json:"defaultConfiguration,omitempty"`
	}
	sarifDefault struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Kind         string             `json:"kind,omitempty"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations,omitempty"`
		Fingerprints map[string]string  `json:"partialFingerprints,omitempty"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Properties   map[string]any     `json:"properties,omitempty"`
	}
	sarifLocation struct {
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int        `json:"startLine"`
		StartColumn int        `json:"startColumn,omitempty"`
		EndColumn   int        `json:"endColumn,omitempty"`
		Snippet     *sarifText `json:"snippet,omitempty"`
	}
	sarifLogical struct {
		Name string `json:"name"`
		Kind string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
)

const (
	sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	toolAddress = "https://github.com/lifeboat-dr/lifeboat"
)

// SARIF writes the findings for code review (SARIF 2.1.0), and the checks that did not pass. A waived finding is a suppressed result. What has no place
// is shown at the beginning of the report's file, since code review takes no result without one (GitHub refuses all of the others with it).
func SARIF(w io.Writer, r report.Report) error {
	run := sarifRun{Language: "en-US", Newlines: []string{"\r\n", "\n"}, ColumnKind: "unicodeCodePoints", Results: []sarifResult{},
		Invocations: []sarifInvocation{{Successful: true}},
		Tool:        sarifTool{Driver: sarifDriver{Name: "lifeboat", URI: toolAddress, Lang: "en-US", Rules: []sarifRule{}}}}
	if !r.Start.IsZero() {
		run.Invocations[0].Start = r.Start.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	if !r.End.IsZero() {
		run.Invocations[0].End = r.End.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	index := map[string]int{}
	rule := func(id string, make func() sarifRule) int {
		i, ok := index[id]
		if !ok {
			i = len(run.Tool.Driver.Rules)
			index[id] = i
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, make())
		}
		return i
	}
	seen := map[string]int{}
	for _, f := range r.Findings {
		i := rule(f.Rule, func() sarifRule { return sarifRuleOf(r, f) })
		run.Results = append(run.Results, sarifFinding(r, f, i, seen))
	}
	for _, c := range r.Checks {
		if c.Outcome != report.Failed && c.Outcome != report.Unknown && c.Outcome != report.Warned || findingsTell(r, c) {
			continue
		}
		id := "check/" + c.ID
		level := "error"
		if c.Outcome == report.Warned {
			level = "warning"
		}
		i := rule(id, func() sarifRule { return sarifRule{ID: id, Short: sarifText{Text: c.ID}} })
		run.Results = append(run.Results, sarifResult{RuleID: id, RuleIndex: i, Level: level, Locations: sarifLocations(r, c.Place, nil, ""),
			Fingerprints: map[string]string{"lifeboat/v1": fingerprint(strings.Join([]string{id, c.Place.File, c.Name}, "\x1f"), 1)},
			Message:      sarifText{Text: lines(strings.TrimSuffix(c.Name+": "+c.Detail, ": "), labelled("why", c.Why), labelled("do", c.Remedy))}})
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}})
}

// findingsTell reports whether a check only sums up findings, which are results of their own.
func findingsTell(r report.Report, c report.Check) bool {
	return len(r.Findings) > 0 && slices.Contains([]string{"topology", "syntax", "dialect", "names", "changelog", "lineage", "determinism"}, c.ID)
}

func sarifRuleOf(r report.Report, f report.Finding) sarifRule {
	i := slices.IndexFunc(r.Rules, func(k report.Rule) bool { return k.ID == f.Rule })
	if i < 0 {
		out := sarifRule{ID: f.Rule, Short: sarifText{Text: f.Rule}}
		if f.Why != "" {
			out.Full = &sarifText{Text: f.Why}
		}
		return out
	}
	k := r.Rules[i]
	out := sarifRule{ID: k.ID, Short: sarifText{Text: k.Title}, Defaults: &sarifDefault{Level: sarifLevel(f.Severity)}}
	if k.Why != "" {
		out.Full = &sarifText{Text: k.Why}
	}
	fenced := func(title, sql string) string {
		if sql == "" {
			return ""
		}
		return "**" + title + "**\n\n```sql\n" + strings.TrimRight(sql, "\n") + "\n```\n"
	}
	out.Help = &sarifText{
		Text:     lines(k.Why, k.Page, labelled("wrong", k.Wrong), labelled("right", k.Right), labelled("do", k.Remedy)),
		Markdown: strings.Join(nonEmpty(k.Why, k.Page, fenced("Wrong", k.Wrong), fenced("Right", k.Right), labelled("**Do**", k.Remedy)), "\n\n"),
	}
	if out.Help.Text == "" {
		out.Help = nil
	}
	return out
}

func nonEmpty(parts ...string) []string {
	return slices.DeleteFunc(parts, func(s string) bool { return s == "" })
}

func sarifLevel(s report.Severity) string {
	switch s {
	case report.Block:
		return "error"
	case report.High, report.Medium:
		return "warning"
	}
	return "note"
}

func sarifFinding(r report.Report, f report.Finding, rule int, seen map[string]int) sarifResult {
	out := sarifResult{RuleID: f.Rule, RuleIndex: rule, Level: sarifLevel(f.Severity), Properties: map[string]any{"severity": string(f.Severity)},
		Message: sarifText{Text: lines(f.Message, labelled("why", f.Why), labelled("do", f.Remedy))}}
	out.Locations = sarifLocations(r, f.Place, sarifRegionOf(f), f.Subject)
	// The same finding keeps its identity where lines above it come and go.
	line, _, _ := strings.Cut(f.Excerpt, "\n")
	key := strings.Join([]string{f.Rule, f.Place.File, f.Subject, strings.TrimSpace(line), f.Message}, "\x1f")
	seen[key]++
	out.Fingerprints = map[string]string{"lifeboat/v1": fingerprint(key, seen[key])}
	if f.Waived != "" {
		out.Suppressions = []sarifSuppression{{Kind: "external", Justification: f.Waived}}
	}
	return out
}

// sarifLocations is a place in a file, or the file of the whole report, and what it is about.
func sarifLocations(r report.Report, at report.Place, region *sarifRegion, subject string) []sarifLocation {
	var out sarifLocation
	switch {
	case at.File == "" && r.File != "":
		at, region = report.Place{File: r.File}, &sarifRegion{StartLine: 1}
	case region == nil && at.Line > 0:
		region = &sarifRegion{StartLine: at.Line, StartColumn: at.Column}
	}
	if at.File != "" {
		out.Physical = &sarifPhysical{Artifact: sarifArtifact{URI: sarifURI(at.File)}, Region: region}
	}
	if subject != "" {
		out.Logical = []sarifLogical{{Name: subject, Kind: "object"}}
	}
	if out.Physical == nil && out.Logical == nil {
		return nil
	}
	return []sarifLocation{out}
}

// sarifURI is a path as a relative URI reference, or a file URI where it is absolute.
func sarifURI(file string) string {
	file = filepath.ToSlash(file)
	escaped := (&url.URL{Path: path.Clean(file)}).EscapedPath()
	if path.IsAbs(file) {
		return "file://" + escaped
	}
	return escaped
}

// sarifRegionOf is where the finding's token stands: from the caret of its excerpt to the end of the word there.
func sarifRegionOf(f report.Finding) *sarifRegion {
	if f.Place.Line == 0 {
		return nil
	}
	out := &sarifRegion{StartLine: f.Place.Line, StartColumn: f.Place.Column}
	line, caret, ok := strings.Cut(f.Excerpt, "\n")
	if !ok || f.Place.Column == 0 {
		return out
	}
	out.Snippet = &sarifText{Text: line}
	text, at := []rune(line), len([]rune(caret))-1
	if at < 0 || at > len(text) {
		return out
	}
	end := at
	word := func(r rune) bool { return r == '_' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	switch {
	case at == len(text):
	case text[at] == '`' || text[at] == '\'':
		for end++; end < len(text) && text[end] != text[at]; end++ {
		}
		end = min(end+1, len(text))
	case word(text[at]):
		for end < len(text) && word(text[end]) {
			end++
		}
	default:
		end++
	}
	out.EndColumn = f.Place.Column + max(1, end-at)
	return out
}

func fingerprint(key string, n int) string {
	sum := sha256.Sum256([]byte(fmt.Sprintf("%s\x1f%d", key, n)))
	return hex.EncodeToString(sum[:16])
}
