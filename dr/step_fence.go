package dr

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// A fence keeps writers out of the old primary. It is a fact of the moment: a resumed run raises it again. What it changed there is
// journaled before it is changed, so that lifting it (LiftFence) takes back that and nothing else.

// factFence is the raisedFence of a run, factLifted the liftedFence where it was lifted since.
const (
	factFence  = "fence"
	factLifted = "fence-lifted"
)

// raisedFence is what a run's fence has changed.
type raisedFence struct {
	plans.Fence
	Region string             `json:"region"`
	Topics []string           `json:"topics"`
	Denied []denial           `json:"denied,omitempty"` // acl: those that were not there before
	Sizes  map[string]*string `json:"sizes,omitempty"`  // config: max.message.bytes of each topic before; null: none was set
}

// A failback has two fences: first one on the region that comes back, which such a step names, then one on the region that is left. A migration has one
// a batch.

// region is the one that a step of the fence is about, nil where it does not answer.
func (r *run) region(s plans.Step) *linking.Region { return r.world.Regions[r.regionName(s)] }

func (r *run) regionName(s plans.Step) string {
	if s.Subject == "" {
		return r.plan.From
	}
	return s.Subject
}

// fencedTopics are those that a step of the fence is about.
func (r *run) fencedTopics(ctx context.Context, s plans.Step) ([]string, error) {
	if s.Subject == "" {
		return r.sources(s), nil
	}
	return r.notYetMirrors(ctx)
}

// fence is the declared fence of a region; none declared means that a person answers for it.
func (r *run) fence(region string) plans.Fence {
	if f := r.world.Declared.Topology.Regions[region].Fence; f != nil {
		return *f
	}
	return plans.Fence{By: "manual"}
}

func fenceDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	if !r.saw(s.ID) {
		return false, "", nil
	}
	var f raisedFence
	_, err := r.recall(scoped(factFence, s), &f)
	if err == nil && s.Subject != "" { // of those that it was raised on, some may be mirrors by now, or deleted in order to be
		f.Topics, err = r.fencedTopics(ctx, s)
	}
	if err != nil {
		return false, "", err
	}
	return f.stands(ctx, r.region(s), r.world.opts.Who)
}

// stands says whether a fence keeps writers out now, as far as that can be seen, and how or why not.
func (f *raisedFence) stands(ctx context.Context, in *linking.Region, who string) (bool, string, error) {
	switch f.By {
	case "acl":
		missing, err := missingDenials(ctx, in, f.Principals, f.Topics)
		if err != nil || len(missing) > 0 {
			return false, "not denied: " + listDenials(missing), err
		}
		return true, fmt.Sprintf("WRITE denied to %s on %s", strings.Join(f.Principals, ", "), counted(len(f.Topics), "topic")), nil
	case "config":
		open, err := notClosed(ctx, in, f.Topics)
		if err != nil || len(open) > 0 {
			return false, "they take records: " + strings.Join(open, ", "), err
		}
		return true, fmt.Sprintf("%s take no record (max.message.bytes)", counted(len(f.Topics), "topic")), nil
	case "command":
		return true, fmt.Sprintf("%s ended with 0", f.Command[0]), nil
	default:
		return true, "confirmed by " + who, nil
	}
}

func fenceApply(ctx context.Context, r *run, s plans.Step) error {
	in := r.region(s)
	topics, err := r.fencedTopics(ctx, s)
	if err != nil {
		return err
	}
	var f raisedFence
	again, err := r.recall(scoped(factFence, s), &f)
	if err != nil {
		return err
	}
	if !again {
		f = raisedFence{Fence: r.fence(in.Name), Region: in.Name, Topics: topics}
		if err := f.remember(ctx, in); err != nil {
			return err
		}
		if err := r.learn(ctx, scoped(factFence, s), f); err != nil {
			return err
		}
	}
	switch f.By {
	case "acl":
		err = denyWrites(ctx, in, f.Principals, f.Topics)
	case "config":
		err = r.closeTopics(ctx, s, in, topics)
	case "command":
		err = f.command(ctx, "fence", r.id)
	case "manual":
		err = r.confirmFence(ctx, s, in.Name)
	default:
		err = fmt.Errorf("%s: a fence by %s keeps nobody out: use acl, config, command or manual", in.Name, f.By)
	}
	if err != nil {
		return err
	}
	r.see(s.ID)
	return nil
}

// remember notes what raising the fence is going to change.
func (f *raisedFence) remember(ctx context.Context, in *linking.Region) (err error) {
	switch f.By {
	case "acl":
		f.Denied, err = missingDenials(ctx, in, f.Principals, f.Topics)
	case "config":
		f.Sizes, err = messageSizes(ctx, in, f.Topics)
		for topic, size := range f.Sizes {
			if size != nil && closes(*size) { // by a fence that nobody knows of any more: lifting this one opens it
				f.Sizes[topic] = nil
			}
		}
	}
	return err
}

// commandLimit is how long a fence's command may take.
const commandLimit = 2 * time.Minute

// command has the declared program raise or lift the fence.
func (f *raisedFence) command(ctx context.Context, action, run string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, commandLimit, fmt.Errorf("it had not ended after %s", commandLimit))
	defer cancel()
	cmd := exec.CommandContext(ctx, f.Command[0], f.Command[1:]...)
	cmd.WaitDelay = time.Second // its children may hold its output open
	cmd.Env = append(os.Environ(), "LIFEBOAT_REGION="+f.Region, "LIFEBOAT_ACTION="+action, "LIFEBOAT_RUN="+run, "LIFEBOAT_TOPICS="+strings.Join(f.Topics, ","))
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s: %s command %q: %w: %s", f.Region, action, strings.Join(f.Command, " "), err, lastLine(out))
	}
	return nil
}

// confirmFence asks whether a manual fence stands.
func (r *run) confirmFence(ctx context.Context, s plans.Step, region string) error {
	if r.world.opts.Confirm == nil {
		return fmt.Errorf("%s: the fence is manual and there is nobody to ask: stop the writers, then pass --fenced", region)
	}
	question := fmt.Sprintf("Are all writers to %s stopped?", region)
	if r.partial(s) {
		question = fmt.Sprintf("Are all writers to %s in %s stopped?", shortList(r.topicsOf(s)), region)
	}
	ok, err := r.world.opts.Confirm(ctx, question)
	if err == nil && !ok {
		err = errors.New("nobody confirmed that its writers are stopped: stop them, then resume with --fenced")
		return fmt.Errorf("%s: %w", region, err)
	}
	return err
}

func (r *run) topicNames() []string { return namesOf(r.plan) }

func lastLine(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}
