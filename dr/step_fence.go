package dr

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// A fence keeps writers out of the old primary. It is a fact of the moment: a resumed run raises it again.

func fenceDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	if !r.saw(s.ID) {
		return false, "", nil
	}
	f := r.fence()
	switch f.By {
	case "acl":
		missing, err := r.missingDenials(ctx)
		if err != nil || len(missing) > 0 {
			return false, strings.Join(missing, ", "), err
		}
		return true, fmt.Sprintf("WRITE denied to %s on %s", strings.Join(f.Principals, ", "), counted(len(r.plan.Topics), "topic")), nil
	case "command":
		return true, fmt.Sprintf("%s ended with 0", f.Command[0]), nil
	default:
		return true, "confirmed by " + r.world.opts.Who, nil
	}
}

func fenceApply(ctx context.Context, r *run, s plans.Step) error {
	f := r.fence()
	switch f.By {
	case "acl":
		if err := r.denyWrites(ctx, f.Principals); err != nil {
			return err
		}
	case "command":
		cmd := exec.CommandContext(ctx, f.Command[0], f.Command[1:]...)
		cmd.Env = append(os.Environ(), "LIFEBOAT_REGION="+r.plan.From, "LIFEBOAT_ACTION=fence", "LIFEBOAT_RUN="+r.id)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: fence command %q: %w: %s", r.plan.From, strings.Join(f.Command, " "), err, lastLine(out))
		}
	case "manual":
		if r.world.opts.Confirm == nil {
			return fmt.Errorf("%s: the fence is manual and there is nobody to ask: stop the writers, then pass --fenced", r.plan.From)
		}
		ok, err := r.world.opts.Confirm(ctx, fmt.Sprintf("Are all writers to %s stopped?", r.plan.From))
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%s: nobody confirmed that its writers are stopped: stop them, then resume with --fenced", r.plan.From)
		}
	default:
		return fmt.Errorf("%s: a fence by %s is not supported yet: use acl, command or manual", r.plan.From, f.By)
	}
	r.see(s.ID)
	return nil
}

// fence is the declared fence of the old primary; none declared means that a person answers for it.
func (r *run) fence() plans.Fence {
	if f := r.world.Declared.Topology.Regions[r.plan.From].Fence; f != nil {
		return *f
	}
	return plans.Fence{By: "manual"}
}

func (r *run) topicNames() []string {
	names := make([]string, len(r.plan.Topics))
	for i, t := range r.plan.Topics {
		names[i] = t.Name
	}
	return names
}

func (r *run) denyWrites(ctx context.Context, principals []string) error {
	b := kadm.NewACLs().Deny(principals...).DenyHosts("*").Topics(r.topicNames()...).
		ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpWrite)
	results, err := r.from.Admin.CreateACLs(ctx, b)
	if err != nil {
		return fmt.Errorf("%s: denying writes: %w", r.from.Name, err)
	}
	var errs []error
	for _, res := range results {
		if res.Err != nil {
			errs = append(errs, fmt.Errorf("%s: denying %s WRITE on topic %q: %w", r.from.Name, res.Principal, res.Name, res.Err))
		}
	}
	return errors.Join(errs...)
}

// missingDenials lists "principal on topic" for every denial that the broker does not show.
func (r *run) missingDenials(ctx context.Context) ([]string, error) {
	f := r.fence()
	b := kadm.NewACLs().Deny(f.Principals...).DenyHosts("*").Topics(r.topicNames()...).
		ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpWrite)
	results, err := r.from.Admin.DescribeACLs(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("%s: reading ACLs: %w", r.from.Name, err)
	}
	there := map[[2]string]bool{}
	for _, res := range results {
		if res.Err != nil {
			return nil, fmt.Errorf("%s: reading ACLs: %w", r.from.Name, res.Err)
		}
		for _, d := range res.Described {
			if d.Operation == kmsg.ACLOperationWrite && d.Permission == kmsg.ACLPermissionTypeDeny {
				there[[2]string{d.Principal, d.Name}] = true
			}
		}
	}
	var missing []string
	for _, p := range f.Principals {
		for _, t := range r.topicNames() {
			if !there[[2]string{p, t}] {
				missing = append(missing, p+" on "+t)
			}
		}
	}
	return missing, nil
}

func lastLine(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}
