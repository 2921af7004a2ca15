package linking

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
)

// VerifyOptions say what of a link is compared, and how fast. The zero value compares everything once, as fast as the regions answer.
type VerifyOptions struct {
	Topics     []string             // default: every topic that the link has mirrored
	Continuous bool                 // go on until ctx ends: what is new first, then what was not compared yet
	Sample     float64              // once: the share of every log that is read, in (0, 1]; 0 means all of it
	Bandwidth  Bandwidth            // of reading, in each region
	Found      func(Difference)     // told of every difference as it is found
	Progress   func(VerifyProgress) // told after every round of reading
}

// VerifyProgress is how far a verification has come.
type VerifyProgress struct {
	Offsets, Compared int64 // that both regions should have; of which were compared
	Bytes             int64 // read in the region of which more was read
	Differences       int
}

// What a record can differ in.
const (
	DiffMissing   = "missing record" // the source has it, the mirror does not
	DiffExtra     = "extra record"   // the mirror has it, the source does not
	DiffTimestamp = "timestamp"
	DiffKey       = "key"
	DiffValue     = "value"
	DiffHeaders   = "headers"
)

// Difference is one offset at which the mirror is not what the source is.
type Difference struct {
	Topic     string
	Partition int32
	Offset    int64
	What      []string // DiffMissing or DiffExtra alone, or the parts that differ
	Detail    string   // what each region has there; no content, which may be confidential
}

func (d Difference) String() string {
	return fmt.Sprintf("%s-%d @%d: %s: %s", d.Topic, d.Partition, d.Offset, strings.Join(d.What, ", "), d.Detail)
}

// Verification is what comparing a link's regions has shown.
type Verification struct {
	Topics      []*VerifiedTopic // by name
	SourceBytes int64            // read, as batches come
	DestBytes   int64
}

// VerifiedTopic is what was compared of one topic.
type VerifiedTopic struct {
	Topic       string
	State       string // of the mirror
	Partitions  int
	Compacted   bool  // compared by what both must still have: the newest record of every key
	Offsets     int64 // that both regions should have
	Compared    int64 // of them
	Records     int64 // that were compared, as the mirror has them
	Behind      int64 // offsets that the mirror has not got yet
	Differences []Difference
	More        bool    // a partition has more differences than were looked for
	Errors      []error // why partitions could not be read, or not to their end
	// NotCompared are offsets that could not be compared, each with the reason: removed in one region by retention, a partition that is not
	// mirrored yet. They are neither equal nor different.
	NotCompared []report.Range
	// Unjudged are records of a compacted topic that one region lacks, where not enough was read to say whether compaction may have
	// removed them: with Sample or Continuous.
	Unjudged int64
}

// Differences are those of all topics.
func (v *Verification) Differences() (all []Difference) {
	for _, t := range v.Topics {
		all = append(all, t.Differences...)
	}
	return all
}

// Verify compares what a read_committed consumer sees in both regions, by offset: digests of ranges first, records where those differ. A
// mirror that is behind is compared as far as it has come, a promoted one up to its promotion. What it returns when ctx ends is what was
// seen until then, with ctx's error: the usual end of Continuous. Other errors: *UnreachableError, a log that can not be read.
func (l *Link) Verify(ctx context.Context, o VerifyOptions) (*Verification, error) {
	if l.from == nil {
		return nil, l.noSource()
	}
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return nil, err
	}
	v := &verifier{l: l, o: o, result: &Verification{}, source: newLogReader(l.from, l.o.Timeout), dest: newLogReader(l.to, l.o.Timeout),
		pace: pacer{bandwidth: o.Bandwidth}, now: time.Now, parallel: partsAtOnce, windowBytes: windowBytes}
	if o.Bandwidth != (Bandwidth{}) { // short bursts leave room for the link
		v.parallel, v.windowBytes = partsAtOnce/8, windowBytes/8
	}
	for _, name := range sorted(m.topics) {
		if len(o.Topics) == 0 || slices.Contains(o.Topics, name) {
			v.records = append(v.records, m.topics[name])
		}
	}
	for _, name := range o.Topics {
		if m.topics[name] == nil {
			return nil, fmt.Errorf("link %s has no mirror of topic %q", l.decl.Name, name)
		}
	}
	rctx, cancel := context.WithCancel(ctx)
	var g errgroup.Group
	g.Go(func() error { return v.source.f.Run(rctx) })
	g.Go(func() error { return v.dest.f.Run(rctx) })
	err = v.run(ctx)
	cancel()
	_ = g.Wait() // it ends with the context that was cancelled
	v.conclude()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return v.result, err
}

// verifier is one verification under way.
type verifier struct {
	l            *Link
	o            VerifyOptions
	result       *Verification
	records      []*topicRecord
	maps         map[partitionKey]offsetMap // of translated mirrors
	parts        []*verified
	source, dest *logReader
	pace         pacer
	parallel     int   // windows that are read together
	windowBytes  int64 // of one of them, about
	now          func() time.Time
}

