package linking

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// GrantTrial is what came of trying the rights that a link needs.
type GrantTrial struct {
	Missing []Grant // some resource that the grant is about may not be used so
	Tried   int     // grants
	Untried int     // nothing that they are about is there yet, or the brokers do not say
}

// TryGrants asks the brokers of both regions what the link may do there as who it has logged in (KIP-430), and has them judge requests that
// change nothing. It needs no right to see ACLs. What Grants lists and nobody can be asked for yet, such as a group that does not exist, is
// untried.
func (l *Link) TryGrants(ctx context.Context) (*GrantTrial, error) {
	if l.from == nil {
		return nil, l.noSource()
	}
	trial := new(GrantTrial)
	wanted, err := l.from.listTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: listing topics: %w", l.from.Name, err)
	}
	var names []string
	for _, name := range wanted.Names() {
		if l.selects(name) {
			names = append(names, name)
		}
	}
	for _, r := range []*Region{l.from, l.to} {
		var grants []Grant
		for _, g := range Grants(l.decl, "", "") {
			if g.Region == r.Name {
				grants = append(grants, g)
			}
		}
		may, err := askRights(ctx, r, r.called(names), grants, r == l.to)
		if err == nil {
			err = l.groupRights(ctx, r, may)
		}
		if err != nil {
			return nil, err
		}
		trial.add(may, grants)
	}
	return trial, nil
}

// TryGrants asks a region's brokers for rights that are no link's: on topics, whether they are there or would be created, on transactional ids, and on
// the cluster.
func (r *Region) TryGrants(ctx context.Context, grants []Grant) (*GrantTrial, error) {
	may, err := askRights(ctx, r, nil, grants, true)
	if err != nil {
		return nil, err
	}
	trial := new(GrantTrial)
	trial.add(may, grants)
	return trial, nil
}

func (t *GrantTrial) add(may *rights, grants []Grant) {
	for _, g := range grants {
		switch may.judge(g) {
		case rightMissing:
			t.Missing, t.Tried = append(t.Missing, g), t.Tried+1
		case rightThere:
			t.Tried++
		default:
			t.Untried++
		}
	}
}

const (
	rightUnknown = iota
	rightThere
	rightMissing
)

// rights are what a region's brokers say, by kind of resource and name, as bits of operations.
type rights struct {
	of      map[kmsg.ACLResourceType]map[string]int32
	refused map[kmsg.ACLResourceType]map[string]bool // nothing may be known of it
}

func (r *rights) note(kind kmsg.ACLResourceType, name string, ops int32) {
	if ops != math.MinInt32 { // which says that nothing is said
		r.of[kind][name] = ops
	}
}

// judge looks at everything that a grant is about.
func (r *rights) judge(g Grant) int {
	about := func(name string) bool {
		return g.ACL.Name == "*" || g.ACL.Name == name || g.ACL.Pattern == kmsg.ACLResourcePatternTypePrefixed && strings.HasPrefix(name, g.ACL.Name)
	}
	for name := range r.refused[g.ACL.Resource] {
		if about(name) {
			return rightMissing
		}
	}
	verdict := rightUnknown
	for name, ops := range r.of[g.ACL.Resource] {
		if !about(name) {
			continue
		}
		if ops&(1<<g.ACL.Operation) == 0 {
			return rightMissing
		}
		verdict = rightThere
	}
	return verdict
}

// askRights asks about these topics, and the topics, transactional ids and cluster that grants name. What is not there yet is asked for where the region is
// one to be written to.
func askRights(ctx context.Context, r *Region, topics []string, grants []Grant, writes bool) (*rights, error) {
	may := &rights{map[kmsg.ACLResourceType]map[string]int32{}, map[kmsg.ACLResourceType]map[string]bool{}}
	for _, kind := range []kmsg.ACLResourceType{kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeGroup, kmsg.ACLResourceTypeTransactionalId, kmsg.ACLResourceTypeCluster} {
		may.of[kind], may.refused[kind] = map[string]int32{}, map[string]bool{}
	}
	topics, ids := slices.Clone(topics), []string{}
	for _, g := range grants {
		switch {
		case g.ACL.Resource == kmsg.ACLResourceTypeTransactionalId && !slices.Contains(ids, g.ACL.Name):
			ids = append(ids, g.ACL.Name)
		case g.ACL.Resource == kmsg.ACLResourceTypeTopic && g.ACL.Pattern == kmsg.ACLResourcePatternTypeLiteral && g.ACL.Name != "*" && !slices.Contains(topics, g.ACL.Name):
			topics = append(topics, g.ACL.Name)
		}
	}
	err := errors.Join(topicRights(ctx, r, topics, writes, may), clusterRights(ctx, r, may))
	if writes && len(ids) > 0 {
		err = errors.Join(err, transactionRights(ctx, r, ids, may))
	}
	return may, err
}

