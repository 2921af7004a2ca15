// Package registry is a strict Schema Registry in this process, with Confluent's REST API: it behaves as Confluent's documentation and
// source say, also where that is inconvenient (modes, explicit ids and versions in IMPORT only, compatibility checked, contexts with id
// spaces of their own, soft deletion before hard). Tests and the demo run on it; it keeps nothing on disk.
//
// It does not evaluate rule sets and has no exporters; schemas of a type it can not check are refused, not waved through.
package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options say how the server guards itself. The zero value lets everybody in.
type Options struct {
	Username, Password string
}

// Server is one registry.
type Server struct {
	o     Options
	store *store

	mu        sync.Mutex
	addr      string
	http      *http.Server
	ended     chan struct{}
	intercept func(http.ResponseWriter, *http.Request) bool
}

// Start starts a registry on a port of its own on loopback.
func Start(o Options) (*Server, error) {
	s := &Server{o: o, store: newStore(), addr: "127.0.0.1:0"}
	if err := s.Start(); err != nil {
		return nil, err
	}
	return s, nil
}

// URL is the registry's base address; it stays the same over Stop and Start.
func (s *Server) URL() string { return "http://" + s.addr }

// Start listens again after Stop, with everything that was registered.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http != nil {
		return nil
	}
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("schema registry: %w", err)
	}
	s.addr = l.Addr().String()
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	s.ended = make(chan struct{})
	go func(srv *http.Server, ended chan struct{}) { // Stop waits for it
		defer close(ended)
		_ = srv.Serve(l) // returns when Stop closes it
	}(s.http, s.ended)
	return nil
}

// Stop drops the listener and every connection. What was registered stays.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http == nil {
		return nil
	}
	err := s.http.Close()
	<-s.ended
	s.http = nil
	return err
}

// Close is Stop, for callers that do not come back.
func (s *Server) Close() error { return s.Stop() }

// Intercept makes f see every request first; where it returns true the request was answered. nil takes it away.
func (s *Server) Intercept(f func(http.ResponseWriter, *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.intercept = f
}

// failure is an answer that is an error, with Confluent's code.
type failure struct {
	status  int
	code    int
	message string
}

func (f *failure) Error() string { return f.message }

func fail(code int, format string, args ...any) error {
	status := code / 100
	if code == 50001 {
		status = http.StatusInternalServerError
	}
	return &failure{status, code, fmt.Sprintf(format, args...)}
}

// call is one request, taken apart.
type call struct {
	*http.Request
	context string   // "." or ".dr"
	path    []string // without the context prefix
}

// flag reads a boolean parameter; clients write True as well as true.
func (c *call) flag(name string) bool { return strings.EqualFold(c.URL.Query().Get(name), "true") }

func (c *call) decode(v any) error {
	if err := json.NewDecoder(c.Body).Decode(v); err != nil {
		return fail(42201, "Invalid request body: %v", err)
	}
	return nil
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	intercept := s.intercept
	s.mu.Unlock()
	if intercept != nil && intercept(w, r) {
		return
	}
	if s.o.Username != "" {
		if user, password, ok := r.BasicAuth(); !ok || user != s.o.Username || password != s.o.Password {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			answer(w, &failure{http.StatusUnauthorized, 40101, "Unauthorized"}, nil)
			return
		}
	}
	c := &call{Request: r, context: ".", path: strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")}
	for i, p := range c.path {
		c.path[i] = unescape(p)
	}
	if len(c.path) >= 2 && c.path[0] == "contexts" {
		c.context, c.path = strings.Trim(c.path[1], ":"), c.path[2:]
	}
	s.store.mu.Lock()
	v, err := s.route(c)
	s.store.mu.Unlock()
	answer(w, err, v)
}

func answer(w http.ResponseWriter, err error, v any) {
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	if err != nil {
		var f *failure
		if !errors.As(err, &f) {
			f = &failure{http.StatusInternalServerError, 50001, err.Error()}
		}
		w.WriteHeader(f.status)
		v = map[string]any{"error_code": f.code, "message": f.message}
	}
	if text, ok := v.(rawText); ok {
		_, _ = w.Write([]byte(text)) // the client has gone: nobody to tell
		return
	}
	_ = json.NewEncoder(w).Encode(v) // as above
}

// rawText is answered as it is.
type rawText string

func (s *Server) route(c *call) (any, error) {
	at := func(i int) string {
		if i < len(c.path) {
			return c.path[i]
		}
		return ""
	}
	switch at(0) {
	case "":
		return map[string]any{}, nil
	case "schemas":
		return s.store.schemas(c, at)
	case "subjects":
		return s.store.subjectCalls(c, at)
	case "compatibility":
		return s.store.compatibilityCalls(c, at)
	case "config":
		return s.store.configCalls(c, at(1))
	case "mode":
		return s.store.modeCalls(c, at(1))
	case "contexts":
		return s.store.contextNames(), nil
	case "v1":
		switch at(2) {
		case "id":
			return map[string]any{"scope": map[string]any{"path": []string{}, "clusters": map[string]string{"kafka-cluster": "embedded", "schema-registry-cluster": "schema-registry"}}, "id": ""}, nil
		case "version":
			return map[string]string{"version": "7.9.0", "commitId": "embedded"}, nil
		}
	}
	return nil, &failure{http.StatusNotFound, 404, "HTTP 404 Not Found"}
}

// versionNumber reads a version: a positive integer, "latest" or -1.
func versionNumber(text string) (n int, latest bool, err error) {
	if text == "latest" || text == "-1" {
		return 0, true, nil
	}
	n, err = strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, false, fail(42202, "The specified version '%s' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\"", text)
	}
	return n, false, nil
}
