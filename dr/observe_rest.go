package dr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// observeRest adds to what was observed of a link's source what a migration leaves there, and how much its topics hold.
func observeRest(ctx context.Context, w *World, decl *plans.Link, seen *plans.Observed) error {
	r, state := w.Regions[decl.From], seen.Regions[decl.From]
	if r == nil {
		return nil // the plan refuses it
	}
	observeSizes(ctx, r, state, func(string, *plans.TopicState) bool { return true })
	state.Rest = &plans.Rest{}
	meta, err := topicsIn(ctx, r)
	if err != nil {
		return err
	}
	for name := range meta.Topics {
		if strings.HasPrefix(name, "_lifeboat.") {
			state.Rest.Internal = append(state.Rest.Internal, name)
		}
	}
	slices.Sort(state.Rest.Internal)
	raised, _, err := fences(ctx, w) // a region that does not answer may know of more
	if err != nil {
		return err
	}
	state.Rest.Fenced = map[string][]string{}
	for _, s := range raised {
		if s.fence.Region == r.Name {
			state.Rest.Fenced[s.run.id] = append(state.Rest.Fenced[s.run.id], s.fence.Topics...)
		}
	}
	listed, err := r.Admin.ListGroups(ctx)
	if err != nil {
		return fmt.Errorf("%s: listing groups: %w", r.Name, err)
	}
	var names []string
	for _, g := range listed.Sorted() {
		if state.Groups[g.Group] == nil && !strings.HasPrefix(g.Group, "lifeboat.") {
			names = append(names, g.Group)
		}
	}
	state.Rest.Groups, _ = groupStates(ctx, r, names, listed) // those that forbid to read their positions are Hidden
	state.Rest.ACLs, err = everyACL(ctx, r)
	switch {
	case errors.Is(err, kerr.SecurityDisabled):
		state.Rest.Secured = r.Name + " has no authorizer"
	case err != nil:
		state.Rest.Secured = "not known: " + err.Error()
	}
	return nil
}

// everyACL reads a cluster's access control list, sorted. It needs DESCRIBE on the cluster.
func everyACL(ctx context.Context, r *linking.Region) ([]plans.ACL, error) {
	req := kmsg.NewPtrDescribeACLsRequest()
	req.ResourceType, req.ResourcePatternType = kmsg.ACLResourceTypeAny, kmsg.ACLResourcePatternTypeAny
	req.Operation, req.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
	resp, err := req.RequestWith(ctx, r.Client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: listing ACLs: %w", r.Name, err)
	}
	var list []plans.ACL
	for _, res := range resp.Resources {
		for _, a := range res.ACLs {
			list = append(list, plans.ACL{Principal: a.Principal, Host: a.Host, Resource: res.ResourceType.String(), Name: res.ResourceName, Pattern: res.ResourcePatternType.String(),
				Operation: a.Operation.String(), Permission: a.PermissionType.String()})
		}
	}
	slices.SortFunc(list, func(a, b plans.ACL) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return list, nil
}
