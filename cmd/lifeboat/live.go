package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// live is a terminal's stderr with a picture at its end that is drawn anew as things go on: the phases under way, how long they have taken, and what
// their steps wait for. Whatever else is written appears above it.
type live struct {
	out   io.Writer
	width func() int // of the terminal, in columns
	now   func() time.Time

	mu      sync.Mutex
	phases  []*phase
	drawn   int  // lines of the picture on the terminal
	partial bool // something else is being written in the last line: a question
}

// phase is one that has steps under way, or has had some.
type phase struct {
	name        string
	begun       time.Time
	done, total int // total 0: the plan is not known
	steps       []*stepUnderWay
}

// stepUnderWay is one that has begun and not ended.
type stepUnderWay struct {
	id     string
	begun  time.Time
	detail string
	same   time.Duration
	advice string
	most   int64 // records behind when it was worst; 0: it mirrors nothing
	lag    []lagAt
}

type lagAt struct {
	at      time.Time
	records int64
}

// redraw is how often a picture is drawn without news, rateOver how much of the past a rate is of, stepsShown how many steps of a phase are shown.
const (
	redraw     = 200 * time.Millisecond
	rateOver   = 5 * time.Second
	stepsShown = 6
)

// expect tells of the plan that is carried out next.
func (l *live) expect(steps []plans.Step) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.phases = nil
	for _, s := range steps {
		l.phase(s.Phase).total++
	}
}

func (l *live) phase(name string) *phase {
	i := slices.IndexFunc(l.phases, func(p *phase) bool { return p.name == name })
	if i < 0 {
		i = len(l.phases)
		l.phases = append(l.phases, &phase{name: name})
	}
	return l.phases[i]
}

// event puts one into the picture, and above it the line of what is over.
func (l *live) event(e dr.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.take(e)
	if e.State == dr.EntryDone || e.State == dr.EntryFailed {
		l.above([]byte(fit(plainLine(e), l.width())))
	}
}

func (l *live) take(e dr.Event) {
	p := l.phase(e.Step.Phase)
	i := slices.IndexFunc(p.steps, func(s *stepUnderWay) bool { return s.id == e.Step.ID })
	switch {
	case e.State == dr.EntryBegin:
		if p.begun.IsZero() {
			p.begun = e.At
		}
		p.steps = append(p.steps, &stepUnderWay{id: e.Step.ID, begun: e.At, detail: e.Detail})
	case e.State == dr.EntryDone || e.State == dr.EntryFailed:
		if e.State == dr.EntryDone {
			p.done++
		}
		if i >= 0 {
			p.steps = slices.Delete(p.steps, i, i+1)
		}
	case i < 0: // news of a step that is over
	case e.State == dr.EntryWaiting:
		s := p.steps[i]
		s.detail, s.same, s.advice = e.Detail, e.Same, e.Advice
	case e.State == dr.EntryLag:
		s := p.steps[i]
		s.most = max(s.most, e.Lag)
		s.lag = append(s.lag, lagAt{e.At, e.Lag})
		for len(s.lag) > 2 && e.At.Sub(s.lag[0].at) > rateOver {
			s.lag = s.lag[1:]
		}
	}
}

// picture is what is under way at an instant, a line each.
func (l *live) picture(now time.Time, width int) []string {
	var lines []string
	wide := 0
	for _, p := range l.phases {
		for _, s := range p.steps[:min(len(p.steps), stepsShown+1)] {
			wide = max(wide, utf8.RuneCountInString(s.id))
		}
	}
	for _, p := range l.phases {
		if len(p.steps) == 0 {
			continue
		}
		text := fmt.Sprintf("%-*s %6s", wide+2, p.name, elapsed(now.Sub(p.begun)))
		if p.total > 0 {
			text += fmt.Sprintf("  %d of %s done", p.done, numbered(p.total, "step"))
		}
		lines = append(lines, text)
		for i, s := range p.steps {
			if i == stepsShown && len(p.steps) > stepsShown+1 {
				lines = append(lines, fmt.Sprintf("  and %d more", len(p.steps)-stepsShown))
				break
			}
			lines = append(lines, fmt.Sprintf("  %-*s %6s  %s", wide, s.id, elapsed(now.Sub(s.begun)), s.text()))
			if s.same > 0 {
				lines = append(lines, wrapped(s.advice, wide+11, width)...)
			}
		}
	}
	return lines
}

// wrapped breaks a text into lines of a width, behind an indent.
func wrapped(text string, indent, width int) []string {
	lines := []string{strings.Repeat(" ", indent)}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case utf8.RuneCountInString(*last) == indent:
			*last += word
		case utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(word) >= width:
			lines = append(lines, strings.Repeat(" ", indent)+word)
		default:
			*last += " " + word
		}
	}
	return lines
}

func (s *stepUnderWay) text() string {
	switch {
	case s.same > 0:
		return fmt.Sprintf("%s; the same for %s", s.detail, elapsed(s.same))
	case len(s.lag) == 0:
		return s.detail
	}
	const cells = 20
	first, last := s.lag[0], s.lag[len(s.lag)-1]
	share := 1.0
	if s.most > 0 {
		share = 1 - float64(last.records)/float64(s.most)
	}
	text := fmt.Sprintf("[%-*s] %d records behind", cells, strings.Repeat("#", int(share*cells)), last.records)
	if took := last.at.Sub(first.at).Seconds(); took > 0 && first.records > last.records {
		rate := float64(first.records-last.records) / took
		text += fmt.Sprintf(", %.0f/s, about %s left", rate, elapsed(time.Duration(math.Ceil(float64(last.records)/rate))*time.Second))
	}
	return text
}

// Write writes above the picture. What does not end its line, as a question does, has the terminal for itself until the next line.
func (l *live) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(b), l.above(b)
}

// above writes to the terminal where the picture was, and draws that again behind it, in one write.
func (l *live) above(b []byte) error {
	var text bytes.Buffer
	l.clear(&text)
	text.Write(b)
	if len(b) > 0 {
		l.partial = b[len(b)-1] != '\n'
	}
	if !l.partial {
		l.draw(&text)
	}
	if text.Len() == 0 {
		return nil
	}
	_, err := l.out.Write(text.Bytes())
	return err
}

// clear takes the picture away (ECMA-48: CUU, ED).
func (l *live) clear(text *bytes.Buffer) {
	if l.drawn > 0 {
		fmt.Fprintf(text, "\r\x1b[%dA\x1b[J", l.drawn)
	}
	l.drawn = 0
}

func (l *live) draw(text *bytes.Buffer) {
	width := l.width()
	for _, line := range l.picture(l.now(), width) {
		fmt.Fprintln(text, fit(line, width))
		l.drawn++
	}
}

// run draws the picture anew until it is told to stop.
func (l *live) run(stop <-chan struct{}) {
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			l.mu.Lock()
			l.phases = nil
			_ = l.above(nil) // a terminal that is gone shows nothing
			l.mu.Unlock()
			return
		case <-tick.C:
			l.mu.Lock()
			if !l.partial {
				_ = l.above(nil)
			}
			l.mu.Unlock()
		}
	}
}

// asked ends the line that a question was in: the answer has ended it on the terminal.
func (l *live) asked() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = false
}

// fit cuts a line off at a width, so that it stays one on the terminal.
func fit(line string, width int) string {
	end := ""
	if strings.HasSuffix(line, "\n") {
		line, end = line[:len(line)-1], "\n"
	}
	if width > 1 && utf8.RuneCountInString(line) >= width {
		line = string([]rune(line)[:width-2]) + "…"
	}
	return line + end
}
