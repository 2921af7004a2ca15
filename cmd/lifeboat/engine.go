package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/engine/bundled"
	"github.com/lifeboat-dr/lifeboat/engine/rest"
)

func (a *app) engineCommand() *cli.Command {
	return a.group(&cli.Command{
		Name:  "engine",
		Usage: "the bundled statement engine",
		Subcommands: []*cli.Command{
			a.command(&cli.Command{
				Name:  "serve",
				Usage: "run a region's statements, with the Confluent statements API",
				Description: `One process a region; whoever comes last takes the region's statements over. SIGTERM ends it with status 0, and
the next one goes on where it was.

   lifeboat engine serve --region west --listen 0.0.0.0:8088`,
				Flags: a.regionFlags(
					&cli.StringFlag{Name: "region", Usage: "`NAME` of the region whose statements to run"},
					&cli.StringFlag{Name: "listen", Value: "127.0.0.1:8088", Usage: "`ADDRESS` where to serve the statements API"},
					&cli.DurationFlag{Name: "checkpoint-interval", Value: time.Second, Usage: "`DURATION` between commits of output, positions and state"},
				),
			}, 0, a.serveEngine),
		},
	})
}

func (a *app) serveEngine(c *cli.Context) error {
	if err := need(c, "region", "whose statements to run"); err != nil {
		return err
	}
	if every := c.Duration("checkpoint-interval"); every <= 0 {
		return usageError{withHint{fmt.Errorf("checkpoint-interval %s: it has to be more than 0", every), "lifeboat engine serve --help"}}
	}
	return a.world(c, func(ctx context.Context, w *dr.World) error {
		name := c.String("region")
		decl := w.Declared.Topology.Regions[name]
		if decl == nil {
			return usageError{withHint{fmt.Errorf("%s declares no region %q", w.Declared.Path, name), "lifeboat engine serve --region " + strings.Join(w.RegionNames(), "|")}}
		}
		r := w.Regions[name]
		if r == nil {
			return w.Errs[name]
		}
		if decl.Registry == nil {
			return withHint{fmt.Errorf("%s: the engine needs a schema registry and none is declared", name), "declare regions." + name + ".registry in lifeboat.yaml"}
		}
		login, err := w.EngineLogin(name)
		if err != nil {
			return err
		}
		// The address first: opening the engine takes the region's statements over from the process that runs them.
		listener, err := net.Listen("tcp", c.String("listen"))
		if err != nil {
			return withHint{fmt.Errorf("%s: statements API: %w", name, err), "another address: --listen 127.0.0.1:8089, or end the engine that serves there"}
		}
		defer listener.Close() // a second time after the server: no harm
		ctx, stop := a.untilInterrupted(ctx)
		defer stop()
		e, err := bundled.Open(ctx, bundled.Options{
			Region: name, Kafka: r.Client.Opts(), RegistryURL: decl.Registry.URL, RegistryTransport: r.RegistryTransport,
			CheckpointInterval: c.Duration("checkpoint-interval"), Log: a.logger(c),
		})
		if err != nil {
			return err
		}
		server := &http.Server{Handler: rest.NewServer(e, rest.Options{Username: login[0], Password: login[1]}), ReadHeaderTimeout: 10 * time.Second}
		fmt.Fprintf(a.stderr, "engine of %s: statements API on http://%s\n", name, listener.Addr())
		var g errgroup.Group
		g.Go(func() error {
			<-ctx.Done()
			shut, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return server.Shutdown(shut)
		})
		if err := server.Serve(listener); err != http.ErrServerClosed {
			return fmt.Errorf("%s: statements API: %w", name, err)
		}
		if err := g.Wait(); err != nil {
			return err
		}
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		if err := e.Close(closing); err != nil {
			return err
		}
		return a.stopped()
	})
}
