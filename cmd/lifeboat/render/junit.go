package render

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Time      string      `xml:"time,attr"`
	Timestamp string      `xml:"timestamp,attr,omitempty"`
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string       `xml:"classname,attr"`
	Name    string       `xml:"name,attr"`
	File    string       `xml:"file,attr,omitempty"`
	Line    int          `xml:"line,attr,omitempty"`
	Time    string       `xml:"time,attr"`
	Failure *junitDetail `xml:"failure"`
	Error   *junitDetail `xml:"error"`
	Skipped *junitDetail `xml:"skipped"`
	Out     string       `xml:"system-out,omitempty"`
}

type junitDetail struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// JUnit writes the report for a CI system: a suite each for checks, steps, findings and figures with an objective, a case for each of
// them. What failed is a failure, what could not be made an error, and what was not tried is skipped. A waived finding passes.
func JUnit(w io.Writer, r report.Report) error {
	name := "lifeboat " + r.Command
	all := junitSuites{Name: name, Time: junitTime(r.Took())}
	for _, s := range []junitSuite{junitChecks(r), junitSteps(r), junitFindings(r), junitFigures(r)} {
		if len(s.Cases) == 0 {
			continue
		}
		if !r.Start.IsZero() {
			s.Timestamp = r.Start.UTC().Format("2006-01-02T15:04:05")
		}
		if s.Time == "" {
			s.Time = junitTime(0)
		}
		for i := range s.Cases {
			c := &s.Cases[i]
			c.Class = strings.ReplaceAll(name, " ", ".") + "." + s.Name
			if c.Time == "" {
				c.Time = junitTime(0)
			}
			s.Tests++
			s.Failures += one(c.Failure)
			s.Errors += one(c.Error)
			s.Skipped += one(c.Skipped)
		}
		all.Tests, all.Failures, all.Errors, all.Skipped = all.Tests+s.Tests, all.Failures+s.Failures, all.Errors+s.Errors, all.Skipped+s.Skipped
		all.Suites = append(all.Suites, s)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func one(d *junitDetail) int {
	if d == nil {
		return 0
	}
	return 1
}

func junitTime(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

func lines(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, "\n")
}

func labelled(label, text string) string {
	if text == "" {
		return ""
	}
	return label + ": " + text
}

// judge sets what became of a case.
func (c *junitCase) judge(o report.Outcome, kind, message, text string) {
	d := &junitDetail{Message: message, Type: kind, Text: text}
	switch o {
	case report.Failed:
		c.Failure = d
	case report.Unknown, report.Stopped:
		c.Error = d
	case report.Skipped, report.Pending:
		c.Skipped = d
	default:
		c.Out = lines(message, text)
	}
}

func junitChecks(r report.Report) junitSuite {
	s := junitSuite{Name: "checks"}
	for _, c := range r.Checks {
		k := junitCase{Name: c.Name}
		k.judge(c.Outcome, c.ID, c.Detail, lines(labelled("why", c.Why), labelled("do", c.Remedy)))
		s.Cases = append(s.Cases, k)
	}
	return s
}

func junitSteps(r report.Report) junitSuite {
	s := junitSuite{Name: "steps"}
	var sum time.Duration
	for _, st := range r.Steps {
		k := junitCase{Name: st.ID + ": " + st.Goal}
		if !st.End.IsZero() && !st.Start.IsZero() {
			k.Time = junitTime(st.End.Sub(st.Start))
			sum += st.End.Sub(st.Start)
		}
		k.judge(st.Outcome, st.Kind, st.Detail, "")
		s.Cases = append(s.Cases, k)
	}
	s.Time = junitTime(sum)
	return s
}

// junitFindings fails where a finding stands against going on; the others are told and pass.
func junitFindings(r report.Report) junitSuite {
	s := junitSuite{Name: "findings"}
	for _, f := range r.Findings {
		name := f.Rule
		if f.Subject != "" {
			name += " " + f.Subject
		}
		k := junitCase{Name: name, File: f.Place.File, Line: f.Place.Line}
		outcome := report.Passed
		if r.Fails(f) {
			outcome = report.Failed
		}
		message := f.Message
		if at := place(f.Place); at != "" {
			message = at + ": " + message
		}
		k.judge(outcome, string(f.Severity), message, lines(f.Excerpt, labelled("waived", f.Waived), labelled("why", f.Why), labelled("do", f.Remedy)))
		s.Cases = append(s.Cases, k)
	}
	return s
}

func junitFigures(r report.Report) junitSuite {
	s := junitSuite{Name: "objectives"}
	for _, f := range r.Figures {
		if f.Objective == 0 {
			continue
		}
		k := junitCase{Name: f.Name}
		k.judge(f.Outcome, "objective", fmt.Sprintf("%s of %s", amount(f.Value, f.Unit), amount(f.Objective, f.Unit)), f.Note)
		s.Cases = append(s.Cases, k)
	}
	return s
}
