package rest

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/lifeboat-dr/lifeboat/engine"
)

// maxBody bounds a request: SQL of 128 KiB, escaped, and the rest of a statement.
const maxBody = 1 << 20

// Options configure a server.
type Options struct {
	// Organization and Environment are what answers name where the request's path does not; a request may name any.
	Organization string
	Environment  string
	// Username and Password are asked for with HTTP Basic when Username is set.
	Username string
	Password string
	// ComputePool is the pool that every statement is shown in. Empty: none, and requests may name any.
	ComputePool string
}

// NewServer serves the statements API in front of a backend. The handler is safe for concurrent use.
func NewServer(backend engine.Backend, o Options) http.Handler {
	s := &server{backend: backend, opts: o}
	mux := http.NewServeMux()
	const base = "/sql/v1/organizations/{org}/environments/{env}/statements"
	for route, handle := range map[string]handlerFunc{
		"GET " + base:                        s.list,
		"POST " + base:                       s.create,
		"GET " + base + "/{name}":            s.get,
		"PUT " + base + "/{name}":            s.put,
		"PATCH " + base + "/{name}":          s.patch,
		"DELETE " + base + "/{name}":         s.delete,
		"GET " + base + "/{name}/results":    s.results,
		"GET " + base + "/{name}/progress":   s.progress,
		"GET " + base + "/{name}/exceptions": s.exceptions,
		"/":                                  noRoute,
	} {
		mux.Handle(route, s.wrap(handle))
	}
	// A base address with a slash at its end makes "//sql/v1/…": ServeMux would redirect, and a redirected POST loses its body.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if clean := path.Clean("/" + r.URL.Path); clean != r.URL.Path {
			r = r.Clone(r.Context())
			r.URL.Path, r.URL.RawPath = clean, ""
		}
		mux.ServeHTTP(w, r)
	})
}

type server struct {
	backend engine.Backend
	opts    Options
	// changing makes "compare the resource version, then change" one step among this server's own requests.
	changing sync.Mutex
}

// of returns the backend of a request's environment: the server's own, but for sandboxes. Only a new statement makes one.
func (s *server) of(r *http.Request) (engine.Backend, error) {
	env := r.PathValue("env")
	keeper, ok := s.backend.(engine.Sandboxer)
	if !ok || !engine.IsSandbox(env) {
		return s.backend, nil
	}
	return keeper.Sandbox(r.Context(), env, r.Method == http.MethodPost)
}

// handlerFunc answers, or returns the error to answer.
type handlerFunc func(w http.ResponseWriter, r *http.Request) error

func (s *server) wrap(h handlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := requestID(r)
		w.Header().Set("X-Request-Id", id)
		if !s.authorized(r) {
			w.Header().Set("WWW-Authenticate", `Basic realm="lifeboat engine"`)
			writeError(w, id, &httpError{http.StatusUnauthorized, "unauthorized", "the request's user or password is missing or wrong", nil})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := h(w, r); err != nil {
			writeError(w, id, err)
		}
	})
}

// requestID keeps a client's own id where it is harmless to repeat.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	if id != "" && len(id) <= 64 && !strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return id
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

func (s *server) authorized(r *http.Request) bool {
	if s.opts.Username == "" {
		return true
	}
	user, password, ok := r.BasicAuth()
	userOK := subtle.ConstantTimeCompare([]byte(user), []byte(s.opts.Username))
	passwordOK := subtle.ConstantTimeCompare([]byte(password), []byte(s.opts.Password))
	return ok && userOK&passwordOK == 1
}

func noRoute(_ http.ResponseWriter, r *http.Request) error {
	return &httpError{http.StatusNotFound, "no_route", fmt.Sprintf("%s %s is not served here", r.Method, r.URL.Path), nil}
}

func (s *server) create(w http.ResponseWriter, r *http.Request) error {
	var in statement
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if in.Spec.Statement == "" {
		return badRequest("/spec/statement", "spec.statement is missing")
	}
	if in.Name == "" {
		return badRequest("/name", "name is missing")
	}
	if pool := in.Spec.ComputePoolID; pool != "" && s.opts.ComputePool != "" && pool != s.opts.ComputePool {
		return badRequest("/spec/compute_pool_id", "compute pool %q does not exist: this engine is %q", pool, s.opts.ComputePool)
	}
	backend, err := s.of(r)
	if err != nil {
		return err
	}
	st, err := backend.Create(r.Context(), engine.Spec{
		Name: in.Name, SQL: in.Spec.Statement, Properties: in.Spec.Properties, Labels: in.Metadata.Labels, Stopped: in.Spec.Stopped,
	})
	if err != nil {
		return err
	}
	out := s.show(r, st)
	w.Header().Set("Location", out.Metadata.Self)
	return writeJSON(w, http.StatusCreated, out)
}

func (s *server) get(w http.ResponseWriter, r *http.Request) error {
	backend, err := s.of(r)
	if err != nil {
		return err
	}
	st, err := backend.Get(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.show(r, st))
}

