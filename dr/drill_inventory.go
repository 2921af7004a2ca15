package dr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// An inventory is taken of both regions before a drill and after it: topics with their ids, partitions and configs, groups, subjects with their
// versions, ids and modes, ACLs, statements, and how far the logs go that the pipeline's statements would write in the destination. Records and
// positions move all the time and are not in it.

// inventory is what a region holds, "west: topic flights" → what of it.
type inventory map[string]string

// inventoryPart is how many entries one fact of the journal holds: of the longest names there are, less than a message may have.
const inventoryPart = 1000

const factInventory = "inventory-before"

func inventoryDone(_ context.Context, r *run, _ plans.Step) (bool, string, error) {
	var parts int
	if ok, err := r.recall(factInventory, &parts); err != nil || !ok {
		return false, "", err
	}
	before, err := r.inventoryBefore()
	return true, counted(len(before), "thing") + " written down", err
}

func inventoryApply(ctx context.Context, r *run, _ plans.Step) error {
	now, err := r.inventory(ctx)
	if err != nil {
		return err
	}
	n := 0
	for names := range slices.Chunk(slices.Sorted(maps.Keys(now)), inventoryPart) {
		part := inventory{}
		for _, name := range names {
			part[name] = now[name]
		}
		if err := r.learn(ctx, fmt.Sprintf("%s:%d", factInventory, n), part); err != nil {
			return err
		}
		n++
	}
	return r.learn(ctx, factInventory, n)
}

func (r *run) inventoryBefore() (inventory, error) {
	all, n := inventory{}, 0
	if _, err := r.recall(factInventory, &n); err != nil {
		return nil, err
	}
	for i := range n {
		var part inventory
		if _, err := r.recall(fmt.Sprintf("%s:%d", factInventory, i), &part); err != nil {
			return nil, err
		}
		maps.Copy(all, part)
	}
	return all, nil
}

// residueDone compares what both regions hold with what they held: what carries the drill's name must be gone, and what others have changed
// meanwhile is told.
func residueDone(ctx context.Context, r *run, s plans.Step) (bool, string, error) {
	if !r.saw(s.ID) {
		return false, "", nil
	}
	return true, "nothing of the drill is left", nil
}

func residueApply(ctx context.Context, r *run, s plans.Step) error {
	before, err := r.inventoryBefore()
	if err != nil {
		return err
	}
	after, err := r.inventory(ctx)
	if err != nil {
		return err
	}
	left, others := residue(before, after, r.drill.plan)
	if len(left) > 0 {
		return fmt.Errorf("left behind: %s", strings.Join(left, ", "))
	}
	line := report.Check{ID: "inventory", Name: fmt.Sprintf("%s and %s hold what they held before the drill", r.plan.From, r.plan.To), Outcome: report.Passed,
		Detail: fmt.Sprintf("%s compared: topics, groups, subjects, ACLs, statements", counted(len(after), "thing"))}
	if len(others) > 0 {
		shown := others[:min(len(others), 10)]
		line.Outcome = report.Warned
		line.Detail = fmt.Sprintf("nothing of the drill is left; not by it: %s", strings.Join(shown, ", "))
		if more := len(others) - len(shown); more > 0 {
			line.Detail += fmt.Sprintf(" and %d more", more)
		}
		line.Why = "somebody has changed the regions while the drill ran"
		line.Remedy = "see that these are changes that somebody wanted"
	}
	r.addCheck(line)
	r.see(s.ID)
	return nil
}

// residue tells of two inventories what is of the drill, and what else differs.
func residue(before, after inventory, d *plans.DrillPlan) (left, others []string) {
	names := maps.Clone(before)
	maps.Copy(names, after)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		was, there := before[name]
		is, stays := after[name]
		switch {
		case stays && strings.Contains(name, d.Prefix()):
			left = append(left, name)
		case !there:
			others = append(others, name+" is new")
		case !stays:
			others = append(others, name+" is gone")
		case was != is:
			others = append(others, name+" has changed")
		}
	}
	return left, others
}

func (r *run) inventory(ctx context.Context) (inventory, error) {
	all := inventory{}
	var mu sync.Mutex
	put := func(region, kind, name, what string) {
		mu.Lock()
		defer mu.Unlock()
		all[region+": "+kind+" "+name] = what
	}
	var g errgroup.Group
	for _, region := range []*linking.Region{r.from, r.to} {
		g.Go(func() error { return inventoryOfTopics(ctx, region, put) })
		g.Go(func() error { return inventoryOfGroups(ctx, region, put) })
		g.Go(func() error { return inventoryOfSubjects(ctx, region, put) })
		g.Go(func() error { return inventoryOfACLs(ctx, region, put) })
		g.Go(func() error { return r.inventoryOfStatements(ctx, region, put) })
	}
	g.Go(func() error { return r.inventoryOfOutputs(ctx, put) })
	return all, g.Wait()
}

