package linking

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// The three-way comparison of grants: what the source has now, what both had when the link last looked (the base), and what the destination
// has now. What changed on one side only since the base is clear; where the destination was changed by somebody else, it is left as it is
// and reported, because a grant that an operator took away must not come back by itself.

// accessView is what a comparison looks at.
type accessView struct {
	link   *plans.Link
	fence  *plans.Fence            // the source's: its DENYs are not the application's
	topics map[string]*topicRecord // what the link mirrors
	unsure bool                    // the destination was written to a moment ago: what it does not list yet is on its way
}

// aclMerge is what a comparison comes to.
type aclMerge struct {
	create, remove []ACL
	base           []ACL // once both are done
	held           []ACL // of the source, to be given at promotion
	notes          []AccessNote
}

// mergeACLs compares. All lists are sorted; source and dest are whole clusters' lists.
func (v *accessView) mergeACLs(source, base, dest []ACL) aclMerge {
	var m aclMerge
	there, based := setOf(dest), setOf(base)
	wanted := map[ACL]bool{}
	for _, a := range source {
		if !v.link.ACLs.Match(a.Principal) {
			continue
		}
		why := v.uncopied(a)
		if why == "" {
			a, why = v.mirrored(a)
		}
		if why != "" {
			m.notes = append(m.notes, AccessNote{Kind: "acl", Subject: a.String(), State: AccessNotCopied, Why: why})
			continue
		}
		if a.Host != "*" {
			m.notes = append(m.notes, AccessNote{Kind: "acl", Subject: a.String(), State: AccessHostBound,
				Why: "it names a host: one in " + v.link.To + " has another address", Remedy: "grant there what clients in " + v.link.To + " need"})
		}
		if !v.held(a) {
			wanted[a] = true
			continue
		}
		m.held = append(m.held, a)
		m.notes = append(m.notes, AccessNote{Kind: "acl", Subject: a.String(), State: AccessStaged, Why: "it allows writing: it is given at promotion"})
		for _, part := range a.readable() {
			wanted[part] = true
		}
		if there[a] && !based[a] {
			m.notes = append(m.notes, AccessNote{Kind: "acl", Subject: a.String(), State: AccessOpen,
				Why:    fmt.Sprintf("%s has it already, and not from this link: who has it can write to a mirror", v.link.To),
				Remedy: fmt.Sprintf("remove it in %s; promotion gives it", v.link.To)})
		}
	}
	for _, a := range sortedACLs(wanted) {
		switch {
		case there[a]:
			m.base = append(m.base, a) // both have it, whoever gave it
		case based[a] && v.unsure:
			m.base = append(m.base, a)
		case based[a]:
			m.base = append(m.base, a)
			m.notes = append(m.notes, AccessNote{Kind: "acl", Subject: a.String(), State: AccessConflict,
				Why:    fmt.Sprintf("it was copied, and somebody has removed it in %s since", v.link.To),
				Remedy: fmt.Sprintf("add it there again, or remove it in %s too", v.link.From)})
		default:
			m.create, m.base = append(m.create, a), append(m.base, a)
		}
	}
	for _, a := range base {
		switch {
		case wanted[a] || !there[a]:
		case !v.link.ACLs.Match(a.Principal):
			m.notes = append(m.notes, AccessNote{Kind: "acl", Subject: a.String(), State: AccessUnfollowed,
				Why: "it was copied when the link selected its principal, and stays", Remedy: "remove it in " + v.link.To + " where it is not wanted"})
		default:
			m.remove = append(m.remove, a)
		}
	}
	for _, a := range dest {
		if v.link.ACLs.Match(a.Principal) && !wanted[a] && !based[a] && !slices.Contains(m.held, a) {
			m.notes = append(m.notes, AccessNote{Kind: "acl", Subject: a.String(), State: AccessOwn, Why: v.link.From + " has no such entry; it is left as it is"})
		}
	}
	return m
}

// uncopied says why an entry is not copied at all, "" where it is.
func (v *accessView) uncopied(a ACL) string {
	switch {
	case a.Resource == kmsg.ACLResourceTypeDelegationToken || a.Resource == kmsg.ACLResourceTypeUser:
		return "delegation tokens are one cluster's own"
	case a.Resource == kmsg.ACLResourceTypeCluster && a.Operation == kmsg.ACLOperationClusterAction:
		return "it is the right of the cluster's own brokers"
	case v.fenced(a):
		return "it is the fence of " + v.link.From + ": copied, it would keep the application out of " + v.link.To + " too"
	}
	return ""
}

// fenced says that an entry is one of those that fence the source.
func (v *accessView) fenced(a ACL) bool {
	return v.fence != nil && v.fence.By == "acl" && slices.Contains(v.fence.Principals, a.Principal) && a.Permission == kmsg.ACLPermissionTypeDeny &&
		a.Resource == kmsg.ACLResourceTypeTopic && a.Operation == kmsg.ACLOperationWrite && a.Pattern == kmsg.ACLResourcePatternTypeLiteral && a.Host == "*"
}

// held says that an entry is given at promotion only: it allows writing to something of which a part is still a mirror. An entry that is
// about no mirror topic, such as a transactional id or a topic that statements fill, waits for the first promotion: those whose topic is promoted
// need it, and nobody can write to a mirror by it. One on the cluster, by which configs and rights of mirrors could be changed, waits for the last.
func (v *accessView) held(a ACL) bool {
	if v.link.ACLs.Writes == "copied" || !a.allowsWriting() {
		return false
	}
	waiting, covered, promoted := false, false, false
	for name, t := range v.topics {
		if a.covers(name) {
			covered = true
			if t.State != Stopped {
				return true
			}
		}
		waiting = waiting || t.State != Stopped
		promoted = promoted || t.State == Stopped
	}
	if a.Resource == kmsg.ACLResourceTypeTopic && a.Pattern == kmsg.ACLResourcePatternTypeLiteral && v.topics[a.Name] == nil && v.link.Mirrors(a.Name) {
		return true // about to be a mirror
	}
	return !covered && (!promoted || waiting && a.overTheCluster())
}

// overTheCluster says whether an entry allows changing what is on a cluster, whatever it is. The right to be idempotent is none such.
func (a ACL) overTheCluster() bool {
	return a.Resource == kmsg.ACLResourceTypeCluster && a.Operation != kmsg.ACLOperationIdempotentWrite
}

func setOf[K comparable](list []K) map[K]bool {
	set := make(map[K]bool, len(list))
	for _, k := range list {
		set[k] = true
	}
	return set
}

func sortedACLs(set map[ACL]bool) []ACL {
	list := make([]ACL, 0, len(set))
	for a := range set {
		list = append(list, a)
	}
	slices.SortFunc(list, compareACLs)
	return list
}
