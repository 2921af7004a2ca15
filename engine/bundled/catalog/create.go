package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/format"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// Create carries out a CREATE TABLE: it registers the schemas that are missing, creates the topic unless it exists, and records the
// declaration. It says what it did. Each part is done only where it is not done yet, so that a Create that was cut short can be repeated.
//
// On an existing topic the declaration is laid over what is there: partitions, and the columns against the registered schemas, must
// agree. A table that is there is refused, unless the same statement has declared it so: then it was cut short before it was recorded. With dryRun
// nothing is changed. Refusals are *engine.InvalidError.
func (c *Catalog) Create(ctx context.Context, by string, parsed *statements.Parsed, dryRun bool) (detail string, err error) {
	create, ok := parsed.Statement.(*statements.CreateTable)
	if !ok {
		return "", fmt.Errorf("%s is not CREATE TABLE", parsed.Statement.Kind())
	}
	table, findings := statements.TableOf(parsed)
	if len(findings) > 0 {
		return "", Refusal(findings)
	}
	for _, o := range create.Options {
		if err := checkOption(o); err != nil {
			return "", err
		}
	}
	at, name := create.Name.At(), table.Name
	configs, err := topicConfigs(table)
	if err != nil {
		return "", invalidAt(at, "", "table %q: %v", name, err)
	}
	key, value, err := format.ForTable(table)
	if err != nil {
		return "", invalidAt(at, "", "table %q: %v", name, err)
	}

	release, err := c.claim(ctx, name)
	if err != nil {
		return "", fmt.Errorf("table %q: waiting for another CREATE TABLE: %w", name, err)
	}
	defer release()
	c.mu.RLock()
	_, declared := c.declared[name]
	record := record{SQL: create.SQL(), Created: time.Now().UTC(), By: by}
	again := c.records[name].By == by && c.records[name].SQL == record.SQL
	c.mu.RUnlock()
	if declared && !create.IfNotExists && !again {
		return "", invalidAt(at, "CREATE TABLE IF NOT EXISTS passes over a table that is there", "table %q exists", name)
	}
	topics, err := c.partitions(ctx, name)
	if err != nil {
		return "", fmt.Errorf("table %q: %w", name, err)
	}
	partitions, exists := topics[name]
	if declared && exists {
		return fmt.Sprintf("table %q exists", name), nil
	}
	if exists {
		if err := c.checkExisting(ctx, create, table, partitions); err != nil {
			return "", err
		}
	}
	if dryRun {
		return fmt.Sprintf("table %q can be created", name), nil
	}
	for subject, schema := range map[string]*format.Schema{name + "-key": key, name + "-value": value} {
		if schema == nil {
			continue
		}
		// What is registered already fits, as was found above, or is the same: a registry that mirrors another is not to be written.
		if have, err := c.latest(ctx, subject); err != nil {
			return "", err
		} else if have != nil && (exists || sameText(have, schema)) {
			continue
		}
		if _, err := c.registry.Register(ctx, subject, schema); err != nil {
			return "", fmt.Errorf("table %q: %w", name, err)
		}
	}
	if !exists {
		buckets := table.Buckets
		if buckets == 0 {
			buckets = defaultBuckets
		}
		if _, err := c.admin.CreateTopic(ctx, int32(buckets), -1, configs, name); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return "", fmt.Errorf("table %q: creating its topic: %w", name, err)
		}
		detail = fmt.Sprintf("table %q created with %d buckets", name, buckets)
	} else {
		detail = fmt.Sprintf("table %q declared over the existing topic of %d partitions", name, partitions)
	}
	if declared {
		return detail, nil // only its topic was missing
	}
	body, err := json.Marshal(record)
	if err != nil {
		return "", err
	}
	if err := c.put(ctx, name, body); err != nil {
		return "", fmt.Errorf("table %q: recording its declaration: %w", name, err)
	}
	c.mu.Lock()
	c.declared[name], c.records[name] = table, record
	c.mu.Unlock()
	return detail, nil
}