type putItem func(region, kind, name, what string)

func inventoryOfTopics(ctx context.Context, r *linking.Region, put putItem) error {
	meta, err := topicsIn(ctx, r)
	if err != nil {
		return err
	}
	// Topics that were asked for and are not there are told with an error. The journal is the drill's report.
	names := slices.DeleteFunc(meta.Topics.Names(), func(name string) bool { return meta.Topics[name].Err != nil || name == RunsTopic(r.Name) })
	configs, err := r.Admin.DescribeTopicConfigs(ctx, names...)
	if err != nil {
		return fmt.Errorf("%s: describing topic configs: %w", r.Name, err)
	}
	own := map[string][]string{}
	for _, c := range configs {
		for _, kv := range c.Configs {
			if kv.Source == kmsg.ConfigSourceDynamicTopicConfig {
				own[c.Name] = append(own[c.Name], kv.Key+"="+kv.MaybeValue())
			}
		}
	}
	for _, name := range names {
		slices.Sort(own[name])
		put(r.Name, "topic", name, fmt.Sprintf("%s, %d partitions, %s", meta.Topics[name].ID, len(meta.Topics[name].Partitions), strings.Join(own[name], " ")))
	}
	return nil
}

func inventoryOfGroups(ctx context.Context, r *linking.Region, put putItem) error {
	groups, err := r.Admin.ListGroups(ctx)
	if err != nil {
		return fmt.Errorf("%s: listing groups: %w", r.Name, err)
	}
	for _, g := range groups.Groups() {
		put(r.Name, "group", g, "")
	}
	return nil
}

func inventoryOfSubjects(ctx context.Context, r *linking.Region, put putItem) error {
	if r.Registry == nil {
		return nil
	}
	state := &plans.RegionState{}
	observeSubjects(ctx, r, state)
	if state.Registry != "ok" {
		return fmt.Errorf("%s: listing schemas: %s", r.Name, state.Registry)
	}
	for name, s := range state.Subjects {
		put(r.Name, "subject", name, fmt.Sprint(s.Versions, s.IDs, s.Mode, s.Compatibility))
	}
	return nil
}

// inventoryOfACLs leaves out what brokers do not tell: those without an authorizer have none, and a principal may not be allowed to see them.
func inventoryOfACLs(ctx context.Context, r *linking.Region, put putItem) error {
	req := kmsg.NewPtrDescribeACLsRequest()
	req.ResourceType, req.ResourcePatternType = kmsg.ACLResourceTypeAny, kmsg.ACLResourcePatternTypeAny
	req.Operation, req.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
	resp, err := req.RequestWith(ctx, r.Client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	switch {
	case errors.Is(err, kerr.SecurityDisabled), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return nil
	case err != nil:
		return fmt.Errorf("%s: describing ACLs: %w", r.Name, err)
	}
	for _, res := range resp.Resources {
		for _, acl := range res.ACLs {
			put(r.Name, "ACL", fmt.Sprintf("%s on %s %s %s from %s: %s %s", acl.Principal, strings.ToLower(res.ResourcePatternType.String()), strings.ToLower(res.ResourceType.String()), res.ResourceName,
				acl.Host, acl.PermissionType, acl.Operation), "")
		}
	}
	return nil
}

func (r *run) inventoryOfStatements(ctx context.Context, region *linking.Region, put putItem) error {
	b := r.world.Engines[region.Name]
	if b == nil {
		return nil
	}
	list, err := b.List(ctx)
	if err != nil {
		return fmt.Errorf("%s: listing statements: %w", region.Name, err)
	}
	for _, s := range list {
		put(region.Name, "statement", s.Name, s.UID+" "+s.SQL)
	}
	return nil
}

// inventoryOfOutputs notes how far the logs go that the statements of the plan would write in the destination after a failover. Those of statements that
// run there all the time move with them.
func (r *run) inventoryOfOutputs(ctx context.Context, put putItem) error {
	move := map[string]bool{}
	for _, sp := range r.plan.Statements {
		for _, topic := range sp.Writes {
			move[r.drill.original(topic)] = move[r.drill.original(topic)] || sp.Strategy == plans.Parallel
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(r.drill.plan.Sinks)) {
		if move[topic] {
			continue
		}
		ends, err := logEnds(ctx, r.to, []string{topic})
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			continue
		}
		if err != nil {
			return err
		}
		put(r.plan.To, "log of", topic, fmt.Sprint(ends[topic]))
	}
	return nil
}

// addCheck puts a line into the report.
func (r *run) addCheck(c report.Check) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rep.Checks = append(slices.DeleteFunc(r.rep.Checks, func(o report.Check) bool { return o.ID == c.ID && o.Name == c.Name }), c)
}
