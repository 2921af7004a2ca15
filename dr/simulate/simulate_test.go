package simulate

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMain has one goroutine run at a time: a script is then the same every time, as far as the runtime lets it.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(1)
	os.Exit(m.Run())
}

// wanted are the faults that a simulation has to meet, all of them.
var wanted = []string{"crash before", "crash after", "unheard", "late write", "broker death", "survivor dies", "switch to unplanned", "registry death", "operator cut", "second operator",
	"resume by another operator", "clock skew", "link cut", "lag", "topic recreation", "producer id reuse"}

// TestSimulate plays random scripts: topologies, workloads, operations and faults under a seed. A seed that fails is made as short as it still fails, and
// printed as a script that can be put into testdata.
//
// LIFEBOAT_SEEDS=N takes N seeds (`make simulate SEEDS=N`), from a random one on.
func TestSimulate(t *testing.T) {
	seeds, first := 3*len(wanted), uint64(1)
	if raced {
		seeds = len(wanted) * 3 / 2
	}
	if n, err := strconv.Atoi(os.Getenv("LIFEBOAT_SEEDS")); err == nil {
		seeds, first = n, rand.Uint64N(1<<40)
	}
	hits, operations, over := map[string]int{}, map[string]int{}, 0
	for i := range uint64(seeds) {
		sc := random(first+i, int(i))
		out := play(t, sc, how{})
		for kind, n := range out.hits {
			hits[kind] += n
		}
		for _, a := range sc.acts {
			operations[a.verb]++
		}
		if out.refused {
			over++
		}
		if out.err != nil {
			short, last := shrink(t, sc, out, how{})
			t.Errorf("seed %d: %v\n\nput this into dr/simulate/testdata/NAME.txt, or: make simulate SCRIPT=FILE\n\n%s\n%s", first+i, last.err, short, strings.Join(last.trace, "\n"))
		}
	}
	t.Logf("%d runs, %d of them with an operation that was refused: %v; %v", seeds, over, operations, hits)
	for _, kind := range wanted {
		if hits[kind] == 0 {
			t.Errorf("no run met: %s", kind)
		}
	}
	for _, verb := range []string{"planned", "unplanned", "drill", "failback"} {
		if operations[verb] == 0 {
			t.Errorf("no run was a %s", verb)
		}
	}
}

// random is the script of a seed; each kind of fault gets its turn.
func random(seed uint64, turn int) *script {
	r := rand.New(rand.NewPCG(seed, 2))
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	sc := &script{seed: seed, topics: 1 + r.IntN(3), partitions: 1 + r.IntN(2), engine: r.IntN(4) == 0, fence: one("config", "config", "manual")}
	do := func(verb, arg string, n int) { sc.acts = append(sc.acts, act{verb: verb, arg: arg, n: n}) }
	kind := wanted[turn%len(wanted)]

	drill := turn%5 == 4 && !slices.Contains([]string{"late write", "broker death", "switch to unplanned", "operator cut", "topic recreation"}, kind)
	sc.engine = sc.engine || drill
	do("write", "", 4+r.IntN(12))
	if r.IntN(2) == 0 {
		do("consume", "", 0)
	}
	served := r.IntN(2) == 0 || kind == "lag" || kind == "link cut" || kind == "topic recreation"
	if !served {
		do("link", "once", 0)
	} else {
		do("link", "run", 0)
		if kind == "lag" {
			do("link", "lag", 0)
		}
		do("wait", "", 1500)
		if kind == "link cut" {
			do("link", "cut", 0)
		}
	}
	if sc.engine && kind != "topic recreation" && r.IntN(2) == 0 {
		do("start", "", 0)
	}
	if n := r.IntN(6); n > 0 {
		do("write", "", n)
	}
	if kind == "topic recreation" {
		do("recreate", sc.topicNames()[r.IntN(sc.topics)], 0)
		do("wait", "", 1000)
		do("write", "", 3)
		do("wait", "", 1000)
	}
	if kind == "link cut" {
		do("link", "heal", 0)
	}

	verb := one("planned", "planned", "unplanned")
	if kind == "topic recreation" {
		verb = one("planned", "unplanned")
	}
	if kind == "late write" || kind == "broker death" || kind == "switch to unplanned" || kind == "operator cut" {
		verb = "planned"
	}
	if drill {
		verb = "drill"
	}
	op := act{verb: verb}
	if drill {
		if !served {
			do("link", "run", 0)
		}
		if !sc.has("start") {
			do("start", "", 0)
		}
		do("wait", "", 2000)
		op.arg = one("planned", "region-loss")
	}
	if kind == "clock skew" || r.IntN(8) == 0 {
		op.skew = time.Duration(r.IntN(7200)-3600) * time.Second
	}
	at := func() int { return 2 + r.IntN(100) }
	switch {
	case kind == "broker death" || kind == "switch to unplanned":
		op.faults = append(op.faults, fault{at: 10 + r.IntN(30), kind: "primary dies"})
	case kind == "registry death":
		op.faults = append(op.faults, fault{at: at(), kind: "registry dies"})
	case kind == "resume by another operator":
		op.faults = append(op.faults, fault{at: 10 + r.IntN(40), kind: "crash before"})
	case slices.Contains([]string{"crash before", "crash after", "unheard", "late write", "survivor dies", "operator cut", "second operator"}, kind):
		op.faults = append(op.faults, fault{at: 2 + r.IntN(50), kind: kind})
	}
	if r.IntN(3) == 0 {
		op.faults = append(op.faults, fault{at: at(), kind: one("crash before", "crash after", "unheard", "second operator")})
	}
	if verb == "unplanned" && r.IntN(2) == 0 {
		do("lose", "", 0)
	}
	sc.acts = append(sc.acts, op)
	if verb != "drill" && (r.IntN(3) == 0 || kind == "producer id reuse") {
		do("write", "", 6)
		if r.IntN(2) == 0 {
			do("find", "", 0)
			back := act{verb: "failback"}
			if r.IntN(2) == 0 {
				back.faults = []fault{{at: 2 + r.IntN(200), kind: one("crash before", "crash after", "unheard")}}
			}
			sc.acts = append(sc.acts, back)
		}
	}
	return sc
}

