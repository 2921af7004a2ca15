// Package catalog knows the tables of a region: those that CREATE TABLE declared, which are kept in the region's catalog topic, and those that
// topics and registered schemas are by themselves.
//
// What a schema means as columns, and the other way round, is package format's; reading and writing the catalog topic is the engine's.
package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/format"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// Put writes one record of the catalog topic, durably, before it returns.
type Put func(ctx context.Context, table string, value []byte) error

// Catalog is a region's tables. It is safe for concurrent use.
type Catalog struct {
	client   *kgo.Client
	admin    *kadm.Client
	registry *Registry
	put      Put

	mu       sync.RWMutex
	declared map[string]*statements.Table
	records  map[string]record
	creating map[string]chan struct{} // by table: closed when its CREATE TABLE is over
}

// Entry is a table with what its topic and its subjects are now.
type Entry struct {
	Table      *statements.Table
	Partitions int32
	Key, Value *format.Schema // the latest of the table's subjects; nil where there is none
}

// record is a declaration as the catalog topic keeps it, under the table's name. The SQL is the whole of it, so that it can be carried to
// another region and read by another version.
type record struct {
	SQL     string    `json:"sql"`
	Created time.Time `json:"created"`
	By      string    `json:"by,omitempty"` // the statement that created it
}

// New makes a catalog from what the catalog topic holds. An entry that cannot be read is an error: a table that is silently not there
// would be inferred instead, and mean something else.
func New(client *kgo.Client, registry *Registry, put Put, records map[string][]byte) (*Catalog, error) {
	c := &Catalog{client: client, admin: kadm.NewClient(client), registry: registry, put: put, declared: map[string]*statements.Table{}, records: map[string]record{}, creating: map[string]chan struct{}{}}
	for _, name := range slices.Sorted(maps.Keys(records)) {
		var r record
		if err := json.Unmarshal(records[name], &r); err != nil {
			return nil, fmt.Errorf("catalog: table %q: %w", name, err)
		}
		parsed, findings := statements.ParseOne("catalog/"+name, r.SQL)
		if len(findings) > 0 {
			return nil, fmt.Errorf("catalog: table %q: %s", name, findings[0].Message)
		}
		table, findings := statements.TableOf(parsed)
		if len(findings) > 0 {
			return nil, fmt.Errorf("catalog: table %q: %s", name, findings[0].Message)
		}
		c.declared[name], c.records[name] = table, r
	}
	return c, nil
}

// Registry is the region's schema registry.
func (c *Catalog) Registry() *Registry { return c.registry }

// topicWithin is how long the topic of a declared table may be unknown before it counts as gone.
const topicWithin = time.Second

// declaredWithout reports whether a declared table is among those that have no topic.
func (c *Catalog) declaredWithout(partitions map[string]int, names []string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, name := range names {
		_, there := partitions[name]
		if _, declared := c.declared[name]; declared && !there {
			return true
		}
	}
	return false
}

// Lookup returns those of the named tables that exist. A table that is declared and has no topic is an *engine.InvalidError.
func (c *Catalog) Lookup(ctx context.Context, names ...string) (map[string]*Entry, error) {
	partitions, err := c.partitions(ctx, names...)
	for begun := time.Now(); err == nil && c.declaredWithout(partitions, names) && time.Since(begun) < topicWithin; {
		select { // a broker knows a topic that it has just created a little later than it says so
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
		partitions, err = c.partitions(ctx, names...)
	}
	if err != nil {
		return nil, err
	}
	out := map[string]*Entry{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	for _, name := range names {
		if _, ok := partitions[name]; !ok {
			c.mu.RLock()
			_, declared := c.declared[name]
			c.mu.RUnlock()
			if declared {
				return nil, invalidAt(statements.Pos{}, "create the topic again, or run CREATE TABLE IF NOT EXISTS once more",
					"table %q is declared, but its topic does not exist", name)
			}
			continue
		}
		g.Go(func() error {
			e, err := c.entry(ctx, name, partitions[name])
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			out[name] = e
			return nil
		})
	}
	return out, g.Wait()
}

// partitions asks which of the topics exist and how many partitions each has. It asks the brokers each time, and not kgo's memory of their
// answers: the topic may have been made a moment ago.
func (c *Catalog) partitions(ctx context.Context, topics ...string) (map[string]int, error) {
	req := kmsg.NewPtrMetadataRequest()
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, c.client)
	if err != nil {
		return nil, fmt.Errorf("looking up topics %s: %w", strings.Join(topics, ", "), err)
	}
	out := map[string]int{}
	for _, t := range resp.Topics {
		switch err := kerr.ErrorForCode(t.ErrorCode); {
		case t.Topic == nil || errors.Is(err, kerr.UnknownTopicOrPartition):
		case err != nil && !errors.Is(err, kerr.LeaderNotAvailable):
			return nil, fmt.Errorf("topic %q: %w", *t.Topic, err)
		default:
			out[*t.Topic] = len(t.Partitions)
		}
	}
	return out, nil
}

// HasTopic says whether a topic exists.
func (c *Catalog) HasTopic(ctx context.Context, name string) (bool, error) {
	found, err := c.partitions(ctx, name)
	_, there := found[name]
	return there, err
}

func (c *Catalog) entry(ctx context.Context, name string, partitions int) (*Entry, error) {
	e := &Entry{Partitions: int32(partitions)}
	c.mu.RLock()
	e.Table = c.declared[name]
	c.mu.RUnlock()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { e.Key, err = c.latest(gctx, name+"-key"); return err })
	g.Go(func() (err error) { e.Value, err = c.latest(gctx, name+"-value"); return err })
	compacted := false
	if e.Table == nil {
		g.Go(func() (err error) { compacted, err = c.compacted(gctx, name); return err })
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("table %q: %w", name, err)
	}
	if e.Table == nil {
		table, err := format.Infer(format.Topic{Name: name, Partitions: partitions, Compacted: compacted, Key: e.Key, Value: e.Value})
		if err != nil {
			return nil, fmt.Errorf("table %q: reading its columns from its schemas: %w", name, err)
		}
		e.Table = table
	}
	return e, nil
}

// latest is the newest schema of a subject, nil where there is none.
func (c *Catalog) latest(ctx context.Context, subject string) (*format.Schema, error) {
	s, err := c.registry.Latest(ctx, subject)
	if errors.Is(err, ErrNoSchema) {
		return nil, nil
	}
	return s, err
}

func (c *Catalog) compacted(ctx context.Context, topic string) (bool, error) {
	answers, err := c.admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return false, fmt.Errorf("describing configs: %w", err)
	}
	for _, answer := range answers {
		if answer.Err != nil {
			return false, fmt.Errorf("describing configs: %w", answer.Err)
		}
		for _, config := range answer.Configs {
			if config.Key == "cleanup.policy" && config.Value != nil {
				return strings.Contains(*config.Value, "compact"), nil
			}
		}
	}
	return false, nil
}

// Nearest is a hint that names the table closest to one that does not exist, or "".
func (c *Catalog) Nearest(ctx context.Context, name string) string {
	topics, err := c.admin.ListTopics(ctx)
	if err != nil {
		return "" // the refusal stands without it
	}
	known := slices.DeleteFunc(topics.Names(), func(t string) bool { return strings.HasPrefix(t, "_") })
	if hint := Suggest(name, known); hint != "" {
		return hint
	}
	return fmt.Sprintf("no topic has this name; create it with CREATE TABLE %s (…)", name)
}
