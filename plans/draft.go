package plans

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/lifeboat-dr/lifeboat/statements"
)

// Draft is what a first lifeboat.yaml is written from.
type Draft struct {
	Name     string
	From, To *Region
	Source   *RegionState      // of From; of its groups only the names are looked at
	Dest     *RegionState      // of To
	Users    []string          // principals of ACLs in From; nil where it has no authorizer, or does not tell
	Notes    []string          // what could not be looked at
	SQL      map[string]string // by statement name
}

// DraftFile is one file of a draft, below the directory of lifeboat.yaml.
type DraftFile struct{ Name, Text string }

// leftOut are topics and subjects that belong to other software of a cluster, by what they begin with, and why they are not mirrored.
var leftOut = []struct{ prefix, why string }{
	{"__", "internal to Kafka"}, {"_lifeboat.", "lifeboat's own"}, {"_schemas", "the registry's own: subjects carry what is in it"},
	{"_confluent", "internal to the platform"}, {"connect-configs", "of Kafka Connect, which runs in one region"},
	{"connect-offsets", "of Kafka Connect, which runs in one region"}, {"connect-status", "of Kafka Connect, which runs in one region"},
}

// draftedName is a statement name that can be a file's.
var draftedName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// draftWriter writes YAML with comments. What comes from a cluster is quoted, in comments too.
type draftWriter struct{ bytes.Buffer }

func (w *draftWriter) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

