// Package registry is a strict Schema Registry in this process, with Confluent's REST API: it behaves as Confluent's documentation and
// source say, also where that is inconvenient (modes, explicit ids and versions in IMPORT only, compatibility checked, contexts with id
// spaces of their own, soft deletion before hard). Tests and the demo run on it; it keeps nothing on disk.
//
// It does not evaluate rule sets and has no exporters; schemas of a type it can not check are refused, not waved through.
package registry

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options say how the server guards itself. The zero value lets everybody in.
type Options struct {
	Username, Password string
}

// Server is one registry.
type Server struct {
	o   Options
	api http.Handler

	mu        sync.Mutex
	addr      string
	http      *http.Server
	ended     chan struct{}
	intercept func(http.ResponseWriter, *http.Request) bool
}

// New returns a registry that answers as an http.Handler, and listens nowhere until Start.
func New(o Options) *Server { return &Server{o: o, api: newStore().api(), addr: "127.0.0.1:0"} }

// Start starts a registry on a port of its own on loopback.
func Start(o Options) (*Server, error) {
	s := New(o)
	if err := s.Start(); err != nil {
		return nil, err
	}
	return s, nil
}

// URL is the registry's base address; it stays the same over Stop and Start.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "http://" + s.addr
}

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
			answer(w, nil, &failure{http.StatusUnauthorized, http.StatusUnauthorized, "Unauthorized"})
			return
		}
	}
	s.api.ServeHTTP(w, r)
}
