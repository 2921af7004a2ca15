package dr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// One statement is started in the destination, by name: creating it again finds it there.

// startWithin bounds the wait for a statement to leave PENDING.
const startWithin = 2 * time.Minute

// Properties by which a plan has a statement start at a time.
const (
	propStartupMode   = "sql.tables.scan.startup.mode"
	propStartupMillis = "sql.tables.scan.startup.timestamp-millis"
)

func (r *run) statement(name string) (plans.StatementPlan, engine.Backend, error) {
	b := r.engine()
	if b == nil {
		return plans.StatementPlan{}, nil, fmt.Errorf("%s declares no engine, so statement %q can not be started there", r.plan.To, name)
	}
	for _, s := range r.plan.Statements {
		if s.Name == name {
			return s, b, nil
		}
	}
	return plans.StatementPlan{}, nil, fmt.Errorf("the plan has no statement %q", name)
}

// engine is what the plan's statements run in: the destination's, or in a drill a sandbox of it. nil: none is declared.
func (r *run) engine() engine.Backend {
	if r.drill != nil {
		return r.drill.sandbox
	}
	return r.world.Engines[r.plan.To]
}

func startDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	sp, b, err := r.statement(s.Subject)
	if err != nil {
		return false, "", err
	}
	st, err := b.Get(ctx, sp.Name)
	if errors.Is(err, engine.ErrNotFound) {
		return false, "", nil
	}
	if err != nil {
		return false, "", fmt.Errorf("%s: statement %q: %w", r.plan.To, sp.Name, err)
	}
	if !sameSQL(st.SQL, sp.SQL) {
		return false, "", fmt.Errorf("%s: statement %q exists with other SQL: delete it there, or rename the file", r.plan.To, sp.Name)
	}
	switch st.Phase {
	case engine.Running, engine.Completed:
		return true, string(st.Phase), nil
	case engine.Failed:
		return false, "", fmt.Errorf("%s: statement %q is FAILED: %s", r.plan.To, sp.Name, st.Detail)
	default:
		return false, string(st.Phase), nil
	}
}

func startApply(ctx context.Context, r *run, s plans.Step) error {
	sp, b, err := r.statement(s.Subject)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startWithin, fmt.Errorf("%s: statement %q did not leave PENDING within %s", r.plan.To, sp.Name, startWithin))
	defer cancel()
	properties, err := r.held(sp)
	if err != nil {
		return err
	}
	if properties, err = r.behindOthers(ctx, sp, properties); err != nil {
		return err
	}
	st, err := b.Create(ctx, engine.Spec{Name: sp.Name, SQL: sp.SQL, Properties: properties})
	if errors.Is(err, engine.ErrExists) {
		if st, err = b.Get(ctx, sp.Name); err == nil && st.Phase == engine.Stopped {
			err = b.Resume(ctx, sp.Name)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: statement %q (%s): %w", r.plan.To, sp.Name, sp.File, err)
	}
	for wait := 5 * time.Millisecond; st.Phase != engine.Running && st.Phase != engine.Completed; wait = min(2*wait, 250*time.Millisecond) {
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		if st, err = b.Get(ctx, sp.Name); err != nil {
			return fmt.Errorf("%s: statement %q: %w", r.plan.To, sp.Name, err)
		}
		if st.Phase == engine.Failed || st.Phase == engine.Failing {
			return fmt.Errorf("%s: statement %q is %s: %s", r.plan.To, sp.Name, st.Phase, st.Detail)
		}
	}
	return nil
}

// behindOthers looks the time up at which a statement starts, in inputs that stand behind somebody else's records: from the mirror's first record on, which
// is at other offsets than in the source. A mirror keeps the records' times; its markers have their own, so what is found may be too early, and the engine passes
// over what is older. Other inputs are looked up by the engine itself.
func (r *run) behindOthers(ctx context.Context, sp plans.StatementPlan, properties map[string]string) (map[string]string, error) {
	millis, err := strconv.ParseInt(properties[propStartupMillis], 10, 64)
	if err != nil || properties[propStartupMode] != "timestamp" {
		return properties, nil // it does not start by time
	}
	mirrors, err := r.link.States(ctx)
	if err != nil {
		return nil, err
	}
	own := maps.Clone(properties)
	for _, m := range mirrors {
		if len(m.Translated) == 0 || !slices.Contains(sp.Reads, m.Topic) {
			continue
		}
		starts, err := logStarts(ctx, r.to, []string{m.Topic})
		if err != nil {
			return nil, err
		}
		shares := false
		for p, start := range starts[m.Topic] {
			shares = shares || m.Translated[p].First > start
		}
		if !shares {
			continue
		}
		found, err := fetch.Offsets(ctx, func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
			return r.to.Admin.ListOffsetsAfterMilli(ctx, millis, topics...)
		}, m.Topic)
		listed, err := positionsOf(r.to, "offsets by time", found, err)
		if err != nil {
			return nil, err
		}
		at := map[int32]int64{}
		for p, start := range starts[m.Topic] {
			at[p] = int64(max(start, m.Translated[p].First, listed[m.Topic][p]))
		}
		own[engine.PropStart+m.Topic] = engine.FormatOffsets(at)
		own[engine.PropStartTime] = properties[propStartupMillis]
	}
	return own, nil
}

func sameSQL(a, b string) bool {
	norm := func(s string) string { return strings.TrimSpace(strings.TrimRight(strings.TrimSpace(s), ";")) }
	return norm(a) == norm(b)
}