func (sc *script) has(verb string) bool {
	return slices.ContainsFunc(sc.acts, func(a act) bool { return a.verb == verb })
}

// shrink takes away what a script fails without.
func shrink(t *testing.T, sc *script, out played, h how) (*script, played) {
	for again := true; again; {
		again = false
		for _, less := range sc.shorter() {
			if o := play(t, less, h); o.err != nil && kindOf(o.err) == kindOf(out.err) {
				sc, out, again = less, o, true
				break
			}
		}
	}
	return sc, out
}

// kindOf is what fails, without names and numbers.
func kindOf(err error) string {
	words, told := strings.Fields(err.Error()), 3
	if errors.Is(err, errStage) { // anything that a test asks for
		told = 8
	}
	return strings.Join(words[:min(told, len(words))], " ")
}

// shorter are the scripts with one thing less.
func (sc *script) shorter() (list []*script) {
	change := func(do func(*script)) {
		less := *sc
		less.acts = slices.Clone(sc.acts)
		do(&less)
		list = append(list, &less)
	}
	for i, a := range sc.acts {
		for j := range a.faults {
			change(func(s *script) { s.acts[i].faults = slices.Delete(slices.Clone(a.faults), j, j+1) })
		}
		if a.skew != 0 {
			change(func(s *script) { s.acts[i].skew = 0 })
		}
	}
	for i := range sc.acts {
		change(func(s *script) { s.acts = slices.Delete(s.acts, i, i+1) })
	}
	if sc.engine && !sc.has("drill") && !sc.has("start") {
		change(func(s *script) { s.engine = false })
	}
	if sc.topics > 1 {
		change(func(s *script) { s.topics-- })
	}
	if sc.partitions > 1 {
		change(func(s *script) { s.partitions-- })
	}
	return list
}

// TestScripts plays those that have failed once, and LIFEBOAT_SCRIPT (`make simulate SCRIPT=FILE`), of which it shows what happens.
func TestScripts(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatal("no scripts", err)
	}
	asked := os.Getenv("LIFEBOAT_SCRIPT")
	if asked != "" {
		names = []string{asked}
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			sc, err := parse(string(text))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			out := play(t, sc, how{})
			if asked != "" {
				t.Log(strings.Join(out.trace, "\n"))
			}
			if out.err != nil {
				t.Errorf("%v\n%s", out.err, strings.Join(out.trace, "\n"))
			}
			for _, a := range sc.acts {
				for _, f := range a.faults {
					if out.hits[f.kind] == 0 && f.kind != "primary dies" && f.kind != "registry dies" {
						t.Errorf("%s does not happen any more: the step asks less", f)
					}
				}
			}
		})
	}
}

// TestSimulationFindsFaults plays seeds with faults in the program: each has to be found, and its script has to fail when it is read again.
func TestSimulationFindsFaults(t *testing.T) {
	for _, mutation := range mutations {
		if !mutation.random {
			continue
		}
		t.Run(mutation.name, func(t *testing.T) {
			for seed := uint64(1); seed < 200; seed++ {
				sc := random(seed, int(seed))
				out := play(t, sc, mutation.how)
				if out.err == nil {
					continue
				}
				short := sc
				if !raced {
					short, _ = shrink(t, sc, out, mutation.how)
				}
				again, err := parse(short.String())
				if err != nil {
					t.Fatal(err)
				}
				if out = play(t, again, mutation.how); out.err == nil {
					t.Fatalf("the script holds when it is played again:\n%s", short)
				}
				t.Logf("seed %d: %v\n%s", seed, out.err, short)
				return
			}
			t.Error("no seed finds it")
		})
	}
}

func TestScriptsAreReadAsTheyAreWritten(t *testing.T) {
	for seed := range uint64(200) {
		sc := random(seed, int(seed))
		again, err := parse(sc.String())
		if err != nil || again.String() != sc.String() {
			t.Fatalf("%v\n%s\n%s", err, sc, again)
		}
	}
	for _, bad := range []string{"", "planned", "world seed=x", "world seed=1 topics=1 partitions=1 engine=false fence=config\nplanned\n  at x crash before"} {
		if sc, err := parse(bad); err == nil {
			t.Errorf("%q is read as %s", bad, sc)
		}
	}
}
