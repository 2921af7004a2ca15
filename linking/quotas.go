package linking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Client quotas (KIP-546) follow three-way as ACLs do, where they are of a user that the link selects: its own, and its own for one client
// id. The default user counts as User:*. Quotas of client ids and addresses alone are of no principal; they are named, not copied.

// quotaID is one value of one entity.
type quotaID struct {
	Entity string // as kafka-configs names it: users/app, users/app/clients/reader, users/<default>
	Key    string // producer_byte_rate …
}

func (q quotaID) String() string { return q.Key + " of " + q.Entity }

func compareQuotas(a, b quotaID) int {
	return cmp.Or(cmp.Compare(a.Entity, b.Entity), cmp.Compare(a.Key, b.Key))
}

// quotas are a cluster's, with what stands for each entity in the protocol.
type quotas struct {
	values   map[quotaID]float64
	entities map[string][]kmsg.DescribeClientQuotasResponseEntryEntity
}

// listQuotas reads all of them in one request. It needs DESCRIBE_CONFIGS on the cluster.
func (r *Region) listQuotas(ctx context.Context) (*quotas, error) {
	resp, err := kmsg.NewPtrDescribeClientQuotasRequest().RequestWith(ctx, r.Client)
	if err == nil {
		err = answered(resp.ErrorCode, resp.ErrorMessage)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: listing quotas: %w", r.Name, err)
	}
	q := &quotas{map[quotaID]float64{}, map[string][]kmsg.DescribeClientQuotasResponseEntryEntity{}}
	for _, e := range resp.Entries {
		name := entityName(e.Entity)
		q.entities[name] = e.Entity
		for _, v := range e.Values {
			q.values[quotaID{name, v.Key}] = v.Value
		}
	}
	return q, nil
}

// entityName joins an entity's parts in the order user, client id, address.
func entityName(parts []kmsg.DescribeClientQuotasResponseEntryEntity) string {
	var words []string
	for _, kind := range []struct{ protocol, path string }{{"user", "users"}, {"client-id", "clients"}, {"ip", "ips"}} {
		for _, p := range parts {
			switch {
			case p.Type != kind.protocol:
			case p.Name == nil:
				words = append(words, kind.path, "<default>")
			default:
				words = append(words, kind.path, *p.Name)
			}
		}
	}
	return strings.Join(words, "/")
}

// principalOf is whose a quota is; "" where it is of no principal.
func principalOf(parts []kmsg.DescribeClientQuotasResponseEntryEntity) string {
	for _, p := range parts {
		switch {
		case p.Type != "user":
		case p.Name == nil:
			return "User:*"
		default:
			return "User:" + *p.Name
		}
	}
	return ""
}

// quotaMerge is what a comparison comes to.
type quotaMerge struct {
	set    map[quotaID]float64
	remove []quotaID
	base   map[quotaID]float64
	notes  []AccessNote
}

func (v *accessView) mergeQuotas(source *quotas, base map[quotaID]float64, dest *quotas) quotaMerge {
	m := quotaMerge{set: map[quotaID]float64{}, base: map[quotaID]float64{}}
	note := func(id quotaID, state, why, remedy string) {
		m.notes = append(m.notes, AccessNote{Kind: "quota", Subject: id.String(), State: state, Why: why, Remedy: remedy})
	}
	wanted := map[quotaID]bool{}
	for _, id := range slices.SortedFunc(maps.Keys(source.values), compareQuotas) {
		value, principal := source.values[id], principalOf(source.entities[id.Entity])
		there, present := dest.values[id]
		was, copied := base[id]
		switch {
		case principal == "":
			if !present || there != value {
				note(id, AccessNotCopied, "it is of no principal that the link could select", "set it in "+v.link.To+" where it is wanted")
			}
			continue
		case !v.link.ACLs.Match(principal):
			continue
		case v.fence != nil && v.fence.By == "quota" && slices.Contains(v.fence.Principals, principal):
			note(id, AccessNotCopied, "it may be the fence of "+v.link.From+": copied, it would keep the application out of "+v.link.To+" too", "")
			continue
		}
		wanted[id] = true
		switch {
		case present && there == value:
			m.base[id] = value
		case copied && present && there == was: // changed in the source only
			m.set[id], m.base[id] = value, value
		case copied && v.unsure:
			m.base[id] = was
		case copied && !present:
			m.base[id] = was
			note(id, AccessConflict, fmt.Sprintf("it was copied, and somebody has removed it in %s since", v.link.To), "set it there again, or remove it in "+v.link.From+" too")
		case present:
			if copied {
				m.base[id] = was
			}
			note(id, AccessConflict, fmt.Sprintf("%s in %s, and %s in %s from somebody else", number(value), v.link.From, number(there), v.link.To), "make both the same; from then on it follows")
		default:
			m.set[id], m.base[id] = value, value
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(base), compareQuotas) {
		if there, present := dest.values[id]; !wanted[id] && present && there == base[id] {
			m.remove = append(m.remove, id)
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(dest.values), compareQuotas) {
		if p := principalOf(dest.entities[id.Entity]); p != "" && v.link.ACLs.Match(p) && !wanted[id] && !slices.Contains(m.remove, id) {
			note(id, AccessOwn, v.link.From+" has no such quota; it is left as it is", "")
		}
	}
	return m
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// alterQuotas carries a comparison out, in one request. entities know every entity concerned. It needs ALTER_CONFIGS on the cluster.
func (r *Region) alterQuotas(ctx context.Context, m *quotaMerge, entities ...map[string][]kmsg.DescribeClientQuotasResponseEntryEntity) error {
	byEntity := map[string]*kmsg.AlterClientQuotasRequestEntry{}
	op := func(id quotaID) *kmsg.AlterClientQuotasRequestEntryOp {
		e := byEntity[id.Entity]
		if e == nil {
			e = new(kmsg.AlterClientQuotasRequestEntry)
			for _, known := range entities {
				if parts := known[id.Entity]; len(e.Entity) == 0 {
					for _, p := range parts {
						part := kmsg.NewAlterClientQuotasRequestEntryEntity()
						part.Type, part.Name = p.Type, p.Name
						e.Entity = append(e.Entity, part)
					}
				}
			}
			byEntity[id.Entity] = e
		}
		o := kmsg.NewAlterClientQuotasRequestEntryOp()
		o.Key = id.Key
		e.Ops = append(e.Ops, o)
		return &e.Ops[len(e.Ops)-1]
	}
	for id, value := range m.set {
		op(id).Value = value
	}
	for _, id := range m.remove {
		op(id).Remove = true
	}
	if len(byEntity) == 0 {
		return nil
	}
	req := kmsg.NewPtrAlterClientQuotasRequest()
	for _, name := range sorted(byEntity) {
		req.Entries = append(req.Entries, *byEntity[name])
	}
	resp, err := req.RequestWith(ctx, r.Client)
	if err != nil {
		return fmt.Errorf("%s: setting quotas: %w", r.Name, err)
	}
	var errs []error
	for _, e := range resp.Entries {
		if err := answered(e.ErrorCode, e.ErrorMessage); err != nil {
			var parts []kmsg.DescribeClientQuotasResponseEntryEntity
			for _, p := range e.Entity {
				parts = append(parts, kmsg.DescribeClientQuotasResponseEntryEntity{Type: p.Type, Name: p.Name})
			}
			errs = append(errs, fmt.Errorf("%s: setting quotas of %s: %w", r.Name, entityName(parts), err))
		}
	}
	return errors.Join(errs...)
}