// plainScalar is a text that YAML takes for one without quotes, but for plainWords.
var (
	plainScalar = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)
	plainWords  = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null)$`)
)

// quoted is a YAML scalar on one line, in quotes where it needs them. JSON's strings are YAML's, but for characters that YAML does not print.
func quoted(s string) string {
	if plainScalar.MatchString(s) && !plainWords.MatchString(s) {
		return s
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string has JSON
	var out strings.Builder
	for _, r := range strings.TrimSuffix(b.String(), "\n") {
		if r >= 0x7f && !unicode.IsPrint(r) {
			fmt.Fprintf(&out, `\U%08x`, r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

// pattern is the anchored pattern that a name alone matches.
func pattern(name string) string { return quoted(regexp.QuoteMeta(name)) }

func quotedList(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = quoted(s)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// Files writes the draft: lifeboat.yaml first, then a file of SQL for every statement.
func (d *Draft) Files() []DraftFile {
	sql, unread := d.statements()
	var w draftWriter
	w.line("# A first topology, from what %s and %s held. Read it, change it, then: lifeboat check --offline; lifeboat plan link", d.From.Name, d.To.Name)
	for _, note := range append(slices.Clone(d.Notes), unread...) {
		w.line("# Not looked at: %s", quoted(note))
	}
	w.line("apiVersion: lifeboat/v1\nkind: Topology\nname: %s", quoted(d.Name))
	w.line("pattern: active-passive   # one region is written, the other mirrors it")
	w.line("primary: %s   # the one that is written now", quoted(d.From.Name))
	w.line("regions:")
	d.region(&w, d.From)
	d.region(&w, d.To)
	d.link(&w, sql)
	if len(sql) > 0 {
		var files []string
		for _, f := range sql {
			files = append(files, f.Name)
		}
		w.line("pipelines:")
		w.line("  - name: %s", quoted(d.Name))
		w.line("    statements: %s   # what the engine of %s ran", quotedList(files), d.From.Name)
		w.line("    # What the pipeline promises; plans and reports are held against it:\n    # objectives: {rpo: 1m, rto: 15m, semantics: at-least-once}")
	}
	w.line("checks: [{name: nightly, schedule: \"0 4 * * *\"}]   # lifeboat serve, or lifeboat schedule print, looks before you need it")
	return append([]DraftFile{{"lifeboat.yaml", w.String()}}, sql...)
}

func (d *Draft) region(w *draftWriter, r *Region) {
	w.line("  %s:", quoted(r.Name))
	w.line("    kafka:\n      bootstrap: %s", quotedList(r.Kafka.Bootstrap))
	if r.Kafka.TLS != nil {
		w.line("      tls: {}   # the system's roots")
	}
	login := func(user, password Secret) string {
		if user.IsZero() && password.IsZero() {
			return ""
		}
		return fmt.Sprintf(", username: %s, password: %s", quoted(user.Ref()), quoted(password.Ref()))
	}
	if s := r.Kafka.SASL; s != nil {
		w.line("      sasl: {mechanism: %s%s}   # secrets are references, never written out", quoted(s.Mechanism), login(s.Username, s.Password))
	}
	if s := r.Registry; s != nil {
		w.line("    registry: {url: %s%s}", quoted(s.URL), login(s.Username, s.Password))
	}
	if e := r.Engine; e != nil {
		w.line("    engine: {backend: %s, url: %s%s}", quoted(e.Backend), quoted(e.URL), login(e.Username, e.Password))
	}
	if r == d.From {
		w.line("    # How writers are kept out in a planned failover; without it a person answers for that:\n    # fence: {by: acl, principals: [\"User:app\"]}")
	}
}

func (d *Draft) link(w *draftWriter, sql []DraftFile) {
	written := map[string]string{}
	for _, f := range sql {
		script, _ := statements.Parse(f.Name, f.Text)
		for _, u := range script.Statements {
			if u.Statement == nil {
				continue
			}
			for _, t := range statements.Writes(u.Statement) {
				written[t] = f.Name
			}
		}
	}
	w.line("links:\n  - name: %s", quoted(d.From.Name+"-"+d.To.Name))
	w.line("    from: %s\n    to: %s", quoted(d.From.Name), quoted(d.To.Name))
	w.line("    topics:\n      include:   # anchored RE2 patterns; one name each for a beginning")
	var out []string
	taken := 0
	for _, name := range slices.Sorted(maps.Keys(d.Source.Topics)) {
		t := d.Source.Topics[name]
		why := notMirrored(name)
		if other := d.Dest.Topics[name]; why == "" && other != nil && holdsData(other) {
			why = d.To.Name + " has data of its own under that name"
		}
		if f := written[name]; why == "" && f != "" {
			why = f + " writes it, in whichever region it runs"
		}
		if why != "" {
			out = append(out, fmt.Sprintf("      # left out: %s: %s", quoted(name), why))
			continue
		}
		taken++
		w.line("        - %s   # %s", pattern(name), topicNote(t))
	}
	if taken == 0 {
		w.line("        - %s   # nothing is there to be mirrored: put the first topic here", quoted("replace-me"))
	}
	for _, o := range out {
		w.line("%s", o)
	}
	d.names(w, "groups", "positions follow, so that consumers go on where they were", slices.Sorted(maps.Keys(d.Source.Groups)), func(n string) bool {
		return strings.HasPrefix(n, "_lifeboat") || strings.HasPrefix(n, "lifeboat.") || strings.HasPrefix(n, "connect-") || strings.HasPrefix(n, "_confluent")
	})
	if d.From.Registry != nil && d.To.Registry != nil {
		d.names(w, "subjects", "schemas follow with the same ids, which records hold", slices.Sorted(maps.Keys(d.Source.Subjects)), func(n string) bool { return notMirrored(n) != "" })
	}
	users := slices.Clone(d.Users)
	slices.Sort(users)
	d.names(w, "acls", "grants follow; those that allow writing are given at failover", slices.Compact(users), func(string) bool { return false })
}

// names writes one kind of names that the link takes, unless there are none.
func (d *Draft) names(w *draftWriter, key, why string, names []string, skip func(string) bool) {
	names = slices.DeleteFunc(slices.Clone(names), skip)
	if len(names) == 0 {
		return
	}
	w.line("    %s:   # %s\n      include:", key, why)
	for _, n := range names {
		w.line("        - %s", pattern(n))
	}
}

func notMirrored(name string) string {
	for _, o := range leftOut {
		if strings.HasPrefix(name, o.prefix) {
			return o.why
		}
	}
	return ""
}

func holdsData(t *TopicState) bool {
	return slices.ContainsFunc(t.Partitions, func(p PartitionState) bool { return p.End > 0 })
}

// topicNote says what a topic is, for whoever decides about it.
func topicNote(t *TopicState) string {
	note := fmt.Sprintf("%d partitions", len(t.Partitions))
	if len(t.Partitions) == 1 {
		note = "1 partition"
	}
	if strings.Contains(t.Configs["cleanup.policy"], "compact") {
		note += ", compacted"
	}
	var newest int64
	for _, p := range t.Partitions {
		newest = max(newest, p.Newest)
	}
	if newest > 0 {
		note += ", newest record of " + time.UnixMilli(newest).UTC().Format(time.DateOnly)
	}
	return note
}

// statements are the files of what the engine ran, and the names of what is in none of them.
func (d *Draft) statements() (files []DraftFile, unread []string) {
	for _, name := range slices.Sorted(maps.Keys(d.SQL)) {
		text := strings.TrimRight(strings.TrimSpace(d.SQL[name]), ";")
		u, found := statements.ParseOne(name, text)
		switch {
		case len(found) > 0 || u == nil || u.Statement == nil:
			unread = append(unread, fmt.Sprintf("statement %s: its SQL is not understood", name))
		case !draftedName.MatchString(name):
			unread = append(unread, fmt.Sprintf("statement %s: its name can not be a file's", name))
		case u.Statement.Kind() != kindCreateTable && u.Statement.Kind() != kindInsert:
			unread = append(unread, fmt.Sprintf("statement %s: it neither declares a table nor writes one", name))
		default:
			files = append(files, DraftFile{path.Join("sql", name+".sql"), text + ";\n"})
		}
	}
	return files, unread
}
