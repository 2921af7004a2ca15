package linking

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// sourceAnswers is how long Promote waits for the source's registry to say what modes its subjects have: in a failover it may be gone.
const sourceAnswers = 3 * time.Second

// Promote takes destination subjects out of IMPORT mode: each gets the source's own read-only mode where it has one, else READWRITE, and
// the mode is read back. Where the source does not answer, what the last Sync saw of it counts. It is idempotent; one subject that can
// not be promoted does not keep back the others. Sync and Ensure write to a promoted subject no more.
func (s *Subjects) Promote(ctx context.Context, subjects []string) error {
	subjects = slices.Compact(slices.Sorted(slices.Values(subjects)))
	source := s.sourceModes(ctx, subjects)
	whole, err := subjectMode(ctx, s.to, "")
	if err != nil {
		return s.asked(ctx, s.to, "destination", err, "reading its mode")
	}
	var (
		g    errgroup.Group
		errs = make([]error, len(subjects))
	)
	g.SetLimit(registryCalls)
	for i, subject := range subjects {
		want := modeReadWrite
		if mode := source[subject]; mode == modeReadOnly || mode == modeReadOnlyOverride {
			s.log.Warn("subject is promoted to a read-only mode, as in the source", "subject", subject, "mode", mode)
			want = mode
		}
		g.Go(func() error {
			if whole == modeReadOnlyOverride && want == modeReadWrite {
				errs[i] = &RegistryRefusesError{subject, whole, errors.New("it is the whole registry's and wins over a subject's: PUT /mode READWRITE first")}
				return nil
			}
			errs[i] = s.inTurn(ctx, subject, func() error { return s.promote(ctx, subject, want) })
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	return errors.Join(errs...)
}

func (s *Subjects) promote(ctx context.Context, subject, want string) error {
	s.importing.drop(subject)
	have, err := subjectMode(ctx, s.to, subject)
	if err != nil {
		return s.asked(ctx, s.to, "destination", err, "subject %q: reading its mode", subject)
	}
	if have == want {
		return nil
	}
	if err := setSubjectMode(ctx, s.to, subject, want); err != nil {
		if errorCode(err) == codeNotPermitted {
			return &RegistryRefusesError{subject, have, err}
		}
		return s.asked(ctx, s.to, "destination", err, "subject %q: mode %s", subject, want)
	}
	err = again(ctx, func() (bool, error) {
		have, err = subjectMode(ctx, s.to, subject)
		return have == want, err
	})
	if err != nil {
		return s.asked(ctx, s.to, "destination", err, "subject %q: reading its mode back", subject)
	}
	if have != want {
		return fmt.Errorf("destination registry: subject %q: its mode is %q after %s was set", subject, have, want)
	}
	s.log.Info("subject promoted", "subject", subject, "mode", want)
	return nil
}

// sourceModes are the modes that subjects have of their own in the source, as far as can be known in time.
func (s *Subjects) sourceModes(ctx context.Context, subjects []string) map[string]string {
	modes := map[string]string{}
	if s.from == s.to { // no source
		return modes
	}
	asking, cancel := context.WithTimeout(ctx, sourceAnswers)
	defer cancel()
	var mu sync.Mutex
	g, asking := errgroup.WithContext(asking) // who gets no answer ends it for all
	g.SetLimit(registryCalls)
	for _, subject := range subjects {
		g.Go(func() error {
			mode, err := subjectMode(asking, s.from, s.called(s.from, subject))
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			modes[subject] = mode
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		s.log.Warn("the source's registry does not say which modes its subjects have", "error", err)
		for _, subject := range subjects {
			if mode, ok := s.modes.get(subject); ok && modes[subject] == "" {
				modes[subject] = mode
			}
		}
	}
	return modes
}
