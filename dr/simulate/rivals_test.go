package simulate

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr"
)

// Two operators at once. One has begun when another one does the same, and from then on each of their requests may be in front of the other's next one, or
// behind it: each waits for a while that the seed says. With LIFEBOAT_SIMULATE=all, now and then a process is stopped for longer than a lease lives without a
// word, and wakes up.

// rivals are the operators beside the first.
type rivals struct {
	random *rand.Rand
	ended  chan struct{}
}

// beside has another operator do what o does, until the operation is over.
func (s *stage) beside(o *operator) {
	s.mu.Lock()
	if s.rivals != nil {
		s.mu.Unlock()
		return // two are enough
	}
	s.rivals = &rivals{rand.New(rand.NewPCG(s.script.seed, 3)), make(chan struct{})}
	s.mu.Unlock()
	s.hit("rival")
	go func(ended chan struct{}) {
		defer close(ended)
		for attempt := range 20 {
			rival := &operator{stage: s, act: act{verb: o.act.verb, arg: o.act.arg}, process: s.net.process(s.ctx, fmt.Sprintf("rival-%d-%d", s.ops, attempt+1))}
			rep, err := rival.work(true)
			switch {
			case err == nil:
				s.note("  %s: %s", rival.name, rep.Summary)
				return
			case errors.Is(err, errOver):
				s.note("  %s: %v", rival.name, err)
				return
			}
			s.note("  %s: %v", rival.name, err)
			time.Sleep(3 * time.Second)
		}
	}(s.rivals.ended)
}

// interleave keeps a request of an operator back, where there are two.
func (s *stage) interleave(o *operator) {
	s.mu.Lock()
	if s.rivals == nil {
		s.mu.Unlock()
		return
	}
	r, wait, stop := s.rivals.random, time.Duration(0), time.Duration(0)
	if r.IntN(3) == 0 {
		wait = time.Duration(r.IntN(300)) * time.Millisecond
	}
	if r.IntN(50) == 0 && exhaustive {
		stop = dr.LeaseTTL + time.Duration(r.IntN(10))*time.Second
	}
	s.mu.Unlock()
	if stop > 0 {
		s.hit("rival stops")
		s.note("    %s is stopped for %s", o.name, stop)
		o.stop(stop)
	}
	time.Sleep(wait)
}

// apart waits until only the first operator is left.
func (s *stage) apart() {
	s.mu.Lock()
	rivals := s.rivals
	s.mu.Unlock()
	if rivals == nil {
		return
	}
	<-rivals.ended
	s.mu.Lock()
	s.rivals = nil
	s.mu.Unlock()
}

// oneHolder wants a lease that has passed on not to come back: whoever was taken for dead writes nothing more to the journal of the region that he held.
func (s *stage) oneHolder() {
	w, end := s.look()
	defer end()
	for _, name := range []string{"east", "west"} {
		if w.Regions[name] == nil {
			continue
		}
		entries, _, err := dr.ReadJournal(s.ctx, w.Regions[name])
		must(s.t, err)
		past, holder := map[string]bool{}, ""
		for _, e := range entries {
			if e.Who == holder {
				continue
			}
			if past[e.Who] {
				failed("two hold the lease of %s: %s has journaled %s after %s had taken it over", name, e.Who, strings.TrimSpace(string(e.Kind)+" "+e.Step), holder)
			}
			past[holder], holder = true, e.Who
		}
	}
}
