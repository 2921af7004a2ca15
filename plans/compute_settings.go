package plans

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// settings names what the region that is left has set on groups and on clients' metrics, and the other one has not: no link copies it.
func (c *computation) settings() {
	if !c.from.Reachable || !c.to.Reachable {
		return
	}
	for _, name := range selected(c.link.Groups.Match, c.from.Groups) {
		var there map[string]string
		if g := c.to.Groups[name]; g != nil {
			there = g.Configs
		}
		var missing []string
		for _, key := range slices.Sorted(maps.Keys(c.from.Groups[name].Configs)) {
			if value := c.from.Groups[name].Configs[key]; there[key] != value {
				missing = append(missing, key+"="+value)
			}
		}
		if len(missing) > 0 {
			c.find(report.Low, "link/group-configs", name, fmt.Sprintf("group %s has configs in %s that it has not in %s: %s", name, c.link.From, c.link.To, strings.Join(missing, ", ")),
				"no link copies the configs of groups: its members there live by the brokers' own",
				fmt.Sprintf("kafka-configs --bootstrap-server … --alter --entity-type groups --entity-name %s --add-config %s, in %s", name, strings.Join(missing, ","), c.link.To))
		}
	}
	var metrics []string
	for _, name := range c.from.ClientMetrics {
		if !slices.Contains(c.to.ClientMetrics, name) {
			metrics = append(metrics, name)
		}
	}
	if len(metrics) > 0 && !slices.Contains(c.to.Unseen, UnseenMetrics) {
		c.find(report.Low, "link/client-metrics", c.link.Name, fmt.Sprintf("%s subscribes to metrics of clients, and %s does not: %s", c.link.From, c.link.To, strings.Join(metrics, ", ")),
			"no link copies such subscriptions: after the move clients push nothing of what is watched now",
			fmt.Sprintf("kafka-client-metrics --bootstrap-server … --alter --name %s, in %s", metrics[0], c.link.To))
	}
	for _, what := range c.from.Unseen {
		right := "DescribeConfigs on the cluster"
		if what == UnseenGroups {
			right = "DescribeConfigs on the groups of the link"
		}
		c.find(report.Low, "link/configs-not-known", c.link.Name, fmt.Sprintf("%s of %s may not be seen", what, c.link.From),
			"no link copies them: what is set there would be missing after a move, and is not told",
			fmt.Sprintf("grant lifeboat %s in %s, or compare by hand", right, c.link.From))
	}
}
