package rest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/engine"
)

const base = "/sql/v1/organizations/o/environments/env-1/statements"

// ask sends one request to the handler and returns the answer with its body.
func ask(t *testing.T, h http.Handler, method, target, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req := httptest.NewRequest(method, "http://engine:8088"+target, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	out, err := io.ReadAll(rec.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return rec.Result(), string(out)
}

// detail is the first error's detail, checked to be of the API's form.
func detail(t *testing.T, resp *http.Response, body string) string {
	t.Helper()
	var f failure
	if err := json.Unmarshal([]byte(body), &f); err != nil || len(f.Errors) == 0 {
		t.Fatalf("%d %q is not an error body: %v", resp.StatusCode, body, err)
	}
	return f.Errors[0].Detail
}

func TestCreate(t *testing.T) {
	h := NewServer(newMemory(), Options{ComputePool: "lfcp-1"})
	resp, body := ask(t, h, "POST", base, `{
		"name": "copy", "organization_id": "o", "some_new_member": 1,
		"metadata": {"labels": {"user.confluent.io/x": "true"}},
		"spec": {"statement": "INSERT INTO a SELECT * FROM b", "properties": {"sql.state-ttl": 3600000, "sql.dry-run": false, "sql.current-catalog": "env"}}}`,
		"Content-Type", "application/json", "X-Request-Id", "abc-1")
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	self := "http://engine:8088" + base + "/copy"
	if got := resp.Header.Get("Location"); got != self {
		t.Errorf("Location %q, want %q", got, self)
	}
	if got := resp.Header.Get("X-Request-Id"); got != "abc-1" {
		t.Errorf("X-Request-Id %q is not the client's", got)
	}
	want := `{"api_version":"sql/v1","kind":"Statement","metadata":{"self":"` + self + `","created_at":"2026-11-23T01:00:01Z","updated_at":"2026-11-23T01:00:01Z",` +
		`"uid":"uid-copy","resource_version":"1","labels":{"user.confluent.io/x":"true"}},"name":"copy","organization_id":"o","environment_id":"env-1",` +
		`"spec":{"statement":"INSERT INTO a SELECT * FROM b","properties":{"sql.current-catalog":"env","sql.dry-run":"false","sql.state-ttl":"3600000"},` +
		`"compute_pool_id":"lfcp-1","stopped":false},"status":{"phase":"PENDING","traits":{"sql_kind":"INSERT_INTO","is_bounded":false,"is_append_only":true}}}` + "\n"
	if diff := cmp.Diff(want, body); diff != "" {
		t.Error(diff)
	}
}

func TestRefusals(t *testing.T) {
	m := newMemory()
	h := NewServer(m, Options{ComputePool: "lfcp-1"})
	ask(t, h, "POST", base, `{"name":"there","spec":{"statement":"s"}}`)
	long := `{"name":"x","spec":{"statement":"` + strings.Repeat("x", maxBody) + `"}}`
	for _, tc := range []struct {
		name, method, target, body string
		status                     int
		detail                     string
	}{
		{"no SQL", "POST", base, `{"name":"x","spec":{}}`, 400, "spec.statement is missing"},
		{"no name", "POST", base, `{"spec":{"statement":"s"}}`, 400, "name is missing"},
		{"exists", "POST", base, `{"name":"there","spec":{"statement":"s"}}`, 409, `statement exists: "there"`},
		{"another pool", "POST", base, `{"name":"x","spec":{"statement":"s","compute_pool_id":"lfcp-2"}}`, 400, `compute pool "lfcp-2" does not exist: this engine is "lfcp-1"`},
		{"a list as property", "POST", base, `{"name":"x","spec":{"statement":"s","properties":{"a":[1]}}}`, 400, `the request's body is not the JSON that this call takes: property "a" is neither a string, a number nor a boolean`},
		{"two values", "POST", base, `{"name":"x","spec":{"statement":"s"}} {}`, 400, "the request's body goes on after its JSON value"},
		{"too large", "POST", base, long, 413, "the request is larger than 1048576 bytes"},
		{"unknown statement", "GET", base + "/nope", "", 404, `statement not found: "nope"`},
		{"unknown route", "GET", "/sql/v2/statements", "", 404, "GET /sql/v2/statements is not served here"},
		{"results", "GET", base + "/there/results", "", 404, `statement "there" is INSERT_INTO and has no result to read: results of SELECT are not supported`},
		{"page size", "GET", base + "?page_size=101", "", 400, `page_size "101" is not a number from 1 to 100`},
		{"page token", "GET", base + "?page_token=%25", "", 400, `page_token "%" is not one that this server gave`},
		{"label selector", "GET", base + "?label_selector=a+in+(b)", "", 400, `label_selector: "a in (b)" is not k=v, k!=v, k or !k`},
		{"SQL changed", "PUT", base + "/there", `{"metadata":{"resource_version":"1"},"spec":{"statement":"t"}}`, 400, "the SQL of a statement cannot be changed: delete it and create another"},
		{"no version", "PUT", base + "/there", `{"spec":{"statement":"s","stopped":true}}`, 400, "metadata.resource_version is missing: read the statement first"},
		{"old version", "PUT", base + "/there", `{"metadata":{"resource_version":"0"},"spec":{"stopped":true}}`, 409, `statement "there" was changed: it is at resource version 1, not 0; read it and try again`},
		{"patch of a name", "PATCH", base + "/there", `[{"op":"replace","path":"/name","value":"x"}]`, 400, "the name cannot be changed"},
		{"patch by move", "PATCH", base + "/there", `[{"op":"MOVE","from":"/name","path":"/spec/x"}]`, 400, "patch operation 0: MOVE is not supported: nothing of a statement can be moved"},
		{"patch test fails", "PATCH", base + "/there", `[{"op":"test","path":"/spec/stopped","value":true}]`, 409, "patch operation 0: /spec/stopped is not true"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resp, body := ask(t, h, tc.method, tc.target, tc.body)
			if resp.StatusCode != tc.status || detail(t, resp, body) != tc.detail {
				t.Errorf("%d %q, want %d %q", resp.StatusCode, detail(t, resp, body), tc.status, tc.detail)
			}
			if resp.Header.Get("X-Request-Id") == "" {
				t.Error("the answer has no X-Request-Id")
			}
		})
	}
}

func TestContentType(t *testing.T) {
	resp, body := ask(t, NewServer(newMemory(), Options{}), "POST", base, `{"name":"x","spec":{"statement":"s"}}`, "Content-Type", "text/plain")
	if resp.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestInvalidStatementKeepsItsPlaceAndHint(t *testing.T) {
	m := newMemory()
	m.err = &engine.InvalidError{Line: 3, Column: 14, Message: `unknown table "flihgts"`, Hint: "did you mean flights?"}
	srv := httptest.NewServer(NewServer(m, Options{}))
	defer srv.Close()
	_, err := NewClient(srv.URL, "o", "e", "", "", srv.Client()).Create(t.Context(), engine.Spec{Name: "x", SQL: "s"})
	var got *engine.InvalidError
	if !errors.As(err, &got) {
		t.Fatalf("%v is no InvalidError", err)
	}
	if diff := cmp.Diff(m.err, error(got)); diff != "" {
		t.Error(diff)
	}
}

func TestPasswords(t *testing.T) {
	m := newMemory()
	srv := httptest.NewServer(NewServer(m, Options{Username: "key", Password: "secret"}))
	defer srv.Close()
	resp, err := http.Get(srv.URL + base)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("without a password: %d, WWW-Authenticate %q", resp.StatusCode, resp.Header.Get("WWW-Authenticate"))
	}
	if _, err := NewClient(srv.URL, "o", "e", "key", "wrong", srv.Client()).List(t.Context()); err == nil {
		t.Error("a wrong password was let in")
	}
	if _, err := NewClient(srv.URL, "o", "e", "key", "secret", srv.Client()).List(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestStopAndResume(t *testing.T) {
	m := newMemory()
	h := NewServer(m, Options{})
	ask(t, h, "POST", base, `{"name":"a","spec":{"statement":"s","properties":{"p":"1"}}}`)
	phase := func() engine.Phase { return m.statements["a"].Phase }

	resp, body := ask(t, h, "PUT", base+"/a", `{"name":"a","metadata":{"resource_version":"1"},"spec":{"statement":"s","properties":{"p":1},"stopped":true}}`)
	if resp.StatusCode != http.StatusAccepted || body != "" || phase() != engine.Stopped {
		t.Errorf("stop by PUT: %d %q, phase %s", resp.StatusCode, body, phase())
	}
	for _, op := range []string{"REPLACE", "replace"} {
		resp, body = ask(t, h, "PATCH", base+"/a", `[{"op":"`+op+`","path":"/spec/stopped","value":false}]`, "Content-Type", "application/json-patch+json")
		if resp.StatusCode != http.StatusOK || !strings.Contains(body, `"phase":"RUNNING"`) || phase() != engine.Running {
			t.Errorf("resume by PATCH %s: %d %q", op, resp.StatusCode, body)
		}
		resp, body = ask(t, h, "PATCH", base+"/a", `[{"op":"`+op+`","path":"/spec/stopped","value":true}]`, "Content-Type", "application/json-patch+json")
		if resp.StatusCode != http.StatusOK || phase() != engine.Stopped {
			t.Errorf("stop by PATCH %s: %d %q", op, resp.StatusCode, body)
		}
	}
	resp, body = ask(t, h, "DELETE", base+"/a", "")
	if resp.StatusCode != http.StatusAccepted || body != "" {
		t.Errorf("delete: %d %q", resp.StatusCode, body)
	}
}

func TestBaseAddressWithSlash(t *testing.T) {
	m := newMemory()
	resp, body := ask(t, NewServer(m, Options{}), "POST", "/"+base+"/", `{"name":"a","spec":{"statement":"s"}}`)
	if resp.StatusCode != http.StatusCreated || m.created != 1 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestPages(t *testing.T) {
	m := newMemory()
	h := NewServer(m, Options{})
	for _, name := range []string{"d", "a", "c", "b", "e"} {
		label := map[string]string{"even": "false"}
		if name == "b" || name == "d" {
			label = map[string]string{"even": "true", "x": ""}
		}
		if _, err := m.Create(t.Context(), engine.Spec{Name: name, Labels: label}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name, query string
		want        [][]string
	}{
		{"two a page", "page_size=2", [][]string{{"a", "b"}, {"c", "d"}, {"e"}}},
		{"exactly full", "page_size=5", [][]string{{"a", "b", "c", "d", "e"}}},
		{"by time", "page_size=3&time_ordered=true", [][]string{{"e", "b", "c"}, {"a", "d"}}},
		{"label", "label_selector=even%3Dtrue", [][]string{{"b", "d"}}},
		{"label and page", "page_size=1&label_selector=even=true,x", [][]string{{"b"}, {"d"}}},
		{"without a label", "label_selector=!x,even!=true", [][]string{{"a", "c", "e"}}},
		{"by name", "statement_name_search_query=e", [][]string{{"e"}}},
		{"none", "label_selector=nope", [][]string{nil}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got [][]string
			for target := base + "?" + tc.query; target != ""; {
				resp, body := ask(t, h, "GET", target, "")
				var page statementList
				if err := json.Unmarshal([]byte(body), &page); err != nil || resp.StatusCode != http.StatusOK {
					t.Fatalf("%d %s", resp.StatusCode, body)
				}
				var names []string
				for _, s := range page.Data {
					names = append(names, s.Name)
				}
				got = append(got, names)
				if i := strings.LastIndex(page.Metadata.Next, "page_token="); page.Metadata.Next != "" && strings.ContainsAny(page.Metadata.Next[i:], "&%+") {
					t.Errorf("page_token is not the last parameter, or not URL-safe: %s", page.Metadata.Next)
				}
				target = strings.TrimPrefix(page.Metadata.Next, "http://engine:8088")
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
