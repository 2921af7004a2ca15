package dr

import (
	"context"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Draft looks at two clusters for a first topology. Both must answer; what else does not is noted in the draft. Nothing is changed.
func Draft(ctx context.Context, name string, from, to *plans.Region, o Options) (*plans.Draft, error) {
	w, err := Open(ctx, &plans.Declared{Topology: &plans.Topology{Name: name, Pattern: plans.ActivePassive, Primary: from.Name,
		Regions: map[string]*plans.Region{from.Name: from, to.Name: to}}}, o)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	for _, r := range w.RegionNames() {
		if err := w.Errs[r]; err != nil {
			return nil, err
		}
	}
	seen, err := Observe(ctx, w)
	if err != nil {
		return nil, err
	}
	d := &plans.Draft{Name: name, From: from, To: to, Source: seen.Regions[from.Name], Dest: seen.Regions[to.Name], SQL: map[string]string{}}
	for _, r := range w.RegionNames() {
		if state := seen.Regions[r]; state.Registry != "" && state.Registry != "ok" {
			d.Notes = append(d.Notes, fmt.Sprintf("%s: registry: %s", r, state.Registry))
		}
	}
	// Observe reads positions, and only of groups that a link takes.
	groups, err := w.Regions[from.Name].Admin.ListGroups(ctx)
	if err != nil {
		d.Notes = append(d.Notes, fmt.Sprintf("%s: listing groups: %v", from.Name, err))
	}
	for g := range groups {
		d.Source.Groups[g] = &plans.GroupState{}
	}
	if d.Users, err = w.Regions[from.Name].Principals(ctx); err != nil {
		d.Notes = append(d.Notes, err.Error())
	}
	if e := d.Source.Engine; e != "" && e != "ok" {
		d.Notes = append(d.Notes, e)
	}
	for name, st := range d.Source.Statements {
		d.SQL[name] = st.SQL
	}
	return d, nil
}
