package linking

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/sr"
	"golang.org/x/sync/errgroup"
)

// registryCalls is how many subjects are asked about at once. Confluent Cloud allows some 25 requests a second.
const registryCalls = 4

// copySettings puts in force for destination subjects what is in force for them in the source: the level of compatibility and what is
// configured with it, their own or inherited, so that after a failover the same schemas may be registered. It notes the modes that the
// source's subjects have, for Promote. The errors are by subject.
func (s *Subjects) copySettings(ctx context.Context, subjects []string, look *view) map[string]error {
	var (
		g      errgroup.Group
		mu     sync.Mutex
		failed = map[string]error{}
	)
	g.SetLimit(registryCalls)
	for _, subject := range subjects {
		if !look.source.live(subject) {
			continue // deleted, and its settings with it
		}
		g.Go(func() error {
			err := s.copySetting(ctx, subject, look)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed[subject] = err
			}
			return nil
		})
	}
	_ = g.Wait() // the errors are in failed
	return failed
}

func (s *Subjects) copySetting(ctx context.Context, subject string, look *view) error {
	mode, err := subjectMode(ctx, s.from, s.called(s.from, subject))
	if err != nil {
		return s.asked(ctx, s.from, "source", err, "subject %q: reading its mode", subject)
	}
	want, err := inForce(ctx, s.from, s.called(s.from, subject))
	if err != nil {
		return s.asked(ctx, s.from, "source", err, "subject %q: compatibility", subject)
	}
	if want.Alias != "" {
		want.Alias = s.name(s.from, want.Alias)
	}
	have, err := inForce(ctx, s.to, subject)
	if err != nil {
		return s.asked(ctx, s.to, "destination", err, "subject %q: compatibility", subject)
	}
	s.modes.put(subject, mode)
	return s.inTurn(ctx, subject, func() error {
		if reflect.DeepEqual(want, have) {
			return nil
		}
		if err := s.open(ctx, subject, look); err != nil {
			return err
		}
		set := s.to.SetCompatibility(ctx, want, subject)
		if err := set[0].Err; err != nil {
			if errorCode(err) == codeNotPermitted {
				return &RegistryRefusesError{Subject: subject, Err: err}
			}
			return s.asked(ctx, s.to, "destination", err, "subject %q: compatibility %s", subject, want.Level)
		}
		err := again(ctx, func() (bool, error) {
			have, err = inForce(ctx, s.to, subject)
			return have.Level == want.Level, err
		})
		if err != nil {
			return s.asked(ctx, s.to, "destination", err, "subject %q: reading its compatibility back", subject)
		}
		if have.Level != want.Level {
			return fmt.Errorf("destination registry: subject %q: compatibility is %s after %s was set", subject, have.Level, want.Level)
		}
		s.log.Info("compatibility mirrored", "subject", subject, "level", want.Level.String())
		return nil
	})
}

// inForce is the configuration in force for a subject, as it can be set.
func inForce(ctx context.Context, cl *sr.Client, subject string) (sr.SetCompatibility, error) {
	c := cl.Compatibility(sr.WithParams(ctx, sr.DefaultToGlobal), subject)[0]
	if c.Err == nil && c.Level == 0 { // the subject has a configuration, but no level in it
		whole := cl.Compatibility(ctx)[0]
		c.Level, c.Err = whole.Level, whole.Err
	}
	return sr.SetCompatibility{Level: c.Level, Alias: c.Alias, Normalize: c.Normalize, Group: c.Group, DefaultMetadata: c.DefaultMetadata,
		OverrideMetadata: c.OverrideMetadata, DefaultRuleSet: c.DefaultRuleSet, OverrideRuleSet: c.OverrideRuleSet}, c.Err
}

// deleteAll soft-deletes destination versions that are soft-deleted in the source, referring ones before those that they refer to. The
// errors are by subject.
func (s *Subjects) deleteAll(ctx context.Context, look *view, list []subjectVersion, rep *SubjectReport) map[string]error {
	failed := map[string]error{}
	for left := len(list) + 1; len(list) < left; { // as long as it helps
		left = len(list)
		referenced := map[subjectVersion]error{}
		for _, sv := range slices.Backward(list) {
			err := s.inTurn(ctx, sv.subject, func() error { return s.deleteVersion(ctx, sv, look) })
			switch {
			case err == nil:
				rep.Deleted++
			case errorCode(err) == codeReferenced:
				referenced[sv] = err
			default:
				failed[sv.subject] = errors.Join(failed[sv.subject], err)
			}
		}
		list = slices.DeleteFunc(list, func(sv subjectVersion) bool { return referenced[sv] == nil })
		if len(list) == left {
			for sv, err := range referenced {
				failed[sv.subject] = errors.Join(failed[sv.subject], err)
			}
		}
	}
	return failed
}

func (s *Subjects) deleteVersion(ctx context.Context, sv subjectVersion, look *view) error {
	if err := s.open(ctx, sv.subject, look); err != nil {
		return err
	}
	switch err := s.to.DeleteSchema(ctx, sv.subject, sv.version, sr.SoftDelete); errorCode(err) {
	case codeSoftDeleted, codeVersionNotFound, codeSubjectNotFound: // already
	default:
		if err != nil {
			return s.asked(ctx, s.to, "destination", err, "subject %q version %d: deleting it as in the source", sv.subject, sv.version)
		}
	}
	s.importing.drop(sv.subject) // a subject's mode goes with its last version
	s.log.Info("schema soft-deleted, as in the source", "subject", sv.subject, "version", sv.version)
	return nil
}
