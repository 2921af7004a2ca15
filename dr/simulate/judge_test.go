package simulate

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// journalIsTrue wants what the journals of the newest run say to be done to be there.
func (s *stage) journalIsTrue(a act) {
	if a.verb != "planned" && a.verb != "unplanned" {
		return
	}
	w, end := s.look()
	defer end()
	for _, name := range []string{"east", "west"} {
		r := w.Regions[name]
		if r == nil {
			continue
		}
		entries, _, err := dr.ReadJournal(s.ctx, r)
		must(s.t, err)
		if len(entries) == 0 {
			continue
		}
		last := entries[len(entries)-1].Run
		done, facts := map[string]bool{}, map[string]json.RawMessage{}
		var plan plans.Plan
		for _, e := range entries {
			if e.Run != last {
				continue
			}
			switch e.Kind {
			case dr.EntryPlan:
				must(s.t, json.Unmarshal(e.Data, &plan))
			case dr.EntryDone:
				done[e.Step] = true
			case dr.EntryFact:
				facts[e.Step] = e.Data
			}
		}
		if plan.Operation != plans.OpFailover || plan.To != name {
			continue
		}
		seen, err := dr.Observe(s.ctx, w)
		must(s.t, err)
		if done["promote"] {
			for _, m := range seen.Mirrors[plan.Link] {
				if m.State != plans.MirrorStopped {
					failed("the journal says that promote is done, and the mirror of %s is %s", m.Topic, m.State)
				}
			}
			if facts["failover-point"] == nil {
				failed("the journal says that promote is done, and not where")
			}
		}
		if from := seen.Regions[plan.From]; done["fence"] && plan.Planned && s.script.fence == "config" && from.Reachable {
			for _, t := range plan.Topics {
				if size := from.Topics[t.Name].Configs["max.message.bytes"]; len(size) > 2 {
					failed("the journal says that the fence stands, and %s takes batches of %s bytes", t.Name, size)
				}
			}
		}
		for _, st := range plan.Statements {
			if phase := seen.Regions[name].Statements[st.Name].Phase; done["start:"+st.Name] && phase != "RUNNING" && phase != "COMPLETED" {
				failed("the journal says that statement %s is started, and it is %q", st.Name, phase)
			}
		}
	}
}

// judge wants the invariants to hold after an operation.
func (s *stage) judge(a act, rep *report.Report, before map[string][]string) {
	switch a.verb {
	case "drill":
		after := s.traces()
		for region, names := range before {
			if names := left(names, after[region]); len(names) > 0 {
				failed("the drill leaves in %s: %s", region, strings.Join(names, ", "))
			}
			if names := left(after[region], names); len(names) > 0 {
				failed("the drill has removed in %s: %s", region, strings.Join(names, ", "))
			}
		}
		return
	case "failback":
		s.primary = "east"
		s.apps["east"].startAnew()
	default:
		s.primary = "west"
	}
	if rep.Outcome != report.Done {
		failed("%s has ended with %s: %s", a.verb, rep.Outcome, rep.Summary)
	}
	s.name(rep.Topics)
	old := s.apps[map[string]string{"east": "west", "west": "east"}[s.primary]]
	old.stopWriters()
	s.oneWriter(a, old)
	if !s.lost["east"] || s.primary == "east" {
		s.nothingLost(a.verb)
	}
}

// left are the names of b that are not in a.
func left(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(b), func(name string) bool { return slices.Contains(a, name) })
}

// name notes the ranges that a report says are lost.
func (s *stage) name(topics []report.Topic) {
	for _, t := range topics {
		for _, g := range t.Lost {
			s.note("    named as lost: %s-%d @%d–@%d", g.Topic, g.Partition, g.First, g.End-1)
		}
		s.named = append(s.named, t.Lost...)
	}
}

