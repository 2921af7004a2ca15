package dr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/linking/fetch"
)

// EntryKind says what an entry of the journal records.
type EntryKind string

const (
	EntryPlan    EntryKind = "plan"    // a run begins; Data is its plans.Plan
	EntryLease   EntryKind = "lease"   // the holder is alive
	EntryBegin   EntryKind = "begin"   // a step is about to be applied
	EntryDone    EntryKind = "done"    // a step's goal was seen
	EntryFailed  EntryKind = "failed"  // a step did not reach its goal; Detail says why
	EntryFact    EntryKind = "fact"    // something a later step needs and could no longer read; Step is its name
	EntryRelease EntryKind = "release" // the holder stopped part-way and let go; `resume` goes on
	EntryEnd     EntryKind = "end"     // the run is over; Data is its report.Report

	EntryRewritten EntryKind = "rewritten" // the journal had been lost; Detail says from what it is there again

	// Of events only; no journal has them.
	EntryWaiting EntryKind = "waiting" // a step goes on
	EntryLag     EntryKind = "lag"     // and mirrors
)

// Entry is one line of a run's journal: a record of the topic _lifeboat.REGION.runs and a line of the local copy.
type Entry struct {
	Run    string          `json:"run"`
	At     time.Time       `json:"at"`
	Who    string          `json:"who"`
	Kind   EntryKind       `json:"kind"`
	Step   string          `json:"step,omitempty"`
	Detail string          `json:"detail,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`

	// Whose journal it is in, for the local copy.
	Region  string `json:"region,omitempty"`
	Cluster string `json:"cluster,omitempty"` // its id

	copied bool // it was read from a local copy, and the region's journal does not have it
}

// RunsTopic is the topic of a region's journal: one partition, never compacted, kept for ever.
func RunsTopic(region string) string { return "_lifeboat." + region + ".runs" }

// Journal is the memory of one run and, at the same time, its lease: entries are written in transactions of one
// transactional id per region, so that whoever takes the lease over fences the former holder's next entry (KIP-98).
type Journal struct {
	Run string

	region  string
	cluster string
	who     string
	now     func() time.Time

	cl    *kgo.Client
	half  bool     // a transaction is open that could not be ended: the broker was away
	local *os.File // nil: there is none
	log   *slog.Logger

	rewritten *rewritten // nil: it was not lost

	mu      sync.Mutex
	waiting []*line
	writing bool // somebody writes what is waiting
}

// line is an entry on its way to the journal.
type line struct {
	run     string
	text    []byte
	copied  bool // it is in the local copy already
	written chan error
}

// ErrLeaseLost is returned by a journal write after another process has taken the lease over.
var ErrLeaseLost = errors.New("another process has taken over this run's lease")

// JournalError is an entry that could not be written: its broker did not answer for a while. The run stops, and can be resumed.
type JournalError struct {
	Region, Run string
	Err         error
}

func (e *JournalError) Error() string {
	return fmt.Sprintf("%s: journal of run %s: %v", e.Region, e.Run, e.Err)
}
func (e *JournalError) Unwrap() error { return e.Err }

// openJournal ensures the topic, fences whoever held the region's lease before, and returns the journal of run, positioned to
// write. The caller has decided from ReadJournal that nobody alive holds the lease, and reads it again afterwards.
//
// The local copy is for whoever looks for it when the region is gone as well. A directory that can not be written, or a full disk, is
// said and stops nothing: what a run goes on with is in the region.
func openJournal(ctx context.Context, r *linking.Region, run string, o *Options) (*Journal, error) {
	if err := ensureRunsTopic(ctx, r); err != nil {
		return nil, err
	}
	opts := append(slices.Clone(r.Client.Opts()),
		kgo.TransactionalID(runsTxnID(r.Name)),
		kgo.DefaultProduceTopic(RunsTopic(r.Name)),
		kgo.TransactionTimeout(30*time.Second),
		kgo.RecordDeliveryTimeout(20*time.Second),
		// Of two batches on their way to a partition that is only just there, it may refuse the first and then the second for being out of order.
		kgo.MaxProduceRequestsInflightPerBroker(1),
	)
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("%s: journal client: %w", r.Name, err)
	}
	if _, _, err := cl.ProducerID(ctx); err != nil {
		cl.Close()
		return nil, fmt.Errorf("%s: taking the lease (transactional id %s): %w", r.Name, runsTxnID(r.Name), err)
	}
	meta, err := r.Admin.BrokerMetadata(ctx)
	if err != nil {
		cl.Close()
		return nil, fmt.Errorf("%s: asking for its cluster id: %w", r.Name, err)
	}
	local, err := openLocal(o.StateDir, run)
	if err != nil {
		o.Log.Warn("this run has no local journal; the one in the region is what counts", "region", r.Name, "err", err)
	}
	return &Journal{Run: run, region: r.Name, cluster: meta.Cluster, who: o.Who, now: o.Now, cl: cl, local: local, log: o.Log}, nil
}

