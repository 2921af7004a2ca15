package dr_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// loseJournal deletes a region's journal, as somebody does who tidies up.
func loseJournal(t *testing.T, r *testenv.Region) {
	t.Helper()
	deleted, err := kadm.NewClient(each.Client(t, r)).DeleteTopics(t.Context(), dr.RunsTopic(r.Name))
	must(t, err)
	must(t, deleted.Error())
}

// stoppedBehind carries out a planned failover up to a step.
func (p *pipeline) stoppedBehind(step string) *report.Report {
	p.t.Helper()
	rep, err := p.planned(p.with(func(o *dr.Options) { o.Until = step }))
	var paused *dr.PausedError
	if !errors.As(err, &paused) {
		p.t.Fatalf("got %v, want the run stopped behind %s", err, step)
	}
	return rep
}

// TestLostJournalIsWrittenAgain deletes the journal of a run that stopped part-way. This machine's copy has it: nobody begins another run over it, and
// resuming it writes the journal again and goes on with what it had learned.
func TestLostJournalIsWrittenAgain(t *testing.T) {
	onEach(t, func(t *testing.T, env *testenv.Env) {
		p := newPipeline(t, env, 200)
		p.declare("    fence: {by: config}")
		p.mirror()
		rep := p.stoppedBehind("drain")
		loseJournal(t, env.West)
		w := p.open()
		defer w.Close()
		_, err := p.planned(w)
		var interrupted *dr.InterruptedError
		if !errors.As(err, &interrupted) || interrupted.Run != rep.Run || !interrupted.Lost {
			t.Errorf("a new failover over it: %v", err)
		}
		fences, err := dr.Fences(t.Context(), w)
		must(t, err)
		if !strings.Contains(fences.Text, "raised by run "+rep.Run) {
			t.Errorf("fence status: %s %s", fences.Summary, fences.Text)
		}
		list, err := dr.ListRuns(t.Context(), w)
		must(t, err)
		if len(list.Runs) != 1 || !strings.Contains(list.Runs[0].Detail, "from this machine's copy, up to ") || !strings.Contains(list.Runs[0].Detail, "in west has lost it") {
			t.Errorf("runs list: %+v", list.Runs)
		}
		end, err := dr.Resume(t.Context(), w, rep.Run)
		must(t, err)
		if len(end.Findings) == 0 || end.Findings[len(end.Findings)-1].Rule != "run/journal-rewritten" {
			t.Errorf("the report does not say that the journal was lost: %+v", end.Findings)
		}
		for _, s := range rep.Steps {
			for _, again := range end.Steps {
				if s.ID == again.ID && s.Outcome == report.Done && again.Start.After(rep.End) {
					t.Errorf("step %s begins at %s, which is after the first process' end", s.ID, again.Start)
				}
			}
		}
		// Another machine knows all of it now.
		elsewhere := p.with(func(o *dr.Options) { o.StateDir = filepath.Join(p.dir, "elsewhere") })
		journal, err := dr.ShowRun(t.Context(), elsewhere, rep.Run)
		must(t, err)
		for _, want := range []string{"plan ", "done     drain", "rewritten ", "end "} {
			if !strings.Contains(journal.Text, want) {
				t.Errorf("the journal has no %q:\n%s", want, journal.Text)
			}
		}
		must(t, errorOf(dr.LiftFence(t.Context(), elsewhere, rep.Run)))
	})
}

// TestJournalLostWhileTheRunGoesOn stops at the next thing to write down, says what is gone and where the copy is, and goes on from there.
func TestJournalLostWhileTheRunGoesOn(t *testing.T) {
	onEach(t, journalLost)
}

// onEach runs a suite on embedded regions, and where LIFEBOAT_CRASHES=all asks for it on every kind.
func onEach(t *testing.T, suite func(*testing.T, *testenv.Env)) {
	t.Helper()
	if os.Getenv("LIFEBOAT_CRASHES") == "all" {
		each.Run(t, suite, each.Private())
		return
	}
	suite(t, each.Embedded(t))
}

func journalLost(t *testing.T, env *testenv.Env) {
	p := newPipeline(t, env, 100)
	p.mirror()
	once := false
	w := p.with(func(o *dr.Options) {
		o.Events = func(e dr.Event) {
			if e.Step.Kind == plans.StepPromote && e.State == dr.EntryBegin && !once {
				once = true
				loseJournal(t, env.West)
			}
		}
	})
	rep, err := p.planned(w)
	var lost *dr.JournalLostError
	if !errors.As(err, &lost) || lost.Run != rep.Run || strings.Count(err.Error(), "is gone") != 1 {
		t.Fatalf("got %v, want it to say that the journal is gone", err)
	}
	if lost.Copy != filepath.Join(p.dir, "state", rep.Run+".jsonl") || !strings.Contains(rep.Next[0], "on this machine") {
		t.Errorf("its copy is in %q, next %q", lost.Copy, rep.Next)
	}
	must(t, errorOf(dr.Resume(t.Context(), w, rep.Run)))
	if s := p.state(); s.Orders != 100 || s.Canaries < 2 {
		t.Errorf("in the west: %+v", s)
	}
}

