// Package render writes a report for people and for programs: text for a terminal, JSON, JUnit for CI, SARIF for code review, and an
// HTML page that stands alone. It asks no region anything and computes nothing new: what it shows is a field of report.Report.
package render

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// Renderer writes one report in one form.
type Renderer func(io.Writer, report.Report) error

// Names lists the forms that ByName knows.
const Names = "human, json, junit, sarif or html"

// ByName returns the renderer of a --format value.
func ByName(format string) (Renderer, error) {
	switch format {
	case "", "human":
		return Human, nil
	case "json":
		return JSON, nil
	case "junit":
		return JUnit, nil
	case "html":
		return HTML, nil
	case "sarif":
		return SARIF, nil
	}
	return nil, fmt.Errorf("unknown format %q: use %s", format, Names)
}

// ByExtension returns the renderer for a --report file by the end of its name.
func ByExtension(path string) (Renderer, error) {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".txt":
		return Human, nil
	case ".json":
		return JSON, nil
	case ".xml":
		return JUnit, nil
	case ".html", ".htm":
		return HTML, nil
	case ".sarif":
		return SARIF, nil
	default:
		return nil, fmt.Errorf("report %s: the format is not known by %q: use .txt, .json, .xml (junit), .sarif or .html", path, ext)
	}
}

// JSON writes the report itself, indented.
func JSON(w io.Writer, r report.Report) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}
