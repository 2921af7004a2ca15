package plans

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// parts digests what a plan depends on, part by part. Parts of the declaration begin with "declared: ".
//
// Of the regions it takes what makes a plan wrong when it changes: the clusters' ids, the topics mirrored or written by the
// plan's statements (id, partition count, configs), the registry's modes, and the source topics that mirrors follow. It leaves
// out positions and times, and of an unplanned failover all of the source, which may come and go.
func parts(p *Plan, d *Declared, o *Observed) map[string]string {
	all := map[string]string{"declared: topology": digest(d.Topology)}
	for _, s := range d.Statements {
		all["declared: statement "+s.Name] = digest([]string{s.Pipeline, s.Name, s.SQL})
	}
	topics := map[string]bool{}
	for _, t := range p.Topics {
		topics[t.Name] = true
	}
	for _, s := range p.Statements {
		for _, t := range s.Writes {
			topics[t] = true
		}
	}
	link, _ := p.LinkIn(d) // nil: it is declared no more, which is a change by itself
	for _, name := range []string{p.From, p.To} {
		r := o.Regions[name]
		if link != nil && name == p.From {
			r = link.View(r)
		}
		if r == nil || name == p.From && p.Operation == OpFailover && !p.Planned {
			continue
		}
		all[name+": cluster"] = digest(r.ClusterID)
		all[name+": registry mode"] = digest(r.Mode)
		for topic := range topics {
			if t := r.Topics[topic]; t != nil {
				all[name+": topic "+topic] = digest([]any{t.ID, len(t.Partitions), t.Configs})
			}
		}
		for _, s := range p.Subjects {
			if st := r.Subjects[s]; st != nil {
				all[name+": subject "+s] = digest(st.Mode)
			}
		}
	}
	if p.Failback != nil {
		for _, m := range o.Mirrors[p.Failback.Forward] {
			if topics[m.Topic] || slices.Contains(p.Failback.On, m.Topic) {
				all["link "+p.Failback.Forward+": mirror "+m.Topic] = digest([]string{m.SourceID, m.State})
			}
		}
	}
	for _, m := range o.Mirrors[p.Link] {
		switch {
		case !topics[m.Topic]:
		case p.Migration != nil: // a batch that has moved since is not moved again
			all["link "+p.Link+": mirror "+m.Topic] = digest([]any{m.SourceID, m.State == MirrorStopped})
		default:
			all["link "+p.Link+": mirror "+m.Topic] = digest(m.SourceID)
		}
	}
	return all
}

// digestsOf sums the parts to the plan's two digests.
func digestsOf(parts map[string]string) (declared, structure string) {
	var d, s []string
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		if strings.HasPrefix(name, "declared: ") {
			d = append(d, name, parts[name])
		} else {
			s = append(s, name, parts[name])
		}
	}
	return digest(d), digest(s)
}

// digest is the SHA-256 of a value's JSON, in which encoding/json sorts the keys of maps.
func digest(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("plans: a part of a plan has no JSON: %v", err))
	}
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}
