package dr

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/zeebo/xxh3"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// A statement's output in the drill is compared with that of the old primary, as multisets of rows, from both sides:
//
//   - every row of the drill is one that the primary has put out, once it has read up to the cut as well; and
//   - every row that the primary had put out just before the cut, computed from records in front of it, is one of the drill's.
//
// Both hold for a statement whose result depends on its input alone, whatever rows the primary adds meanwhile. Where the second can not be asked (the
// primary had read past the cut already, or the drill starts in the middle of the input) that is said.
//
// Of an output that is updated in place, the last values of keys are compared (drill_keyed.go).

const (
	compareWithin = time.Minute // until the old primary has read up to the cut
	markWithin    = 20 * time.Second
	mostRows      = 4 << 20 // that are held in memory; of more, those are compared whose digest says so
)

// What it means that outputs differ, or that only half of the question was asked, and what to do then.
const (
	whyOther    = "after a failover readers would see other results than before"
	remedyOther = "lifeboat statement explain tells what its result depends on; lifeboat lint names what is not deterministic"
	whyHalf     = "only that nothing wrong was computed is shown"
	remedyHalf  = "rehearse it with --scenario " + plans.ScenarioPlanned
)

// comparisons are what compared statements leave for those behind them.
type comparisons struct {
	ends map[string]map[int32]plans.Offset // by topic: where the primary's output ended when it had passed the cut
	half map[string]string                 // by statement: why only one side was compared
}

// reached notes where a topic ended when one of those who write it had passed the cut: the farthest counts.
func (c *comparisons) reached(topic string, ends map[int32]plans.Offset) {
	if c.ends[topic] == nil {
		c.ends[topic] = map[int32]plans.Offset{}
	}
	for p, end := range ends {
		c.ends[topic][p] = max(end, c.ends[topic][p])
	}
}

func compareDone(_ context.Context, r *run, s plans.Step) (bool, string, error) {
	if !r.saw(s.ID) {
		return false, "", nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.rep.Checks, func(c report.Check) bool { return c.ID == "output" && c.Name == outputLine(s.Subject, r.plan.From) })
	if i < 0 {
		return true, "", nil
	}
	return true, string(r.rep.Checks[i].Outcome) + ": " + r.rep.Checks[i].Detail, nil
}

func outputLine(statement, from string) string {
	return fmt.Sprintf("the output of %s is that of %s", statement, from)
}

// incomparable is why an output was not compared.
type incomparable string

func (e incomparable) Error() string { return string(e) }

func compareApply(ctx context.Context, r *run, s plans.Step) error {
	sp, sandbox, err := r.statement(s.Subject)
	if err != nil {
		return err
	}
	line := report.Check{ID: "output", Name: outputLine(sp.Name, r.plan.From)}
	err = r.compare(ctx, sp, sandbox, &line)
	var why incomparable
	switch {
	case errors.As(err, &why):
		line.Outcome, line.Detail = report.Unknown, "not compared: "+string(why)
		line.Why = "that it runs in " + r.plan.To + " does not show that it computes the same"
	case err != nil:
		return err
	}
	r.addCheck(line)
	r.see(s.ID)
	return nil
}