func topicRights(ctx context.Context, r *Region, topics []string, creates bool, may *rights) error {
	if len(topics) == 0 {
		return nil
	}
	req := kmsg.NewPtrMetadataRequest()
	req.IncludeTopicAuthorizedOperations = true
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, r.Client)
	if err != nil {
		return fmt.Errorf("%s: asking for rights on topics: %w", r.Name, err)
	}
	create := kmsg.NewPtrCreateTopicsRequest()
	create.ValidateOnly = true
	for _, t := range resp.Topics {
		switch err := kerr.ErrorForCode(t.ErrorCode); {
		case err == nil:
			may.note(kmsg.ACLResourceTypeTopic, *t.Topic, t.AuthorizedOperations)
		case errors.Is(err, kerr.TopicAuthorizationFailed):
			may.refused[kmsg.ACLResourceTypeTopic][*t.Topic] = true
		case errors.Is(err, kerr.UnknownTopicOrPartition) && creates:
			rt := kmsg.NewCreateTopicsRequestTopic()
			rt.Topic, rt.NumPartitions, rt.ReplicationFactor = *t.Topic, 1, -1
			create.Topics = append(create.Topics, rt)
		}
	}
	if len(create.Topics) == 0 {
		return nil
	}
	made, err := create.RequestWith(ctx, r.Client)
	if err != nil {
		return fmt.Errorf("%s: asking whether topics may be created: %w", r.Name, err)
	}
	for _, t := range made.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); errors.Is(err, kerr.TopicAuthorizationFailed) || errors.Is(err, kerr.ClusterAuthorizationFailed) {
			may.refused[kmsg.ACLResourceTypeTopic][t.Topic] = true
		}
	}
	return nil
}

func (l *Link) groupRights(ctx context.Context, r *Region, may *rights) error {
	names, err := l.groupNames(ctx, r)
	if err != nil || len(names) == 0 {
		return err
	}
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.IncludeAuthorizedOperations = true
	req.Groups = names
	for _, shard := range r.Client.RequestSharded(ctx, req) {
		if shard.Err != nil {
			return fmt.Errorf("%s: asking for rights on groups: %w", r.Name, shard.Err)
		}
		for _, g := range shard.Resp.(*kmsg.DescribeGroupsResponse).Groups {
			switch err := kerr.ErrorForCode(g.ErrorCode); {
			case err == nil:
				may.note(kmsg.ACLResourceTypeGroup, g.Group, g.AuthorizedOperations)
			case errors.Is(err, kerr.GroupAuthorizationFailed):
				may.refused[kmsg.ACLResourceTypeGroup][g.Group] = true
			}
		}
	}
	return nil
}

// transactionRights has coordinators describe transactional ids: brokers tell no rights on them. Who may not describe may not write; of all others a
// coordinator judges the end of a transaction that nobody has begun: it looks for the right to write before it finds that it knows no such producer.
func transactionRights(ctx context.Context, r *Region, ids []string, may *rights) error {
	described, err := r.Admin.DescribeTransactions(ctx, ids...)
	parts, partly := errors.AsType[*kadm.ShardErrors](err)
	if err != nil && !partly { // a cluster that has had no transaction yet has no coordinator
		return fmt.Errorf("%s: asking for rights on transactional ids: %w", r.Name, err)
	}
	if partly {
		for _, part := range parts.Errs {
			if req, ok := part.Req.(*kmsg.DescribeTransactionsRequest); ok && errors.Is(part.Err, kerr.TransactionalIDAuthorizationFailed) { // by who tells which broker coordinates it
				for _, id := range req.TransactionalIDs {
					may.refused[kmsg.ACLResourceTypeTransactionalId][id] = true
				}
			}
		}
	}
	for id, d := range described {
		switch {
		case errors.Is(d.Err, kerr.TransactionalIDAuthorizationFailed):
			may.refused[kmsg.ACLResourceTypeTransactionalId][id] = true
		case d.Err == nil || errors.Is(d.Err, kerr.TransactionalIDNotFound):
			switch judged, err := endNothing(ctx, r, id); {
			case err != nil:
				return fmt.Errorf("%s: asking for rights on transactional id %q: %w", r.Name, id, err)
			case errors.Is(judged, kerr.TransactionalIDAuthorizationFailed):
				may.refused[kmsg.ACLResourceTypeTransactionalId][id] = true
			case judged != nil && kerr.IsRetriable(judged): // by a coordinator that is busy, or moves: it has not come to the right
			default:
				may.of[kmsg.ACLResourceTypeTransactionalId][id] = -1 // every bit
			}
		}
	}
	return nil
}

// endNothing asks for the end of a transaction by a producer that there can not be, and returns what a broker says of that: it is always refused.
func endNothing(ctx context.Context, r *Region, id string) (judged, err error) {
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID = id, math.MaxInt64
	resp, err := req.RequestWith(ctx, r.Client)
	if errors.Is(err, kerr.TransactionalIDAuthorizationFailed) { // by who tells which broker coordinates it
		return err, nil
	}
	if err != nil {
		return nil, err
	}
	return kerr.ErrorForCode(resp.ErrorCode), nil
}

// clusterRights asks what may be done to the cluster; brokers tell it to those who may describe it.
func clusterRights(ctx context.Context, r *Region, may *rights) error {
	req := kmsg.NewPtrDescribeClusterRequest()
	req.IncludeClusterAuthorizedOperations = true
	resp, err := req.RequestWith(ctx, r.Client)
	if err != nil {
		return fmt.Errorf("%s: asking for rights on the cluster: %w", r.Name, err)
	}
	if kerr.ErrorForCode(resp.ErrorCode) == nil && resp.ClusterAuthorizedOperations != 0 {
		may.note(kmsg.ACLResourceTypeCluster, kafkaCluster, resp.ClusterAuthorizedOperations)
	}
	return nil
}