func ensureRunsTopic(ctx context.Context, r *linking.Region) error {
	topic := RunsTopic(r.Name)
	configs := map[string]*string{"cleanup.policy": new("delete"), "retention.ms": new("-1"), "retention.bytes": new("-1")}
	resp, err := r.Admin.CreateTopic(ctx, 1, -1, configs, topic)
	if err == nil {
		err = resp.Err
	}
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("%s: topic %q: creating it for the journal: %w", r.Name, topic, err)
	}
	return nil
}

// Write appends one entry, in the region first and then in the local copy, and returns when it is committed there. Entries that are
// written at the same time share a transaction, which takes as long for one as for many.
func (j *Journal) Write(ctx context.Context, kind EntryKind, step, detail string, data any) error {
	return j.WriteOf(ctx, j.Run, kind, step, detail, data)
}

// WriteOf is Write of an entry of another run, one that has ended.
func (j *Journal) WriteOf(ctx context.Context, run string, kind EntryKind, step, detail string, data any) error {
	e := Entry{Run: run, At: j.now().UTC(), Who: j.who, Kind: kind, Step: step, Detail: detail, Region: j.region, Cluster: j.cluster}
	if data != nil {
		b, err := json.Marshal(data)
		if err != nil {
			return fmt.Errorf("journal: encoding %s of %s: %w", kind, step, err)
		}
		e.Data = b
	}
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("journal: encoding %s of %s: %w", kind, step, err)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	l := &line{run: run, text: text, written: make(chan error, 1)}
	j.mu.Lock()
	j.waiting = append(j.waiting, l)
	if !j.writing {
		j.writing = true
		for len(j.waiting) > 0 {
			lines := j.waiting
			j.waiting = nil
			j.mu.Unlock()
			err := j.commit(context.WithoutCancel(ctx), lines)
			for _, l := range lines {
				l.written <- err
			}
			j.mu.Lock()
		}
		j.writing = false
	}
	j.mu.Unlock()
	return <-l.written
}

// committedWithin is how long an entry may take. A journal that does not answer any more ends the run, and the lease with it.
const committedWithin = 30 * time.Second

// commit writes lines in one transaction, and then to the local copy. What has begun is ended, whatever becomes of the writers' contexts
// meanwhile: half a transaction would block the next entry.
func (j *Journal) commit(ctx context.Context, lines []*line) error {
	ctx, cancel := context.WithTimeoutCause(ctx, committedWithin, fmt.Errorf("no answer within %s", committedWithin))
	defer cancel()
	fail := func(err error) error {
		switch {
		case fenced(err):
			return fmt.Errorf("%s: journal of run %s: %w", j.region, j.Run, ErrLeaseLost)
		case errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID):
			lost := &JournalLostError{Region: j.region, Run: j.Run, Topic: RunsTopic(j.region)}
			if j.local != nil {
				lost.Copy = j.local.Name()
			}
			return lost
		}
		return &JournalError{j.region, j.Run, err}
	}
	var records []*kgo.Record
	var local []byte
	for _, l := range lines {
		records = append(records, &kgo.Record{Key: []byte(l.run), Value: l.text})
		if !l.copied {
			local = append(append(local, l.text...), '\n')
		}
	}
	err := j.transact(ctx, records)
	for try := 1; try < outOfOrderTries && errors.Is(err, kerr.OutOfOrderSequenceNumber) && !j.half; try++ {
		err = j.transact(ctx, records) // it was aborted, and the client has begun its sequence anew
	}
	if err != nil {
		return fail(err)
	}
	j.keep(local)
	return nil
}

// outOfOrderTries is how often an entry is written that a broker takes for one out of order, as one does that has just become the partition's leader.
const outOfOrderTries = 3