func (r *run) compare(ctx context.Context, sp plans.StatementPlan, sandbox engine.Backend, line *report.Check) error {
	primary := r.world.Engines[r.plan.From]
	if len(sp.Writes) != 1 {
		return incomparable(fmt.Sprintf("it writes %d tables", len(sp.Writes)))
	}
	isolated := sp.Writes[0]
	topic := r.drill.original(isolated)
	updated, half := false, ""
	for _, w := range r.writersOf(isolated) { // its rows stand between those of others that write the topic too
		one, why, err := r.both(ctx, primary, w, sandbox)
		if inc := incomparable(""); errors.As(err, &inc) && w.Name != sp.Name {
			err = incomparable(fmt.Sprintf("%s writes %s too, and %s", w.Name, topic, inc))
		}
		if err != nil {
			return err
		}
		updated = updated || one
		if half == "" {
			half = why
		}
	}
	ends, err := stableEnds(ctx, r.from, []string{topic})
	if err != nil {
		return err
	}
	r.mu.Lock()
	if r.drill.compared.ends == nil {
		r.drill.compared = comparisons{ends: map[string]map[int32]plans.Offset{}, half: map[string]string{}}
	}
	r.drill.compared.half[sp.Name] = half
	r.drill.compared.reached(topic, ends[topic])
	r.mu.Unlock()
	starts, err := logStarts(ctx, r.from, []string{topic})
	if err != nil {
		return err
	}
	mine, err := stableEnds(ctx, r.to, []string{isolated})
	if err != nil {
		return err
	}
	if updated {
		return r.compareKeyed(ctx, sp, mine[isolated], starts[topic], ends[topic], half, line)
	}
	one := sampleOf(mine[isolated], ends[topic])
	drill, err := rowsOf(ctx, r.to, isolated, nil, mine[isolated], one)
	if err != nil {
		return err
	}
	early, late := r.drill.before.Ends[topic], ends[topic]
	had, err := rowsOf(ctx, r.from, topic, starts[topic], early, one)
	if err != nil {
		return err
	}
	since, err := rowsOf(ctx, r.from, topic, early, late, one)
	if err != nil {
		return err
	}
	missing, sample := had.without(drill)
	extra, odd := drill.without(had.and(since))
	r.noteDigest(sp.Name, drill)

	rows := counted(int(drill.n), "row")
	if one > 1 {
		rows = fmt.Sprintf("%s, those of %s by the hash of their content", rows, fraction(one))
	}
	line.Outcome, line.Detail = report.Passed, fmt.Sprintf("%s, digest %s: each is one that %s has put out", rows, drill.digest(), r.plan.From)
	switch {
	case half != "":
		line.Outcome = report.Warned
		line.Detail += fmt.Sprintf("; whether one is missing was not compared: %s", half)
		line.Why, line.Remedy = whyHalf, remedyHalf
	default:
		line.Detail += fmt.Sprintf(", and all %d that it had put out before the cut are among them", had.n)
	}
	if slices.ContainsFunc(sortedKeys(starts[topic]), func(p int32) bool { return starts[topic][p] > 0 }) && extra > 0 {
		return incomparable(fmt.Sprintf("%s of the drill are not in %s of %s, whose oldest rows retention has removed", counted(int(extra), "row"), topic, r.plan.From))
	}
	if extra > 0 || half == "" && missing > 0 {
		line.Outcome = report.Failed
		var told []string
		if extra > 0 {
			told = append(told, fmt.Sprintf("%d of %s were never put out by %s%s", extra, rows, r.plan.From, such(odd)))
		}
		if half == "" && missing > 0 {
			told = append(told, fmt.Sprintf("%d of the %s that %s had put out are missing%s", missing, counted(int(had.n), "row"), r.plan.From, such(sample)))
		}
		line.Detail = strings.Join(told, "; ")
		line.Why, line.Remedy = whyOther, remedyOther
	}
	return nil
}

// writersOf are the plan's statements that write a table of the drill.
func (r *run) writersOf(isolated string) (list []plans.StatementPlan) {
	for _, s := range r.plan.Statements {
		if s.Inserts() && slices.Contains(s.Writes, isolated) {
			list = append(list, s)
		}
	}
	return list
}

// both waits until a statement's output in both regions can be compared, and says whether it is updated in place, and why only one side can be.
func (r *run) both(ctx context.Context, primary engine.Backend, sp plans.StatementPlan, sandbox engine.Backend) (updated bool, half string, err error) {
	if updated, err = r.comparable(ctx, primary, sp); err != nil {
		return false, "", err
	}
	if half, err = r.halfOnly(ctx, sp, sandbox); err != nil {
		return false, "", err
	}
	return updated, half, r.primaryPasses(ctx, primary, sp)
}

func such(sample string) string {
	if sample == "" {
		return ""
	}
	return fmt.Sprintf(", such as that of %s", sample)
}

func fraction(one uint64) string { return fmt.Sprintf("1 in %d", one) }

