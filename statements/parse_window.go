package statements

import (
	"slices"
	"strings"
)

// windowFunctions are the windowing table functions with their parameters in order, by Flink's names; OFFSET may be left out.
var windowFunctions = map[WindowKind]struct {
	params  []string
	example string
}{
	Tumble:   {[]string{"DATA", "TIMECOL", "SIZE", "OFFSET"}, "TUMBLE(TABLE t, DESCRIPTOR(time column), INTERVAL '1' HOUR)"},
	Hop:      {[]string{"DATA", "TIMECOL", "SLIDE", "SIZE", "OFFSET"}, "HOP(TABLE t, DESCRIPTOR(time column), INTERVAL '5' MINUTE, INTERVAL '1' HOUR)"},
	Cumulate: {[]string{"DATA", "TIMECOL", "STEP", "SIZE", "OFFSET"}, "CUMULATE(TABLE t, DESCRIPTOR(time column), INTERVAL '1' HOUR, INTERVAL '1' DAY)"},
	Session:  {[]string{"DATA", "TIMECOL", "GAP"}, "SESSION(TABLE t PARTITION BY key, DESCRIPTOR(time column), INTERVAL '5' MINUTE)"},
}

// windowLengths names the parameters that are lengths of time in messages.
var windowLengths = map[string]string{"SIZE": "the window's size", "SLIDE": "the slide", "STEP": "the step", "GAP": "the gap", "OFFSET": "the window's offset"}

func (p *parser) windowArgs(w *WindowTable) {
	params := windowFunctions[w.Kind].params
	given := map[string]bool{}
	for i := 0; ; i++ {
		t := p.peek()
		param := ""
		if t.kind == tokWord && p.ahead(1).key == "=>" {
			p.at += 2
			param = t.key
			if meant := nearest(param, params); meant == "" {
				p.fail(t.Pos, "they are "+strings.Join(params[:len(params)-1], ", ")+" and "+params[len(params)-1], "%s has no parameter %s", w.Kind, clip(t.text))
			} else if meant != param {
				p.fail(t.Pos, "write "+meant, "%s has no parameter %s; did you mean %s?", w.Kind, clip(t.text), meant)
			}
		} else if i < len(params) {
			param = params[i]
		} else {
			p.fail(t.Pos, "", "%s takes at most %d arguments", w.Kind, len(params))
		}
		if given[param] {
			p.fail(t.Pos, "", "%s is given twice", param)
		}
		given[param] = true
		p.windowArg(w, param)
		if !p.accept(",") {
			break
		}
	}
	for _, need := range params {
		if given[need] || need == "OFFSET" {
			continue
		}
		what := windowLengths[need]
		switch need {
		case "DATA":
			what = "a table"
		case "TIMECOL":
			what = "a DESCRIPTOR with the time column"
		}
		p.fail(p.peek().Pos, "write "+windowFunctions[w.Kind].example, "%s needs %s", w.Kind, what)
	}
}

func (p *parser) windowArg(w *WindowTable, param string) {
	switch param {
	case "DATA":
		p.accept("TABLE")
		if p.is("(") {
			p.at++
			w.Query = p.query()
			p.expect(")")
		} else {
			w.Table = p.tableRef()
		}
		p.windowPartition(w)
	case "TIMECOL":
		p.expect("DESCRIPTOR", "(")
		w.Time = p.ident()
		if p.is(",") {
			p.fail(p.peek().Pos, "", "a window has one time column")
		}
		p.expect(")")
	case "SIZE", "GAP":
		w.Size = p.windowLength(param)
	case "SLIDE", "STEP":
		w.Step = p.windowLength(param)
	case "OFFSET":
		w.Offset = p.intervalArg(windowLengths[param])
		if _, ok := w.Offset.Millis(); !ok {
			p.fail(w.Offset.Pos, "", "the window's offset must be a length of days, hours, minutes or seconds")
		}
	}
}

// windowPartition reads PARTITION BY key or PARTITION BY (key, …), which only sessions have.
func (p *parser) windowPartition(w *WindowTable) {
	at := p.peek().Pos
	if !p.is("PARTITION") {
		return
	}
	if w.Kind != Session {
		p.fail(at, "leave it out", "%s has no PARTITION BY: the keys stand in GROUP BY", w.Kind)
	}
	p.expect("PARTITION", "BY")
	if p.is("(") {
		w.PartitionBy = p.names()
	} else {
		w.PartitionBy = []Ident{p.ident()}
	}
}

// windowLength reads a length that must be positive and fixed.
func (p *parser) windowLength(param string) *Interval {
	i := p.intervalArg(windowLengths[param])
	if d, ok := i.Millis(); !ok || d <= 0 {
		p.fail(i.Pos, "", "%s must be a positive length of days, hours, minutes or seconds", windowLengths[param])
	}
	return i
}

// wholeSteps refuses a size that is no multiple of the slide or step, as Flink does: its windows are made of whole slices.
func (p *parser) wholeSteps(w *WindowTable) {
	if w.Step == nil {
		return
	}
	size, _ := w.Size.Millis()
	step, _ := w.Step.Millis()
	if size%step != 0 {
		params := windowFunctions[w.Kind].params
		p.fail(w.Size.Pos, "", "the window's size of %s must be a multiple of %s of %s", short(size), windowLengths[params[slices.Index(params, "SIZE")-1]], short(step))
	}
}

func (p *parser) intervalArg(what string) *Interval {
	t := p.peek()
	if i, ok := p.expr().(*Interval); ok {
		return i
	}
	p.fail(t.Pos, "write INTERVAL '1' HOUR", "%s must be an INTERVAL literal", what)
	return nil
}
