package dr

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/rest"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// nobodys is a name that nothing has: what is asked of it changes nothing, and is refused to whoever may not do it.
const nobodys = "_lifeboat.check"

// checkRights tries what a run will have to do, as far as trying changes nothing: a right that is missing is told now and not when the primary is lost.
// What the link itself needs is checkGrants's.
func checkRights(ctx context.Context, c *checkup) []report.Check {
	if c.plan == nil || c.plan.Operation != plans.OpFailover || c.seen.Regions[c.decl.To] == nil {
		return nil // why there is no plan is told elsewhere
	}
	out := []report.Check{runRights(ctx, c)}
	if c.world.Regions[c.decl.From] != nil {
		out = append(out, fenceRights(ctx, c)...)
	}
	out = append(out, engineRights(ctx, c)...)
	out = append(out, registryRights(ctx, c)...)
	return append(out, commandsThere(c)...)
}

// runRights asks for what every run needs in the destination: its journal and its lease, the canary, what a drill makes.
func runRights(ctx context.Context, c *checkup) report.Check {
	to := c.world.Regions[c.decl.To]
	var grants []linking.Grant
	need := func(kind kmsg.ACLResourceType, name, reason string, ops ...kmsg.ACLOperation) {
		for _, op := range ops {
			grants = append(grants, linking.Grant{Region: to.Name, For: reason, ACL: linking.ACL{Resource: kind, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: op}})
		}
	}
	const topic, id = kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeTransactionalId
	need(topic, RunsTopic(to.Name), "the journal of runs", kmsg.ACLOperationRead, kmsg.ACLOperationWrite)
	need(topic, CanaryTopic(to.Name), "the canary", kmsg.ACLOperationRead, kmsg.ACLOperationWrite)
	need(id, "lifeboat."+to.Name+".runs", "the lease of runs", kmsg.ACLOperationWrite)
	need(id, "lifeboat."+to.Name+".canary", "the canary", kmsg.ACLOperationWrite)
	if len(c.world.Declared.Topology.Drills) > 0 {
		need(topic, "_lifeboat.drill."+nobodys, "what drills put out", kmsg.ACLOperationWrite)
	}
	line := report.Check{Name: "a run has the rights that it needs in " + to.Name, Outcome: report.Passed, Detail: "its journal, its lease and the canary"}
	trial, err := to.TryGrants(ctx, grants)
	switch {
	case err != nil:
		line.Outcome, line.Detail = report.Unknown, err.Error()
	case len(trial.Missing) > 0:
		var missing []string
		for _, g := range trial.Missing {
			missing = append(missing, fmt.Sprintf("%s on %s %s (%s)", g.ACL.Operation, strings.ToLower(g.ACL.Resource.String()), g.ACL.Name, g.For))
		}
		line.Outcome, line.Detail = report.Failed, "missing: "+strings.Join(missing, "; ")
		line.Why = "a failover would be refused before its first step, or stop in the middle"
		line.Remedy = "grant CREATE, READ and WRITE on topics _lifeboat.* and WRITE on transactional ids lifeboat.* in " + to.Name
	}
	return line
}

// fenceRights asks whether the declared fence can be raised on the source.
func fenceRights(ctx context.Context, c *checkup) []report.Check {
	fence, from := c.world.Declared.Topology.Regions[c.decl.From].Fence, c.world.Regions[c.decl.From]
	line := report.Check{Name: "the fence on " + c.decl.From + " can be raised", Outcome: report.Passed}
	if fence == nil {
		return nil // a finding
	}
	var topics []string
	for _, t := range c.plan.Topics {
		topics = append(topics, t.Name)
	}
	fail := func(detail, remedy string) {
		line.Outcome, line.Detail, line.Remedy = report.Failed, detail, remedy
		line.Why = "a planned failover would stop at its first step"
	}
	var err error
	switch fence.By {
	case "acl":
		if _, err = missingDenials(ctx, from, fence.Principals, topics); errors.Is(err, kerr.SecurityDisabled) {
			fail("its brokers have no authorizer, so a denial keeps nobody out", "declare regions."+c.decl.From+".fence by: config, command or manual")
			return []report.Check{line}
		}
		var trial *linking.GrantTrial
		if err == nil {
			trial, err = from.TryGrants(ctx, []linking.Grant{{Region: from.Name, ACL: linking.ACL{Resource: kmsg.ACLResourceTypeCluster, Name: "kafka-cluster", Pattern: kmsg.ACLResourcePatternTypeLiteral,
				Operation: kmsg.ACLOperationAlter}}})
		}
		if err == nil && len(trial.Missing) > 0 {
			fail("missing: ALTER on the cluster", "grant it in "+c.decl.From)
		}
		line.Detail = orElse(line.Detail, "ACLs can be read and written")
	case "config":
		var answers kadm.AlterConfigsResponses
		if answers, err = from.Admin.ValidateAlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: maxMessageBytes, Value: new(onlyMarkers)}}, topics...); err == nil {
			var refused []string
			for _, a := range answers {
				if a.Err != nil {
					refused = append(refused, fmt.Sprintf("topic %s: %v", a.Name, a.Err))
				}
			}
			if len(refused) > 0 {
				fail("setting "+maxMessageBytes+" is refused: "+few(refused), "grant ALTER_CONFIGS and DESCRIBE_CONFIGS on them in "+c.decl.From)
			}
		}
		line.Detail = orElse(line.Detail, maxMessageBytes+" of "+counted(len(topics), "topic")+" may be set")
	default:
		return nil // a person, or a command that commandsThere looks for
	}
	if errors.Is(err, kerr.ClusterAuthorizationFailed) || errors.Is(err, kerr.TopicAuthorizationFailed) {
		fail(err.Error(), "lifeboat needs ALTER and DESCRIBE on the cluster for a fence by acl, ALTER_CONFIGS on the topics for one by config")
	} else if err != nil {
		line.Outcome, line.Detail = report.Unknown, err.Error()
	}
	return []report.Check{line}
}