// sameText compares two schemas, white space outside of strings aside.
func sameText(a, b *format.Schema) bool {
	var x, y bytes.Buffer
	if json.Compact(&x, []byte(a.Text)) != nil || json.Compact(&y, []byte(b.Text)) != nil {
		return a.Text == b.Text
	}
	return bytes.Equal(x.Bytes(), y.Bytes())
}

// claim waits until nobody else creates the table. Other tables are created meanwhile: a region that fails over creates all it has at once.
func (c *Catalog) claim(ctx context.Context, table string) (release func(), err error) {
	for {
		c.mu.Lock()
		over, busy := c.creating[table]
		if !busy {
			mine := make(chan struct{})
			c.creating[table] = mine
			c.mu.Unlock()
			return func() {
				c.mu.Lock()
				defer c.mu.Unlock()
				delete(c.creating, table)
				close(mine)
			}, nil
		}
		c.mu.Unlock()
		select {
		case <-over:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// checkExisting refuses a declaration that does not fit the topic that is there.
func (c *Catalog) checkExisting(ctx context.Context, create *statements.CreateTable, table *statements.Table, partitions int) error {
	if d := create.Distribution; d != nil && d.Buckets != 0 && d.Buckets != partitions {
		return invalidAt(d.Pos, fmt.Sprintf("INTO %d BUCKETS, or leave INTO out", partitions),
			"table %q: %d buckets are declared, but the topic exists with %d partitions", table.Name, d.Buckets, partitions)
	}
	key, err := c.latest(ctx, table.Name+"-key")
	if err != nil {
		return err
	}
	value, err := c.latest(ctx, table.Name+"-value")
	if err != nil {
		return err
	}
	if value == nil {
		return nil
	}
	there, err := format.Infer(format.Topic{Name: table.Name, Partitions: partitions, Key: key, Value: value})
	if err != nil {
		return invalidAt(create.Name.At(), "", "table %q: the topic's registered schemas cannot be read: %v", table.Name, err)
	}
	for _, col := range table.Columns {
		if col.Kind != statements.Physical {
			continue
		}
		at := create.Name.At()
		for _, def := range create.Columns {
			if def.Name.Name == col.Name {
				at = def.Pos
			}
		}
		have, _, ok := there.Column(col.Name)
		switch {
		case !ok:
			return invalidAt(at, "", "table %q: column %q is declared, but no registered schema of the existing topic has such a field", table.Name, col.Name)
		case !readable(have.Type, col.Type):
			return invalidAt(at, fmt.Sprintf("declare it as %s", have.Type),
				"table %q: column %q is declared as %s, but the topic's registered schema has %s", table.Name, col.Name, col.Type, have.Type)
		}
	}
	return nil
}

// readable reports whether a field of one type can be read as a column of another: of one family, and not narrower. Nullability does not
// count: a null that meets NOT NULL is a bad record.
func readable(field, column statements.Type) bool {
	switch {
	case field.IsInteger() && column.IsInteger():
		return column.Kind >= field.Kind
	case field.IsString() && column.IsString(), field.IsBytes() && column.IsBytes():
		return true
	case field.Kind == statements.KindFloat && column.Kind == statements.KindDouble:
		return true
	case field.IsTimestamp() && field.Kind == column.Kind, field.Kind == statements.KindTime && column.Kind == field.Kind:
		return true
	case field.Kind == statements.KindDecimal && column.Kind == field.Kind:
		return column.Scale == field.Scale && column.Precision >= field.Precision
	}
	return field.WithNull().Equal(column.WithNull())
}

// Refusal turns the first finding of package statements into the error with which a backend refuses SQL.
func Refusal(findings []report.Finding) *engine.InvalidError {
	f := findings[0]
	return &engine.InvalidError{Line: f.Place.Line, Column: f.Place.Column, Message: f.Message, Hint: f.Remedy}
}
