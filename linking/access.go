package linking

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// AccessNote is one thing to know about the rights that a link copies: what waits, what differs, and what can not be copied.
type AccessNote struct {
	Kind    string `json:"kind"` // acl, user, quota
	Subject string `json:"subject"`
	State   string `json:"state"`
	Why     string `json:"why"`
	Remedy  string `json:"remedy,omitempty"`
}

// States of AccessNotes.
const (
	AccessStaged     = "staged"           // given at promotion
	AccessOpen       = "open"             // staged, and the destination has it all the same
	AccessConflict   = "conflict"         // changed in the destination since it was copied; left so
	AccessNotCopied  = "not copied"       // can not be, or must not
	AccessHostBound  = "host"             // copied, and may mean nothing in another region
	AccessUnfollowed = "not followed"     // copied once, its principal is not selected any more
	AccessOwn        = "destination only" // the destination's own
	AccessRefused    = "refused"          // the destination refuses it
	AccessMissing    = "missing"          // a password, which only its owner can set
	AccessUnknown    = "unknown"          // it could not be looked at
)

// Access is how the rights of a link's principals stand in the destination.
type Access struct {
	Created, Removed int // by this pass; what a pass would do, where nothing was written
	Copied           int // are the same in both regions
	Staged           []ACL
	Notes            []AccessNote
}

// accessRecord is what a link remembers of one principal.
type accessRecord struct {
	Principal string    `json:"principal"`
	Source    []ACL     `json:"source"`  // as last seen there
	Base      []ACL     `json:"base"`    // what both regions had then
	Changed   time.Time `json:"changed"` // when the destination was last written to
}

func (a *accessRecord) same(b *accessRecord) bool {
	return b != nil && slices.Equal(a.Source, b.Source) && slices.Equal(a.Base, b.Base)
}

// quotaRecord is a quota that both regions had when the link last looked.
type quotaRecord struct {
	Entity string  `json:"entity"`
	Key    string  `json:"key"`
	Value  float64 `json:"value"`
}

// settles is within what time every broker of a cluster lists what its controller has taken.
const settles = 10 * time.Second

// Access compares the rights of the link's principals as they are now, and writes nothing. Without the source, and once every mirror is
// promoted, it compares with what the link saw there last.
func (l *Link) Access(ctx context.Context) (*Access, error) {
	m, err := remember(ctx, l.to, l.decl.Name)
	if err != nil {
		return nil, err
	}
	v, alive := l.view(m.topics, m.access), l.from != nil && !promoted(m.topics)
	out, err := l.compareACLs(ctx, v, m.access, alive)
	if err != nil {
		return nil, err
	}
	switch {
	case alive:
		q, _, err := l.others(ctx, v, m.quotas, out)
		if err != nil {
			return nil, err
		}
		out.Created, out.Removed = out.Created+len(q.set), out.Removed+len(q.remove)
	case l.from == nil:
		out.Notes = append(out.Notes, AccessNote{Kind: "user", Subject: l.decl.From, State: AccessUnknown,
			Why: l.decl.From + " is not reachable: which users and quotas it has is not known"})
	}
	return out, nil
}

func (l *Link) compareACLs(ctx context.Context, v *accessView, recorded map[string]*accessRecord, alive bool) (*Access, error) {
	source := sourceACLs(recorded)
	if alive {
		var err error
		if source, err = l.from.listACLs(ctx); err != nil {
			return l.withoutAuthorizer(l.from, err)
		}
	}
	dest, err := l.to.listACLs(ctx)
	if err != nil {
		return l.withoutAuthorizer(l.to, err)
	}
	m := v.mergeACLs(source, baseACLs(recorded), dest)
	return m.access(), nil
}

// others looks at what is not in the access control list: it adds the notes about users and quotas to out, and returns what is to be done
// about quotas. What the link has no right to see is a note.
func (l *Link) others(ctx context.Context, v *accessView, recorded []quotaRecord, out *Access) (quotaMerge, func(context.Context) error, error) {
	unseen := func(kind, need string, err error) error {
		if !errors.Is(err, kerr.ClusterAuthorizationFailed) && !errors.Is(err, kerr.UnsupportedVersion) {
			return err
		}
		out.Notes = append(out.Notes, AccessNote{Kind: kind, Subject: l.decl.Name, State: AccessUnknown, Why: err.Error(), Remedy: "grant " + need + " on the cluster to the link's principal"})
		return nil
	}
	none := func(context.Context) error { return nil }
	sourceUsers, err := l.from.listUsers(ctx)
	var destUsers credentials
	if err == nil {
		destUsers, err = l.to.listUsers(ctx)
	}
	if err == nil {
		out.Notes = append(out.Notes, userNotes(l.decl, sourceUsers, destUsers)...)
	} else if err := unseen("user", "DESCRIBE", err); err != nil {
		return quotaMerge{}, none, err
	}
	base := map[quotaID]float64{}
	for _, q := range recorded {
		base[quotaID{q.Entity, q.Key}] = q.Value
	}
	source, err := l.from.listQuotas(ctx)
	var dest *quotas
	if err == nil {
		dest, err = l.to.listQuotas(ctx)
	}
	if err != nil {
		return quotaMerge{base: base}, none, unseen("quota", "DESCRIBE_CONFIGS", err)
	}
	m := v.mergeQuotas(source, base, dest)
	out.Notes = append(out.Notes, m.notes...)
	return m, func(ctx context.Context) error { return l.to.alterQuotas(ctx, &m, source.entities, dest.entities) }, nil
}

// withoutAuthorizer makes a note of a region that checks no rights at all.
func (l *Link) withoutAuthorizer(r *Region, err error) (*Access, error) {
	if !errors.Is(err, kerr.SecurityDisabled) {
		return nil, err
	}
	return &Access{Notes: []AccessNote{{Kind: "acl", Subject: r.Name, State: AccessNotCopied, Why: r.Name + " has no authorizer: everybody may do everything there",
		Remedy: "set authorizer.class.name on its brokers, or remove acls from link " + l.decl.Name}}}, nil
}

func (l *Link) view(topics map[string]*topicRecord, recorded map[string]*accessRecord) *accessView {
	v := &accessView{link: l.decl, fence: l.o.Fence, topics: topics}
	for _, rec := range recorded {
		v.unsure = v.unsure || time.Since(rec.Changed) < settles
	}
	return v
}

// promoted says that every mirror of the link is: what the source's rights become after that is no affair of the destination's.
func promoted(topics map[string]*topicRecord) bool {
	for _, t := range topics {
		if t.State != Stopped {
			return false
		}
	}
	return len(topics) > 0
}

func sourceACLs(recorded map[string]*accessRecord) []ACL {
	return gather(recorded, func(r *accessRecord) []ACL { return r.Source })
}

func baseACLs(recorded map[string]*accessRecord) []ACL {
	return gather(recorded, func(r *accessRecord) []ACL { return r.Base })
}

func gather(recorded map[string]*accessRecord, of func(*accessRecord) []ACL) []ACL {
	var list []ACL
	for _, rec := range recorded {
		list = append(list, of(rec)...)
	}
	slices.SortFunc(list, compareACLs)
	return list
}

func (m *aclMerge) access() *Access {
	return &Access{Created: len(m.create), Removed: len(m.remove), Copied: len(m.base) - len(m.create), Staged: m.held, Notes: m.notes}
}