// engineRights has the engines delete a statement that does not exist: one that may be changed says that there is none.
func engineRights(ctx context.Context, c *checkup) []report.Check {
	var out []report.Check
	for _, region := range []string{c.decl.To, c.decl.From} {
		b := c.world.Engines[region]
		if b == nil || c.seen.Regions[region].Engine != "ok" || len(c.plan.Statements) == 0 {
			continue
		}
		line := report.Check{Name: "statements of " + region + " may be changed", Outcome: report.Passed}
		var refused *rest.StatusError
		switch err := b.Delete(ctx, "lifeboat-check-of-rights"); {
		case err == nil, errors.Is(err, engine.ErrNotFound):
		case errors.As(err, &refused) && (refused.Status == http.StatusForbidden || refused.Status == http.StatusUnauthorized):
			line.Outcome, line.Detail = report.Failed, err.Error()
			line.Why, line.Remedy = "a run could not start or stop a statement there", "give the login of regions."+region+".engine the right to create, stop and delete statements"
		default:
			line.Outcome, line.Detail = report.Unknown, err.Error()
		}
		out = append(out, line)
	}
	return out
}

// registryRights has the destination's registry forget the mode of a subject that does not exist.
func registryRights(ctx context.Context, c *checkup) []report.Check {
	to := c.world.Regions[c.decl.To]
	if to.Registry == nil || c.seen.Regions[c.decl.To].Registry != "ok" || len(c.plan.Subjects) == 0 {
		return nil
	}
	line := report.Check{Name: "modes of subjects in " + to.Name + " may be set", Outcome: report.Passed}
	err := to.Registry.ResetMode(ctx, nobodys)[0].Err
	var answer *sr.ResponseError
	switch {
	case err == nil:
	case errors.As(err, &answer) && (answer.StatusCode == http.StatusForbidden || answer.StatusCode == http.StatusUnauthorized):
		line.Outcome, line.Detail = report.Failed, err.Error()
		line.Why = "subjects would stay in IMPORT mode after a failover: producers and statements could register nothing"
		line.Remedy = "give the login of regions." + to.Name + ".registry the right to write subjects and their modes"
	case errors.As(err, &answer) && answer.StatusCode < 500:
	default:
		line.Outcome, line.Detail = report.Unknown, err.Error()
	}
	return []report.Check{line}
}

// commandsThere looks for the programs that a run calls.
func commandsThere(c *checkup) []report.Check {
	t := c.world.Declared.Topology
	programs := map[string]string{}
	for _, region := range []string{c.decl.From, c.decl.To} {
		if f := t.Regions[region].Fence; f != nil && f.By == "command" {
			programs["the fence of "+region] = f.Command[0]
		}
	}
	for _, h := range t.Hooks {
		if len(h.Command) > 0 {
			programs["hook "+h.Name] = h.Command[0]
		}
	}
	var out []report.Check
	for _, of := range sortedKeys(programs) {
		line := report.Check{Name: "the command of " + of + " is on this machine", Outcome: report.Passed}
		path, err := exec.LookPath(programs[of])
		if line.Detail = path; err != nil {
			line.Outcome, line.Detail = report.Failed, err.Error()
			line.Why, line.Remedy = "the run would stop where it is called", "install it, or name it by its path in lifeboat.yaml"
		}
		out = append(out, line)
	}
	return out
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
