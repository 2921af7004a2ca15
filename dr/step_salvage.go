package dr

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// What is removed is on the disk first: record batches as they stand in the log, and a line of JSON for each record.

// salvagedTopic is the fact that a topic was exported, and where.
type salvagedTopic struct {
	Host  string         `json:"host"`
	Parts []salvagedPart `json:"parts"`
}

type salvagedPart struct {
	linking.Salvaged
	SHA256 string `json:"sha256"` // of Log
}

func salvagedFact(topic string) string { return "salvaged:" + topic }

// salvageDir is where this run exports to.
func (r *run) salvageDir() string { return filepath.Join(r.plan.Failback.Salvage, r.id) }

func salvageDone(_ context.Context, r *run, s plans.Step) (bool, string, error) {
	var done salvagedTopic
	if known, err := r.recall(salvagedFact(s.Subject), &done); !known || err != nil {
		return false, "", err
	}
	host, err := os.Hostname()
	if err != nil {
		return false, "", err
	}
	var records int64
	for _, p := range done.Parts {
		records += p.Records
		if host != done.Host {
			continue // it is to be seen there only
		}
		if sum, err := sumOf(p.Log); errors.Is(err, fs.ErrNotExist) || err == nil && sum != p.SHA256 {
			return false, "what was exported is not there any more", nil
		} else if err != nil {
			return false, "", err
		}
	}
	r.noteSalvaged(done)
	return true, fmt.Sprintf("%s in %s on %s", counted(int(records), "record"), r.salvageDir(), done.Host), nil
}

func salvageApply(ctx context.Context, r *run, s plans.Step) error {
	t := r.plan.Failback.Topic(s.Subject)
	from := t.From
	var point plans.Positions
	if _, err := r.recall(factDivergence, &point); err != nil {
		return err
	}
	if at := point[s.Subject]; at != nil {
		from = at
	}
	for p := range from { // of an attempt that was cut short: it is this run's own directory, and nothing was removed yet
		if err := os.RemoveAll(filepath.Join(r.salvageDir(), fmt.Sprintf("%s-%d", s.Subject, p))); err != nil {
			return err
		}
	}
	parts, err := r.link.SalvageFrom(ctx, s.Subject, from, r.salvageDir())
	if err != nil {
		return err
	}
	var done salvagedTopic
	if done.Host, err = os.Hostname(); err != nil {
		return err
	}
	for _, p := range parts {
		sum, err := sumOf(p.Log)
		if err != nil {
			return err
		}
		done.Parts = append(done.Parts, salvagedPart{p, sum})
	}
	return r.learn(ctx, salvagedFact(s.Subject), done)
}

// noteSalvaged puts what was exported into the report.
func (r *run) noteSalvaged(t salvagedTopic) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range t.Parts {
		r.rep.Findings = append(r.rep.Findings, report.Finding{Rule: "failback/salvaged", Severity: report.Medium, Subject: fmt.Sprintf("%s-%d", p.Topic, p.Partition),
			Message: fmt.Sprintf("@%d–@%d, %s, were removed in %s and are in %s on %s (sha256 %s)", p.First, p.End-1, counted(int(p.Records), "record"), r.plan.To, p.Log, t.Host, p.SHA256),
			Why:     "nothing else has them", Remedy: "lifeboat salvage replay " + strings.TrimSuffix(filepath.Dir(p.Log), "/")})
	}
}

func sumOf(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
