package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/plans"
)

var (
	drain   = plans.Step{ID: "drain", Kind: plans.StepDrain, Phase: "drain", Goal: "lag zero on all 3 partitions of orders"}
	promote = plans.Step{ID: "promote", Kind: plans.StepPromote, Phase: "promote", Goal: "topic orders is STOPPED"}
	canary  = plans.Step{ID: "canary", Kind: plans.StepCanary, Phase: "promote", Goal: "a write is read back"}
)

// news are the events of a run that drains for a while, waits, and goes on; seconds after the first.
func news() []dr.Event {
	begun := time.Date(2026, 11, 23, 2, 52, 19, 0, time.UTC)
	at := func(seconds int, s plans.Step, state dr.EntryKind, detail string) dr.Event {
		return dr.Event{Run: "20261123-025219-c2ce", Step: s, State: state, Detail: detail, At: begun.Add(time.Duration(seconds) * time.Second)}
	}
	lag := func(seconds int, records int64) dr.Event {
		e := at(seconds, drain, dr.EntryLag, "")
		e.Lag = records
		return e
	}
	wait := at(12, drain, dr.EntryWaiting, "400 records behind: orders-0 by 400")
	wait.Since, wait.Same, wait.Advice = begun, 10*time.Second, "lifeboat link status says what each mirror waits for"
	return []dr.Event{at(0, drain, dr.EntryBegin, drain.Goal), lag(1, 1000), lag(2, 400), wait, at(75, drain, dr.EntryDone, "lag zero on 3 partitions"),
		at(75, promote, dr.EntryBegin, promote.Goal), at(75, canary, dr.EntryBegin, canary.Goal), at(76, canary, dr.EntryFailed, "west: it was lost")}
}

func TestProgressAsLines(t *testing.T) {
	var plain, lines bytes.Buffer
	for _, e := range news() {
		plain.WriteString(plainLine(e))
		jsonLine(&lines, e)
	}
	if diff := cmp.Diff(`02:52:19  …  drain                        lag zero on all 3 partitions of orders
02:52:31  .. drain                        since 12s: 400 records behind: orders-0 by 400; the same for 10s: lifeboat link status says what each mirror waits for
02:53:34  ok drain                        lag zero on 3 partitions
02:53:34  …  promote                      topic orders is STOPPED
02:53:34  …  canary                       a write is read back
02:53:35  !! canary                       west: it was lost
`, plain.String()); diff != "" {
		t.Errorf("as lines:\n%s", diff)
	}
	if diff := cmp.Diff(`{"at":"2026-11-23T02:52:19Z","run":"20261123-025219-c2ce","event":"begin","step":"drain","kind":"drain","phase":"drain","detail":"lag zero on all 3 partitions of orders"}
{"at":"2026-11-23T02:52:20Z","run":"20261123-025219-c2ce","event":"lag","step":"drain","kind":"drain","phase":"drain","lag_records":1000}
{"at":"2026-11-23T02:52:21Z","run":"20261123-025219-c2ce","event":"lag","step":"drain","kind":"drain","phase":"drain","lag_records":400}
{"at":"2026-11-23T02:52:31Z","run":"20261123-025219-c2ce","event":"waiting","step":"drain","kind":"drain","phase":"drain","detail":"400 records behind: orders-0 by 400","since":"2026-11-23T02:52:19Z","same_seconds":10,"advice":"lifeboat link status says what each mirror waits for"}
{"at":"2026-11-23T02:53:34Z","run":"20261123-025219-c2ce","event":"done","step":"drain","kind":"drain","phase":"drain","detail":"lag zero on 3 partitions"}
{"at":"2026-11-23T02:53:34Z","run":"20261123-025219-c2ce","event":"begin","step":"promote","kind":"promote","phase":"promote","detail":"topic orders is STOPPED"}
{"at":"2026-11-23T02:53:34Z","run":"20261123-025219-c2ce","event":"begin","step":"canary","kind":"canary","phase":"promote","detail":"a write is read back"}
{"at":"2026-11-23T02:53:35Z","run":"20261123-025219-c2ce","event":"failed","step":"canary","kind":"canary","phase":"promote","detail":"west: it was lost"}
`, lines.String()); diff != "" {
		t.Errorf("as JSON:\n%s", diff)
	}
}

