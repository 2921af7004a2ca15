package plans

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// Bundled is the backend that is lifeboat's own engine.
const Bundled = "bundled"

// engines are the backends that the declared regions run statements by, sorted.
func (t *Topology) engines() []string {
	var out []string
	for _, r := range t.Regions {
		if r.Engine != nil && !slices.Contains(out, r.Engine.Backend) {
			out = append(out, r.Engine.Backend)
		}
	}
	slices.Sort(out)
	return out
}

// beyond takes what only the bundled engine refuses of statements. Where no region runs them by it, one finding for each file says so in passing.
func (a *analysis) beyond(d *Declared) {
	for _, s := range d.Statements {
		u := a.parsed[s.Name]
		if u == nil {
			continue
		}
		for _, f := range notAt(a.findings, statements.Supported(u)) {
			f.Subject = s.Name
			if f.Rule != statements.RuleUnsupported {
				a.findings = append(a.findings, f)
				continue
			}
			a.unsupported = append(a.unsupported, f)
		}
	}
	if slices.Contains(d.Topology.engines(), Bundled) {
		a.findings = append(a.findings, a.unsupported...)
		return
	}
	byFile := map[string][]report.Finding{}
	var files []string
	for _, f := range a.unsupported {
		if byFile[f.Place.File] == nil {
			files = append(files, f.Place.File)
		}
		byFile[f.Place.File] = append(byFile[f.Place.File], f)
	}
	for _, file := range files {
		a.findings = append(a.findings, folded(byFile[file]))
	}
}

// folded is one finding for all that the bundled engine refuses in a file.
func folded(found []report.Finding) report.Finding {
	f := found[0]
	f.Severity = report.Low
	f.Why = "lifeboat's bundled engine refuses it; where another engine runs the statements, nothing is wrong with them"
	if len(found) == 1 {
		return f
	}
	var whats []string
	for _, one := range found {
		if what, _, _ := strings.Cut(one.Message, " is not supported yet"); !slices.Contains(whats, what) {
			whats = append(whats, what)
		}
	}
	const most = 4
	text := strings.Join(whats[:min(most, len(whats))], ", ")
	if len(whats) > most {
		text += fmt.Sprintf(" and %d more", len(whats)-most)
	}
	f.Subject = ""
	f.Message = fmt.Sprintf("the bundled engine does not run %d statements of this file yet: %s", len(found), text)
	f.Remedy = "run them by another engine: regions.NAME.engine in lifeboat.yaml says by which"
	return f
}
