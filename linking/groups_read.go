package linking

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// groupsPerRequest bounds one OffsetFetch, which from version 8 on asks a coordinator for many groups (KIP-709).
const groupsPerRequest = 500

// coordinatorWithin is how long a cluster may take to have a coordinator: one that never had a group creates the topic for it first.
const coordinatorWithin = 30 * time.Second

// starting says that a coordinator is not there yet, or not there any more.
func starting(err error) bool {
	return errors.Is(err, kerr.CoordinatorNotAvailable) || errors.Is(err, kerr.CoordinatorLoadInProgress) || errors.Is(err, kerr.NotCoordinator)
}

// listedGroup is a group as its coordinator lists it.
type listedGroup struct {
	state string
	kind  string // classic, consumer (KIP-848), share (KIP-932), streams (KIP-1071); "" from brokers before KIP-848
}

// active says that the group has members, or is about to.
func (g listedGroup) active() bool {
	return g.state != "" && g.state != "Empty" && g.state != "Dead"
}

// listGroups reads every group's state, with one request to each broker: a description of a KIP-848 group asks for another API than one of
// a classic group, the list has both.
func listGroups(ctx context.Context, r *Region) (map[string]listedGroup, error) {
	ctx, cancel := context.WithTimeout(ctx, coordinatorWithin)
	defer cancel()
	for {
		groups := map[string]listedGroup{}
		var failed error
		for _, shard := range r.Client.RequestSharded(ctx, kmsg.NewPtrListGroupsRequest()) {
			err := shard.Err
			if err == nil {
				err = kerr.ErrorForCode(shard.Resp.(*kmsg.ListGroupsResponse).ErrorCode)
			}
			if err != nil {
				failed = err // without one broker's the list is no list
				continue
			}
			for _, g := range shard.Resp.(*kmsg.ListGroupsResponse).Groups {
				groups[g.Group] = listedGroup{g.GroupState, g.GroupType}
			}
		}
		if failed == nil {
			return groups, nil
		}
		if !starting(failed) || wait(ctx, 100*time.Millisecond) != nil {
			return nil, fmt.Errorf("%s: listing groups: %w", r.Name, failed)
		}
	}
}

// groupNames are the selected groups of a region.
func (l *Link) groupNames(ctx context.Context, r *Region) ([]string, error) {
	if len(l.decl.Groups.Include) == 0 {
		return nil, nil
	}
	listed, err := listGroups(ctx, r)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(sorted(listed), func(name string) bool { return !l.decl.Groups.Match(name) }), nil
}

// fetchPositions reads the positions of many groups. A group that does not exist has none and no error.
func fetchPositions(ctx context.Context, r *Region, groups []string) (map[string]kadm.FetchOffsetsResponse, error) {
	within, cancel := context.WithTimeout(ctx, coordinatorWithin)
	defer cancel()
	all := map[string]kadm.FetchOffsetsResponse{}
	for left := groups; len(left) > 0; {
		var again []string
		var failed error
		for chunk := range slices.Chunk(left, groupsPerRequest) {
			for name, resp := range r.Admin.FetchManyOffsets(ctx, chunk...) {
				switch {
				case starting(resp.Err):
					again, failed = append(again, name), resp.Err
				case resp.Err == nil, errors.Is(resp.Err, kerr.GroupIDNotFound):
					resp.Err = nil
					all[name] = resp
				default:
					all[name] = resp
				}
			}
		}
		if left = again; len(left) > 0 && wait(within, 100*time.Millisecond) != nil {
			return nil, fmt.Errorf("%s: group %q: fetching offsets: %w", r.Name, left[0], failed)
		}
	}
	return all, nil
}
