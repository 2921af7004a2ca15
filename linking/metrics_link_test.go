package linking_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// A link that runs tells what it has copied, that nothing is missing, and that it is healthy.
func TestMetricsOfALinkThatRuns(t *testing.T) {
	each.Run(t, func(t *testing.T, env *testenv.Env) {
		topic := each.Name(t, "t")
		p := newPair(t, env, topic)
		each.Topic(t, env.East, topic, 1)
		metrics := linking.NewMetrics()
		east, err := linking.Open(t.Context(), "east", &plans.Region{Kafka: plans.Kafka{Bootstrap: env.East.Bootstrap}},
			linking.Options{Hooks: func(region string) []kgo.Hook { return []kgo.Hook{metrics.Hook(region)} }})
		must(t, err)
		defer east.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		done := make(chan error, 1)
		go func() {
			done <- linking.New(p.decl, east, p.west, linking.Options{}).Run(ctx, linking.RunOptions{Metrics: metrics})
		}()
		w := plant{p, topic}
		for n := range 30 {
			w.write(p.east, w.record(n))
		}
		ask := func(path string) string {
			answer := httptest.NewRecorder()
			metrics.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
			return answer.Body.String()
		}
		at := `{partition="0",topic="` + topic + `"} `
		p.eventually("everything is mirrored and told", func() bool {
			text := ask("/metrics")
			return strings.Contains(text, "lifeboat_link_mirror_records_total"+at+"30\n") && strings.Contains(text, "lifeboat_link_mirror_end_offset"+at+"30\n") &&
				strings.Contains(text, "lifeboat_link_mirror_lag_records"+at+"0\n") && strings.Contains(ask("/healthz"), `"healthy"`)
		})
		if text := ask("/metrics"); strings.Contains(text, `lifeboat_link_client_read_bytes_total{region="east"} 0`) || !strings.Contains(text, `lifeboat_link_client_read_bytes_total{region="east"}`) {
			t.Error("the clients' traffic is not told")
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
