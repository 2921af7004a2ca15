package dr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

const groupsAsked = 1000 // in a request for their configs

// observeConfigs reads what a cluster keeps besides records, positions and rights, and no link copies: configs of the groups that links select
// (Kafka 3.8, KIP-848) and subscriptions to the metrics of clients (KIP-714). Brokers that know no such thing have none; what may not be
// seen is told as such.
func observeConfigs(ctx context.Context, r *linking.Region, state *plans.RegionState) error {
	listed, err := r.Admin.ListConfigResources(ctx, kadm.ConfigResourceClientMetrics)
	if err = errors.Join(err, listed.Err); err == nil {
		for _, m := range listed.FilterTypes(kadm.ConfigResourceClientMetrics) {
			state.ClientMetrics = append(state.ClientMetrics, m.Name)
		}
		slices.Sort(state.ClientMetrics)
	} else if errors.Is(err, kerr.ClusterAuthorizationFailed) {
		state.Unseen = append(state.Unseen, plans.UnseenMetrics)
	} else if ctx.Err() != nil {
		return err
	}
	denied := false
	for some := range slices.Chunk(slices.Sorted(maps.Keys(state.Groups)), groupsAsked) {
		hidden, err := describeGroups(ctx, r, state, some)
		if err != nil {
			return err
		}
		denied = denied || hidden
	}
	if denied {
		state.Unseen = append(state.Unseen, plans.UnseenGroups)
	}
	return nil
}

// describeGroups reads the configs that are set on groups. It tells whether those of one may not be seen.
func describeGroups(ctx context.Context, r *linking.Region, state *plans.RegionState, names []string) (denied bool, err error) {
	req := kmsg.NewPtrDescribeConfigsRequest()
	for _, name := range names {
		res := kmsg.NewDescribeConfigsRequestResource()
		res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeGroupConfig, name
		req.Resources = append(req.Resources, res)
	}
	resp, err := req.RequestWith(ctx, r.Client)
	if err != nil {
		return false, fmt.Errorf("%s: describing configs of groups: %w", r.Name, err)
	}
	for _, res := range resp.Resources {
		if err := kerr.ErrorForCode(res.ErrorCode); err != nil { // INVALID_REQUEST of brokers whose groups have none
			denied = denied || errors.Is(err, kerr.GroupAuthorizationFailed)
			continue
		}
		for _, c := range res.Configs {
			if c.Source != kmsg.ConfigSourceGroupConfig || c.Value == nil {
				continue
			}
			g := state.Groups[res.ResourceName]
			if g.Configs == nil {
				g.Configs = map[string]string{}
			}
			g.Configs[c.Name] = *c.Value
		}
	}
	return denied, nil
}