// comparable refuses statements whose output in the old primary is not what theirs could be, and says whether it is updated in place.
func (r *run) comparable(ctx context.Context, primary engine.Backend, sp plans.StatementPlan) (updated bool, err error) {
	if primary == nil {
		return false, incomparable(r.plan.From + " declares no engine")
	}
	st, err := primary.Get(ctx, sp.Name)
	switch {
	case errors.Is(err, engine.ErrNotFound):
		return false, incomparable(fmt.Sprintf("%s runs no statement %s", r.plan.From, sp.Name))
	case err != nil:
		return false, incomparable(fmt.Sprintf("the engine of %s: %v", r.plan.From, err))
	case st.Phase != engine.Running && st.Phase != engine.Completed:
		return false, incomparable(fmt.Sprintf("in %s it is %s", r.plan.From, st.Phase))
	}
	for _, s := range r.world.Declared.In(r.plan.From).Statements {
		if s.Name == sp.Name && !sameSQL(s.SQL, st.SQL) {
			return false, incomparable(fmt.Sprintf("%s runs other SQL under its name than is declared", r.plan.From))
		}
	}
	for key := range st.Properties {
		if strings.HasPrefix(key, engine.PropStart) || key == engine.PropStartTime || key == engine.PropEmitFrom || strings.HasPrefix(key, "sql.tables.scan.startup") {
			return false, incomparable(fmt.Sprintf("in %s it was started in the middle of its input (%s)", r.plan.From, key))
		}
	}
	if mode := sp.Properties["sql.tables.scan.startup.mode"]; mode == "latest-offset" {
		return false, incomparable("it starts fresh, at the end of its input")
	}
	for _, topic := range sp.Writes {
		if r.drill.before.Ends[r.drill.original(topic)] == nil {
			return false, incomparable(fmt.Sprintf("%s has no topic %s", r.plan.From, r.drill.original(topic)))
		}
	}
	return !st.AppendOnly, nil
}

// halfOnly says why it can not be asked whether a row is missing in the drill; "" where it can.
func (r *run) halfOnly(ctx context.Context, sp plans.StatementPlan, sandbox engine.Backend) (string, error) {
	var cut plans.Positions
	if _, err := r.recall(factCutSource, &cut); err != nil {
		return "", err
	}
	if sp.Properties["sql.tables.scan.startup.mode"] != "" {
		return fmt.Sprintf("in %s it starts in the middle of its input", r.plan.To), nil
	}
	for _, topic := range sp.Reads {
		if cut[topic] == nil {
			for _, o := range r.plan.Statements {
				r.mu.Lock()
				why := r.drill.compared.half[o.Name]
				r.mu.Unlock()
				if why != "" && slices.Contains(o.Writes, topic) {
					return fmt.Sprintf("of %s, which it reads, %s", o.Name, why), nil
				}
			}
			continue
		}
		starts, err := logStarts(ctx, r.to, []string{topic})
		if err != nil {
			return "", err
		}
		for p, at := range starts[topic] {
			if at > 0 {
				return fmt.Sprintf("the oldest records of %s-%d are not there any more", topic, p), nil
			}
		}
		for p, at := range r.drill.before.Read[sp.Name][r.drill.there(topic)] {
			if at > cut[topic][p] {
				return fmt.Sprintf("%s had read %s-%d past the cut already", r.plan.From, r.drill.there(topic), p), nil
			}
		}
	}
	// Windows come out by the watermark. The primary's may have been ahead of the records: of partitions that were idle.
	mark := r.drill.before.Mark[sp.Name]
	for deadline := r.world.now().Add(markWithin); mark != math.MinInt64; {
		p, err := sandbox.Progress(ctx, sp.Name)
		if err != nil {
			return "", fmt.Errorf("%s: statement %q: progress: %w", r.plan.To, sp.Name, err)
		}
		if p.Watermark >= mark {
			break
		}
		if r.world.now().After(deadline) {
			return fmt.Sprintf("the watermark of %s was ahead, at %s and here at %s: one of its partitions was idle", r.plan.From, watermarkText(mark), watermarkText(p.Watermark)), nil
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return "", err
		}
	}
	return "", nil
}