// oneWriter wants no record to have been taken by the region that was left after the other one was promoted, where a fence kept its writers out.
func (s *stage) oneWriter(a act, old *app) {
	planned := a.verb == "failback" || a.verb == "planned" && s.hits["broker death"] == 0
	if !planned || old.promoted.IsZero() {
		return
	}
	for _, w := range s.ledger.all() {
		if w.region == old.region && w.acked && w.at.After(old.promoted) && (s.script.fence == "config" || !w.late) {
			failed("two writable primaries: %s took r%d after %s was promoted", old.region, w.id, s.primary)
		}
	}
}

// ids counts the records of a topic by id, as readers of committed data see them.
func (s *stage) ids(w *dr.World, region, topic string) map[string]int {
	seen := map[string]int{}
	_, err := dr.DigestRows(s.ctx, w.Regions[region], topic, func(r *kgo.Record) bool {
		seen[string(r.Key)]++
		return true
	})
	must(s.t, err)
	return seen
}

// nothingLost wants every record that was acknowledged to be in the primary once, or to be named.
func (s *stage) nothingLost(verb string) {
	w, end := s.look()
	defer end()
	salvaged := s.salvaged()
	by := map[string]map[string]int{}
	for _, topic := range s.script.topicNames() {
		by[topic] = s.ids(w, s.primary, topic)
	}
	for _, rec := range s.ledger.all() {
		key := fmt.Sprintf("r%d", rec.id)
		n := by[rec.topic][key]
		switch {
		case n > 1:
			failed("%s holds %s of %s %d times", s.primary, key, rec.topic, n)
		case n == 1 && rec.aborted:
			failed("%s shows %s of %s, whose transaction was aborted", s.primary, key, rec.topic)
		case n == 1 || !rec.acked:
		case s.isNamed(rec) || salvaged[key]:
			if verb == "planned" && !rec.late && s.hits["broker death"] == 0 && s.hits["topic recreation"] == 0 {
				failed("a planned failover has lost %s of %s-%d@%d", key, rec.topic, rec.partition, rec.offset)
			}
		default:
			failed("lost silently: %s of %s-%d@%d, acknowledged by %s, is not in %s and nobody names it", key, rec.topic, rec.partition, rec.offset, rec.region, s.primary)
		}
	}
	if s.script.engine && s.hits["topic recreation"] == 0 { // its statement may have read what its owner removed
		s.computedOnce(w, by["orders"])
	}
}

func (s *stage) isNamed(w *written) bool {
	return slices.ContainsFunc(s.named, func(g report.Range) bool {
		return g.Topic == w.topic && g.Partition == w.partition && g.First <= w.offset && w.offset < g.End
	})
}

// salvaged are the keys of what failbacks have exported.
func (s *stage) salvaged() map[string]bool {
	keys := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(s.dir, "salvage", "*", "*", "*.jsonl"))
	must(s.t, err)
	for _, name := range files {
		text, err := os.ReadFile(name)
		must(s.t, err)
		for line := range strings.Lines(string(text)) {
			var rec struct{ Key string }
			must(s.t, json.Unmarshal([]byte(line), &rec))
			keys[rec.Key] = true
		}
	}
	return keys
}

// computedOnce wants the statement's output to have every big order of the primary once.
func (s *stage) computedOnce(w *dr.World, in map[string]int) {
	if _, err := w.Engines[s.primary].Get(s.ctx, "big-2"); errors.Is(err, engine.ErrNotFound) && s.primary == "east" && !s.script.has("start") {
		return // nobody has started it yet
	}
	want := 0
	for _, rec := range s.ledger.all() {
		if rec.topic == "orders" && in[fmt.Sprintf("r%d", rec.id)] == 1 && amount(rec.id) >= 50 {
			want++
		}
	}
	var seen map[int64]int
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(500 * time.Millisecond) {
		seen = map[int64]int{}
		_, err := dr.DigestRows(s.ctx, w.Regions[s.primary], "big", func(r *kgo.Record) bool {
			id, _ := binary.Varint(r.Value[5:]) // behind the id of its schema
			seen[id]++
			return true
		})
		must(s.t, err)
		if len(seen) >= want || time.Now().After(deadline) {
			break
		}
	}
	for id, n := range seen {
		if n > 1 {
			failed("the output in %s holds order %d %d times", s.primary, id, n)
		}
	}
	if len(seen) != want {
		st, err := w.Engines[s.primary].Get(s.ctx, "big-2")
		failed("the output in %s holds %d of %d big orders, and the statement is %q: %s (%v)", s.primary, len(seen), want, st.Phase, st.Detail, err)
	}
}

