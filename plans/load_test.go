package plans

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

const goodTopology = `apiVersion: lifeboat/v1
kind: Topology
name: nycflights
pattern: active-passive
primary: east
regions:
  east:
    kafka: {bootstrap: ["broker.east:9092"], sasl: {mechanism: SCRAM-SHA-512, username: "${env:EAST_USER}", password: "${file:/run/secrets/east}"}}
    registry: {url: "https://registry.east"}
    engine: {backend: bundled, url: "http://engine.east:8088"}
    fence: {by: acl, principals: ["User:flights-app"]}
  west:
    kafka: {bootstrap: ["broker.west:9092"]}
links:
  - name: east-west
    from: east
    to: west
    topics: {include: ["flights", "ref-.*"], configs: {retention.ms: 1209600000}}
    groups: {include: ["ops-.*"]}
pipelines:
  - name: delays
    statements: ["sql/*.sql"]
    recovery: auto
    overrides: {clean: resume}
    objectives: {rpo: 30s, rto: 5m, semantics: at-least-once}
drills: [{name: weekly, schedule: "0 4 * * 1", pipeline: delays}]
waivers: [{rule: D17, statement: clean, reason: agreed, until: 2027-03-31}]
`

const cleanSQL = "INSERT INTO clean\nSELECT origin, dep_delay FROM flights WHERE dep_delay IS NOT NULL;\n"

var asOf = time.Date(2027, 3, 31, 23, 59, 0, 0, time.UTC)

// loadText loads a topology beside sql/clean.sql. Places come back as "line:column".
func loadText(t *testing.T, text string, files map[string]string) (*Declared, []report.Finding) {
	t.Helper()
	dir := t.TempDir()
	if files == nil {
		files = map[string]string{"sql/clean.sql": cleanSQL}
	}
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("lifeboat.yaml", text)
	for name, text := range files {
		write(name, text)
	}
	d, found, err := Load(os.ReadFile, filepath.Join(dir, "lifeboat.yaml"), asOf)
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		if found[i].Place.File != "" {
			rel, err := filepath.Rel(dir, found[i].Place.File)
			if err != nil {
				t.Fatal(err)
			}
			found[i].Place.File = filepath.ToSlash(rel)
		}
		for _, s := range []*string{&found[i].Message, &found[i].Remedy} {
			*s = strings.ReplaceAll(*s, dir+string(filepath.Separator), "")
		}
	}
	return d, found
}

func TestLoadGood(t *testing.T) {
	d, found := loadText(t, goodTopology, nil)
	if len(found) > 0 {
		t.Fatalf("findings: %+v", found)
	}
	top := d.Topology
	if got := time.Duration(top.Pipelines[0].Objectives.RTO); got != 5*time.Minute {
		t.Errorf("rto %v", got)
	}
	if got := top.Links[0].Topics.Configs["retention.ms"]; got != "1209600000" {
		t.Errorf("retention.ms %q", got)
	}
	if got := top.Regions["east"].Name; got != "east" {
		t.Errorf("region's name %q", got)
	}
	if !top.Links[0].Topics.Match("ref-airlines") || top.Links[0].Topics.Match("departures") {
		t.Error("the link's topics do not match as declared")
	}
	want := []Statement{{Pipeline: "delays", Name: "clean", File: filepath.Join(filepath.Dir(d.Path), "sql", "clean.sql"), Line: 1, SQL: strings.TrimSuffix(cleanSQL, ";\n")}}
	if diff := cmp.Diff(want, d.Statements); diff != "" {
		t.Error(diff)
	}
	_, err := top.Regions["east"].Kafka.SASL.Username.Resolve(func(string) (string, bool) { return "", false }, os.ReadFile)
	var missing *MissingSecretError
	if !errors.As(err, &missing) || missing.Place.Line != 8 || !strings.Contains(err.Error(), "lifeboat.yaml:8:89: missing secret ${env:EAST_USER}") {
		t.Errorf("a missing secret does not say where it is named: %v", err)
	}
}

