package dr

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/plans"
)

func TestInOrder(t *testing.T) {
	refused, interrupted := errors.New("refused"), errors.New("interrupted")
	many := []plans.Step{{ID: "promote", Kind: plans.StepPromote}}
	for n := range 3*startsAtOnce + 1 {
		many = append(many, plans.Step{ID: fmt.Sprint("start ", n), Kind: plans.StepStart, Needs: []string{"promote"}})
	}
	// A step takes a second, or fails at once; wanted are the seconds at which they begin.
	for _, c := range []struct {
		name  string
		steps []plans.Step
		fail  map[string]error
		stop  time.Duration // when nothing may be begun any more
		want  map[string]int
		errs  []error
	}{
		{name: "nothing", want: map[string]int{}},
		{name: "one after the other", steps: []plans.Step{{ID: "a"}, {ID: "b"}, {ID: "c"}}, want: map[string]int{"a": 0, "b": 1, "c": 2}},
		{name: "side by side, then together", steps: []plans.Step{{ID: "a"}, {ID: "b", Needs: []string{"a"}}, {ID: "c", Needs: []string{"a"}}, {ID: "d", Needs: []string{"b", "c"}}, {ID: "e"}},
			want: map[string]int{"a": 0, "b": 1, "c": 1, "d": 2, "e": 3}},
		{name: "nothing begins after a failure", steps: []plans.Step{{ID: "a"}, {ID: "b", Needs: []string{"a"}}, {ID: "c", Needs: []string{"a"}}, {ID: "d", Needs: []string{"c"}}},
			fail: map[string]error{"b": refused}, want: map[string]int{"a": 0, "b": 1, "c": 1}, errs: []error{refused}},
		{name: "all failures are told", steps: []plans.Step{{ID: "a"}, {ID: "b", Needs: []string{"a"}}, {ID: "c", Needs: []string{"a"}}},
			fail: map[string]error{"b": refused, "c": interrupted}, want: map[string]int{"a": 0, "b": 1, "c": 1}, errs: []error{refused, interrupted}},
		{name: "nothing begins after an interrupt", steps: []plans.Step{{ID: "a"}, {ID: "b"}, {ID: "c"}}, stop: 2 * time.Second,
			want: map[string]int{"a": 0, "b": 1}, errs: []error{interrupted}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var mu sync.Mutex
				at := map[string]int{}
				err := inOrder(c.steps, func() error {
					if c.stop > 0 && time.Since(began) >= c.stop {
						return interrupted
					}
					return nil
				}, func(i int) error {
					mu.Lock()
					at[c.steps[i].ID] = int(time.Since(began) / time.Second)
					mu.Unlock()
					if err := c.fail[c.steps[i].ID]; err != nil {
						return err
					}
					time.Sleep(time.Second)
					return nil
				})
				if len(c.errs) == 0 && err != nil {
					t.Error(err)
				}
				for _, want := range c.errs {
					if !errors.Is(err, want) {
						t.Errorf("%v is not %v", err, want)
					}
				}
				if diff := cmp.Diff(c.want, at); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
	t.Run("statements some at a time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			if err := inOrder(many, func() error { return nil }, func(int) error { time.Sleep(time.Second); return nil }); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took != 5*time.Second {
				t.Errorf("one step and 49 starts of a second took %s", took)
			}
		})
	})
}
