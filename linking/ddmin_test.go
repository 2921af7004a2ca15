package linking_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fewest leaves steps out of those that fail as long as what is left still fails, and returns what no part can be left out of (delta debugging:
// Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002). It gives what it has when the time is over.
func fewest(steps []int, until time.Time, fails func([]int) bool) []int {
	for parts := 2; len(steps) > 1 && time.Now().Before(until); {
		size := (len(steps) + parts - 1) / parts
		smaller := false
		for at := 0; at < len(steps) && time.Now().Before(until); at += size {
			rest := slices.Concat(steps[:at], steps[min(at+size, len(steps)):])
			if fails(rest) {
				steps, parts, smaller = rest, max(parts-1, 2), true
				break
			}
		}
		if !smaller && size == 1 {
			return steps
		}
		if !smaller {
			parts = min(2*parts, len(steps))
		}
	}
	return steps
}

// numbered are the numbers of n steps.
func numbered(n int) []int {
	steps := make([]int, n)
	for i := range steps {
		steps[i] = i
	}
	return steps
}

func TestFewestStepsThatFail(t *testing.T) {
	for _, c := range []struct {
		steps int
		needs []int
	}{{1, []int{0}}, {100, []int{42}}, {100, []int{0, 99}}, {100, []int{3, 4, 50, 51, 97}}, {7, []int{0, 1, 2, 3, 4, 5, 6}}} {
		t.Run(fmt.Sprint(c.steps, c.needs), func(t *testing.T) {
			tried := 0
			got := fewest(numbered(c.steps), time.Now().Add(time.Hour), func(steps []int) bool {
				tried++
				for _, n := range c.needs {
					if !slices.Contains(steps, n) {
						return false
					}
				}
				return true
			})
			if diff := cmp.Diff(c.needs, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if tried > 200 {
				t.Errorf("it tried %d times", tried)
			}
		})
	}
	all := numbered(100)
	if got := fewest(all, time.Now(), func([]int) bool { t.Error("tried when the time was over"); return false }); len(got) != len(all) {
		t.Errorf("%d steps of %d when the time was over", len(got), len(all))
	}
}
