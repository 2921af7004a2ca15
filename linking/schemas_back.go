package linking

import (
	"context"
	"errors"
	"fmt"
	"net/url"
)

// takeBack puts a subject that was promoted into IMPORT mode again, whose live versions were all found to be the source's. Promotion gives
// it READWRITE or the source's own read-only mode; what another mode means is for whoever has set it to say. A process that loses the link
// at the same moment may have come too late: then what the subject was promoted to is put back.
func (s *Subjects) takeBack(ctx context.Context, subject, own string) error {
	refused := func(why string) error {
		return &RegistryRefusesError{subject, own, errors.New(why + ": DELETE /mode/" + url.PathEscape(subject) + " gives it to the link again")}
	}
	if s.served == nil {
		return refused("the subject was promoted, or is not the link's")
	}
	if own != modeReadWrite {
		source, err := subjectMode(ctx, s.from, s.called(s.from, subject))
		if err != nil {
			return s.asked(ctx, s.from, "source", err, "subject %q: reading its mode", subject)
		}
		if own != source {
			return refused("somebody has set it")
		}
	}
	if err := s.served(ctx); err != nil {
		return refused(err.Error())
	}
	if err := s.importMode(ctx, subject, own); err != nil {
		return err
	}
	if err := s.served(ctx); err != nil {
		s.importing.drop(subject)
		if perr := setSubjectMode(ctx, s.to, subject, own); perr != nil {
			err = errors.Join(err, s.asked(ctx, s.to, "destination", perr, "subject %q: mode %s, as it was", subject, own))
		}
		return err
	}
	s.log.Info("subject was promoted, and is mirrored again", "subject", subject, "mode", own)
	return nil
}

// servesSubjects is nil while this process has the link and its topics are mirrors: then a promotion of its subjects is over. That a link
// is promoted is recorded, and its process fenced, before any of its subjects is promoted.
func (r *runner) servesSubjects(ctx context.Context) error {
	topics, err := r.topicsNow(ctx)
	if err != nil {
		return err
	}
	if len(topics) == 0 {
		return errors.New("the link has no mirrors yet")
	}
	for _, name := range sorted(topics) {
		if topics[name].released() {
			return fmt.Errorf("it may belong to mirror topic %s, which is promoted", name)
		}
	}
	return r.s.confirm(ctx)
}
