package simulate

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// script is what happens in a play. Its text can be pasted into a file of testdata and played again:
//
//	world seed=17 topics=2 partitions=3 engine=true fence=config
//	write 20
//	link run
//	planned skew=-1h
//	  at 37 crash before
//	  at promote+3 late write
//
// A fault happens in front of the n-th request of its operation that changes something, counted over all its operators, or of those that are made
// while a step is the last that was told of.
type script struct {
	seed       uint64
	topics     int
	partitions int
	engine     bool
	fence      string // config | manual
	acts       []act
}

type act struct {
	verb   string
	arg    string
	n      int
	skew   time.Duration // of an operation's first operator
	faults []fault
}

type fault struct {
	step string // "": of all
	at   int
	kind string
}

func (f fault) String() string {
	if f.step != "" {
		return fmt.Sprintf("at %s+%d %s", f.step, f.at, f.kind)
	}
	return fmt.Sprintf("at %d %s", f.at, f.kind)
}

func (sc *script) topicNames() []string {
	names := []string{"orders"}
	for i := range sc.topics - 1 {
		names = append(names, fmt.Sprintf("items-%d", i+1))
	}
	return names
}

func (a act) String() string {
	words := []string{a.verb}
	if a.arg != "" {
		words = append(words, a.arg)
	}
	if a.n != 0 {
		words = append(words, strconv.Itoa(a.n))
	}
	if a.skew != 0 {
		words = append(words, "skew="+a.skew.String())
	}
	text := strings.Join(words, " ")
	for _, f := range a.faults {
		text += "\n  " + f.String()
	}
	return text
}

func (sc *script) String() string {
	text := fmt.Sprintf("world seed=%d topics=%d partitions=%d engine=%t fence=%s\n", sc.seed, sc.topics, sc.partitions, sc.engine, sc.fence)
	for _, a := range sc.acts {
		text += a.String() + "\n"
	}
	return text
}

// parse reads what String writes; lines that begin with # are comments.
func parse(text string) (*script, error) {
	sc := &script{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		words := strings.Fields(lines.Text())
		var err error
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		case words[0] == "world":
			_, err = fmt.Sscanf(strings.TrimSpace(lines.Text()), "world seed=%d topics=%d partitions=%d engine=%t fence=%s", &sc.seed, &sc.topics, &sc.partitions, &sc.engine, &sc.fence)
		case words[0] == "at" && len(words) > 2 && len(sc.acts) > 0:
			f := fault{kind: strings.Join(words[2:], " ")}
			if i := strings.LastIndex(words[1], "+"); i > 0 {
				f.step, words[1] = words[1][:i], words[1][i+1:]
			}
			f.at, err = strconv.Atoi(words[1])
			last := &sc.acts[len(sc.acts)-1]
			last.faults = append(last.faults, f)
		default:
			a := act{verb: words[0]}
			for _, w := range words[1:] {
				if skew, ok := strings.CutPrefix(w, "skew="); ok {
					a.skew, err = time.ParseDuration(skew)
				} else if v, nan := strconv.Atoi(w); nan == nil {
					a.n = v
				} else {
					a.arg = w
				}
			}
			sc.acts = append(sc.acts, a)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %q: %w", n, lines.Text(), err)
		}
	}
	if sc.topics == 0 {
		return nil, fmt.Errorf("no line begins with world")
	}
	return sc, nil
}