// verified is one partition being compared.
type verified struct {
	partitionKey
	topic     *VerifiedTopic
	from, end int64     // what both regions should have
	ends      [2]int64  // of the logs: source, destination
	next      int64     // once: where comparing goes on
	width     int64     // of the next window
	done      intervals // compared
	err       error
	absent    bool             // there is nothing of it to compare now
	closed    bool             // it can not be read any more, or has differed enough
	known     map[int64]bool   // offsets of differences
	pending   map[keySum]int64 // compacted: newest records of keys that only one region has, so far
}

// differencesMax is how many differences of one partition are looked for: they mostly have one reason.
const differencesMax = 5

// run compares once, or until ctx ends.
func (v *verifier) run(ctx context.Context) error {
	if err := v.survey(ctx); err != nil {
		return err
	}
	if v.o.Continuous {
		return v.follow(ctx)
	}
	queue := slices.Clone(v.parts)
	var active []*verified
	for {
		active = slices.DeleteFunc(active, (*verified).over)
		for len(active) < v.parallel && len(queue) > 0 {
			if p := queue[0]; !p.over() {
				active = append(active, p)
			}
			queue = queue[1:]
		}
		if len(active) == 0 {
			return v.judge(ctx)
		}
		var round []window
		for _, p := range active {
			round = append(round, p.take(v.o.Sample))
		}
		if err := v.round(ctx, round); err != nil {
			return err
		}
	}
}

// over says that nothing of it is left to be compared.
func (p *verified) over() bool { return p.closed || p.absent || p.next >= p.end }

// round compares windows, no two of one partition, and then waits as long as the bandwidth asks for.
func (v *verifier) round(ctx context.Context, round []window) error {
	begun, before := v.now(), v.bytes()
	if err := v.compare(ctx, round); err != nil {
		return err
	}
	for _, w := range round {
		w.part.done.add(w.from, w.end)
	}
	if v.o.Progress != nil {
		v.o.Progress(v.progress())
	}
	return wait(ctx, v.pace.pause(v.bytes()-before, v.now().Sub(begun)))
}

func (v *verifier) bytes() int64 { return max(v.source.bytes, v.dest.bytes) }

func (v *verifier) progress() VerifyProgress {
	p := VerifyProgress{Bytes: v.bytes()}
	for _, part := range v.parts {
		p.Offsets += part.end - part.from
		p.Compared += part.done.within(part.from, part.end)
	}
	for _, t := range v.result.Topics {
		p.Differences += len(t.Differences)
	}
	return p
}

// survey reads both regions' logs' bounds, the destination's first: a live mirror that stands behind its source's end is no difference
// then, and one that stands before it is.
func (v *verifier) survey(ctx context.Context) error {
	var names []string
	for _, t := range v.records {
		names = append(names, t.Topic)
	}
	if len(names) == 0 {
		return nil
	}
	if err := v.lookUp(ctx); err != nil {
		return err
	}
	dest, err := committedBounds(ctx, v.l.to, names)
	if err != nil {
		return err
	}
	source, err := committedBounds(ctx, v.l.from, names)
	if err != nil {
		return err
	}
	compacted := v.compacted(ctx, names)
	known := map[partitionKey]*verified{}
	for _, p := range v.parts {
		known[p.partitionKey] = p
	}
	topics := map[string]*VerifiedTopic{}
	for _, t := range v.result.Topics {
		topics[t.Topic] = t
	}
	for _, t := range v.records {
		topic := topics[t.Topic]
		if topic == nil {
			topic = &VerifiedTopic{Topic: t.Topic, State: t.State, Partitions: t.Partitions, Compacted: compacted[t.Topic]}
			v.result.Topics = append(v.result.Topics, topic)
		}
		topic.Behind, topic.NotCompared = 0, slices.DeleteFunc(topic.NotCompared, func(r report.Range) bool { return !strings.HasSuffix(r.Note, noteMeanwhile) })
		for n := range int32(t.Partitions) {
			k := partitionKey{t.Topic, n}
			p := known[k]
			if p == nil {
				p = &verified{partitionKey: k, topic: topic, width: firstWidth, known: map[int64]bool{}, pending: map[keySum]int64{}}
				v.parts = append(v.parts, p)
			}
			v.bound(p, t, spanAt(source, k), spanAt(dest, k))
		}
	}
	return nil
}

// lookUp reads the maps of translated mirrors, as far as they are recorded now.
func (v *verifier) lookUp(ctx context.Context) error {
	if !slices.ContainsFunc(v.records, func(t *topicRecord) bool { return len(t.Translated) > 0 }) {
		return nil
	}
	m, err := remember(ctx, v.l.to, v.l.decl.Name)
	if err != nil {
		return err
	}
	v.maps = map[partitionKey]offsetMap{}
	for i, t := range v.records {
		if now := m.topics[t.Topic]; now != nil {
			v.records[i] = now
			for p, om := range now.Offsets {
				v.maps[partitionKey{t.Topic, p}] = om
			}
		}
	}
	return nil
}

