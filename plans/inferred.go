package plans

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/statements"
	"github.com/lifeboat-dr/lifeboat/statements/infer"
)

// infer adds the tables that statements name and nobody creates, but that are topics of a region: with the columns that their schemas tell, as an
// engine infers them. unread gets the reason for those whose schemas tell none.
func (a *analysis) infer(d *Declared, o *Observed) {
	if o == nil {
		return
	}
	creates := a.graph.Creators()
	for _, u := range a.parsed {
		for _, table := range statements.NamedTables(u) {
			if a.tables[table] != nil || a.unread[table] != "" || len(creates[table]) > 0 {
				continue
			}
			name, r := home(d, o, table)
			if r == nil || r.Registry == "" {
				continue // no topic, or a region without a registry: what its records hold is not told
			}
			if r.Registry != "ok" {
				a.unread[table] = fmt.Sprintf("the registry of %s was not read: %s", name, r.Registry)
				continue
			}
			t, err := inferred(r, table)
			if err != nil {
				a.unread[table] = fmt.Sprintf("the schemas of %s in %s tell no columns: %v", table, name, err)
				continue
			}
			a.tables[table] = t
		}
	}
}

// home is the region that has a topic: the first of those that links mirror from, else the first by name.
func home(d *Declared, o *Observed, topic string) (string, *RegionState) {
	var names []string
	for _, l := range d.Topology.Links {
		names = append(names, l.From)
	}
	for _, name := range append(names, slices.Sorted(maps.Keys(o.Regions))...) {
		if r := o.Regions[name]; r != nil && r.Reachable && r.Topics[topic] != nil {
			return name, r
		}
	}
	return "", nil
}

// inferred is the table that a topic is by its latest schemas.
func inferred(r *RegionState, topic string) (*statements.Table, error) {
	in := infer.Topic{Name: topic, Partitions: len(r.Topics[topic].Partitions), Compacted: strings.Contains(r.Topics[topic].Configs["cleanup.policy"], "compact")}
	for _, p := range []struct {
		subject string
		into    **infer.Schema
	}{{topic + "-key", &in.Key}, {topic + "-value", &in.Value}} {
		s := r.Subjects[p.subject]
		if s == nil || len(s.Versions) == 0 {
			continue
		}
		latest := slices.Index(s.Versions, slices.Max(s.Versions))
		if latest >= len(s.Schemas) || latest >= len(s.IDs) {
			return nil, fmt.Errorf("the text of %s version %d was not kept", p.subject, s.Versions[latest])
		}
		schema := s.Schemas[latest]
		out := &infer.Schema{ID: s.IDs[latest], Type: schema.Type, Text: schema.Text}
		if err := r.referred(out, schema, map[string]bool{}); err != nil {
			return nil, fmt.Errorf("%s: %w", p.subject, err)
		}
		*p.into = out
	}
	return infer.Table(in)
}

// referred adds what a schema refers to, each before what needs it.
func (r *RegionState) referred(into *infer.Schema, schema RegisteredSchema, above map[string]bool) error {
	for _, ref := range schema.References {
		if above[ref.Name] || slices.ContainsFunc(into.References, func(have infer.Reference) bool { return have.Name == ref.Name }) {
			continue
		}
		s := r.Subjects[ref.Subject]
		at := -1
		if s != nil {
			at = slices.Index(s.Versions, ref.Version)
		}
		if at < 0 || at >= len(s.Schemas) {
			return fmt.Errorf("it refers to %s version %d, which the registry does not have", ref.Subject, ref.Version)
		}
		above[ref.Name] = true
		if err := r.referred(into, s.Schemas[at], above); err != nil {
			return err
		}
		into.References = append(into.References, infer.Reference{Name: ref.Name, Text: s.Schemas[at].Text})
	}
	return nil
}
