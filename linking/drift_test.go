package linking_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestDriftedConfigsArePutBack has somebody change configs of a mirror topic: the link puts back what it has set, where the topology does not
// forbid it, and leaves what it has not set; either way it is told.
func TestDriftedConfigsArePutBack(t *testing.T) {
	t.Parallel()
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		for _, c := range []struct {
			name, drift string
			want        []string // configs as they are in the end, and what is told of them
		}{
			{"restore", "", []string{"cleanup.policy=delete put back", "retention.ms=7200000 put back", "segment.bytes=2097152 drift"}},
			{"report", plans.DriftReport, []string{"cleanup.policy=compact drift", "retention.ms=1000000 drift", "segment.bytes=2097152 drift"}},
		} {
			t.Run(c.name, func(t *testing.T) {
				topic := each.Name(t, "t")
				each.Topic(t, env.East, topic, 1, "retention.ms=7200000")
				p := newPair(t, env, topic)
				p.decl.Topics.Drift = c.drift
				must(t, p.once())
				set := func(key, value string) kadm.AlterConfig { return kadm.AlterConfig{Name: key, Value: &value} }
				changed, err := p.west.Admin.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{set("retention.ms", "1000000"), set("cleanup.policy", "compact"), set("segment.bytes", "2097152")}, topic)
				must(t, err)
				must(t, changed[0].Err)
				told := func() []string {
					notes, err := p.link().Configs(t.Context())
					must(t, err)
					var list []string
					for _, n := range notes {
						if n.State == linking.ConfigDrift || n.State == linking.ConfigRestored {
							list = append(list, n.Key+"="+n.Dest+" "+n.State)
						}
					}
					return list
				}
				stop := p.running()
				if c.drift == "" {
					p.eventually("the configs are put back", func() bool { return strings.Count(strings.Join(told(), " "), "put back") == 2 })
				} else {
					put(t, p.east, topic, 0, 1)
					p.await(topic)
				}
				if err := stop(); !errors.Is(err, context.Canceled) {
					t.Errorf("the run ended with %v", err)
				}
				if diff := cmp.Diff(c.want, told()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	})
}
