package linking

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// linkRecord is a link that is no part of the topology's file: it was created by a verb, and is remembered where its mirrors are. Every
// process that opens the region sees it.
type linkRecord struct {
	Link plans.Link `json:"link"`
	By   string     `json:"by"`
	At   time.Time  `json:"at"`
}

// ErrDeleted ends the run of a link that was deleted.
var ErrDeleted = errors.New("the link was deleted")

// ErrExists says that a link of that name was created before, and otherwise.
var ErrExists = errors.New("there is such a link already, declared otherwise")

// Created returns the links that were created in a destination region, by name.
func Created(ctx context.Context, r *Region) ([]*plans.Link, error) {
	found := map[string]*plans.Link{}
	err := readLinks(ctx, r, func(rec *kgo.Record) error {
		name, kind, _ := cutKey(rec.Key)
		if rec.Attrs.IsControl() || kind != "link" {
			return nil
		}
		if rec.Value == nil {
			delete(found, name)
			return nil
		}
		var l linkRecord
		if err := json.Unmarshal(rec.Value, &l); err != nil {
			return err
		}
		found[name] = &l.Link
		return nil
	})
	var list []*plans.Link
	for _, name := range sorted(found) {
		list = append(list, found[name])
	}
	return list, err
}

// Create writes a link to its destination region to, so that it can be run. Creating the same link again does nothing; another one of its
// name is ErrExists.
func Create(ctx context.Context, to *Region, decl *plans.Link, by string) error {
	m, err := remember(ctx, to, decl.Name)
	if err != nil {
		return err
	}
	switch {
	case m.decl != nil && sameLink(&m.decl.Link, decl):
		return nil
	case m.decl != nil:
		return fmt.Errorf("link %s: %w", decl.Name, ErrExists)
	}
	return writeLink(ctx, to, decl, by)
}

// Update changes a link that was created. A process that serves it goes on with the change within seconds. What is mirrored stays selected:
// a mirror that the change would leave out has to be promoted first.
func Update(ctx context.Context, to *Region, decl *plans.Link, by string) error {
	m, err := remember(ctx, to, decl.Name)
	if err != nil {
		return err
	}
	if m.decl == nil {
		return fmt.Errorf("link %s: it was not created in %s", decl.Name, to.Name)
	}
	old := m.decl.Link
	if old.From != decl.From || old.To != decl.To {
		return fmt.Errorf("link %s: it runs from %s to %s: its regions can not be changed, create another link", decl.Name, old.From, old.To)
	}
	if old.Names() != decl.Names() && len(m.topics) > 0 {
		return fmt.Errorf("link %s: its topics are mirrored under other names: the prefix of a link that mirrors can not be changed, create another link", decl.Name)
	}
	var left []string
	for _, name := range sorted(m.topics) {
		if !m.topics[name].released() && !decl.Mirrors(name) {
			left = append(left, name)
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("link %s: mirrors that the change would leave out: %s; lifeboat link promote or lifeboat link failover first", decl.Name, strings.Join(left, ", "))
	}
	if sameLink(&old, decl) {
		return nil
	}
	return writeLink(ctx, to, decl, by)
}

func writeLink(ctx context.Context, to *Region, decl *plans.Link, by string) error {
	resp, err := to.Admin.CreateTopic(ctx, 1, -1, map[string]*string{"cleanup.policy": new("compact")}, LinksTopic(to.Name))
	if err == nil {
		err = resp.Err
	}
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("%s: topic %q: creating it for the link: %w", to.Name, LinksTopic(to.Name), err)
	}
	value, err := encode(linkRecord{Link: *decl, By: by, At: time.Now().UTC()})
	if err != nil {
		return err
	}
	return note(ctx, to, decl.Name, "recording it", &kgo.Record{Topic: LinksTopic(to.Name), Key: []byte(linkKey(decl.Name, "link", "")), Value: value})
}

// Delete forgets a link with everything that it remembers but its last owner, which keeps a process that wakes up late shut out. Its topics stay
// as they are; all of them have to be promoted. A process that serves the link ends. Deleting again does nothing.
func Delete(ctx context.Context, to *Region, name, by string) error {
	m, err := remember(ctx, to, name)
	if err != nil {
		return err
	}
	if m.decl == nil && len(m.topics) == 0 {
		return nil
	}
	if err := deletable(m, name); err != nil {
		return err
	}
	s, err := openStore(ctx, to, name, "link delete by "+by)
	if err != nil {
		return err
	}
	defer s.leave(ctx)
	if err := deletable(s.memory, name); err != nil {
		return err
	}
	records := map[string]any{linkKey(name, "link", ""): nil}
	for topic, pieces := range s.memory.pieces {
		for n := range pieces {
			records[linkKey(name, "topic", task{n: n}.piece(topic))] = nil
		}
	}
	for group := range s.memory.groups {
		records[linkKey(name, "group", group)] = nil
	}
	for k, pieces := range s.memory.maps {
		for piece := range pieces {
			records[linkKey(name, "map", mapName(k, piece))] = nil
		}
	}
	for k := range s.memory.writers {
		records[linkKey(name, "writer", writerName(k))] = nil
	}
	for topic := range s.memory.wishes {
		records[linkKey(name, "wish", topic)] = nil
	}
	return s.write(ctx, records) // in one transaction: it is there or gone
}

func deletable(m *memory, name string) error {
	var errs []error
	for _, topic := range sorted(m.topics) {
		if _, err := plans.DeleteMirror.From(topic, m.topics[topic].State); err != nil {
			errs = append(errs, fmt.Errorf("link %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// redeclaredError ends a run whose link was changed.
type redeclaredError struct{ decl *plans.Link }

func (e *redeclaredError) Error() string { return "the link was changed" }

// redeclared ends the run of a link that was created where it is remembered otherwise by now.
func (l *Link) redeclared(m *memory) error {
	switch {
	case !l.created:
		return nil
	case m.decl == nil:
		return fmt.Errorf("link %s: %w", l.decl.Name, ErrDeleted)
	case sameLink(&m.decl.Link, l.decl):
		return nil
	}
	l.o.Log.Info("the link was changed", "link", l.decl.Name, "by", m.decl.By)
	return &redeclaredError{l.decl.As(&m.decl.Link)}
}

// sameLink compares links as they are written down.
func sameLink(a, b *plans.Link) bool {
	x, xerr := encode(a)
	y, yerr := encode(b)
	return xerr == nil && yerr == nil && bytes.Equal(x, y)
}

// Created is the link as one that was created by Create: its run follows Update, and ends with Delete.
func (l *Link) Created() *Link {
	next := *l
	next.created = true
	return &next
}
