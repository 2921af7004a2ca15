package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/cmd/lifeboat/render"
	"github.com/lifeboat-dr/lifeboat/dr"
)

func (a *app) serveCommand() *cli.Command {
	return a.command(&cli.Command{
		Name: "serve", Usage: "run the declared checks and drills on their schedules, with a web page and metrics",
		Description: `Serves / (how everything is, what was done, readiness over time), /report.json (the same), /metrics (Prometheus) and /healthz.
There is no login: let it listen where only those come who may read it. One job runs at a time; what was due and not
begun is reported as missed. Webhooks stand under notify in lifeboat.yaml.

   lifeboat serve --listen 127.0.0.1:8090`,
		Flags: a.regionFlags(stateFlag(),
			&cli.StringFlag{Name: "listen", Value: "127.0.0.1:8090", Usage: "`ADDRESS` of the page and the metrics"},
			&cli.DurationFlag{Name: "every", Value: 30 * time.Second, Usage: "how long to wait between two looks at everything, a `DURATION`"},
			&cli.StringFlag{Name: "only", Usage: "checks or drills: the `KIND` of jobs to run; default: both"}),
	}, 0, func(c *cli.Context) error {
		switch {
		case c.Duration("every") <= 0:
			return usageError{withHint{fmt.Errorf("every %s: it has to be more than 0", c.Duration("every")), c.Command.HelpName + " --every 30s"}}
		case c.Duration("timeout") <= 0:
			return usageError{withHint{fmt.Errorf("timeout %s: it has to be more than 0", c.Duration("timeout")), c.Command.HelpName + " --help"}}
		case !slices.Contains([]string{"", "checks", "drills"}, c.String("only")):
			return usageError{withHint{fmt.Errorf("--only %s: use checks or drills", c.String("only")), c.Command.HelpName + " --only checks"}}
		}
		declared, _, err := a.load(c)
		if err != nil {
			return err
		}
		jobs, err := wantedJobs(declared, c.String("only"))
		if err != nil {
			return err
		}
		o := dr.ServeOptions{Options: a.options(c), Jobs: jobs, Every: c.Duration("every")}
		if o.StateDir == "" {
			o.StateDir = dr.DefaultStateDir(os.LookupEnv)
		}
		o.State = filepath.Join(o.StateDir, "serve-"+declared.Topology.Name+".json")
		s, err := dr.NewServer(declared, o)
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp", c.String("listen"))
		if err != nil {
			return withHint{fmt.Errorf("serving: %w", err), "choose another address: --listen 127.0.0.1:8091"}
		}
		web := &http.Server{Handler: a.pages(s, c.Duration("every")), ReadTimeout: metricsTimeout, WriteTimeout: metricsTimeout}
		g, ctx := errgroup.WithContext(c.Context)
		g.Go(func() error {
			if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serving: %w", err)
			}
			return nil
		})
		fmt.Fprintf(a.stderr, "serving http://%s, jobs: %d\n", l.Addr(), len(jobs))
		g.Go(func() error {
			err := s.Run(ctx)
			bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = web.Shutdown(bye) // who has not read its answer by now does without
			return err
		})
		if err := g.Wait(); err != nil {
			return err
		}
		return a.stopped()
	})
}

// pages are what serve shows.
func (a *app) pages(s *dr.Server, every time.Duration) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(s, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	show := func(kind string, refresh bool, write render.Renderer) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			h := w.Header()
			h.Set("Content-Type", kind)
			h.Set("Cache-Control", "no-store")
			h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Referrer-Policy", "no-referrer")
			if refresh {
				h.Set("Refresh", fmt.Sprint(max(1, int(every.Seconds()))))
			}
			_ = write(w, *s.Report()) // a reader who has gone is no error
		}
	}
	mux.Handle("GET /{$}", show("text/html; charset=utf-8", true, render.HTML))
	mux.Handle("GET /report.json", show("application/json", false, render.JSON))
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if err := s.Healthy(); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, err)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return mux
}
