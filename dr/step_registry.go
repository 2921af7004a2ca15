package dr

import (
	"context"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// The mirrored subjects leave IMPORT mode, so that producers and statements of the destination may register schemas.

func registryDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	of := r.plan.Part(s).Subjects
	if r.to.Registry == nil || len(of) == 0 {
		return true, "no mirrored subjects", nil
	}
	var importing []string
	for _, m := range r.to.Registry.Mode(sr.WithParams(ctx, sr.DefaultToGlobal), of...) {
		if m.Err != nil {
			return false, "", fmt.Errorf("%s: subject %q: reading its mode: %w", r.to.Name, m.Subject, m.Err)
		}
		if m.Mode == sr.ModeImport {
			importing = append(importing, m.Subject)
		}
	}
	if len(importing) > 0 {
		return false, "in IMPORT mode: " + strings.Join(importing, ", "), nil
	}
	return true, counted(len(of), "subject") + " out of IMPORT mode", nil
}

func registryApply(ctx context.Context, r *run, s plans.Step) error {
	subjects := r.link.Subjects()
	if subjects == nil {
		return fmt.Errorf("%s: the plan has subjects but the topology declares no registry", r.to.Name)
	}
	return subjects.Promote(ctx, r.plan.Part(s).Subjects)
}
