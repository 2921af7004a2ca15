package linking_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
)

// crashes is how many of the calls of a case are left out between two that it is ended at, and how many at its beginning: other ones each time, unless
// LIFEBOAT_CRASHES=all asks for all of them.
func crashes(t *testing.T, step int64) (stride, first int64) {
	if os.Getenv("LIFEBOAT_CRASHES") == "all" {
		return 1, 0
	}
	first = rand.Int64N(step)
	t.Logf("every %d. call, from the %d. on; LIFEBOAT_CRASHES=all for all", step, first+1)
	return step, first
}

// everyCrash runs a case for n = 1, 2, …, or for every third of them, until one comes to its end without having met its crash, which must not be before
// n = least. A case mostly waits for brokers, so several run at a time.
func everyCrash(t *testing.T, least int64, one func(t *testing.T, n int64) (crashed bool)) {
	var n, end atomic.Int64
	stride, first := crashes(t, 3)
	n.Store(first + 1 - stride)
	t.Run("crash", func(t *testing.T) {
		for range 4 {
			t.Run("at", func(t *testing.T) {
				t.Parallel()
				for end.Load() == 0 {
					n := n.Add(stride)
					crashed := true
					t.Run(fmt.Sprint(n), func(t *testing.T) { crashed = one(t, n) })
					if !crashed {
						end.CompareAndSwap(0, n)
					}
				}
			})
		}
	})
	if !t.Failed() && end.Load() < least {
		t.Errorf("it came to its end with %d requests: too few to be all", end.Load())
	}
}
