package plans

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// Load reads a topology and the SQL files that it names, with readFile; globs are matched on the disk. Everything that is wrong in
// them is a finding, all of them at once, each with its place; blocking ones mean that the declaration must not be used. The error
// is for a topology that could not be read at all. Waivers that end before asOf are reported.
func Load(readFile func(string) ([]byte, error), path string, asOf time.Time) (*Declared, []report.Finding, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, nil, err
	}
	t, d := readTopology(path, text)
	declared := &Declared{Topology: t, Path: path, AsOf: asOf}
	files := loadStatements(readFile, d, declared)
	if !d.failed[""] {
		d.validate(declared, asOf)
	}
	// Mistakes of the topology in the order of its lines, then those of the SQL files.
	slices.SortStableFunc(d.found, func(a, b report.Finding) int {
		if a.Place.Line != b.Place.Line {
			return a.Place.Line - b.Place.Line
		}
		return a.Place.Column - b.Place.Column
	})
	if !report.Blocked(d.found) {
		files = append(files, declared.unwritten()...)
	}
	return declared, append(d.found, files...), nil
}

// yamlError is how yaml.v3 says where a text stops being YAML. It counts lines from 1, except for the errors of its parser, where
// it gives the line from 0 of the collection that is not closed.
var (
	yamlError   = regexp.MustCompile(`(?s)^yaml: (?:line (\d+): )?(.*)$`)
	parserError = regexp.MustCompile(`^did not find expected (',' or|'-' indicator|key|node content|<)`)
)

// readTopology reads the file's structure. The topology is never nil.
func readTopology(path string, text []byte) (*Topology, *decoder) {
	t := &Topology{}
	d := &decoder{src: newSource(path, text), places: map[string]*yaml.Node{}, failed: map[string]bool{}}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		d.failed[""] = true
		d.add("syntax", "", "the file is empty", "write a topology: lifeboat schema shows what it holds")
		return t, d
	case err != nil:
		d.syntax(err)
		return t, d
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		d.addFinding(report.Finding{Rule: "topology/syntax", Severity: report.Block, Message: "a second YAML document begins here",
			Remedy: "keep one topology in a file"}, &second)
	} else if !errors.Is(err, io.EOF) {
		d.syntax(err)
	}
	d.decode(doc.Content[0], reflect.ValueOf(t).Elem(), "", 0)
	for name, r := range t.Regions {
		if r == nil {
			r = &Region{}
			t.Regions[name] = r
		}
		r.Name = name
	}
	return t, d
}

// syntax reports that the file is not YAML. Nothing more can be said about it then.
func (d *decoder) syntax(err error) {
	d.failed[""] = true
	line, message := 1, err.Error()
	if m := yamlError.FindStringSubmatch(message); m != nil {
		message = m[2]
		if m[1] != "" {
			line, _ = strconv.Atoi(m[1])
			if parserError.MatchString(message) {
				line++
			}
		}
	}
	column := 1
	if line <= len(d.src.lines) {
		s := d.src.lines[line-1]
		column += len(s) - len(strings.TrimLeft(s, " \t"))
	}
	remedy := "look at the indentation, quotes and brackets here and around it"
	if strings.Contains(message, "cannot start any token") && line <= len(d.src.lines) && strings.Contains(d.src.lines[line-1][:column-1], "\t") {
		message, remedy = "a line is indented with a tab", "indent with spaces: YAML takes no tabs"
	}
	d.addFinding(report.Finding{Rule: "topology/syntax", Severity: report.Block, Message: "not YAML: " + message, Remedy: remedy}, &yaml.Node{Line: line, Column: column})
}

// loadStatements reads the SQL files of every pipeline into declared. Mistakes in a glob are d's, those in SQL are returned.
func loadStatements(readFile func(string) ([]byte, error), d *decoder, declared *Declared) []report.Finding {
	var found []report.Finding
	taken := map[string]string{} // statement name → file
	dir := filepath.Dir(declared.Path)
	for i, p := range declared.Topology.Pipelines {
		read := map[string]bool{}
		for j, glob := range p.Statements {
			path := fmt.Sprintf("pipelines[%d].statements[%d]", i, j)
			if !d.has(path) {
				continue
			}
			files, err := filepath.Glob(under(dir, glob))
			switch {
			case err != nil:
				d.add("bad-glob", path, fmt.Sprintf("%q is not a glob: %v", glob, err), "")
				continue
			case len(files) == 0 && strings.ContainsAny(glob, "*?["):
				d.add("missing-file", path, fmt.Sprintf("no file matches %q", glob), "globs are relative to "+declared.Path)
				continue
			case len(files) == 0:
				d.add("missing-file", path, fmt.Sprintf("there is no file %q", glob), suggestFile(dir, glob))
				continue
			}
			for _, file := range files { // filepath.Glob sorts
				if read[file] {
					continue
				}
				read[file] = true
				text, err := readFile(file)
				if err != nil {
					d.add("missing-file", path, fmt.Sprintf("reading %s: %v", file, err), "")
					continue
				}
				found = append(found, declared.read(p.Name, file, text, taken)...)
			}
		}
	}
	return found
}

