package plans

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/statements"
)

// Registration is a schema that a region's registry is asked to take, or has already, when the statements that declare a table are started there.
type Registration struct {
	Table   string
	Subject string // by TopicNameStrategy
	Mode    string // of the subject, or of the whole registry, as observed
	There   bool   // the subject has a version: a table over it registers nothing new
	Link    bool   // a link keeps the subject in IMPORT until the failover
	Refused string // why the registry would not take it (error 42205); "" where it would
	Errors  bool   // it is the schema of the table that takes rows which can not be read: error-handling.mode is log
	Exists  bool   // the table's topic is in the region

	Declared *statements.Table // the table, as it is declared
}

// Registrations are the schemas of every table that statements declare in the link's destination, by subject: by CREATE TABLE, also from a query or another
// table, and by logging rows that can not be read. What the registry holds is as observed: where it was not seen there are none.
func (d *Declared) Registrations(l *Link, o *Observed) []Registration {
	to := o.Regions[l.To]
	if to == nil || to.Registry != "ok" {
		return nil
	}
	a := analyze(d, o)
	tables := a.created()
	logs := a.errorLogs()
	for name, t := range logs {
		if tables[name] == nil {
			tables[name] = t
		}
	}
	var all []Registration
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		t := tables[name]
		formats := map[string]string{"value": t.Option("value.format", "avro-registry")}
		if len(t.Distribution) > 0 || len(t.PrimaryKey) > 0 {
			formats["key"] = t.Option("key.format", "avro-registry")
		}
		for _, part := range []string{"key", "value"} {
			if !strings.HasSuffix(formats[part], "-registry") {
				continue
			}
			r := Registration{Table: name, Subject: name + "-" + part, Mode: to.Mode, Errors: logs[name] == t, Exists: to.Topics[name] != nil, Declared: t}
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

// created are the tables that statements create, not those that topics are by themselves.
func (a *analysis) created() statements.Tables {
	out := statements.Tables{}
	for _, u := range a.parsed {
		switch n := u.Statement.(type) {
		case *statements.CreateTable:
			if t := a.tables[n.Name.Last()]; t != nil {
				out[t.Name] = t
			}
		case *statements.CreateMaterialized:
			if t := a.tables[n.Name.Last()]; t != nil {
				out[t.Name] = t
			}
		}
	}
	return out
}

// errorLogs are the tables that take the rows of others which can not be read, as the engine makes them when a statement first reads such a table.
func (a *analysis) errorLogs() statements.Tables {
	out := statements.Tables{}
	for _, t := range a.tables {
		if t.Option("error-handling.mode", "fail") == "log" {
			name := strings.TrimSpace(t.Options["error-handling.log.target"])
			if name == "" {
				name = "error_log"
			}
			out[name] = &statements.Table{Name: name}
		}
	}
	return out
}
