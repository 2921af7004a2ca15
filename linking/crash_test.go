package linking_test

import (
	"fmt"
	"sync/atomic"
	"testing"
)

// everyCrash runs a case for n = 1, 2, … until one comes to its end without having met its crash, which must not be before n = least. A case
// mostly waits for brokers, so several run at a time.
func everyCrash(t *testing.T, least int64, one func(t *testing.T, n int64) (crashed bool)) {
	var n, end atomic.Int64
	t.Run("crash", func(t *testing.T) {
		for range 4 {
			t.Run("at", func(t *testing.T) {
				t.Parallel()
				for end.Load() == 0 {
					n := n.Add(1)
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