// measure has verify measure what an east that is back holds and the west does not.
func (s *stage) measure() {
	if !s.lost["east"] {
		return
	}
	s.findEast()
	if s.primary == "east" { // leaving it was refused
		return
	}
	w, end := s.look()
	defer end()
	rep, err := dr.Verify(s.ctx, w, "")
	must(s.t, err)
	s.name(rep.Topics)
	s.nothingLost("unplanned")
}

// curtain ends a play: what the lost region held is measured, and the primary takes records.
func (s *stage) curtain() {
	if s.primary == "west" {
		s.measure()
	}
	s.findEast() // it may be the primary still, where leaving it was refused
	s.apps[s.primary].stopWriters()
	s.apps[s.primary].write(5)
	s.nothingLost("")
}

// unfinished is the newest run of the west that has not ended, with its plan.
func (s *stage) unfinished(w *dr.World) (run string, p *plans.Plan) {
	entries, _, err := dr.ReadJournal(s.ctx, w.Regions["west"])
	must(s.t, err)
	for _, e := range entries {
		switch e.Kind {
		case dr.EntryPlan:
			run, p = e.Run, new(plans.Plan)
			must(s.t, json.Unmarshal(e.Data, p))
		case dr.EntryEnd:
			run, p = "", nil
		}
	}
	return run, p
}

// state is all that the next operator could see, as far as it matters to what he does: what each region holds, and what the journals say.
func (s *stage) state() string {
	w, end := s.look()
	defer end()
	seen, err := dr.Observe(s.ctx, w)
	must(s.t, err)
	var text strings.Builder
	for _, name := range []string{"east", "west"} {
		r, is := w.Regions[name], seen.Regions[name]
		fmt.Fprintln(&text, name, is.Reachable)
		if r == nil {
			continue
		}
		for _, topic := range slices.Sorted(maps.Keys(is.Topics)) {
			t := is.Topics[topic]
			fmt.Fprintln(&text, topic, t.Configs["max.message.bytes"], t.Configs["cleanup.policy"])
			for _, p := range t.Partitions {
				fmt.Fprintln(&text, p.Start, p.End, p.Stable)
			}
		}
		for _, st := range slices.Sorted(maps.Keys(is.Statements)) {
			fmt.Fprintln(&text, st, is.Statements[st].Phase)
		}
		for _, subject := range slices.Sorted(maps.Keys(is.Subjects)) {
			fmt.Fprintln(&text, subject, is.Subjects[subject].Mode)
		}
		for _, topic := range []string{dr.CanaryTopic(name), "_lifeboat." + name + ".links"} { // whose every write counts
			ends, err := r.Admin.ListEndOffsets(s.ctx, topic)
			stable, err2 := r.Admin.ListCommittedOffsets(s.ctx, topic)
			if o, ok := ends.Lookup(topic, 0); err == nil && err2 == nil && ok && o.Err == nil {
				c, _ := stable.Lookup(topic, 0)
				fmt.Fprintln(&text, topic, o.Offset, o.Offset-c.Offset)
			}
		}
		entries, _, err := dr.ReadJournal(s.ctx, r)
		must(s.t, err)
		last := map[string]string{}
		for _, e := range entries {
			switch e.Kind {
			case dr.EntryLease, dr.EntryRelease, dr.EntryEnd, dr.EntryPlan:
				last["run"] = string(e.Kind)
				if e.Kind == dr.EntryPlan {
					last["plan"] = e.Detail
				}
			case dr.EntryFact:
				last["fact "+e.Step] = string(e.Data)
			default:
				last[e.Step] = string(e.Kind)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(last)) {
			fmt.Fprintln(&text, key, last[key])
		}
	}
	for _, m := range seen.Mirrors["there"] {
		fmt.Fprintln(&text, m.Topic, m.State)
	}
	return text.String()
}
