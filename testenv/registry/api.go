package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// call is one request to the API.
type call struct {
	*http.Request
	context string // "." or ".dr": what unqualified subjects and ids belong to
}

// flag reads a boolean parameter; clients write True as well as true.
func (c *call) flag(name string) bool { return strings.EqualFold(c.URL.Query().Get(name), "true") }

func (c *call) decode(v any) error {
	if err := json.NewDecoder(c.Body).Decode(v); err != nil {
		return fail(42201, "Invalid request body: %v", err)
	}
	return nil
}

// raw is answered as it is, everything else as JSON.
type raw string

// failure is an answer that is an error, with Confluent's code.
type failure struct {
	status  int
	code    int
	message string
}

func (f *failure) Error() string { return f.message }

// fail makes a failure of a code whose first three digits are the HTTP status.
func fail(code int, format string, args ...any) error {
	return &failure{code / 100, code, fmt.Sprintf(format, args...)}
}

// api serves Confluent's calls. The store is locked for a whole call.
func (st *store) api() http.Handler {
	mux := http.NewServeMux()
	for pattern, serve := range map[string]func(*call) (any, error){
		"GET /{$}":                 func(*call) (any, error) { return map[string]any{}, nil },
		"GET /contexts":            func(*call) (any, error) { return st.contextNames(), nil },
		"GET /v1/metadata/id":      func(*call) (any, error) { return clusterID, nil },
		"GET /v1/metadata/version": func(*call) (any, error) { return map[string]string{"version": "8.0.0", "commitId": ""}, nil },

		"GET /schemas":                   st.listSchemas,
		"GET /schemas/types":             func(*call) (any, error) { return []string{"JSON", "PROTOBUF", "AVRO"}, nil },
		"GET /schemas/ids/{id}":          st.schemaByID,
		"GET /schemas/ids/{id}/schema":   st.schemaByID,
		"GET /schemas/ids/{id}/subjects": st.usesOfID,
		"GET /schemas/ids/{id}/versions": st.usesOfID,
		"GET /schemas/guids/{guid}":      st.schemaByGUID,
		"GET /schemas/guids/{guid}/ids":  st.schemaByGUID,

		"GET /subjects":                                           st.listSubjects,
		"POST /subjects/{subject}":                                st.lookup,
		"DELETE /subjects/{subject}":                              st.deleteSubject,
		"GET /subjects/{subject}/metadata":                        st.latestWith,
		"GET /subjects/{subject}/versions":                        st.listVersions,
		"POST /subjects/{subject}/versions":                       st.register,
		"GET /subjects/{subject}/versions/{version}":              st.showVersion,
		"GET /subjects/{subject}/versions/{version}/schema":       st.showVersion,
		"GET /subjects/{subject}/versions/{version}/referencedby": st.showVersion,
		"DELETE /subjects/{subject}/versions/{version}":           st.deleteVersion,

		"POST /compatibility/subjects/{subject}/versions":           st.checkCompatibility,
		"POST /compatibility/subjects/{subject}/versions/{version}": st.checkCompatibility,

		"GET /mode":                st.getMode,
		"GET /mode/{subject}":      st.getMode,
		"PUT /mode":                st.setMode,
		"PUT /mode/{subject}":      st.setMode,
		"DELETE /mode":             st.resetMode,
		"DELETE /mode/{subject}":   st.resetMode,
		"GET /config":              st.getConfig,
		"GET /config/{subject}":    st.getConfig,
		"PUT /config":              st.setConfig,
		"PUT /config/{subject}":    st.setConfig,
		"DELETE /config":           st.resetConfig,
		"DELETE /config/{subject}": st.resetConfig,

		"/": func(*call) (any, error) {
			return nil, &failure{http.StatusNotFound, http.StatusNotFound, "HTTP 404 Not Found"}
		},
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			st.mu.Lock()
			v, err := serve(&call{r, contextOf(r)})
			st.mu.Unlock()
			answer(w, v, err)
		})
	}
	return inContext(mux)
}

var clusterID = map[string]any{"scope": map[string]any{"path": []string{}, "clusters": map[string]string{"kafka-cluster": "embedded", "schema-registry-cluster": "schema-registry"}}, "id": ""}

type contextKey struct{}

// inContext takes a leading /contexts/CONTEXT off the path: everything behind it is served as of that context.
func inContext(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, ok := strings.CutPrefix(r.URL.EscapedPath(), "/contexts/")
		name, rest, behind := strings.Cut(rest, "/")
		if !ok || !behind {
			next.ServeHTTP(w, r)
			return
		}
		if plain, err := url.PathUnescape(name); err == nil {
			name = plain
		}
		r = r.WithContext(context.WithValue(r.Context(), contextKey{}, strings.Trim(name, ":")))
		u := *r.URL
		u.RawPath = "/" + rest
		u.Path, _ = url.PathUnescape(u.RawPath) // it came escaped as a part of what was parsed
		r.URL = &u
		next.ServeHTTP(w, r)
	})
}

func contextOf(r *http.Request) string {
	if name, _ := r.Context().Value(contextKey{}).(string); name != "" {
		return name
	}
	return "."
}

func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	if err != nil {
		var f *failure
		if !errors.As(err, &f) {
			f = &failure{http.StatusInternalServerError, 50001, err.Error()}
		}
		w.WriteHeader(f.status)
		v = map[string]any{"error_code": f.code, "message": f.message}
	}
	if text, ok := v.(raw); ok {
		_, _ = w.Write([]byte(text)) // the client has gone: nobody to tell
		return
	}
	_ = json.NewEncoder(w).Encode(v) // as above
}

// versionNumber reads a version: a positive integer, or 0 for "latest" and -1.
func versionNumber(text string) (int, error) {
	if text == "latest" || text == "-1" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fail(42202, "The specified version '%s' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\"", text)
	}
	return n, nil
}
