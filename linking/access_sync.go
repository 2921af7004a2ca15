package linking

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// accessSync copies rights for one run.
type accessSync struct {
	l *Link
	s *store

	mu     sync.Mutex // one pass at a time
	last   map[string]*accessRecord
	quotas []quotaRecord
	told   map[AccessNote]bool

	altered time.Time // when quotas were set last
}

// pass copies what has changed. topics is what is mirrored. One that the destination refuses does not keep back the others.
func (a *accessSync) pass(ctx context.Context, topics map[string]*topicRecord) (*Access, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.l.decl.ACLs.Include) == 0 || promoted(topics) {
		return &Access{}, nil
	}
	v := a.l.view(topics, a.last)
	v.unsure = v.unsure || time.Since(a.altered) < settles
	out, err := a.copyACLs(ctx, v)
	if out == nil {
		return nil, err
	}
	return a.tell(out, errors.Join(err, a.applyOthers(ctx, v, out)))
}

func (a *accessSync) copyACLs(ctx context.Context, v *accessView) (*Access, error) {
	source, err := a.l.from.listACLs(ctx)
	if err != nil {
		return a.l.withoutAuthorizer(a.l.from, err)
	}
	return a.apply(ctx, slices.DeleteFunc(source, func(e ACL) bool { return !a.l.decl.ACLs.Match(e.Principal) }), v)
}

// applyOthers copies quotas, and looks at what can not be copied.
func (a *accessSync) applyOthers(ctx context.Context, v *accessView, out *Access) error {
	m, alter, err := a.l.others(ctx, v, a.quotas, out)
	if err != nil {
		return err
	}
	if err := alter(ctx); err != nil {
		if errors.Is(err, kerr.ClusterAuthorizationFailed) {
			out.Notes = append(out.Notes, AccessNote{Kind: "quota", Subject: a.l.decl.Name, State: AccessRefused, Why: err.Error(),
				Remedy: "grant ALTER_CONFIGS on the cluster " + a.l.to.Name + " to the link's principal"})
		}
		return err // what came through is found by the next pass: both regions have it then
	}
	if len(m.set)+len(m.remove) > 0 {
		a.altered = time.Now()
	}
	out.Created, out.Removed = out.Created+len(m.set), out.Removed+len(m.remove)
	base := []quotaRecord{}
	for _, id := range slices.SortedFunc(maps.Keys(m.base), compareQuotas) {
		base = append(base, quotaRecord{id.Entity, id.Key, m.base[id]})
	}
	if slices.Equal(base, a.quotas) {
		return nil
	}
	if err := a.s.write(ctx, map[string]any{linkKey(a.s.link, "quotas", ""): base}); err != nil {
		return err
	}
	a.quotas = base
	return nil
}

// grantStaged gives what waited for a promotion.
func (l *Link) grantStaged(ctx context.Context, s *store, m *memory) error {
	if len(l.decl.ACLs.Include) == 0 || len(m.access) == 0 {
		return nil
	}
	a := &accessSync{l: l, s: s, last: m.access}
	if _, err := a.apply(ctx, sourceACLs(m.access), l.view(m.topics, m.access)); err != nil {
		return fmt.Errorf("giving the staged grants: %w", err)
	}
	return nil
}

// apply brings the destination to what source, which is of the link's principals only, asks for, and remembers both.
func (a *accessSync) apply(ctx context.Context, source []ACL, v *accessView) (*Access, error) {
	dest, err := a.l.to.listACLs(ctx)
	if err != nil {
		return a.l.withoutAuthorizer(a.l.to, err)
	}
	m := v.mergeACLs(source, baseACLs(a.last), dest)
	out := m.access()
	// What replaces a grant is there before the grant goes. After a call that came to no answer the base is what it was, with what came
	// through: the next pass finds that in both regions.
	refused, err := a.l.to.createACLs(ctx, m.create)
	if err != nil {
		m.base = slices.DeleteFunc(m.base, func(e ACL) bool { return slices.Contains(m.create, e) })
		m.base = append(m.base, m.remove...)
	} else {
		var kept map[ACL]error
		if kept, err = a.l.to.deleteACLs(ctx, m.remove); err != nil {
			m.base = append(m.base, m.remove...)
		} else {
			m.base = slices.AppendSeq(m.base, maps.Keys(kept))
		}
		maps.Copy(refused, kept)
	}
	errs := []error{err}
	for _, e := range sortedACLs(setOf(slices.Collect(maps.Keys(refused)))) {
		errs = append(errs, refused[e])
		if i := slices.Index(m.create, e); i >= 0 {
			out.Created--
			m.base = slices.DeleteFunc(m.base, func(b ACL) bool { return b == e })
		} else {
			out.Removed--
		}
		out.Notes = append(out.Notes, AccessNote{Kind: "acl", Subject: e.String(), State: AccessRefused, Why: refused[e].Error(),
			Remedy: "grant ALTER on the cluster " + a.l.to.Name + " to the link's principal"})
	}
	errs = append(errs, a.save(ctx, source, &m))
	return out, errors.Join(errs...)
}

// save records what has changed, by principal.
func (a *accessSync) save(ctx context.Context, source []ACL, m *aclMerge) error {
	next := map[string]*accessRecord{}
	of := func(principal string) *accessRecord {
		if next[principal] == nil {
			next[principal] = &accessRecord{Principal: principal}
			if old := a.last[principal]; old != nil {
				next[principal].Changed = old.Changed
			}
		}
		return next[principal]
	}
	for principal := range a.last {
		of(principal) // it may have nothing any more
	}
	for _, e := range source {
		of(e.Principal).Source = append(of(e.Principal).Source, e)
	}
	slices.SortFunc(m.base, compareACLs)
	m.base = slices.Compact(m.base)
	for _, e := range m.base {
		of(e.Principal).Base = append(of(e.Principal).Base, e)
	}
	for _, e := range slices.Concat(m.create, m.remove) {
		of(e.Principal).Changed = time.Now().UTC()
	}
	changed := map[string]any{}
	for principal, rec := range next {
		if old := a.last[principal]; !rec.same(old) {
			changed[linkKey(a.s.link, "access", principal)] = rec
		}
	}
	if err := a.s.write(ctx, changed); err != nil {
		return err
	}
	a.last = next
	return nil
}

// tell logs what is new since the last pass.
func (a *accessSync) tell(out *Access, err error) (*Access, error) {
	now := map[AccessNote]bool{}
	for _, n := range out.Notes {
		now[n] = true
		if !a.told[n] && n.State != AccessStaged && n.State != AccessOwn {
			a.l.o.Log.Warn("rights", "link", a.l.decl.Name, "what", n.Subject, "state", n.State, "why", n.Why)
		}
	}
	if out.Created+out.Removed > 0 {
		a.l.o.Log.Info("rights copied", "link", a.l.decl.Name, "created", out.Created, "removed", out.Removed)
	}
	a.told = now
	return out, err
}

// followAccess copies rights again and again.
func (r *runner) followAccess(ctx context.Context) error {
	if len(r.l.decl.ACLs.Include) == 0 {
		return nil
	}
	return r.follow(ctx, time.Second, accessEvery, "copying rights", func(ctx context.Context, topics map[string]*topicRecord) error {
		_, err := r.access.pass(ctx, topics)
		return err
	})
}
