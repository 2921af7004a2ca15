package plans

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// Snapshot is what the regions held at one moment, kept in a file so that a check without access to them (a CI job) proves the same. It
// holds topics with their configs and log bounds, groups, subjects with their schemas, statements and mirrors; no records and no secrets.
type Snapshot struct {
	APIVersion string               `json:"apiVersion"` // lifeboat/v1
	Kind       string               `json:"kind"`       // CatalogSnapshot
	Topology   string               `json:"topology"`   // the name of the topology whose regions these are
	Addresses  map[string]Addresses `json:"addresses"`  // by region, as declared then
	Digest     string               `json:"digest"`     // of Observed
	Observed   *Observed            `json:"observed"`
}

// Addresses is where a region was found.
type Addresses struct {
	Bootstrap []string `json:"bootstrap"`
	Registry  string   `json:"registry,omitempty"`
}

func addresses(d *Declared) map[string]Addresses {
	all := map[string]Addresses{}
	for name, r := range d.Topology.Regions {
		a := Addresses{Bootstrap: r.Kafka.Bootstrap}
		if r.Registry != nil {
			a.Registry = r.Registry.URL
		}
		all[name] = a
	}
	return all
}

// NewSnapshot is the snapshot of what was observed of a topology's regions.
func NewSnapshot(d *Declared, o *Observed) *Snapshot {
	return &Snapshot{APIVersion: "lifeboat/v1", Kind: "CatalogSnapshot", Topology: d.Topology.Name, Addresses: addresses(d), Digest: digest(o), Observed: o}
}

// ReadSnapshot reads what Write wrote. It fails for what is no snapshot, and for one that was changed since.
func ReadSnapshot(r io.Reader) (*Snapshot, error) {
	s := new(Snapshot)
	dec := json.NewDecoder(r)
	switch err := dec.Decode(s); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errors.New("the file is empty or cut short")
	case err != nil:
		return nil, fmt.Errorf("not a catalog snapshot: %w", err)
	case s.Kind != "CatalogSnapshot" || s.Observed == nil:
		return nil, fmt.Errorf("its kind is %q, not CatalogSnapshot", s.Kind)
	case s.APIVersion != "lifeboat/v1":
		return nil, fmt.Errorf("its apiVersion is %q; this version reads lifeboat/v1", s.APIVersion)
	}
	for name, region := range s.Observed.Regions {
		if region == nil {
			return nil, fmt.Errorf("it holds nothing of region %q", name)
		}
		for topic, t := range region.Topics {
			if t == nil {
				return nil, fmt.Errorf("it holds nothing of topic %q in %s", topic, name)
			}
		}
		for subject, st := range region.Subjects {
			if st == nil || len(st.IDs) != len(st.Versions) {
				return nil, fmt.Errorf("subject %q in %s has not an id for each version", subject, name)
			}
		}
	}
	if got := digest(s.Observed); got != s.Digest {
		return nil, fmt.Errorf("it was changed since it was written: its digest is %s, not %s", got, s.Digest)
	}
	return s, nil
}

// Write writes the snapshot as JSON.
func (s *Snapshot) Write(w io.Writer) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return err
	}
	_, err := b.WriteTo(w)
	return err
}

// Foreign says why a snapshot is not of a topology's regions as they are declared now, in sentences; none where it is.
func (s *Snapshot) Foreign(d *Declared) []string {
	var why []string
	if s.Topology != d.Topology.Name {
		why = append(why, fmt.Sprintf("it is of topology %s, not %s", s.Topology, d.Topology.Name))
	}
	now := addresses(d)
	for _, name := range slices.Sorted(maps.Keys(now)) {
		then, ok := s.Addresses[name]
		switch {
		case !ok || s.Observed.Regions[name] == nil:
			why = append(why, fmt.Sprintf("it holds no region %s", name))
		case !slices.Equal(then.Bootstrap, now[name].Bootstrap):
			why = append(why, fmt.Sprintf("%s was at %v then, and is declared at %v now", name, then.Bootstrap, now[name].Bootstrap))
		case then.Registry != now[name].Registry:
			why = append(why, fmt.Sprintf("the registry of %s was at %q then, and is declared at %q now", name, then.Registry, now[name].Registry))
		}
	}
	return why
}

// Age is how long ago the regions were looked at.
func (s *Snapshot) Age(now time.Time) time.Duration { return now.Sub(s.Observed.At) }
