package bundled_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestCreateThatIsLeftIsEnded asks for a table and goes away at some moment, while another asks for the same: a failover that was killed, and the
// one that resumes it.
func TestCreateThatIsLeftIsEnded(t *testing.T) {
	env := each.Embedded(t)
	e, _ := open(t, options(env, "east"))
	for i := range 30 {
		spec := engine.Spec{Name: fmt.Sprint("create-", i), SQL: fmt.Sprintf("CREATE TABLE `t%d` (n BIGINT)", i)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*200*time.Microsecond)
		var g errgroup.Group
		g.Go(func() error {
			_, _ = e.Create(ctx, spec) // whoever asked does not hear of it
			return nil
		})
		_, err := e.Create(t.Context(), spec)
		_ = g.Wait()
		cancel()
		if err != nil && !errors.Is(err, engine.ErrExists) {
			t.Errorf("%s: %v", spec.Name, err)
		}
		if st, err := e.Get(t.Context(), spec.Name); err != nil || st.Phase != engine.Completed {
			t.Errorf("%s is %s: %v", spec.Name, st.Phase, err)
		}
	}
}

// TestTableOfTheSameStatement: a table that a statement has declared before it was recorded itself is no obstacle to it, and one to others.
func TestTableOfTheSameStatement(t *testing.T) {
	env := each.Embedded(t)
	e, kill := open(t, options(env, "east"))
	spec := engine.Spec{Name: "declare", SQL: "CREATE TABLE `t` (n BIGINT)"}
	if _, err := e.Create(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	if err := e.Delete(t.Context(), spec.Name); err != nil { // what is left is what a crash leaves between the two
		t.Fatal(err)
	}
	kill()
	e, _ = open(t, options(env, "east"))
	for name, other := range map[string]engine.Spec{"another statement": {Name: "other", SQL: spec.SQL}, "another table": {Name: spec.Name, SQL: "CREATE TABLE `t` (n INT)"}} {
		if _, err := e.Create(t.Context(), other); err == nil || !strings.Contains(err.Error(), `table "t" exists`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if st, err := e.Create(t.Context(), spec); err != nil || st.Phase != engine.Completed {
		t.Errorf("the same again is %s: %v", st.Phase, err)
	}
}
