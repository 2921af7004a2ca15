package testenv

import (
	"net"
	"net/http"
	"sync"

	"github.com/twmb/franz-go/pkg/sr/srfake"
)

// startRegistry gives the region a registry on a port of its own.
func (r *Region) startRegistry(onStop func(func() error)) error {
	s := &fakeRegistry{handler: srfake.NewRegistry().Handler(), addr: "127.0.0.1:0"}
	if err := s.Start(); err != nil {
		return err
	}
	r.Registry, r.RegistryServer = "http://"+s.addr, s
	onStop(s.Stop)
	return nil
}

type fakeRegistry struct {
	handler http.Handler
	addr    string
	mu      sync.Mutex
	srv     *http.Server
	done    chan struct{}
}

func (s *fakeRegistry) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		return err
	}
	s.addr = l.Addr().String()
	s.srv, s.done = &http.Server{Handler: s.handler}, make(chan struct{})
	go func() {
		defer close(s.done)
		s.srv.Serve(l)
	}()
	return nil
}

func (s *fakeRegistry) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.srv == nil {
		return nil
	}
	err := s.srv.Close()
	<-s.done
	s.srv = nil
	return err
}
