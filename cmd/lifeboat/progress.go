package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr"
)

// How a run goes on is told on stderr: with --format json as a line of JSON for each event, on a terminal as lines for what is over above a picture of
// what is under way (live.go), elsewhere as lines.

// plainLine is an event in words, "" for one that says nothing new to people who read a log.
func plainLine(e dr.Event) string {
	sign, text := "", e.Detail
	switch e.State {
	case dr.EntryBegin:
		sign, text = "… ", e.Step.Goal
	case dr.EntryDone:
		sign = "ok"
	case dr.EntryFailed:
		sign = "!!"
	case dr.EntryWaiting:
		sign, text = "..", fmt.Sprintf("since %s: %s", elapsed(e.At.Sub(e.Since)), e.Detail)
		if e.Same > 0 {
			text += fmt.Sprintf("; the same for %s: %s", elapsed(e.Same), e.Advice)
		}
	default:
		return ""
	}
	return fmt.Sprintf("%s  %s %-28s %s\n", e.At.UTC().Format("15:04:05"), sign, e.Step.ID, text)
}

// elapsed writes a time as it is read while it passes: 7s, 1m05s.
func elapsed(d time.Duration) string {
	s := int(d.Seconds())
	if s < 60 {
		return fmt.Sprintf("%ds", s)
	}
	return fmt.Sprintf("%dm%02ds", s/60, s%60)
}

// eventLine is an event as a line of JSON.
type eventLine struct {
	At     time.Time `json:"at"`
	Run    string    `json:"run"`
	Event  string    `json:"event"` // begin, waiting, lag, done, failed
	Step   string    `json:"step"`
	Kind   string    `json:"kind"`
	Phase  string    `json:"phase,omitempty"`
	Detail string    `json:"detail,omitempty"`
	Since  time.Time `json:"since,omitzero"`         // waiting: when the step began
	Same   float64   `json:"same_seconds,omitempty"` // waiting: how long detail has been the same
	Advice string    `json:"advice,omitempty"`       // waiting: what can be done
	Lag    *int64    `json:"lag_records,omitempty"`
}

func jsonLine(out io.Writer, e dr.Event) {
	line := eventLine{At: e.At.UTC(), Run: e.Run, Event: string(e.State), Step: e.Step.ID, Kind: string(e.Step.Kind), Phase: e.Step.Phase, Detail: e.Detail,
		Advice: e.Advice, Same: e.Same.Seconds()}
	switch e.State {
	case dr.EntryWaiting:
		line.Since = e.Since.UTC()
	case dr.EntryLag:
		line.Lag = &e.Lag
	}
	b, err := json.Marshal(line)
	if err == nil {
		_, err = out.Write(append(b, '\n'))
	}
	_ = err // whoever has closed stderr does not listen
}