// screen is what a terminal shows after text with the few controls that live uses.
func screen(text string) string {
	lines := []string{""}
	at := 0
	for text != "" {
		var up int
		switch {
		case strings.HasPrefix(text, "\x1b[J"):
			lines, text = append(lines[:at:at], ""), text[3:]
		case strings.HasPrefix(text, "\x1b["):
			if n, err := fmt.Sscanf(text, "\x1b[%dA", &up); n != 1 || err != nil {
				return "unknown control: " + text
			}
			at, text = at-up, text[strings.Index(text, "A")+1:]
		case text[0] == '\n':
			if at, text = at+1, text[1:]; at == len(lines) {
				lines = append(lines, "")
			}
		case text[0] == '\r':
			text = text[1:] // the picture stands in whole lines
		default:
			lines[at], text = lines[at]+text[:1], text[1:]
		}
	}
	return strings.Join(lines, "\n")
}

// TestProgressOnATerminal looks at the screen after each event: what is over stands above, what is under way below, drawn anew, and other lines come in
// between without a trace of the picture.
func TestProgressOnATerminal(t *testing.T) {
	var out bytes.Buffer
	var now time.Time
	l := &live{out: &out, width: func() int { return 80 }, now: func() time.Time { return now }}
	l.expect([]plans.Step{drain, promote, canary})
	var frames strings.Builder
	for i, e := range news() {
		now = e.At
		l.event(e)
		_ = l.above(nil) // as the clock does
		if i == 3 {
			fmt.Fprintf(&frames, "--- waits\n%s", screen(out.String()))
			fmt.Fprintln(l, "level=WARN msg=\"something else\"")
			fmt.Fprint(l, "Begin phase promote? [yes/no] ")
			l.event(e) // does not draw over the question
			out.WriteString("yes\n")
			l.asked()
		}
		fmt.Fprintf(&frames, "--- %d\n%s", i, screen(out.String()))
	}
	if diff := cmp.Diff(`--- 0
drain       0s  0 of 1 step done
  drain     0s  lag zero on all 3 partitions of orders
--- 1
drain       1s  0 of 1 step done
  drain     1s  [                    ] 1000 records behind
--- 2
drain       2s  0 of 1 step done
  drain     2s  [############        ] 400 records behind, 600/s, about 1s left
--- waits
drain      12s  0 of 1 step done
  drain    12s  400 records behind: orders-0 by 400; the same for 10s
                lifeboat link status says what each mirror waits for
--- 3
level=WARN msg="something else"
Begin phase promote? [yes/no] yes
--- 4
level=WARN msg="something else"
Begin phase promote? [yes/no] yes
02:53:34  ok drain                        lag zero on 3 partitions
--- 5
level=WARN msg="something else"
Begin phase promote? [yes/no] yes
02:53:34  ok drain                        lag zero on 3 partitions
promote       0s  0 of 2 steps done
  promote     0s  topic orders is STOPPED
--- 6
level=WARN msg="something else"
Begin phase promote? [yes/no] yes
02:53:34  ok drain                        lag zero on 3 partitions
promote       0s  0 of 2 steps done
  promote     0s  topic orders is STOPPED
  canary      0s  a write is read back
--- 7
level=WARN msg="something else"
Begin phase promote? [yes/no] yes
02:53:34  ok drain                        lag zero on 3 partitions
02:53:35  !! canary                       west: it was lost
promote       1s  0 of 2 steps done
  promote     1s  topic orders is STOPPED
`, frames.String()); diff != "" {
		t.Error(diff)
	}
}
