package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"
)

func metricsFlag() cli.Flag {
	return &cli.StringFlag{Name: "metrics", EnvVars: []string{"LIFEBOAT_METRICS"}, Usage: "serve /metrics (Prometheus), /healthz and /livez at `ADDRESS`, such as :9404"}
}

// metricsTimeout bounds what a slow or silent client of the metrics server may take.
const metricsTimeout = 10 * time.Second

// serveMetrics serves metrics where --metrics says, until stop is called. Without the flag there are none, and they are not made.
func (a *app) serveMetrics(c *cli.Context, of func() http.Handler) (stop func(), err error) {
	address := c.String("metrics")
	if address == "" {
		return func() {}, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, withHint{fmt.Errorf("serving metrics: %w", err), "choose another address: --metrics :9404"}
	}
	server := &http.Server{Handler: of(), ReadTimeout: metricsTimeout, WriteTimeout: metricsTimeout}
	var g errgroup.Group
	g.Go(func() error { return server.Serve(l) })
	fmt.Fprintf(a.stderr, "metrics at http://%s/metrics\n", l.Addr())
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Shutdown(ctx) // who has not read its answer by now does without
		if err := g.Wait(); err != nil && !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintf(a.stderr, "lifeboat: serving metrics: %v\n", err)
		}
	}, nil
}

// hooks count the traffic of the regions' clients, where there are metrics.
func (a *app) hooks(region string) []kgo.Hook {
	if a.metrics == nil {
		return nil
	}
	return []kgo.Hook{a.metrics.Hook(region)}
}