// sourceSpan is what a translated mirror has, in the source's offsets, of which the first is start.
func (m offsetMap) sourceSpan(dest span, start int64) span {
	if dest.start > m.first() || m.dropped > 0 {
		start = m.from(dest.start)
	}
	return span{start, m.source, dest.err}
}

// bound says what of a partition both regions should have, and what not, with the reason.
func (v *verifier) bound(p *verified, t *topicRecord, source, dest span) {
	skip := func(first, end int64, why string) {
		p.topic.NotCompared = append(p.topic.NotCompared, report.Range{Topic: p.topic.Topic, Partition: p.partition, First: first, End: end, Records: -1, Note: why})
	}
	from, to := v.l.from.Name, v.l.to.Name
	p.absent = source.err != nil || dest.err != nil || t.Aligning[p.partition]
	if p.absent {
		p.from, p.end = 0, 0
		for where, err := range map[string]error{from: source.err, to: dest.err} {
			if err != nil {
				p.err = fmt.Errorf("%s-%d: %s: %w", p.topic.Topic, p.partition, where, err)
			}
		}
		if p.err == nil {
			skip(source.start, source.end, "the mirror's log is being aligned with the source's log start")
		}
		return
	}
	if om, ok := v.maps[p.partitionKey]; ok {
		dest = om.sourceSpan(dest, source.start)
	}
	p.ends = [2]int64{source.end, dest.end}
	if !p.closed {
		p.err = nil
	}
	end := dest.end
	if at, stopped := t.Ends[p.partition]; stopped {
		end = int64(t.sourceEnd(p.partition, at)) // what was written later is nobody's mirror
		if source.end < end {
			skip(source.end, end, fmt.Sprintf("the log in %s ends in front of what was mirrored", from))
			end = source.end
		}
	} else {
		p.topic.Behind += max(0, source.end-dest.end)
	}
	p.from, p.end = max(source.start, dest.start), end
	if first := min(source.start, dest.start); first < min(p.from, p.end) {
		where := from
		if dest.start > source.start {
			where = to
		}
		skip(first, min(p.from, p.end), "removed in "+where+" by retention or on demand; the other region still has them")
	}
	p.end = max(p.end, p.from)
	p.next = max(p.next, p.from)
}

// compacted says which topics are compacted in one of the regions, or will be when they are promoted.
func (v *verifier) compacted(ctx context.Context, names []string) map[string]bool {
	all := map[string]bool{}
	for _, t := range v.records {
		all[t.Topic] = strings.Contains(t.Configs["cleanup.policy"], "compact")
	}
	for _, r := range []*Region{v.l.from, v.l.to} {
		configs, err := r.describeConfigs(ctx, names...)
		if err != nil {
			v.l.o.Log.Info("reading cleanup policies", "region", r.Name, "error", err) // what the link remembers stands
			continue
		}
		for _, c := range configs {
			for _, entry := range c.Configs {
				if entry.Key == "cleanup.policy" && strings.Contains(entry.MaybeValue(), "compact") {
					all[c.Name] = true
				}
			}
		}
	}
	return all
}

// spanAt is a partition's, or says that there is no such partition.
func spanAt(all map[partitionKey]span, k partitionKey) span {
	s, ok := all[k]
	if !ok {
		s.err = kerr.UnknownTopicOrPartition
	}
	return s
}

// committedBounds are log starts and last stable offsets.
func committedBounds(ctx context.Context, r *Region, topics []string) (map[partitionKey]span, error) {
	starts, err := fetch.Offsets(ctx, r.listing(r.Admin.ListStartOffsets), topics...)
	var ends kadm.ListedOffsets
	if err == nil {
		ends, err = fetch.Offsets(ctx, r.listing(r.Admin.ListCommittedOffsets), topics...)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: reading log bounds: %w", r.Name, err)
	}
	return spansOf(starts, ends), nil
}

// found notes a difference, once.
func (v *verifier) found(p *verified, d Difference) {
	if p.known[d.Offset] {
		return
	}
	if len(p.known) >= differencesMax {
		p.topic.More, p.closed = true, true
		return
	}
	p.known[d.Offset] = true
	d.Topic, d.Partition = p.partitionKey.topic, p.partition
	p.topic.Differences = append(p.topic.Differences, d)
	if v.o.Found != nil {
		v.o.Found(d)
	}
}

// conclude sums up what was compared.
func (v *verifier) conclude() {
	v.result.SourceBytes, v.result.DestBytes = v.source.bytes, v.dest.bytes
	for _, t := range v.result.Topics {
		t.Offsets, t.Compared, t.Errors = 0, 0, nil
		slices.SortStableFunc(t.Differences, func(a, b Difference) int {
			if a.Partition != b.Partition {
				return int(a.Partition - b.Partition)
			}
			return int(a.Offset - b.Offset)
		})
	}
	for _, p := range v.parts {
		p.topic.Offsets += p.end - p.from
		p.topic.Compared += p.done.within(p.from, p.end)
		if p.err != nil {
			p.topic.Errors = append(p.topic.Errors, p.err)
		}
	}
}
