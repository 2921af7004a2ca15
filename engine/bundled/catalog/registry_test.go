package catalog

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/format"
)

// answers serves fixed answers by method and path, and asks for a password.
func answers(t *testing.T, fixed map[string]string) *Registry {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := fixed[r.Method+" "+r.URL.Path]
		if user, password, _ := r.BasicAuth(); user != "u" || password != "p" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error_code":401,"message":"Unauthorized"}`)
			return
		}
		switch {
		case !ok:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error_code":40403,"message":"not found"}`)
		case body == "down":
			http.Error(w, "no leader", http.StatusServiceUnavailable)
		case strings.HasPrefix(body, "409 "):
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, strings.TrimPrefix(body, "409 "))
		default:
			_, _ = io.WriteString(w, body)
		}
	}))
	t.Cleanup(srv.Close)
	r, err := OpenRegistry(srv.URL+"/", "u", "p", nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRegistry(t *testing.T) {
	r := answers(t, map[string]string{
		"GET /schemas/ids/7": `{"schema":"\"long\""}`,
		"GET /schemas/ids/8": `{"schema":"A","schemaType":"JSON","references":[{"name":"b","subject":"sb","version":1},{"name":"c","subject":"sc","version":2}]}`,
		"GET /schemas/ids/9": `down`,
		// b refers to c, which 8 refers to too: it comes once, and before b.
		"GET /subjects/sb/versions/1":           `{"subject":"sb","version":1,"id":2,"schema":"B","references":[{"name":"c","subject":"sc","version":2}]}`,
		"GET /subjects/sc/versions/2":           `{"subject":"sc","version":2,"id":3,"schema":"C"}`,
		"GET /subjects/s-value/versions/latest": `{"subject":"s-value","version":4,"id":12,"schema":"S"}`,
		"GET /subjects/loop/versions/latest":    `{"subject":"loop","version":1,"id":13,"schema":"L","references":[{"name":"l","subject":"loop","version":1}]}`,
		"GET /subjects/loop/versions/1":         `{"subject":"loop","version":1,"id":13,"schema":"L","references":[{"name":"l","subject":"loop","version":1}]}`,
		"POST /subjects/refused/versions":       `409 {"error_code":409,"message":"incompatible"}`,
	})
	for _, tc := range []struct {
		name string
		get  func() (*format.Schema, error)
		want *format.Schema
		is   error
		text string
	}{
		{"by id", func() (*format.Schema, error) { return r.ByID(t.Context(), 7) }, &format.Schema{ID: 7, Type: "AVRO", Text: `"long"`}, nil, ""},
		{"by id, with references", func() (*format.Schema, error) { return r.ByID(t.Context(), 8) },
			&format.Schema{ID: 8, Type: "JSON", Text: "A", References: []format.Reference{{Name: "c", Text: "C"}, {Name: "b", Text: "B"}}}, nil, ""},
		{"latest", func() (*format.Schema, error) { return r.Latest(t.Context(), "s-value") }, &format.Schema{ID: 12, Type: "AVRO", Text: "S"}, nil, ""},
		{"no such id", func() (*format.Schema, error) { return r.ByID(t.Context(), 6) }, nil, ErrNoSchema, "schema id 6"},
		{"no such subject", func() (*format.Schema, error) { return r.Latest(t.Context(), "nope") }, nil, ErrNoSchema, `subject "nope"`},
		{"down", func() (*format.Schema, error) { return r.ByID(t.Context(), 9) }, nil, ErrUnavailable, "schema id 9"},
		{"a reference to itself", func() (*format.Schema, error) { return r.Latest(t.Context(), "loop") }, nil, nil, "leads back to itself"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tc.get()
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%v: %s", err, diff)
			}
			if tc.is != nil && !errors.Is(err, tc.is) || tc.text != "" && (err == nil || !strings.Contains(err.Error(), tc.text)) {
				t.Errorf("error %v, want one of %v that says %q", err, tc.is, tc.text)
			}
		})
	}
	_, err := r.Register(t.Context(), "refused", &format.Schema{Text: "x"})
	if err == nil || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrNoSchema) || !strings.Contains(err.Error(), "incompatible") {
		t.Errorf("an incompatible schema: %v", err)
	}
}

func TestRegistryPassword(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error_code":401,"message":"Unauthorized"}`)
	}))
	defer srv.Close()
	r, err := OpenRegistry(srv.URL, "u", "wrong", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.ByID(t.Context(), 1); err == nil || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrNoSchema) {
		t.Errorf("by id: %v: a wrong password does not mend itself", err)
	}
	if _, err := r.Latest(t.Context(), "s"); err == nil || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrNoSchema) {
		t.Errorf("latest: %v: a wrong password does not mend itself", err)
	}
	if _, err := OpenRegistry("", "", "", nil); err == nil {
		t.Error("a registry without a URL")
	}
}
