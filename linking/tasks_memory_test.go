package linking

import "testing"

// TestTasksOfOneProcessKeepToItsMemory: a run with Once of more than eight tasks used to take 32 MiB for each, whatever it was given.
func TestTasksOfOneProcessKeepToItsMemory(t *testing.T) {
	for _, c := range []struct {
		name              string
		memory, bandwidth int64
		tasks             int
		atOnce            int
		each              int64
	}{
		{"few tasks", 0, 0, 4, 4, DefaultMemory / 4},
		{"as many as there is room for", 0, 0, 64, 8, 32 << 20},
		{"more room", 1 << 30, 1000, 64, 32, 32 << 20},
		{"next to none", 40 << 20, 0, 12, 2, 20 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := RunOptions{Memory: c.memory, Bandwidth: c.bandwidth}
			n := o.atOnce(c.tasks)
			if n != c.atOnce || o.Memory != c.each {
				t.Errorf("%d tasks at a time with %d bytes each, want %d and %d", n, o.Memory, c.atOnce, c.each)
			}
			if total := o.Bandwidth * int64(n); c.bandwidth == 0 && total != 0 || total < c.bandwidth || total >= c.bandwidth+int64(n) {
				t.Errorf("%d tasks with %d bytes a second each, of %d", n, o.Bandwidth, c.bandwidth)
			}
		})
	}
}
