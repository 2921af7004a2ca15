package simulate

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// exhaustive says that every case is taken, and not some of them, other ones each time.
var exhaustive = os.Getenv("LIFEBOAT_SIMULATE") == "all"

// protocols are the operations that the model is searched through.
var protocols = []struct {
	name, sc string
	kinds    []string
}{
	{"planned", `
world seed=3 topics=1 partitions=1 engine=false fence=config
write 6
link once
write 3
planned`, []string{"crash before", "crash after", "unheard", "late write", "primary dies", "second operator"}},
	{"planned, the writers stopped by hand", `
world seed=3 topics=1 partitions=1 engine=false fence=manual
write 6
link once
write 3
planned`, []string{"late write", "crash before"}},
	{"planned, with a statement", `
world seed=3 topics=1 partitions=1 engine=true fence=config
write 6
link run
start
wait 2000
planned`, []string{"crash before", "unheard", "second operator"}},
	{"unplanned", `
world seed=3 topics=1 partitions=1 engine=false fence=config
write 6
link once
write 3
lose
unplanned`, []string{"crash before", "crash after", "unheard", "second operator"}},
	{"failback", `
world seed=3 topics=2 partitions=1 engine=false fence=config
write 8
link once
write 3
lose
unplanned
write 4
find
failback`, []string{"crash before", "crash after", "unheard"}},
}

// TestModel searches through the protocol of each operation, over the plan, the steps, the journal, the lease and the link as they are: with a fault of
// each kind at each of its changing requests. A death is gone on from once for each state that it leaves: which of the requests led there is all the
// same. A second death, anywhere in what the next operator does, is searched for where that leads to a state that was not known.
//
// Without LIFEBOAT_SIMULATE=all, which `make simulate` sets, it takes a share of the cases, other ones each time.
func TestModel(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			m := &model{t: t, sc: p.sc, known: map[string]bool{}}
			calls := m.play().calls
			if calls < 40 {
				t.Fatalf("an unbroken run makes %d changing requests", calls)
			}
			share := 1
			switch {
			case exhaustive:
			case raced:
				share = 150
			default:
				share = 50
			}
			for _, kind := range p.kinds {
				for n := 1 + rand.IntN(share); n <= calls; n += share {
					m.single(kind, n)
				}
			}
			if exhaustive && slices.Contains(p.kinds, "crash before") {
				m.pairs(calls)
			}
			t.Logf("%d changing requests; %d runs, %d states that a death leaves, %d times one that was known", calls, m.plays, len(m.known), m.pruned)
		})
	}
}

// model is a search.
type model struct {
	t      *testing.T
	sc     string
	how    how
	known  map[string]bool // states that were gone on from
	plays  int
	pruned int
	found  string // a counterexample, where one is wanted
}

// play plays the script with faults in its last act.
func (m *model) play(faults ...fault) played {
	m.t.Helper()
	sc, err := parse(m.sc)
	if err != nil {
		m.t.Fatal(err)
	}
	last := &sc.acts[len(sc.acts)-1]
	last.faults = append(last.faults, faults...)
	m.plays++
	out := play(m.t, sc, m.how)
	if errors.Is(out.err, errKnown) {
		m.pruned++
	} else if out.err != nil {
		m.found = fmt.Sprintf("%v\n\n%s\n%s", out.err, sc, strings.Join(out.trace, "\n"))
	}
	return out
}

// once wants what follows to hold.
func (m *model) once(faults ...fault) played {
	m.t.Helper()
	out := m.play(faults...)
	if m.found != "" {
		m.t.Errorf("%s", m.found)
		m.found = ""
	}
	return out
}

func (m *model) single(kind string, n int) {
	m.how.known = nil
	if kind == "crash before" || kind == "crash after" {
		m.how.known = m.isKnown
	}
	m.once(fault{at: n, kind: kind})
}

func (m *model) isKnown(state string) bool {
	was := m.known[state]
	m.known[state] = true
	return was
}

// pairs has a second operator die as well, at each of the requests that he makes until they lead, a few times in a row, where somebody was before.
func (m *model) pairs(calls int) {
	first := map[string]int{} // state that a first death leaves → the request
	for n := 1; n <= calls; n++ {
		deaths := 0
		m.how.known = func(state string) bool {
			if deaths++; deaths > 1 {
				return m.isKnown(state)
			}
			if _, was := first[state]; !was {
				first[state] = n
			}
			return first[state] != n
		}
		for second, row := n+1, 0; row < inARow && second <= n+calls; second++ {
			deaths = 0
			switch out := m.once(fault{at: n, kind: "crash before"}, fault{at: second, kind: "crash before"}); {
			case deaths < 2: // the first death led where one before it did, or the second operator came to his end
				second = n + calls
			case errors.Is(out.err, errKnown):
				row++
			default:
				row = 0
			}
		}
	}
}

// inARow is how many known states say that the second operator does what the first one did.
const inARow = 12

// TestModelFindsFaults searches through protocols with a fault in them: each has to be found.
func TestModelFindsFaults(t *testing.T) {
	for _, mutation := range mutations {
		t.Run(mutation.name, func(t *testing.T) {
			m := &model{t: t, sc: mutation.sc}
			if m.play(); m.found != "" {
				t.Fatalf("it does not hold as it is: %s", m.found)
			}
			m.how = mutation.how
			calls := m.play().calls
			step := 1
			if raced && !exhaustive {
				step = 4
			}
			for n := 1; m.found == "" && mutation.kind != "" && n <= calls; n += step {
				m.play(fault{at: n, kind: mutation.kind})
			}
			if m.found == "" {
				t.Fatalf("nothing was found in %d runs", m.plays)
			}
			t.Logf("found in %d runs: %s", m.plays, m.found)
		})
	}
}