// Inserts says whether a statement is an INSERT INTO, which runs until it is stopped.
func (d *Declared) Inserts(name string) bool {
	u := d.parsed[name]
	return u != nil && u.Statement != nil && u.Statement.Kind() == kindInsert
}

// Writes are the tables that a statement writes.
func (d *Declared) Writes(name string) []string {
	if u := d.parsed[name]; u != nil && u.Statement != nil {
		return statements.Writes(u.Statement)
	}
	return nil
}

// Reads are the tables that statements read, with the sizes of whose topics a rebuild and its cost are estimated.
func (d *Declared) Reads() map[string]bool {
	all := map[string]bool{}
	for _, u := range d.parsed {
		if u != nil && u.Statement != nil {
			for _, topic := range statements.Reads(u.Statement) {
				all[topic] = true
			}
		}
	}
	return all
}

// ReadsOf are the tables that a statement reads.
func (d *Declared) ReadsOf(name string) []string {
	if u := d.parsed[name]; u != nil && u.Statement != nil {
		return statements.Reads(u.Statement)
	}
	return nil
}

// Keeps reports whether a statement keeps anything between rows, so that what it puts out depends on its watermark.
func (d *Declared) Keeps(name string) bool {
	d = d.somewhere()
	a := analyze(d, nil)
	c := &computation{decl: d, analysis: a}
	return a.parsed[name] != nil && c.stateful(name)
}

// read adds the statements of a file's text. taken has the file of every name that is used already.
func (d *Declared) read(pipeline, file string, text []byte, taken map[string]string) []report.Finding {
	script, found := statements.Parse(file, string(text))
	if len(script.Statements) == 0 && len(found) == 0 {
		found = append(found, report.Finding{Rule: "sql/empty", Severity: report.Medium, Place: report.Place{File: file, Line: 1, Column: 1},
			Message: "the file holds no statement", Remedy: "remove it, or write a statement"})
	}
	if d.parsed == nil {
		d.parsed = map[string]*statements.Parsed{}
	}
	for n, u := range script.Statements {
		name := statementName(file, n, len(script.Statements))
		if other := taken[name]; other != "" {
			found = append(found, report.Finding{Rule: "topology/duplicate-name", Severity: report.Block, Subject: name,
				Place:   report.Place{File: file, Line: u.Line, Column: u.Column},
				Message: fmt.Sprintf("statement %q is also the name of one in %s", name, other), Remedy: "rename one of the files"})
			continue
		}
		taken[name] = file
		d.parsed[name] = u
		d.Statements = append(d.Statements, Statement{Pipeline: pipeline, Name: name, File: file, Line: u.Line, SQL: u.Text})
	}
	return found
}

// LoadSQL reads SQL files that no topology names, for a pattern ("" = active-passive). What is wrong in them is a finding; the error is
// for files that can not be read.
func LoadSQL(readFile func(string) ([]byte, error), pattern string, files ...string) (*Declared, []report.Finding, error) {
	d := &Declared{Topology: &Topology{Pattern: Pattern(pattern), Pipelines: []*Pipeline{{}}}}
	taken := map[string]string{}
	var found []report.Finding
	var errs []error
	for _, file := range files {
		text, err := readFile(file)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found = append(found, d.read("", file, text, taken)...)
	}
	return d, found, errors.Join(errs...)
}

func under(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

func suggestFile(dir, path string) string {
	there, _ := filepath.Glob(filepath.Join(filepath.Dir(under(dir, path)), "*"))
	names := make([]string, len(there))
	for i, f := range there {
		names[i] = filepath.Base(f)
	}
	if best := Nearest(filepath.Base(path), names); best != "" {
		return fmt.Sprintf("did you mean %q?", filepath.ToSlash(filepath.Join(filepath.Dir(path), best)))
	}
	return "paths are relative to the topology's file"
}

// statementName makes the name of a file's n-th statement of several, in the statements API's letters: delays_by_hour.sql gives
// delays-by-hour, or delays-by-hour-1 and delays-by-hour-2 where it holds two.
func statementName(file string, n, of int) string {
	name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	name = strings.Trim(notNameLetters.ReplaceAllString(strings.ToLower(name), "-"), "-")
	if name == "" {
		name = "statement"
	}
	suffix := ""
	if of > 1 {
		suffix = fmt.Sprintf("-%d", n+1)
	}
	const limit = 72
	if len(name)+len(suffix) > limit {
		name = name[:limit-len(suffix)]
	}
	return name + suffix
}

var notNameLetters = regexp.MustCompile(`[^a-z0-9]+`)
