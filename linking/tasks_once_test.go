package linking_test

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestOnceOfManyTasksInLittleMemory runs more tasks than there is room for, some after the others.
func TestOnceOfManyTasksInLittleMemory(t *testing.T) {
	t.Parallel()
	env := each.Embedded(t)
	p := newPair(t, env, "t")
	p.decl.Tasks = 6
	each.Topic(t, env.East, "t", 12)
	workload(t, p.east, "t", 5, 20)
	end := p.running() // cuts the link
	p.await("t")
	_ = end()
	workload(t, p.east, "t", 6, 20)
	must(t, p.link().Run(t.Context(), linking.RunOptions{Once: true, Memory: 64 << 20}))
	p.identical("t")
}
