package dr_test

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// Configs of groups and subscriptions to clients' metrics are copied by nothing: check names them, and no more once the other region has them.
func TestWhatNoLinkCopiesIsNamed(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		p := newPipeline(t, env, 20)
		p.mirror()
		subscription := each.Name(t, "latency")
		set := func(r *testenv.Region, kind kmsg.ConfigResourceType, name, key, value string) {
			t.Helper()
			req := kmsg.NewPtrIncrementalAlterConfigsRequest()
			res := kmsg.NewIncrementalAlterConfigsRequestResource()
			res.ResourceType, res.ResourceName = kind, name
			c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
			c.Name, c.Value = key, &value
			res.Configs = append(res.Configs, c)
			req.Resources = append(req.Resources, res)
			resp, err := req.RequestWith(t.Context(), each.Client(t, r))
			must(t, err)
			if code := resp.Resources[0].ErrorCode; code != 0 {
				t.Fatalf("%s: setting %s of %s: error %d", r.Name, key, name, code)
			}
		}
		named := func(rule, subject string) bool {
			t.Helper()
			w := p.open()
			defer w.Close()
			rep, err := dr.Check(t.Context(), w, "")
			must(t, err)
			return slices.ContainsFunc(rep.Findings, func(f report.Finding) bool { return f.Rule == rule && f.Subject == subject })
		}
		link := p.declared.Topology.Links[0].Name
		set(env.East, kmsg.ConfigResourceTypeGroupConfig, p.group, "consumer.session.timeout.ms", "50000")
		set(env.East, kmsg.ConfigResourceTypeClientMetrics, subscription, "interval.ms", "30000")
		for _, want := range []bool{true, false} {
			if got := named("link/group-configs", p.group); got != want {
				t.Errorf("configs of the group are named: %v, want %v", got, want)
			}
			if got := named("link/client-metrics", link); got != want {
				t.Errorf("the subscription is named: %v, want %v", got, want)
			}
			set(env.West, kmsg.ConfigResourceTypeGroupConfig, p.group, "consumer.session.timeout.ms", "50000")
			set(env.West, kmsg.ConfigResourceTypeClientMetrics, subscription, "interval.ms", "30000")
		}
	})
}