func (s *server) delete(w http.ResponseWriter, r *http.Request) error {
	backend, err := s.of(r)
	if err != nil {
		return err
	}
	if err := backend.Delete(r.Context(), r.PathValue("name")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// put changes spec.stopped. The API's other mutable members, principal and compute pool, mean nothing to a backend here.
func (s *server) put(w http.ResponseWriter, r *http.Request) error {
	var in statement
	if err := readJSON(r, &in); err != nil {
		return err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	backend, err := s.of(r)
	if err != nil {
		return err
	}
	now, err := backend.Get(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	if err := s.change(r, backend, now, in); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// patch applies a JSON Patch to the statement as it stands and then does what put does with the result.
func (s *server) patch(w http.ResponseWriter, r *http.Request) error {
	var ops []patchOp
	if err := readJSON(r, &ops); err != nil {
		return err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	backend, err := s.of(r)
	if err != nil {
		return err
	}
	now, err := backend.Get(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	before, err := json.Marshal(s.show(r, now))
	if err != nil {
		return err
	}
	doc := map[string]any{}
	if err := json.Unmarshal(before, &doc); err != nil {
		return err
	}
	if err := applyPatch(doc, ops); err != nil {
		return err
	}
	after, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	var in statement
	if err := decodeJSON(after, &in); err != nil {
		return err
	}
	if err := s.change(r, backend, now, in); err != nil {
		return err
	}
	if now, err = backend.Get(r.Context(), now.Name); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.show(r, now))
}

// change does what turns the statement now into the one that was sent, or refuses it.
func (s *server) change(r *http.Request, backend engine.Backend, now engine.Statement, in statement) error {
	switch {
	case in.Name != "" && in.Name != now.Name:
		return badRequest("/name", "the name cannot be changed")
	case in.Spec.Statement != "" && in.Spec.Statement != now.SQL:
		return badRequest("/spec/statement", "the SQL of a statement cannot be changed: delete it and create another")
	case in.Spec.Properties != nil && !maps.Equal(in.Spec.Properties, now.Properties):
		return badRequest("/spec/properties", "the properties of a statement cannot be changed: delete it and create another")
	case in.Metadata.ResourceVersion == "":
		return badRequest("/metadata/resource_version", "metadata.resource_version is missing: read the statement first")
	case in.Metadata.ResourceVersion != now.Version:
		return conflict("statement %q was changed: it is at resource version %s, not %s; read it and try again",
			now.Name, now.Version, in.Metadata.ResourceVersion)
	}
	if in.Spec.Stopped {
		return backend.Stop(r.Context(), now.Name)
	}
	if now.Stopped || now.Phase == engine.Stopped || now.Phase == engine.Stopping || now.Phase == engine.Failed {
		return backend.Resume(r.Context(), now.Name)
	}
	return nil
}

func (s *server) results(_ http.ResponseWriter, r *http.Request) error {
	backend, err := s.of(r)
	if err != nil {
		return err
	}
	st, err := backend.Get(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	return &httpError{http.StatusNotFound, "no_results", fmt.Sprintf(
		"statement %q is %s and has no result to read: results of SELECT are not supported", st.Name, st.Kind), nil}
}

func (s *server) progress(w http.ResponseWriter, r *http.Request) error {
	backend, err := s.of(r)
	if err != nil {
		return err
	}
	p, err := backend.Progress(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, progressToWire(p))
}

func (s *server) exceptions(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	list := exceptionList{APIVersion: apiVersion, Kind: "StatementExceptionList", Metadata: metadata{Self: selfURL(r)}, Data: []exception{}}
	backend, err := s.of(r)
	if err != nil {
		return err
	}
	var known []engine.Exception
	if e, ok := backend.(engine.Exceptioner); ok {
		known, err = e.Exceptions(r.Context(), name)
	} else {
		_, err = backend.Get(r.Context(), name)
	}
	if err != nil {
		return err
	}
	for _, e := range known {
		list.Data = append(list.Data, exception{Kind: "StatementException", Name: e.Name, Message: e.Message, Timestamp: e.At.UTC()})
	}
	return writeJSON(w, http.StatusOK, list)
}

// show writes a statement for the request's organization and environment, with its absolute address.
func (s *server) show(r *http.Request, st engine.Statement) statement {
	org, env := r.PathValue("org"), r.PathValue("env")
	if org == "" {
		org = s.opts.Organization
	}
	if env == "" {
		env = s.opts.Environment
	}
	self := fmt.Sprintf("%s/sql/v1/organizations/%s/environments/%s/statements/%s", origin(r), org, env, st.Name)
	return toWire(st, self, org, env, s.opts.ComputePool)
}

func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func selfURL(r *http.Request) string { return origin(r) + r.URL.RequestURI() }

func readJSON(r *http.Request, into any) error {
	if ct := r.Header.Get("Content-Type"); ct != "" {
		if kind, _, err := mime.ParseMediaType(ct); err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
			return &httpError{http.StatusUnsupportedMediaType, "invalid_request", fmt.Sprintf("content type %q is not JSON", ct), nil}
		}
	}
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &httpError{http.StatusRequestEntityTooLarge, "invalid_request", fmt.Sprintf("the request is larger than %d bytes", tooLarge.Limit), nil}
	}
	if err != nil {
		return badRequest("", "reading the request: %v", err)
	}
	return decodeJSON(body, into)
}

// decodeJSON reads one JSON value and nothing after it. Unknown members are passed over: clients of newer versions send them.
func decodeJSON(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(into); err != nil {
		return badRequest("", "the request's body is not the JSON that this call takes: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return badRequest("", "the request's body goes on after its JSON value")
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that went away needs no answer
	return nil
}