func TestLoadNoFile(t *testing.T) {
	if _, _, err := Load(os.ReadFile, filepath.Join(t.TempDir(), "lifeboat.yaml"), asOf); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// TestLoadMistakes changes one thing of a good topology at a time.
func TestLoadMistakes(t *testing.T) {
	type mistake struct {
		name     string
		old, new string // in goodTopology; new alone is the whole file
		files    map[string]string
		want     []string // "line:column rule: message; remedy"
		excerpt  string
	}
	for _, tc := range []mistake{
		{name: "unknown key with a near one", old: "east:\n    kafka: {bootstrap:", new: "east:\n    kafka: {bootstrp:",
			want:    []string{`8:12 topology/missing-key: "bootstrap" is missing in regions.east.kafka; write bootstrap: ["host:9092"]`, `8:13 topology/unknown-key: unknown key "bootstrp" in regions.east.kafka; did you mean "bootstrap"?`},
			excerpt: "    kafka: {bootstrp: [\"broker.east:9092\"]"},
		{name: "unknown key far from all", old: "name: nycflights", new: "name: nycflights\nzzzzzz: 1",
			want: []string{`4:1 topology/unknown-key: unknown key "zzzzzz"; known here: apiVersion, kind, name, pattern, primary, dialect, regions, links, pipelines, drills, checks, notify, hooks, functions, waivers`}},
		{name: "key twice", old: "primary: east\n", new: "primary: east\nprimary: west\n",
			want: []string{`6:1 topology/duplicate-key: key "primary" is written twice, first in line 5; remove one of them`}},
		{name: "region twice", old: "  west:\n", new: "  east:\n    kafka: {bootstrap: [\"b:1\"]}\n  west:\n",
			want: []string{`12:3 topology/duplicate-key: key "east" in regions is written twice, first in line 7; remove one of them`}},
		{name: "merge key", old: "  west:\n", new: "  west:\n    <<: {}\n",
			want: []string{`13:5 topology/merge-key: merge keys (<<) are not supported; write the keys out, or use an alias for a whole value`}},
		{name: "text where a list belongs", old: `bootstrap: ["broker.west:9092"]`, new: `bootstrap: broker.west:9092`,
			want: []string{`13:24 topology/wrong-type: regions.west.kafka.bootstrap wants a list, this is a text`}},
		{name: "list where a mapping belongs", old: "regions:\n  east:", new: "regions:\n  north: [a]\n  east:",
			want: []string{`7:10 topology/wrong-type: regions.north wants a mapping with the keys kafka, registry, engine, fence, this is a list`}},
		{name: "number where a text belongs", old: "name: weekly", new: "name: 7",
			want: []string{`26:17 topology/wrong-type: drills[0].name wants a text, this is a number; quote it: "7"`}},
		{name: "text where a whole number belongs", old: "    from: east", new: "    tasks: 1.5\n    from: east",
			want: []string{`16:12 topology/wrong-type: links[0].tasks wants a whole number, this is a number`}},
		{name: "text where yes or no belongs", old: "waivers:", new: "hooks: [{name: dns, after: prove, url: \"https://dns\", mayFail: perhaps}]\nwaivers:",
			want: []string{`27:64 topology/wrong-type: hooks[0].mayFail wants true or false, this is a text`}},
		{name: "text where a number belongs", old: "recovery: auto", new: "recovery: auto\n    rate: fast",
			want: []string{`24:11 topology/wrong-type: pipelines[0].rate wants a number, this is a text`}},
		{name: "not YAML", old: "regions:\n", new: "regions: [\n", want: []string{`6:1 topology/syntax: not YAML: did not find expected ',' or ']'; look at the indentation, quotes and brackets here and around it`}},
		{name: "tab", old: "  west:\n", new: "\twest:\n", want: []string{`12:2 topology/syntax: not YAML: a line is indented with a tab; indent with spaces: YAML takes no tabs`}},
		{name: "two documents", new: goodTopology + "---\nkind: Topology\n", want: []string{`28:1 topology/syntax: a second YAML document begins here; keep one topology in a file`}},
		{name: "empty file", new: " ", want: []string{`0:0 topology/syntax: the file is empty; write a topology: lifeboat schema shows what it holds`}},
		{name: "wrong apiVersion", old: "lifeboat/v1", new: "lifeboat/v2",
			want: []string{`1:13 topology/unknown-value: apiVersion is "lifeboat/v2"; this version of lifeboat reads "lifeboat/v1"; write apiVersion: lifeboat/v1`}},
		{name: "wrong kind", old: "kind: Topology", new: "kind: Plan",
			want: []string{`2:7 topology/unknown-value: kind is "Plan"; this version of lifeboat reads "Topology"; write kind: Topology`}},
		{name: "unknown pattern of regions", old: "active-passive", new: "active-pasive",
			want: []string{`4:10 topology/unknown-value: pattern: unknown value "active-pasive"; did you mean "active-passive"?`}},
		{name: "no primary", old: "primary: east\n", new: "", want: []string{`1:1 topology/missing-key: "primary" is missing`}},
		{name: "primary of an active-active topology", old: "active-passive", new: "active-active",
			want: []string{`5:10 topology/unknown-key: an active-active topology has no primary; remove the key, or write pattern: active-passive`}},
		{name: "unknown primary", old: "primary: east", new: "primary: eats",
			want: []string{`5:10 topology/unknown-region: primary names region "eats", which is not declared; did you mean "east"?`}},
		{name: "unknown region in a link", old: "to: west", new: "to: wset",
			want:    []string{`17:9 topology/unknown-region: links[0].to names region "wset", which is not declared; did you mean "west"?`},
			excerpt: "    to: wset\n        ^"},
		{name: "no region in a link", old: "    to: west\n", new: "", want: []string{`15:5 topology/missing-key: "to" is missing in links[0]`}},
		{name: "link to itself", old: "to: west", new: "to: east", want: []string{`17:9 topology/link-loop: link "east-west" runs from east to itself; name the other region`}},
		{name: "link without topics", old: `    topics: {include: ["flights", "ref-.*"], configs: {retention.ms: 1209600000}}` + "\n", new: "",
			want: []string{`15:5 topology/missing-key: link "east-west" names no topics; write topics: {include: ["name", "prefix-.*"]}`}},
		{name: "link of subjects alone", old: `    topics: {include: ["flights", "ref-.*"], configs: {retention.ms: 1209600000}}` + "\n    groups: {include: [\"ops-.*\"]}\n", new: "    subjects: {include: [\"flights-.*\"], wait: 30s}\n"},
		{name: "link of subjects and groups without topics", old: `    topics: {include: ["flights", "ref-.*"], configs: {retention.ms: 1209600000}}`, new: `    subjects: {include: ["flights-.*"]}`,
			want: []string{`19:13 topology/missing-key: link "east-west" selects groups and no topics; positions are in topics: name those too, or leave the groups out`}},
		{name: "wait for schemas that is no time", old: "    groups: {", new: "    subjects: {include: [\"a\"], wait: ten}\n    groups: {",
			want: []string{`19:38 topology/bad-duration: links[0].subjects.wait: "ten" is not a duration; write it as 30s, 5m, 12h, 2d or 1d12h`}},
		{name: "unknown policy for deleted topics", old: "configs: {retention.ms: 1209600000}", new: "deletions: remove",
			want: []string{`18:57 topology/unknown-value: links[0].topics.deletions: unknown value "remove"; known here: delete, keep, promote`}},
		{name: "bad pattern: nothing to repeat", old: `"ref-.*"`, new: `"ref-**"`,
			want:    []string{"18:40 topology/bad-pattern: \"ref-**\" is not a pattern: invalid nested repetition operator at character 5: **; patterns are RE2: .* for anything, \\. for a dot"},
			excerpt: "    topics: {include: [\"flights\", \"ref-**\"], configs: {retention.ms: 1209600000}}\n                                       ^"},
		{name: "bad pattern: bracket not closed", old: `"ref-.*"`, new: `"ref-(a|b"`,
			want: []string{"18:40 topology/bad-pattern: \"ref-(a|b\" is not a pattern: missing closing ) at character 5: ref-(a|b; patterns are RE2: .* for anything, \\. for a dot"}},
		{name: "bad pattern: look-ahead", old: `"ops-.*"`, new: `"(?!ops).*"`,
			want: []string{"19:25 topology/bad-pattern: \"(?!ops).*\" is not a pattern: invalid or unsupported Perl syntax at character 1: (?!; patterns are RE2: .* for anything, \\. for a dot"}},
		{name: "empty pattern", old: `"ops-.*"`, new: `""`, want: []string{`19:24 topology/bad-pattern: an empty pattern matches no name; remove it`}},
		{name: "two links of one name", old: "pipelines:\n", new: "  - {name: east-west, from: west, to: east, topics: {include: [other]}}\npipelines:\n",
			want: []string{`20:12 topology/duplicate-name: a second link is named "east-west", first in line 15; rename one of them`}},
		{name: "two links write the same topic", old: "pipelines:\n", new: "  - {name: again, from: east, to: west, topics: {include: [\"fl.*\"]}}\npipelines:\n",
			want: []string{`20:49 topology/overlapping-links: links "again" and "east-west" (line 15) both write topics such as "flights" into west; a topic has one source: narrow one of the patterns`}},
		{name: "topics in a circle", old: "pipelines:\n", new: "  - {name: back, from: west, to: east, topics: {include: [flights]}}\npipelines:\n",
			want: []string{`20:5 topology/link-cycle: topics such as "flights" would be mirrored in a circle: west → east → west; the way back is a link that is reversed after a failover, not a second one; or mirror other topics`}},
		{name: "unknown mechanism", old: "SCRAM-SHA-512", new: "SCRAM-SHA512",
			want: []string{`8:64 topology/unknown-value: regions.east.kafka.sasl.mechanism: unknown value "SCRAM-SHA512"; did you mean "SCRAM-SHA-512"?`}},
		{name: "unknown backend", old: "backend: bundled", new: "backend: bundeld",
			want: []string{`10:23 topology/unknown-value: regions.east.engine.backend: unknown value "bundeld"; did you mean "bundled"?`}},
		{name: "unknown fence", old: "by: acl", new: "by: wall", want: []string{`11:17 topology/unknown-value: regions.east.fence.by: unknown value "wall"; known here: acl, config, quota, command, manual`}},
		{name: "fence by acl of nobody", old: `, principals: ["User:flights-app"]`, new: "",
			want: []string{`11:12 topology/missing-key: a fence by acl needs "principals"; write principals: ["User:name"]`}},
		{name: "fence by no command", old: `by: acl, principals: ["User:flights-app"]`, new: "by: command",
			want: []string{`11:12 topology/missing-key: a fence by command needs "command"; write command: ["/path/to/program", "argument"]`}},
		{name: "not a principal", old: "User:flights-app", new: "flights-app",
			want: []string{`11:35 topology/bad-principal: "flights-app" is not a principal; write it as User:name`}},
		{name: "not an address", old: "broker.west:9092", new: "broker.west", want: []string{`13:25 topology/bad-address: "broker.west" is not host:port; write it as broker.example:9092`}},
		{name: "not a URL", old: "https://registry.east", new: "registry.east:8081", want: []string{`9:21 topology/bad-address: regions.east.registry.url is not a URL; write it as https://host:port`}},
		{name: "password in a URL", old: "https://registry.east", new: "https://me:hunter2@registry.east",
			want: []string{`9:21 topology/literal-secret: regions.east.registry.url holds a login; write username and password as references: ${env:NAME} or ${file:/path}`}},
		{name: "literal password", old: "${file:/run/secrets/east}", new: "hunter2",
			want: []string{`8:119 topology/literal-secret: regions.east.kafka.sasl.password is written out in the file; write a reference: ${env:NAME} or ${file:/path}`}},
		{name: "bad reference to a secret", old: "${env:EAST_USER}", new: "${vault:EAST_USER}",
			want: []string{`8:89 topology/bad-secret-reference: regions.east.kafka.sasl.username is not a reference to a secret; write ${env:NAME} (letters, digits, _) or ${file:/path}, and nothing around it`}},
		{name: "half a login", old: `{url: "https://registry.east"}`, new: `{url: "https://registry.east", username: "${env:A}"}`,
			want: []string{`9:15 topology/missing-key: regions.east.registry has one of username and password; write both, or none`}},
		{name: "no password", old: `, password: "${file:/run/secrets/east}"`, new: "",
			want: []string{`8:52 topology/missing-key: "password" is missing in regions.east.kafka.sasl`}},
		{name: "token for a mechanism with passwords", old: `password: "${file:/run/secrets/east}"}}`, new: `password: "${file:/run/secrets/east}", token: "${env:T}"}}`,
			want: []string{`8:155 topology/unknown-key: "token" has no meaning here: SCRAM-SHA-512 takes a password; remove it`}},
		{name: "OAUTHBEARER without a token", old: `{mechanism: SCRAM-SHA-512, username: "${env:EAST_USER}", password: "${file:/run/secrets/east}"}`, new: `{mechanism: OAUTHBEARER}`,
			want: []string{`8:52 topology/missing-key: regions.east.kafka.sasl has neither token nor tokenURL; write token: "${file:/path}", or tokenURL with the client's id and secret as username and password`}},
		{name: "OAUTHBEARER with a token and where to get one", old: `{mechanism: SCRAM-SHA-512, username: "${env:EAST_USER}", password: "${file:/run/secrets/east}"}`, new: `{mechanism: OAUTHBEARER, token: "${env:T}", tokenURL: "https://idp/token", username: "${env:U}", password: "${env:P}"}`,
			want: []string{`8:84 topology/unknown-key: "token" has no meaning here: tokenURL tells where tokens come from; remove it`}},
		{name: "OAUTHBEARER with a token URL and no client", old: `{mechanism: SCRAM-SHA-512, username: "${env:EAST_USER}", password: "${file:/run/secrets/east}"}`, new: `{mechanism: OAUTHBEARER, tokenURL: "idp"}`,
			want: []string{`8:52 topology/missing-key: "username" is missing in regions.east.kafka.sasl`, `8:52 topology/missing-key: "password" is missing in regions.east.kafka.sasl`,
				`8:87 topology/bad-address: regions.east.kafka.sasl.tokenURL is not a URL; write it as https://host:port`}},
		{name: "AWS_MSK_IAM with half a key", old: `{mechanism: SCRAM-SHA-512, username: "${env:EAST_USER}", password: "${file:/run/secrets/east}"}`, new: `{mechanism: AWS_MSK_IAM, username: "${env:U}", scope: s}`,
			want: []string{`8:52 topology/missing-key: regions.east.kafka.sasl has one of username and password; write both, or none`,
				`8:106 topology/unknown-key: "scope" has no meaning here: it belongs to mechanism OAUTHBEARER; remove it`}},
		{name: "literal token", old: `{mechanism: SCRAM-SHA-512, username: "${env:EAST_USER}", password: "${file:/run/secrets/east}"}`, new: `{mechanism: OAUTHBEARER, token: abc}`,
			want: []string{`8:84 topology/literal-secret: regions.east.kafka.sasl.token is written out in the file; write a reference: ${env:NAME} or ${file:/path}`}},
		{name: "client certificate without key", old: `["broker.west:9092"]`, new: `["broker.west:9092"], tls: {cert: /c.pem}`,
			want: []string{`13:51 topology/missing-key: regions.west.kafka.tls has one of cert and key; a client certificate needs both`}},
		{name: "no file for a glob", old: "sql/*.sql", new: "sgl/*.sql",
			want: []string{`22:18 topology/missing-file: no file matches "sgl/*.sql"; globs are relative to lifeboat.yaml`, `24:24 topology/unknown-statement: pipelines[0] has no statement "clean"`,
				`27:34 topology/unknown-statement: there is no statement "clean"`}},
		{name: "no such file", old: "sql/*.sql", new: "sql/*.sql\", \"sql/claen.sql",
			want: []string{`22:31 topology/missing-file: there is no file "sql/claen.sql"; did you mean "sql/clean.sql"?`}},
		{name: "bad glob", old: "sql/*.sql", new: "sql/*.sql\", \"sql/[", want: []string{`22:31 topology/bad-glob: "sql/[" is not a glob: syntax error in pattern`}},
		{name: "unknown strategy", old: "recovery: auto", new: "recovery: rebiuld",
			want: []string{`23:15 topology/unknown-value: pipelines[0].recovery: unknown value "rebiuld"; did you mean "rebuild"?`}},
		{name: "override of no statement", old: "{clean: resume}", new: "{claen: resume}",
			want: []string{`24:24 topology/unknown-statement: pipelines[0] has no statement "claen"; did you mean "clean"?`}},
		{name: "unknown semantics", old: "at-least-once", new: "at-most-once",
			want: []string{`25:48 topology/unknown-value: pipelines[0].objectives.semantics: unknown value "at-most-once"; did you mean "at-least-once"?`}},
		{name: "bad duration", old: "rpo: 30s", new: "rpo: 30",
			want: []string{`25:23 topology/bad-duration: pipelines[0].objectives.rpo: "30" is not a duration; write it as 30s, 5m, 12h, 2d or 1d12h`}},
		{name: "negative duration", old: "rpo: 30s", new: "rpo: -30s", want: []string{`25:23 topology/bad-duration: pipelines[0].objectives.rpo: -30s is negative`}},
		{name: "schedule with four fields", old: `"0 4 * * 1"`, new: `"0 4 * *"`,
			want: []string{`26:35 topology/bad-cron: "0 4 * *" is not a schedule: it has 4 fields; five fields: minute hour day-of-month month day-of-week, as in "0 4 * * 1"`}},
		{name: "schedule at hour 24", old: `"0 4 * * 1"`, new: `"0 24 * * 1"`,
			want: []string{`26:35 topology/bad-cron: "0 24 * * 1" is not a schedule: hour "24": want 0 to 23; five fields: minute hour day-of-month month day-of-week, as in "0 4 * * 1"`}},
		{name: "unknown pipeline in a drill", old: "pipeline: delays", new: "pipeline: delay",
			want: []string{`26:58 topology/unknown-pipeline: drills[0] names pipeline "delay", which is not declared; did you mean "delays"?`}},
		{name: "unknown rule", old: "rule: D17", new: "rule: D99", want: []string{`27:18 topology/unknown-rule: there is no rule "D99"; did you mean "D09"?`}},
		{name: "waiver for no statement", old: "statement: clean", new: "statement: clena",
			want: []string{`27:34 topology/unknown-statement: there is no statement "clena"; did you mean "clean"?`}},
		{name: "waiver without a reason", old: ", reason: agreed", new: "", want: []string{`27:11 topology/missing-key: "reason" is missing in waivers[0]`}},
		{name: "bad date", old: "2027-03-31", new: "31.3.2027", want: []string{`27:64 topology/bad-date: "31.3.2027" is not a date; write the last day as 2027-03-31`}},
		{name: "expired waiver", old: "2027-03-31", new: "2027-03-30",
			want: []string{`27:64 waiver/expired: the waiver of D17 ended on 2027-03-30; mend what it waived, or agree on a new date`}},
		{name: "SQL that is not SQL", files: map[string]string{"sql/clean.sql": "INSERT INTO clean\nSELCT a FROM flights;\n"}, old: " ", new: " ", want: []string{"sql/clean.sql:2:1 sql/syntax"}},
		{name: "two files of one name", files: map[string]string{"sql/clean.sql": cleanSQL, "sql/_clean.sql": cleanSQL}, old: " ", new: " ",
			want: []string{`sql/clean.sql:1:1 topology/duplicate-name: statement "clean" is also the name of one in sql/_clean.sql; rename one of the files`}},
		{name: "all at once", old: "name: nycflights\npattern: active-passive\nprimary: east", new: "nam: nycflights\npattern: both\nprimary: north",
			want: []string{`1:1 topology/missing-key: "name" is missing`, `3:1 topology/unknown-key: unknown key "nam"; did you mean "name"?`,
				`4:10 topology/unknown-value: pattern: unknown value "both"; known here: active-passive, active-active`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := tc.new
			if tc.old != "" {
				if strings.Count(goodTopology, tc.old) == 0 {
					t.Fatalf("the good topology has no %q", tc.old)
				}
				text = strings.Replace(goodTopology, tc.old, tc.new, 1)
			}
			_, found := loadText(t, text, tc.files)
			var got []string
			for _, f := range found {
				got = append(got, describe(f))
				if strings.Contains(f.Message+f.Excerpt+f.Remedy, "hunter2") {
					t.Errorf("the finding repeats a secret: %+v", f)
				}
			}
			for i, w := range tc.want { // SQL messages are the statements package's to choose
				if strings.HasPrefix(w, "sql/") && i < len(got) {
					got[i] = got[i][:min(len(w), len(got[i]))]
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Fatal(diff)
			}
			if tc.excerpt != "" && !strings.Contains(found[len(found)-1].Excerpt, tc.excerpt) {
				t.Errorf("excerpt:\n%s\nwant:\n%s", found[len(found)-1].Excerpt, tc.excerpt)
			}
		})
	}
}

func describe(f report.Finding) string {
	var b strings.Builder
	if f.Place.File != "lifeboat.yaml" {
		b.WriteString(f.Place.File + ":")
	}
	b.WriteString(place(f.Place.Line, f.Place.Column) + " " + f.Rule + ": " + f.Message)
	if f.Remedy != "" {
		b.WriteString("; " + f.Remedy)
	}
	return b.String()
}

func FuzzReadTopology(f *testing.F) {
	f.Add([]byte(goodTopology))
	f.Add([]byte("a: &a [*a]\nregions: *a"))
	f.Add([]byte("links: [null, {topics: {include: ['(']}}]\npipelines: [~]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		top, d := readTopology("lifeboat.yaml", text)
		if d.failed[""] {
			return
		}
		d.validate(&Declared{Topology: top, Path: "lifeboat.yaml"}, asOf)
		for _, f := range d.found {
			if f.Message == "" || f.Rule == "" || f.Place.File == "" {
				t.Fatalf("finding %+v", f)
			}
		}
	})
}

func place(line, column int) string { return strconv.Itoa(line) + ":" + strconv.Itoa(column) }

// TestEveryKindOfValueIsRead reads numbers and switches: a field of a kind that the reader does not know ends the program.
func TestEveryKindOfValueIsRead(t *testing.T) {
	text := strings.Replace(goodTopology, "    from: east", "    tasks: 3\n    alignMax: 1_000\n    from: east", 1) + "hooks: [{name: dns, after: prove, url: \"https://dns\", mayFail: true, timeout: 1m}]\n"
	d, found := loadText(t, text, nil)
	if len(found) > 0 {
		t.Fatalf("findings: %+v", found)
	}
	l, h := d.Topology.Links[0], d.Topology.Hook("dns")
	if l.Tasks != 3 || l.AlignMax != 1000 || h == nil || !h.MayFail || h.Within() != time.Minute {
		t.Errorf("link %+v, hook %+v", l, h)
	}
}
