package registry_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/testenv/registry"
)

func start(t *testing.T, o registry.Options) *registry.Server {
	t.Helper()
	s, err := registry.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// request is one call of a conversation: "METHOD path [body]", and what it answers.
type request struct {
	call   string
	status int
	want   string // JSON, or an error as "code message"; "" = not looked at. A message may end in …
}

func send(t *testing.T, s *registry.Server, call string) (status int, body string) {
	t.Helper()
	method, rest, _ := strings.Cut(call, " ")
	path, text, _ := strings.Cut(rest, " ")
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(b))
}

func (r request) check(t *testing.T, s *registry.Server) {
	t.Helper()
	status, body := send(t, s, r.call)
	if status != r.status {
		t.Fatalf("%s: status %d, want %d: %s", r.call, status, r.status, body)
	}
	if r.want == "" {
		return
	}
	if r.status >= 400 {
		var e struct {
			Code    int    `json:"error_code"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatalf("%s: %s: %v", r.call, body, err)
		}
		got := fmt.Sprintf("%d %s", e.Code, e.Message)
		if start, cut := strings.CutSuffix(r.want, "…"); got != r.want && !(cut && strings.HasPrefix(got, start)) {
			t.Errorf("%s: answered %q, want %q", r.call, got, r.want)
		}
		return
	}
	var got, want any
	if json.Unmarshal([]byte(body), &got) != nil {
		got = body
	}
	if json.Unmarshal([]byte(r.want), &want) != nil {
		want = r.want
	}
	dropGUID(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", r.call, diff)
	}
}

// dropGUID takes out what only TestGUIDs looks at.
func dropGUID(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "guid")
	case []any:
		for _, x := range v {
			dropGUID(x)
		}
	}
}

// Schemas of the conversations.
const (
	order1   = `{"type":"record","name":"Order","fields":[{"name":"id","type":"int"}]}`
	order1b  = `{ "name":"Order", "fields":[ {"type":"int","name":"id"} ],  "type":"record"}`
	order1c  = `{"type":"record","name":"Order","fields":[{"name":"id","type":{"type":"int"}}]}`
	order2   = `{"type":"record","name":"Order","fields":[{"name":"id","type":"int"},{"name":"n","type":"int","default":0}]}`
	orderBad = `{"type":"record","name":"Order","fields":[{"name":"id","type":"int"},{"name":"n","type":"int"}]}`
	jsonA    = `{"type":"object","properties":{"a":{"type":"string"}}}`
	jsonB    = `{"properties":{"a":{"type":"string"}}, "type":"object"}`
	proto1   = `syntax = "proto3"; message Order { int32 id = 1; }`
	proto1b  = `syntax = "proto3"; /* the same */ message Order { int32 id = 1; }`
)

// body is a registration of a schema with further members, as in `"id":7`.
func body(schema string, more ...string) string {
	b, err := json.Marshal(schema)
	if err != nil {
		panic(err)
	}
	return "{" + strings.Join(append([]string{`"schema":` + string(b)}, more...), ",") + "}"
}

func post(subject, schema string, more ...string) string {
	return "POST /subjects/" + subject + "/versions " + body(schema, more...)
}

func is(schema string) string {
	b, err := json.Marshal(schema)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestCalls holds the server to what Confluent's registry answers, call by call.
func TestCalls(t *testing.T) {
	imported := request{"PUT /mode/S?force=true {\"mode\":\"IMPORT\"}", 200, `{"mode":"IMPORT"}`}
	one := request{post("S", order1), 200, `{"id":1}`}
	two := request{post("S", order2), 200, `{"id":2}`}
	for _, tt := range []struct {
		name  string
		calls []request
	}{
		{"types", []request{{"GET /schemas/types", 200, `["JSON","PROTOBUF","AVRO"]`}}},
		{"global config and mode", []request{
			{"GET /config", 200, `{"compatibilityLevel":"BACKWARD"}`},
			{"GET /mode", 200, `{"mode":"READWRITE"}`},
		}},
		{"metadata", []request{
			{"GET /v1/metadata/id", 200, ""},
			{"GET /v1/metadata/version", 200, ""},
			{"GET /", 200, `{}`},
		}},
		{"unknown path", []request{{"GET /nothing/here", 404, "404 HTTP 404 Not Found"}, {"GET /exporters", 404, "404 HTTP 404 Not Found"}}},

		{"register again in another order", []request{one, {post("S", order1b), 200, `{"id":1}`}}},
		{"normalize an equivalent schema", []request{
			one,
			{"POST /subjects/S/versions?normalize=true " + body(order1c), 200, `{"id":1}`},
			{"POST /subjects/J/versions " + body(jsonA, `"schemaType":"JSON"`), 200, `{"id":2,"schemaType":"JSON"}`},
			{"POST /subjects/J/versions?normalize=True " + body(jsonB, `"schemaType":"JSON"`), 200, `{"id":2,"schemaType":"JSON"}`},
			{"POST /subjects/P/versions " + body(proto1, `"schemaType":"PROTOBUF"`), 200, `{"id":3,"schemaType":"PROTOBUF"}`},
			{"POST /subjects/P/versions?normalize=true " + body(proto1b, `"schemaType":"PROTOBUF"`), 200, `{"id":3,"schemaType":"PROTOBUF"}`},
			{"POST /subjects/P/versions?normalize=False " + body(proto1b, `"schemaType":"PROTOBUF"`), 200, `{"id":4,"schemaType":"PROTOBUF"}`},
		}},
		{"normalize by configuration", []request{
			{"PUT /config {\"normalize\":true}", 200, `{"normalize":true}`},
			{post("J", jsonA, `"schemaType":"JSON"`), 200, ""},
			{post("J", jsonB, `"schemaType":"JSON"`), 200, `{"id":1,"schemaType":"JSON"}`},
		}},
		{"same schema in another subject", []request{one, {post("T", order1), 200, `{"id":1}`}, {post("T", order2), 200, `{"id":2}`}}},
		{"incompatible", []request{one, {post("S", orderBad), 409, "40901 Schema being registered is incompatible with an earlier schema for subject \"S\"…"}}},
		{"unparsable", []request{
			{post("S", `{"type":"nothing"}`), 422, "42201 Invalid schema of type AVRO…"},
			{post("S", ``), 422, "42201 Empty schema"},
			{post("S", `not JSON`, `"schemaType":"JSON"`), 422, "42201 Invalid schema of type JSON…"},
			{post("S", `message {`, `"schemaType":"PROTOBUF"`), 422, "42201 Invalid schema of type PROTOBUF…"},
			{post("S", order1, `"schemaType":"THRIFT"`), 422, "42201 Invalid schema type THRIFT"},
		}},
		{"bad body", []request{{"POST /subjects/S/versions ", 422, ""}, {"POST /subjects/S/versions {", 422, ""}}},
		{"types of schemas", []request{
			{post("J", jsonA, `"schemaType":"JSON"`), 200, `{"id":1,"schemaType":"JSON"}`},
			{post("P", proto1, `"schemaType":"PROTOBUF"`), 200, `{"id":2,"schemaType":"PROTOBUF"}`},
			{post("S", `"string"`, `"schemaType":"AVRO"`), 200, `{"id":3}`},
			{"GET /schemas/ids/1", 200, `{"schema":` + is(jsonA) + `,"schemaType":"JSON"}`},
			{"GET /schemas/ids/3", 200, `{"schema":"\"string\""}`},
		}},

		{"by id", []request{
			one, {post("T", order1), 200, `{"id":1}`}, two,
			{"GET /schemas/ids/1", 200, `{"schema":` + is(order1) + `}`},
			{"GET /schemas/ids/1/schema", 200, order1},
			{"GET /schemas/ids/1/versions", 200, `[{"subject":"S","version":1},{"subject":"T","version":1}]`},
			{"GET /schemas/ids/1/subjects", 200, `["S","T"]`},
			{"GET /schemas/ids/9", 404, "40403 Schema 9 not found"},
			{"GET /schemas/ids/9/versions", 404, "40403 Schema 9 not found"},
		}},
		{"by version", []request{
			one, two,
			{"GET /subjects", 200, `["S"]`},
			{"GET /subjects/S/versions", 200, `[1,2]`},
			{"GET /subjects/S/versions/1", 200, `{"subject":"S","version":1,"id":1,"schema":` + is(order1) + `}`},
			{"GET /subjects/S/versions/latest", 200, `{"subject":"S","version":2,"id":2,"schema":` + is(order2) + `}`},
			{"GET /subjects/S/versions/-1", 200, `{"subject":"S","version":2,"id":2,"schema":` + is(order2) + `}`},
			{"GET /subjects/S/versions/1/schema", 200, order1},
			{"GET /subjects/S/versions/3", 404, "40402 Version 3 not found."},
			{"GET /subjects/T/versions/1", 404, "40401 Subject 'T' not found."},
			{"GET /subjects/T/versions", 404, "40401 Subject 'T' not found."},
			{"GET /subjects/S/versions/0", 422, "42202 The specified version '0' is not a valid version id…"},
			{"GET /subjects/S/versions/abc", 422, "42202 The specified version 'abc' is not a valid version id…"},
		}},
		{"lookup", []request{
			one,
			{"POST /subjects/S " + body(order1b), 200, `{"subject":"S","version":1,"id":1,"schema":` + is(order1) + `}`},
			{"POST /subjects/S " + body(order2), 404, "40403 Schema not found"},
			{"POST /subjects/T " + body(order1), 404, "40401 Subject 'T' not found."},
			{"POST /subjects/S?normalize=True " + body(order1c), 200, ""},
		}},
		{"version only in its turn", []request{
			one,
			{post("S", order2, `"version":5`), 422, "42201 Version is not one more than previous version"},
			{post("S", order2, `"version":2`), 200, `{"id":2}`},
		}},
		{"names are escaped", []request{
			{post("a%2Fb%20c", order1), 200, `{"id":1}`},
			{"GET /subjects", 200, `["a/b c"]`},
			{"GET /subjects/a%2Fb%20c/versions/1", 200, `{"subject":"a/b c","version":1,"id":1,"schema":` + is(order1) + `}`},
		}},

		{"compatibility check", []request{
			one,
			{"POST /compatibility/subjects/S/versions/latest " + body(order2), 200, `{"is_compatible":true}`},
			{"POST /compatibility/subjects/S/versions " + body(order2), 200, `{"is_compatible":true}`},
			{"POST /compatibility/subjects/S/versions/1?verbose=True " + body(order2), 200, `{"is_compatible":true,"messages":[]}`},
			{"POST /compatibility/subjects/S/versions/1 " + body(orderBad), 200, `{"is_compatible":false}`},
			{"POST /compatibility/subjects/T/versions " + body(order1), 200, `{"is_compatible":true}`},
			{"POST /compatibility/subjects/T/versions/latest " + body(order1), 404, "40401 Subject 'T' not found."},
			{"POST /compatibility/subjects/S/versions/7 " + body(order1), 404, "40402 Version 7 not found."},
			{"POST /compatibility/subjects/S/versions/1 " + body("{"), 422, "42201 Invalid schema of type AVRO…"},
		}},
		{"config", []request{
			{`PUT /config {"compatibility":"LAX"}`, 422, "42203 Invalid compatibility level…"},
			{"GET /config/S", 404, "40408 Subject 'S' does not have subject-level compatibility configured"},
			{"GET /config/S?defaultToGlobal=true", 200, `{"compatibilityLevel":"BACKWARD"}`},
			{`PUT /config/S {"compatibility":"none"}`, 200, `{"compatibility":"none"}`},
			{"GET /config/S", 200, `{"compatibilityLevel":"NONE"}`},
			{"GET /config", 200, `{"compatibilityLevel":"BACKWARD"}`},
			{"DELETE /config/S", 200, `{"compatibilityLevel":"NONE"}`},
			{"DELETE /config/S", 404, "40408 Subject 'S' does not have subject-level compatibility configured"},
			{`PUT /config {"compatibility":"FULL"}`, 200, ""},
			{"GET /config/S?defaultToGlobal=True", 200, `{"compatibilityLevel":"FULL"}`},
			{"DELETE /config", 200, `{"compatibilityLevel":"FULL"}`},
			{"GET /config", 200, `{"compatibilityLevel":"BACKWARD"}`},
			{"GET /subjects", 200, `[]`},
		}},
		{"config extras", []request{
			{`PUT /config/S {"alias":"T","normalize":false,"compatibilityGroup":"major"}`, 200, ""},
			{"GET /config/S", 200, `{"alias":"T","normalize":false,"compatibilityGroup":"major"}`},
		}},

		{"references", []request{
			{post("address", `{"type":"record","name":"Address","fields":[]}`), 200, `{"id":1}`},
			{post("S", `{"type":"record","name":"Order","fields":[{"name":"to","type":"Address"}]}`,
				`"references":[{"name":"Address","subject":"address","version":1}]`), 200,
				`{"id":2,"references":[{"name":"Address","subject":"address","version":1}]}`},
			{"GET /schemas/ids/2", 200, `{"schema":` + is(`{"type":"record","name":"Order","fields":[{"name":"to","type":"Address"}]}`) +
				`,"references":[{"name":"Address","subject":"address","version":1}]}`},
			{"GET /subjects/address/versions/1/referencedby", 200, `[2]`},
			{"GET /subjects/S/versions/1/referencedby", 200, `[]`},
			{"DELETE /subjects/address/versions/1", 422, "42206 One or more references exist…"},
			{"DELETE /subjects/address", 422, "42206 One or more references exist…"},
			{post("T", `"Missing"`, `"references":[{"name":"Missing","subject":"address","version":2}]`), 422, "42201 Invalid schema of type AVRO…"},
			{post("T", `"Missing"`), 422, "42201 Invalid schema of type AVRO…"},
			{"DELETE /subjects/S", 200, `[1]`},
			{"DELETE /subjects/address", 200, `[1]`},
		}},
		{"metadata and rule set", []request{
			{post("S", order1, `"metadata":{"properties":{"owner":"ops"}},"ruleSet":{"domainRules":[]}`), 200,
				`{"id":1,"metadata":{"properties":{"owner":"ops"}},"ruleSet":{"domainRules":[]}}`},
			two,
			{"GET /subjects/S/versions/1", 200, `{"subject":"S","version":1,"id":1,"schema":` + is(order1) +
				`,"metadata":{"properties":{"owner":"ops"}},"ruleSet":{"domainRules":[]}}`},
			{"GET /subjects/S/metadata?key=owner&value=ops&deleted=False", 200, `{"subject":"S","version":1,"id":1,"schema":` + is(order1) +
				`,"metadata":{"properties":{"owner":"ops"}},"ruleSet":{"domainRules":[]}}`},
			{"GET /subjects/S/metadata?key=owner&value=dev", 404, ""},
		}},

		{"mode of a subject", []request{
			{"GET /mode/S", 404, "40409 Subject 'S' does not have subject-level mode configured"},
			{"GET /mode/S?defaultToGlobal=true", 200, `{"mode":"READWRITE"}`},
			{`PUT /mode/S {"mode":"SOMETIMES"}`, 422, "42204 Invalid mode…"},
			{`PUT /mode/S {"mode":"READONLY"}`, 200, `{"mode":"READONLY"}`},
			{"GET /mode/S", 200, `{"mode":"READONLY"}`},
			{post("S", order1), 422, "42205 Subject S is in read-only mode"},
			{post("T", order1), 200, `{"id":1}`},
			{`PUT /config/S {"compatibility":"FULL"}`, 422, "42205 Subject S is in read-only mode"},
			{"DELETE /mode/S", 200, `{"mode":"READONLY"}`},
			{"DELETE /mode/S", 404, "40409 Subject 'S' does not have subject-level mode configured"},
			one,
		}},
		{"delete in READONLY", []request{
			one, {`PUT /mode/S {"mode":"READONLY"}`, 200, ""},
			{"DELETE /subjects/S/versions/1", 422, "42205 Subject S is in read-only mode"},
			{"DELETE /subjects/S", 422, "42205 Subject S is in read-only mode"},
			{"GET /subjects/S/versions/1", 200, ""},
		}},
		{"READONLY_OVERRIDE wins over subjects", []request{
			{`PUT /mode/S {"mode":"READWRITE"}`, 200, ""},
			{`PUT /mode {"mode":"READONLY_OVERRIDE"}`, 200, `{"mode":"READONLY_OVERRIDE"}`},
			{post("S", order1), 422, "42205 Subject S is in read-only mode"},
			{`PUT /mode {"mode":"READONLY"}`, 200, ""},
			one,
			{"DELETE /mode", 200, `{"mode":"READONLY"}`},
			{"GET /mode", 200, `{"mode":"READWRITE"}`},
		}},
		{"FORWARD is a mode", []request{{`PUT /mode {"mode":"FORWARD"}`, 200, `{"mode":"FORWARD"}`}}},
		{"an id needs IMPORT", []request{{post("S", order1, `"id":7`), 422, "42205 Subject S in context . is not in import mode"}}},
		{"IMPORT keeps id and version", []request{
			imported,
			{post("S", order2, `"id":70`, `"version":5`), 200, `{"id":70}`},
			{post("S", orderBad, `"id":10`, `"version":2`), 200, `{"id":10}`}, // neither in order nor compatible
			{"GET /subjects/S/versions", 200, `[2,5]`},
			{"GET /subjects/S/versions/5", 200, `{"subject":"S","version":5,"id":70,"schema":` + is(order2) + `}`},
			{"GET /subjects/S/versions/2", 200, `{"subject":"S","version":2,"id":10,"schema":` + is(orderBad) + `}`},
			{post("S", order2, `"id":70`), 200, `{"id":70}`}, // a live copy: nothing new
			{"GET /subjects/S/versions", 200, `[2,5]`},
			{post("S", order2, `"id":70`, `"version":6`), 200, `{"id":70}`}, // a version that is named is stored
			{"GET /subjects/S/versions", 200, `[2,5,6]`},
			{post("T", order1), 200, `{"id":71}`}, // ids go on behind the highest
		}},
		{"IMPORT of another schema under a used id", []request{
			imported, {post("S", order1, `"id":7`), 200, `{"id":7}`},
			{post("S", order2, `"id":7`), 422, "42205 Overwrite new schema with id 7 is not permitted."},
		}},
		{"IMPORT wants an id", []request{imported, {post("S", order1), 422, "42205 Subject S in context . is not in read-write mode"}}},
		{"IMPORT where live schemas are", []request{
			one,
			{`PUT /mode/S {"mode":"IMPORT"}`, 422, "42205 Cannot import since found existing subjects"},
			{`PUT /mode {"mode":"IMPORT"}`, 422, "42205 Cannot import since found existing subjects"},
			{`PUT /mode/T {"mode":"IMPORT"}`, 200, ""},
			imported,
			{`PUT /mode/S {"mode":"IMPORT"}`, 200, ""}, // it is already
		}},
		{"IMPORT removes what was soft-deleted", []request{
			one, {"DELETE /subjects/S", 200, `[1]`},
			{`PUT /mode/S {"mode":"IMPORT"}`, 200, ""},
			{"GET /subjects/S/versions?deleted=true", 404, "40401 Subject 'S' not found."},
		}},
		{"IMPORT of the registry removes what was soft-deleted", []request{
			one, {"DELETE /subjects/S", 200, `[1]`},
			{`PUT /mode {"mode":"IMPORT"}`, 200, ""},
			{"GET /subjects?deleted=true", 200, `[]`},
		}},
		{"forced IMPORT keeps what was soft-deleted", []request{
			one, two, {"DELETE /subjects/S/versions/1", 200, `1`}, imported,
			{"GET /subjects/S/versions?deleted=true", 200, `[1,2]`},
		}},
		{"IMPORT of an id at a newer version buries its deleted ones", []request{
			imported,
			{post("S", order1, `"id":1`, `"version":1`), 200, ""}, {post("S", order2, `"id":2`, `"version":2`), 200, ""},
			{"DELETE /subjects/S/versions/1", 200, `1`},
			{post("S", order1, `"id":1`, `"version":3`), 200, ""},
			{"GET /subjects/S/versions?deleted=true", 200, `[2,3]`},
		}},

		{"contexts have ids of their own", []request{
			one, two,
			{post(":.dr:S", order2), 200, `{"id":1}`},
			{"GET /contexts", 200, `[".",".dr"]`},
			{"GET /schemas/ids/1", 200, `{"schema":` + is(order1) + `}`},
			{"GET /schemas/ids/1?subject=:.dr:S", 200, `{"schema":` + is(order2) + `}`},
			{"GET /contexts/.dr/schemas/ids/1", 200, `{"schema":` + is(order2) + `}`},
			{"GET /contexts/.dr/subjects", 200, `[":.dr:S"]`},
			{"GET /contexts/.dr/subjects/S/versions/1", 200, `{"subject":":.dr:S","version":1,"id":1,"schema":` + is(order2) + `}`},
			{"GET /contexts/:.dr:/subjects/:.dr:S/versions", 200, `[1]`},
			{"GET /subjects", 200, `[":.dr:S","S"]`},
			{"GET /subjects?subjectPrefix=:.dr:", 200, `[":.dr:S"]`},
			{"GET /subjects?subjectPrefix=:*:", 200, `[":.dr:S","S"]`},
			{"GET /subjects?subjectPrefix=X", 200, `[]`},
			{"GET /subjects/:.dr:T/versions", 404, "40401 Subject ':.dr:T' not found."},
			{"GET /subjects/:.gone:T/versions", 404, ""},
			{"GET /contexts", 200, `[".",".dr"]`},
		}},
		{"contexts have a mode and a level of their own", []request{
			{`PUT /mode/:.dr: {"mode":"READONLY"}`, 200, ""},
			{"GET /contexts/.dr/mode", 200, `{"mode":"READONLY"}`},
			{post(":.dr:S", order1), 422, "42205 Subject :.dr:S is in read-only mode"},
			one,
			{"GET /mode/:.dr:S?defaultToGlobal=true", 200, `{"mode":"READONLY"}`},
			{"DELETE /mode/:.dr:", 200, ""},
			{`PUT /config/:.dr: {"compatibility":"NONE"}`, 200, ""},
			{post(":.dr:S", order1), 200, ""}, {post(":.dr:S", orderBad), 200, ""},
			{"GET /config/:.dr:S?defaultToGlobal=true", 200, `{"compatibilityLevel":"NONE"}`},
			{`PUT /mode/:.dr: {"mode":"IMPORT"}`, 422, "42205 Cannot import since found existing subjects"},
			{`PUT /mode/:.other: {"mode":"IMPORT"}`, 200, ""},
			{"GET /subjects", 200, `[":.dr:S","S"]`},
		}},
		{"references stay in their context", []request{
			{post(":.dr:address", `{"type":"record","name":"Address","fields":[]}`), 200, `{"id":1}`},
			{post("S", `"Address"`, `"references":[{"name":"Address","subject":"address","version":1}]`), 422, "42201 …"},
			{post(":.dr:S", `["null","Address"]`, `"references":[{"name":"Address","subject":"address","version":1}]`), 200, ""},
			{post("S", `["null","Address"]`, `"references":[{"name":"Address","subject":":.dr:address","version":1}]`), 200, ""},
			{"GET /subjects/:.dr:address/versions/1/referencedby", 200, `[1,2]`},
		}},
		{"schemas", []request{
			one, two, {post("T", order1), 200, ""}, {"DELETE /subjects/T", 200, ""},
			{"GET /schemas?subjectPrefix=S&latestOnly=true", 200, `[{"subject":"S","version":2,"id":2,"schema":` + is(order2) + `}]`},
			{"GET /schemas?subjectPrefix=T", 200, `[]`},
			{"GET /schemas?subjectPrefix=T&deleted=True", 200, `[{"subject":"T","version":1,"id":1,"schema":` + is(order1) + `}]`},
		}},

		{"soft before hard: version", []request{
			one, two,
			{"DELETE /subjects/S/versions/1?permanent=true", 404, "40407 Subject 'S' Version 1 was not deleted first before being permanently deleted"},
			{"DELETE /subjects/S/versions/1", 200, `1`},
			{"DELETE /subjects/S/versions/1", 404, "40406 Subject 'S' Version 1 was soft deleted.Set permanent=true to delete permanently"},
			{"GET /subjects/S/versions/1", 404, "40402 Version 1 not found."},
			{"GET /subjects/S/versions/1?deleted=true", 200, ""},
			{"GET /subjects/S/versions", 200, `[2]`},
			{"GET /subjects/S/versions?deleted=True", 200, `[1,2]`},
			{"GET /subjects/S/versions?deletedOnly=true", 200, `[1]`},
			{"GET /schemas/ids/1", 200, ""}, // records go on naming it
			{"GET /schemas/ids/1/versions", 200, `[]`},
			{"GET /schemas/ids/1/versions?deleted=true", 200, `[{"subject":"S","version":1}]`},
			{"DELETE /subjects/S/versions/1?permanent=True", 200, `1`},
			{"DELETE /subjects/S/versions/1?permanent=true", 404, "40402 Version 1 not found."},
			{"GET /subjects/S/versions?deleted=true", 200, `[2]`},
		}},
		{"soft before hard: subject", []request{
			one, two,
			{"DELETE /subjects/S?permanent=true", 404, "40405 Subject 'S' was not deleted first before being permanently deleted"},
			{"DELETE /subjects/S", 200, `[1,2]`},
			{"DELETE /subjects/S", 404, "40404 Subject 'S' was soft deleted.Set permanent=true to delete permanently"},
			{"GET /subjects", 200, `[]`},
			{"GET /subjects?deleted=true", 200, `["S"]`},
			{"GET /subjects?deletedOnly=true", 200, `["S"]`},
			{"GET /subjects/S/versions", 404, "40401 Subject 'S' not found."},
			{"POST /subjects/S " + body(order1), 404, "40401 Subject 'S' not found."},
			{"POST /subjects/S?deleted=true " + body(order1), 200, ""},
			{"DELETE /subjects/S?permanent=true", 200, `[1,2]`},
			{"DELETE /subjects/S?permanent=true", 404, "40401 Subject 'S' not found."},
			{"GET /subjects?deleted=true", 200, `[]`},
		}},
		{"a deleted subject loses its mode and level", []request{
			one, {`PUT /config/S {"compatibility":"NONE"}`, 200, ""}, {`PUT /mode/S {"mode":"READWRITE"}`, 200, ""},
			{"DELETE /subjects/S", 200, ""}, {"GET /config/S", 404, ""}, {"GET /mode/S", 404, ""},
		}},
		{"a deleted schema registered again", []request{
			one, {"DELETE /subjects/S/versions/latest", 200, `1`}, {post("S", order1), 200, `{"id":1}`}, {"GET /subjects/S/versions", 200, `[2]`},
		}},
		{"delete latest", []request{
			one, two,
			{"DELETE /subjects/S/versions/latest", 200, `2`},
			{"DELETE /subjects/S/versions/-1", 200, `1`},
			{"DELETE /subjects/S/versions/latest", 404, "40401 Subject 'S' not found."},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, registry.Options{})
			for _, r := range tt.calls {
				r.check(t, s)
			}
		})
	}
}

// TestGUIDs wants the same schema to have the same GUID in every context.
func TestGUIDs(t *testing.T) {
	s := start(t, registry.Options{})
	request{post("first", order2), 200, ""}.check(t, s)
	request{post("S", order1), 200, `{"id":2}`}.check(t, s)
	request{post(":.dr:S", order1), 200, `{"id":1}`}.check(t, s)
	_, text := send(t, s, "GET /subjects/S/versions/1")
	var v struct{ GUID string }
	if err := json.Unmarshal([]byte(text), &v); err != nil || v.GUID == "" {
		t.Fatalf("%s: %v", text, err)
	}
	request{"GET /schemas/guids/" + url.PathEscape(v.GUID), 200, `{"schema":` + is(order1) + `}`}.check(t, s)
	request{"GET /schemas/guids/" + v.GUID + "/ids", 200, `[{"context":".","id":2},{"context":".dr","id":1}]`}.check(t, s)
	request{"GET /schemas/guids/0", 404, "40403 Schema 0 not found"}.check(t, s)
}