// transact writes records in a transaction.
func (j *Journal) transact(ctx context.Context, records []*kgo.Record) error {
	if j.half {
		// A client that has lost its transaction asks for another one again and again, without a pause where nobody answers: so somebody has to.
		if err := j.cl.Ping(ctx); err != nil {
			return err
		}
		if err := j.cl.EndTransaction(ctx, kgo.TryAbort); err != nil {
			return err
		}
		j.half = false
	}
	if err := j.cl.BeginTransaction(); err != nil {
		return err
	}
	id, epoch, err := j.cl.ProducerID(ctx)
	if err != nil {
		return err
	}
	for _, rec := range records {
		*rec = kgo.Record{Key: rec.Key, Value: rec.Value} // as it was before it was written for the first time
	}
	if err := linking.Write(ctx, j.cl, records...); err != nil {
		if j.overtaken(ctx, err, id, epoch) {
			return fmt.Errorf("%w: %w", kerr.ProducerFenced, err)
		}
		switch aborted := j.cl.EndTransaction(ctx, kgo.TryAbort); {
		case fenced(aborted):
			return aborted
		case aborted != nil:
			j.half = true // the produce error is the one to tell
		}
		return err
	}
	if err := j.cl.EndTransaction(ctx, kgo.TryCommit); err != nil {
		if j.overtaken(ctx, err, id, epoch) {
			return fmt.Errorf("%w: %w", kerr.ProducerFenced, err)
		}
		j.half = true
		return err
	}
	return nil
}

// overtaken says whether an error in the middle of a transaction means that somebody has taken the transactional id, and ended the transaction so: some
// brokers say only that there is none. Then nothing may be asked in its name any more, not even to abort: it could be the other one's.
func (j *Journal) overtaken(ctx context.Context, err error, id int64, epoch int16) bool {
	if !errors.Is(err, kerr.InvalidTxnState) {
		return false
	}
	txid := runsTxnID(j.region)
	states, err := kadm.NewClient(j.cl).DescribeTransactions(ctx, txid)
	now, there := states[txid]
	return err == nil && there && now.Err == nil && (now.ProducerID != id || now.ProducerEpoch != epoch)
}

// runsTxnID is the transactional id that a region's journal is written under.
func runsTxnID(region string) string { return "lifeboat." + region + ".runs" }

// keep appends to the local copy.
func (j *Journal) keep(lines []byte) {
	if j.local == nil {
		return
	}
	if _, err := j.local.Write(lines); err != nil {
		j.log.Warn("the local journal ends here; the one in the region goes on", "region", j.region, "err", err)
		j.local.Close()
		j.local = nil
	}
}

func fenced(err error) bool {
	return errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch) || errors.Is(err, kerr.InvalidProducerIDMapping)
}

// Close lets the clients go. It writes nothing: letting go of the lease is an entry of its own.
func (j *Journal) Close() {
	j.cl.Close()
	if j.local != nil {
		j.local.Close()
	}
}

// ReadJournal returns every committed entry of a region's journal, oldest first, and the position after the last one. A region
// without a journal has no entries.
func ReadJournal(ctx context.Context, r *linking.Region) ([]Entry, int64, error) {
	topic := RunsTopic(r.Name)
	end, there, err := fetch.CommittedEnd(ctx, r.Client, topic)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", r.Name, err)
	}
	if !there {
		return nil, 0, nil
	}
	var entries []Entry
	err = readRange(ctx, r, map[string]map[int32]span{topic: {0: {0, end}}}, func(rec *kgo.Record) error {
		var e Entry
		if err := json.Unmarshal(rec.Value, &e); err != nil {
			return fmt.Errorf("%s: topic %q offset %d: not a journal entry: %w", r.Name, topic, rec.Offset, err)
		}
		entries = append(entries, e)
		return nil
	})
	return entries, end, err
}

// openLocal opens the local copy of a run's journal for appending.
func openLocal(dir, run string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal: local copy: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, run+".jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: local copy: %w", err)
	}
	return f, nil
}

// DefaultStateDir is where local copies live: $XDG_STATE_HOME/lifeboat/runs, else ~/.local/state/lifeboat/runs.
func DefaultStateDir(getenv func(string) (string, bool)) string {
	if d, ok := getenv("XDG_STATE_HOME"); ok && d != "" {
		return filepath.Join(d, "lifeboat", "runs")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = os.TempDir()
	}
	return filepath.Join(home, ".local", "state", "lifeboat", "runs")
}
