package rest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/engine"
)

// memory is a backend whose statements do nothing: what they do is tested by enginetest on a real one.
type memory struct {
	mu         sync.Mutex
	statements map[string]engine.Statement
	exceptions map[string][]engine.Exception
	progress   engine.Progress
	err        error // answered by every call where set
	created    int
}

func newMemory() *memory {
	return &memory{statements: map[string]engine.Statement{}, exceptions: map[string][]engine.Exception{}}
}

func (m *memory) Create(_ context.Context, s engine.Spec) (engine.Statement, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.statements[s.Name]; ok {
		return engine.Statement{}, fmt.Errorf("%w: %q", engine.ErrExists, s.Name)
	}
	if m.err != nil {
		return engine.Statement{}, m.err
	}
	m.created++
	at := time.Date(2026, 11, 23, 1, 0, m.created, 0, time.UTC)
	st := engine.Statement{Spec: s, UID: "uid-" + s.Name, Version: "1", Created: at, Updated: at, Phase: engine.Pending, Kind: "INSERT_INTO", AppendOnly: true}
	m.statements[s.Name] = st
	return st, nil
}

func (m *memory) Get(_ context.Context, name string) (engine.Statement, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	st, ok := m.statements[name]
	if !ok {
		return engine.Statement{}, fmt.Errorf("%w: %q", engine.ErrNotFound, name)
	}
	return st, m.err
}

func (m *memory) List(context.Context) ([]engine.Statement, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := []engine.Statement{}
	for _, name := range slices.Sorted(maps.Keys(m.statements)) {
		out = append(out, m.statements[name])
	}
	return out, m.err
}

func (m *memory) set(name string, change func(*engine.Statement)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	st, ok := m.statements[name]
	if !ok {
		return fmt.Errorf("%w: %q", engine.ErrNotFound, name)
	}
	change(&st)
	version, _ := strconv.Atoi(st.Version)
	st.Version = strconv.Itoa(version + 1)
	m.statements[name] = st
	return nil
}

func (m *memory) Stop(_ context.Context, name string) error {
	return m.set(name, func(s *engine.Statement) { s.Stopped, s.Phase = true, engine.Stopped })
}

func (m *memory) Resume(_ context.Context, name string) error {
	return m.set(name, func(s *engine.Statement) { s.Stopped, s.Phase = false, engine.Running })
}

func (m *memory) Delete(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.statements[name]; !ok {
		return fmt.Errorf("%w: %q", engine.ErrNotFound, name)
	}
	delete(m.statements, name)
	return nil
}

func (m *memory) Progress(context.Context, string) (engine.Progress, error) { return m.progress, m.err }

func (m *memory) Exceptions(_ context.Context, name string) ([]engine.Exception, error) {
	return m.exceptions[name], m.err
}
