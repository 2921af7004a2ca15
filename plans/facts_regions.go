package plans

import "github.com/lifeboat-dr/lifeboat/statements"

// regionFacts are what the statements' rules ask of both regions. Of a region that was not seen nothing is told, and nothing where
// the link gives topics other names, by which they could not be compared.
func (c *computation) regionFacts() map[string]statements.RegionFacts {
	if c.decl.Topology == nil || c.link.Renames() {
		return nil
	}
	out := map[string]statements.RegionFacts{}
	for name, r := range map[string]*RegionState{c.link.From: c.from, c.link.To: c.to} {
		if r == nil || !r.Reachable {
			continue
		}
		f := statements.RegionFacts{Partitions: map[string]int{}, Configs: map[string]map[string]string{}, Open: map[string]int64{},
			Subjects: map[string]statements.SubjectFacts{}}
		for topic, t := range r.Topics {
			f.Partitions[topic], f.Configs[topic] = len(t.Partitions), t.Configs
			for _, p := range t.Partitions {
				if name == c.link.From {
					f.Open[topic] += max(0, int64(p.End-p.Stable))
				}
			}
		}
		for subject, s := range r.Subjects {
			ids := map[int]int{}
			for i, version := range s.Versions {
				if i < len(s.IDs) {
					ids[version] = s.IDs[i]
				}
			}
			f.Subjects[subject] = statements.SubjectFacts{IDs: ids, Compatibility: s.Compatibility}
		}
		out[name] = f
	}
	return out
}

// pipelineProperties are the properties that a statement's pipeline declares.
func (d *Declared) pipelineProperties(s Statement) map[string]string {
	for _, p := range d.Topology.Pipelines {
		if p.Name == s.Pipeline {
			return p.Properties
		}
	}
	return nil
}
