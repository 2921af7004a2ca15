package plans

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Registration is a schema that a region's registry is asked to take, or has already, when the statements that declare a table are started there.
type Registration struct {
	Table   string
	Subject string // by TopicNameStrategy
	Mode    string // of the subject, or of the whole registry, as observed
	There   bool   // the subject has a version: a table over it registers nothing new
	Link    bool   // a link keeps the subject in IMPORT until the failover
	Refused string // why the registry would not take it (error 42205); "" where it would
}

// Registrations are the schemas of every table that statements declare in a region, by subject. What the registry holds is as observed: where it was
// not seen there are none.
func (d *Declared) Registrations(l *Link, to *RegionState) []Registration {
	if to == nil || to.Registry != "ok" {
		return nil
	}
	a := analyze(d, nil)
	var all []Registration
	for _, name := range slices.Sorted(maps.Keys(a.tables)) {
		t := a.tables[name]
		formats := map[string]string{"value": t.Option("value.format", "avro-registry")}
		if len(t.Distribution) > 0 || len(t.PrimaryKey) > 0 {
			formats["key"] = t.Option("key.format", "avro-registry")
		}
		for _, part := range []string{"key", "value"} {
			if !strings.HasSuffix(formats[part], "-registry") {
				continue
			}
			r := Registration{Table: name, Subject: name + "-" + part, Mode: to.Mode}
			r.Link = l.MirrorsSubject(r.Subject)
			if s := to.Subjects[r.Subject]; s != nil {
				r.There = len(s.Versions) > 0
				if s.Mode != "" {
					r.Mode = s.Mode
				}
			}
			switch {
			case r.There:
			case strings.HasPrefix(r.Mode, "READONLY"):
				r.Refused = fmt.Sprintf("%s is in mode %s", r.Subject, r.Mode)
			case r.Mode == "IMPORT" && !r.Link:
				r.Refused = fmt.Sprintf("%s is in mode IMPORT, which takes schemas with their ids only", r.Subject)
			}
			all = append(all, r)
		}
	}
	return all
}
