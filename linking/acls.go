package linking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ACL is one entry of a cluster's access control list. It is comparable: two equal ACLs are the same entry, as they are to a broker.
type ACL struct {
	Principal  string                      `json:"principal"`
	Host       string                      `json:"host"`
	Resource   kmsg.ACLResourceType        `json:"resource"`
	Name       string                      `json:"name"`
	Pattern    kmsg.ACLResourcePatternType `json:"pattern"`
	Operation  kmsg.ACLOperation           `json:"operation"`
	Permission kmsg.ACLPermissionType      `json:"permission"`
}

// String is the entry in the words of kafka-acls: User:app ALLOW WRITE on topic orders, PREFIXED, from host 10.0.0.1.
func (a ACL) String() string {
	text := fmt.Sprintf("%s %v %v on %s", a.Principal, a.Permission, a.Operation, strings.ToLower(a.Resource.String()))
	if a.Resource != kmsg.ACLResourceTypeCluster {
		text += " " + a.Name
	}
	if a.Pattern == kmsg.ACLResourcePatternTypePrefixed {
		text += ", PREFIXED"
	}
	if a.Host != "*" {
		text += ", from host " + a.Host
	}
	return text
}

func compareACLs(a, b ACL) int {
	return cmp.Or(cmp.Compare(a.Principal, b.Principal), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Pattern, b.Pattern),
		cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Permission, b.Permission), cmp.Compare(a.Host, b.Host))
}

// covers says whether the entry is about a topic.
func (a ACL) covers(topic string) bool {
	switch {
	case a.Resource != kmsg.ACLResourceTypeTopic:
		return false
	case a.Pattern == kmsg.ACLResourcePatternTypePrefixed:
		return strings.HasPrefix(topic, a.Name)
	}
	return a.Name == "*" || a.Name == topic
}

// allowsWriting says whether the entry lets a principal change what a mirror holds: its records, its topic, its configs, or the grants
// themselves.
func (a ACL) allowsWriting() bool {
	if a.Permission != kmsg.ACLPermissionTypeAllow {
		return false
	}
	switch a.Resource {
	case kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeCluster, kmsg.ACLResourceTypeTransactionalId:
	default:
		return false // a consumer of a mirror needs its group before a failover as after it
	}
	switch a.Operation {
	case kmsg.ACLOperationRead, kmsg.ACLOperationDescribe, kmsg.ACLOperationDescribeConfigs:
		return false
	}
	return true
}

// readable is what a staged entry is replaced with until it is given: of ALL, what allows reading; of any other nothing.
func (a ACL) readable() []ACL {
	if a.Operation != kmsg.ACLOperationAll {
		return nil
	}
	ops := []kmsg.ACLOperation{kmsg.ACLOperationDescribe, kmsg.ACLOperationDescribeConfigs}
	switch a.Resource {
	case kmsg.ACLResourceTypeTopic:
		ops = append(ops, kmsg.ACLOperationRead)
	case kmsg.ACLResourceTypeTransactionalId:
		ops = ops[:1]
	}
	var list []ACL
	for _, op := range ops {
		part := a
		part.Operation = op
		list = append(list, part)
	}
	return list
}

// listACLs reads a cluster's whole list, sorted, in one request. It needs DESCRIBE on the cluster.
func (r *Region) listACLs(ctx context.Context) ([]ACL, error) {
	req := kmsg.NewPtrDescribeACLsRequest()
	req.ResourceType, req.ResourcePatternType = kmsg.ACLResourceTypeAny, kmsg.ACLResourcePatternTypeAny
	req.Operation, req.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
	resp, err := req.RequestWith(ctx, r.Client)
	if err == nil {
		err = answered(resp.ErrorCode, resp.ErrorMessage)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: listing ACLs: %w", r.Name, err)
	}
	var list []ACL
	for _, res := range resp.Resources {
		for _, a := range res.ACLs {
			list = append(list, ACL{Principal: a.Principal, Host: a.Host, Resource: res.ResourceType, Name: res.ResourceName, Pattern: res.ResourcePatternType,
				Operation: a.Operation, Permission: a.PermissionType})
		}
	}
	slices.SortFunc(list, compareACLs)
	return slices.Compact(list), nil
}

// aclsPerRequest bounds a request: a controller makes every entry of one its own record, in one batch.
const aclsPerRequest = 1000

// createACLs adds entries. It returns those that were not added, with why; one that is there already is added. It needs ALTER on the cluster.
func (r *Region) createACLs(ctx context.Context, list []ACL) (map[ACL]error, error) {
	refused := map[ACL]error{}
	for chunk := range slices.Chunk(list, aclsPerRequest) {
		req := kmsg.NewPtrCreateACLsRequest()
		for _, a := range chunk {
			c := kmsg.NewCreateACLsRequestCreation()
			c.Principal, c.Host, c.ResourceType, c.ResourceName, c.ResourcePatternType = a.Principal, a.Host, a.Resource, a.Name, a.Pattern
			c.Operation, c.PermissionType = a.Operation, a.Permission
			req.Creations = append(req.Creations, c)
		}
		resp, err := req.RequestWith(ctx, r.Client)
		if err == nil && len(resp.Results) != len(chunk) {
			err = fmt.Errorf("%d answers to %d entries", len(resp.Results), len(chunk))
		}
		if err != nil {
			return refused, fmt.Errorf("%s: creating ACLs: %w", r.Name, err)
		}
		for i, res := range resp.Results {
			if err := answered(res.ErrorCode, res.ErrorMessage); err != nil {
				refused[chunk[i]] = fmt.Errorf("%s: creating ACL %v: %w", r.Name, chunk[i], err)
			}
		}
	}
	return refused, nil
}

// deleteACLs removes entries, each by a filter that matches nothing else.
func (r *Region) deleteACLs(ctx context.Context, list []ACL) (map[ACL]error, error) {
	refused := map[ACL]error{}
	for chunk := range slices.Chunk(list, aclsPerRequest) {
		req := kmsg.NewPtrDeleteACLsRequest()
		for _, a := range chunk {
			f := kmsg.NewDeleteACLsRequestFilter()
			f.Principal, f.Host, f.ResourceType, f.ResourceName, f.ResourcePatternType = &a.Principal, &a.Host, a.Resource, &a.Name, a.Pattern
			f.Operation, f.PermissionType = a.Operation, a.Permission
			req.Filters = append(req.Filters, f)
		}
		resp, err := req.RequestWith(ctx, r.Client)
		if err == nil && len(resp.Results) != len(chunk) {
			err = fmt.Errorf("%d answers to %d filters", len(resp.Results), len(chunk))
		}
		if err != nil {
			return refused, fmt.Errorf("%s: deleting ACLs: %w", r.Name, err)
		}
		for i, res := range resp.Results {
			err := answered(res.ErrorCode, res.ErrorMessage)
			for _, m := range res.MatchingACLs {
				err = errors.Join(err, answered(m.ErrorCode, m.ErrorMessage))
			}
			if err != nil {
				refused[chunk[i]] = fmt.Errorf("%s: deleting ACL %v: %w", r.Name, chunk[i], err)
			}
		}
	}
	return refused, nil
}

// answered is the error of an answer, with what the broker says of it where that is more than the error's own text.
func answered(code int16, message *string) error {
	err := kerr.ErrorForCode(code)
	if err == nil || message == nil || *message == "" || strings.Contains(err.Error(), *message) {
		return err
	}
	return fmt.Errorf("%w (%s)", err, *message)
}
