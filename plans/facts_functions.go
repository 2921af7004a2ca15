package plans

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/statements"
)

// knownFunctions are the user-defined functions that the topology names, or that a statement in a region has created, by name in upper case.
func (d *Declared) knownFunctions(regions map[string]*RegionState) map[string]bool {
	known := map[string]bool{}
	for _, f := range d.Topology.Functions {
		known[strings.ToUpper(f.Name)] = true
	}
	for _, r := range regions {
		for name := range r.functions() {
			known[name] = true
		}
	}
	return known
}

// functionFacts are what is known of user-defined functions, which are those in known: what the topology vouches for, and whether regions, by name, have the same artifact of one.
func (d *Declared) functionFacts(regions map[string]*RegionState, known map[string]bool) map[string]statements.FunctionFact {
	facts := map[string]statements.FunctionFact{}
	for name := range known {
		facts[name] = statements.FunctionFact{}
	}
	for _, f := range d.Topology.Functions {
		facts[strings.ToUpper(f.Name)] = statements.FunctionFact{Deterministic: f.Deterministic}
	}
	first := map[string][2]string{} // by function: a region, and what it is there
	for _, region := range slices.Sorted(maps.Keys(regions)) {
		there := regions[region].functions()
		for _, name := range slices.Sorted(maps.Keys(there)) {
			switch have, known := first[name]; {
			case !known:
				first[name] = [2]string{region, there[name]}
			case have[1] != there[name]:
				f := facts[name]
				f.Differs = fmt.Sprintf("%s in %s, %s in %s", have[1], have[0], there[name], region)
				facts[name] = f
			}
		}
	}
	return facts
}

// functions are what a region's statements have created: by name in upper case, the class with what it comes from.
func (r *RegionState) functions() map[string]string {
	out := map[string]string{}
	if r == nil {
		return out
	}
	for _, name := range slices.Sorted(maps.Keys(r.Statements)) {
		st := r.Statements[name]
		if st.Phase != "COMPLETED" || !strings.Contains(strings.ToUpper(st.SQL), "FUNCTION") {
			continue
		}
		u, _ := statements.ParseOne(name, st.SQL)
		if u == nil {
			continue
		}
		if f, ok := u.Statement.(*statements.CreateFunction); ok {
			from := []string{f.Class.Value}
			for _, resource := range f.Resources {
				from = append(from, resource.URI)
			}
			out[strings.ToUpper(f.Name.Last())] = strings.Join(from, " of ")
		}
	}
	return out
}

// runningProperties are the properties under which a statement runs in each region: in the destination those that it would be started with, where it
// does not run yet. What lifeboat sets of its own is left out: it says where a statement starts, not what it computes.
func (c *computation) runningProperties(statement string, declared map[string]string) map[string]map[string]string {
	out := map[string]map[string]string{}
	for name, r := range map[string]*RegionState{c.link.From: c.from, c.link.To: c.to} {
		properties := map[string]string{}
		switch st, there := r.Statements[statement]; {
		case there:
			maps.Copy(properties, st.Properties)
		case name == c.link.To:
			maps.Copy(properties, declared)
		default:
			continue // nothing is known
		}
		maps.DeleteFunc(properties, func(key, _ string) bool { return strings.HasPrefix(key, "lifeboat.") })
		out[name] = properties
	}
	return out
}

// regionFactsOf are the facts of both regions with a statement's own properties.
func (c *computation) regionFactsOf(all map[string]statements.RegionFacts, statement string, declared map[string]string) map[string]statements.RegionFacts {
	out := maps.Clone(all)
	for region, properties := range c.runningProperties(statement, declared) {
		if f, ok := out[region]; ok {
			f.Properties = properties
			out[region] = f
		}
	}
	return out
}

// regions is nil of what was not observed.
func (o *Observed) regions() map[string]*RegionState {
	if o == nil {
		return nil
	}
	return o.Regions
}