// TestLocalCopyLost has nobody miss it, and another machine write one.
func TestLocalCopyLost(t *testing.T) {
	p := newPipeline(t, each.Embedded(t), 100)
	p.mirror()
	rep := p.stoppedBehind("drain")
	must(t, os.RemoveAll(filepath.Join(p.dir, "state")))
	w := p.open()
	defer w.Close()
	must(t, errorOf(dr.Resume(t.Context(), w, rep.Run)))
	loseJournal(t, p.env.West)
	journal, err := dr.ShowRun(t.Context(), w, rep.Run)
	must(t, err)
	if !strings.Contains(journal.Title, "this machine's copy") || !strings.Contains(journal.Text, "done     drain") || !strings.Contains(journal.Text, "plan ") {
		t.Errorf("%s does not begin with what the first machine did:\n%s", journal.Title, journal.Text)
	}
}

// TestEverythingOfARunIsLost leaves neither journal nor copy of a run that stopped part-way: that is said, its fence is found by what it looks like, a
// new plan finds done what was done, and its fence is lifted by its region.
func TestEverythingOfARunIsLost(t *testing.T) {
	for _, c := range []struct {
		fence, looks string
		closed       func(t *testing.T, p *pipeline) bool
	}{
		{"{by: config}", "take no record", func(t *testing.T, p *pipeline) bool {
			return limit(t, kadm.NewClient(each.Client(t, p.env.East)), p.orders) == "0"
		}},
		{`{by: acl, principals: ["User:app"]}`, "WRITE is denied to User:app on ", func(t *testing.T, p *pipeline) bool {
			found, err := kadm.NewClient(each.Client(t, p.env.East)).DescribeACLs(t.Context(), kadm.NewACLs().Deny("User:app").DenyHosts("*").
				Topics(p.orders).ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpWrite))
			must(t, err)
			return len(found[0].Described) == 1
		}},
	} {
		t.Run(c.fence[1:11], func(t *testing.T) {
			admin := testenv.User{Name: "admin", Password: "admin-secret", Super: true}
			p := newPipeline(t, each.Embedded(t, each.With(testenv.Options{Users: []testenv.User{admin}})), 100, admin)
			p.declare("    fence: "+c.fence, admin)
			p.mirror()
			rep := p.stoppedBehind("promote")
			loseJournal(t, p.env.West)
			must(t, os.RemoveAll(filepath.Join(p.dir, "state")))
			w := p.open()
			defer w.Close()
			if _, err := dr.Resume(t.Context(), w, rep.Run); !errors.Is(err, dr.ErrNoRun) || !strings.Contains(err.Error(), "no copy of it") || !strings.Contains(err.Error(), "lifeboat fence status") {
				t.Errorf("resuming it: %v", err)
			}
			fences, err := dr.Fences(t.Context(), w)
			must(t, err)
			if !strings.Contains(fences.Text, "east  raised by no run that is known") || !strings.Contains(fences.Text, c.looks) || !strings.Contains(strings.Join(fences.Next, " "), "lift --region east") {
				t.Errorf("fence status: %s\n%s%q", fences.Summary, fences.Text, fences.Next)
			}
			if !c.closed(t, p) {
				t.Fatal("the east is not fenced")
			}
			again, err := p.planned(w)
			must(t, err)
			if s := p.state(); again.Outcome != report.Done || s.Orders != 100 || s.Canaries != 2 {
				t.Errorf("a new failover: %s %s, %+v", again.Outcome, again.Summary, s)
			}
			// The new run found it standing. What it would take back is nothing, or a limit that lets nobody in: lifting opens all the same.
			if _, err := dr.FoundToLift(t.Context(), w, "east"); err == nil || !strings.Contains(err.Error(), "lifeboat fence lift "+again.Run) {
				t.Errorf("by region, while a run is known to have raised it: %v", err)
			}
			must(t, errorOf(dr.LiftFence(t.Context(), w, again.Run)))
			if c.closed(t, p) {
				what, err := dr.FoundToLift(t.Context(), w, "east")
				must(t, err)
				if !strings.Contains(what, "User:app on "+p.orders) {
					t.Errorf("lifting it means: %s", what)
				}
				must(t, errorOf(dr.LiftFound(t.Context(), w, "east")))
			}
			if c.closed(t, p) {
				t.Error("it is fenced still")
			}
			var none *dr.NoFenceError
			if _, err := dr.FoundToLift(t.Context(), w, "east"); !errors.As(err, &none) {
				t.Errorf("nothing is left of it, and to lift is: %v", err)
			}
		})
	}
}
