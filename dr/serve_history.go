package dr

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// Result is what came of a job that was due: it ran, or it was missed.
type Result struct {
	Job       string         `json:"job"` // plans.Job.ID
	Operation string         `json:"operation"`
	Name      string         `json:"name"`
	Due       time.Time      `json:"due"`
	Start     time.Time      `json:"start,omitzero"`
	End       time.Time      `json:"end,omitzero"`
	Outcome   report.Outcome `json:"outcome"`
	Summary   string         `json:"summary,omitempty"`
	Run       string         `json:"run,omitempty"`              // its id in the journal, where it has one
	Missed    int            `json:"missed,omitempty"`           // how many times it was due and not begun, from Due on; Outcome is skipped
	Readiness *float64       `json:"readiness,omitempty"`        // of a check, 0 to 100
	Before    *float64       `json:"readiness_before,omitempty"` // that of the check before, where it has fallen
	Reasons   []string       `json:"reasons,omitempty"`          // what keeps readiness from 100
}

// history is what a server keeps in its file.
type history struct {
	Owner   string    `json:"owner"` // the server that wrote it, a random text
	Alive   time.Time `json:"alive"` // when a server was there last
	Results []Result  `json:"results"`
}

// mostResults bounds a history.
const mostResults = 1000

func (h *history) add(r Result) {
	h.Results = append(h.Results, r)
	if extra := len(h.Results) - mostResults; extra > 0 {
		h.Results = append([]Result(nil), h.Results[extra:]...)
	}
}

// readiness is that of the last check that told one; nil where none has.
func (h *history) readiness() *float64 {
	for i := len(h.Results) - 1; i >= 0; i-- {
		if r := h.Results[i].Readiness; r != nil {
			return r
		}
	}
	return nil
}

// last is the last result of a job that ran; nil where it never has.
func (h *history) last(job string) *Result {
	for i := len(h.Results) - 1; i >= 0; i-- {
		if r := &h.Results[i]; r.Job == job && r.Missed == 0 {
			return r
		}
	}
	return nil
}

func readHistory(path string) (history, error) {
	var h history
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return h, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &h)
	}
	if err != nil {
		return h, fmt.Errorf("reading what was served before, %s: %w", path, err)
	}
	return h, nil
}

// ErrServedElsewhere says that another server has begun to serve from the same file: whoever comes last goes on.
var ErrServedElsewhere = errors.New("another lifeboat serve has taken over")

// claim makes the history this server's.
func (s *Server) claim() error {
	s.mu.Lock()
	s.past.Owner = rand.Text()
	s.mu.Unlock()
	return s.write()
}

// remember writes the history, unless another server has claimed it.
func (s *Server) remember() error {
	there, err := readHistory(s.o.State)
	if err != nil {
		return err
	}
	s.mu.Lock()
	mine := there.Owner == s.past.Owner
	s.mu.Unlock()
	if !mine {
		return fmt.Errorf("%w: it keeps %s now", ErrServedElsewhere, s.o.State)
	}
	return s.write()
}

// write replaces the file, whole or not at all.
func (s *Server) write() error {
	s.mu.Lock()
	s.past.Alive = s.o.Now().UTC()
	b, err := json.MarshalIndent(s.past, "", " ")
	s.mu.Unlock()
	if err == nil {
		err = os.MkdirAll(filepath.Dir(s.o.State), 0o700)
	}
	if err == nil {
		err = os.WriteFile(s.o.State+".new", b, 0o600)
	}
	if err == nil {
		err = os.Rename(s.o.State+".new", s.o.State)
	}
	if err != nil {
		return fmt.Errorf("remembering what was served: %w", err)
	}
	return nil
}