// primaryPasses waits until the old primary's statement has read up to the cut.
func (r *run) primaryPasses(ctx context.Context, primary engine.Backend, sp plans.StatementPlan) error {
	var cut plans.Positions
	if _, err := r.recall(factCutSource, &cut); err != nil {
		return err
	}
	targets := map[string]map[int32]plans.Offset{}
	for _, topic := range sp.Reads {
		there := r.drill.there(topic)
		parts := cut[topic]
		if parts == nil {
			r.mu.Lock()
			parts = r.drill.compared.ends[there]
			r.mu.Unlock()
		}
		if parts == nil {
			return incomparable(fmt.Sprintf("%s, which it reads, was not compared", there))
		}
		targets[there] = parts
	}
	for deadline := r.world.now().Add(compareWithin); ; {
		p, err := primary.Progress(ctx, sp.Name)
		if err != nil {
			return incomparable(fmt.Sprintf("the engine of %s: %v", r.plan.From, err))
		}
		var behind []string
		for topic, parts := range targets {
			for partition, want := range parts {
				if at := plans.Offset(p.Offsets[topic][partition]); at < want {
					behind = append(behind, fmt.Sprintf("%s-%d %v of %v", topic, partition, at, want))
				}
			}
		}
		if len(behind) == 0 {
			return nil
		}
		if r.world.now().After(deadline) {
			slices.Sort(behind)
			return incomparable(fmt.Sprintf("in %s it has not read up to the cut within %s: %s", r.plan.From, compareWithin, strings.Join(behind, ", ")))
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// rows is a multiset of rows by their digest.
type rows struct {
	n      int64
	of     map[xxh3.Uint128]row
	hi, lo uint64
}

type row struct {
	n      int32
	sample string // of the first one
}

// sampleOf says that of so many rows one in how many is compared.
func sampleOf(ends ...map[int32]plans.Offset) uint64 {
	total := int64(0)
	for _, parts := range ends {
		for _, end := range parts {
			total += int64(end)
		}
	}
	return uint64(1 + total/mostRows)
}

// rowsOf reads rows, one in every so many by their content. A schema id in front of a key or a value does not count: regions may differ in it.
func rowsOf(ctx context.Context, r *linking.Region, topic string, from, to map[int32]plans.Offset, one uint64) (rows, error) {
	all := rows{of: map[xxh3.Uint128]row{}}
	spans := map[int32]span{}
	for p, end := range to {
		spans[p] = span{int64(from[p]), int64(end)}
	}
	var buf []byte
	err := readRange(ctx, r, map[string]map[int32]span{topic: spans}, func(rec *kgo.Record) error {
		buf = appendBytes(appendBytes(buf[:0], behindSchemaID(rec.Key)), behindSchemaID(rec.Value))
		h := xxh3.Hash128(buf)
		if h.Lo%one != 0 {
			return nil
		}
		at, seen := all.of[h]
		if !seen {
			at.sample = shorten(rec)
		}
		at.n++
		all.of[h] = at
		all.n++
		all.hi, all.lo = all.hi+h.Hi, all.lo+h.Lo
		return nil
	})
	if errors.Is(err, kerr.OffsetOutOfRange) {
		return all, incomparable(fmt.Sprintf("%s: rows of %s were removed while they were read", r.Name, topic))
	}
	return all, err
}

func behindSchemaID(b []byte) []byte {
	if len(b) >= 5 && b[0] == 0 {
		return b[5:]
	}
	return b
}

// without counts the rows that are not among others, and gives one.
func (a rows) without(others rows) (n int64, sample string) {
	for h, at := range a.of {
		if more := at.n - others.of[h].n; more > 0 {
			n += int64(more)
			sample = at.sample
		}
	}
	return n, sample
}

// and adds rows.
func (a rows) and(b rows) rows {
	for h, at := range b.of {
		mine := a.of[h]
		mine.n += at.n
		a.of[h] = mine
	}
	return a
}

func (a rows) digest() string {
	var sum [16]byte
	binary.BigEndian.PutUint64(sum[:8], a.hi)
	binary.BigEndian.PutUint64(sum[8:], a.lo)
	return hex.EncodeToString(sum[:])
}

// noteDigest puts the digest of a statement's output into the report.
func (r *run) noteDigest(statement string, of rows) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.rep.Statements {
		if r.rep.Statements[i].Name == statement {
			r.rep.Statements[i].Digest = of.digest()
		}
	}
}
