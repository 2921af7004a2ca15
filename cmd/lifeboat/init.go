package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/dr"
	"github.com/lifeboat-dr/lifeboat/plans"
)

func (a *app) initCommand() *cli.Command {
	return a.command(&cli.Command{
		Name: "init", Usage: "write a first lifeboat.yaml from what two clusters hold",
		Description: `Reads topics, groups, subjects, ACLs and the statements of the engine, and writes lifeboat.yaml and sql/*.sql with comments. Nothing
is changed in a region, and no file is overwritten without --force. Secrets are references to the environment: with --sasl EAST_USER and
EAST_PASSWORD for a region east; EAST_REGISTRY_USER, EAST_REGISTRY_PASSWORD, EAST_ENGINE_USER and EAST_ENGINE_PASSWORD where they are set.

   lifeboat init --from east=broker.east:9092 --to west=broker.west:9092
   lifeboat init --from east=broker.east:9092 --to west=broker.west:9092 --tls --sasl SCRAM-SHA-512 \
     --registry east=https://registry.east --registry west=https://registry.west --engine east=http://engine.east:8088`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "the region that is written: `NAME=BOOTSTRAP`, addresses with commas between them"},
			&cli.StringFlag{Name: "to", Usage: "the region that is to mirror it: `NAME=BOOTSTRAP`"},
			&cli.StringSliceFlag{Name: "registry", Usage: "`NAME=URL` of a region's schema registry; once a region"},
			&cli.StringSliceFlag{Name: "engine", Usage: "`NAME=URL` of a region's statements API; once a region"},
			&cli.StringFlag{Name: "name", Value: "pipeline", Usage: "`NAME` of the topology"},
			&cli.StringFlag{Name: "sasl", Usage: "`MECHANISM` of the login at both clusters, such as SCRAM-SHA-512"},
			&cli.BoolFlag{Name: "tls", Usage: "both clusters speak TLS"},
			&cli.BoolFlag{Name: "force", Usage: "overwrite files that are there"},
			a.topologyFlag(),
			&cli.DurationFlag{Name: "timeout", Value: 10 * time.Second, Usage: "how long a region may take to answer first, a `DURATION` such as 30s"},
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "log what is done, to stderr"},
		},
	}, 0, func(c *cli.Context) error {
		from, to, err := initRegions(c)
		if err != nil {
			return usageError{withHint{err, c.Command.HelpName + " --help"}}
		}
		dir, base := filepath.Split(c.String("file"))
		if !c.Bool("force") {
			if err := notThere(filepath.Join(dir, base)); err != nil {
				return err
			}
		}
		ctx, stop := a.untilInterrupted(c.Context)
		defer stop()
		draft, err := dr.Draft(ctx, c.String("name"), from, to, a.options(c))
		if err != nil {
			return err
		}
		files := draft.Files()
		files[0].Name = base
		if !c.Bool("force") {
			for _, f := range files { // all of them, before one is written
				if err := notThere(filepath.Join(dir, f.Name)); err != nil {
					return err
				}
			}
		}
		// lifeboat.yaml last: where it is, the files that it names are.
		slices.Reverse(files)
		for _, f := range files {
			path := filepath.Join(dir, f.Name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return fmt.Errorf("writing the topology: %w", err)
			}
			if err := create(path, f.Text, c.Bool("force")); err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, "written: %s\n", path)
		}
		fmt.Fprintf(a.stdout, "Read %s, then: lifeboat check --offline -f %s; lifeboat plan link -f %s\n", filepath.Join(dir, base), filepath.Join(dir, base), filepath.Join(dir, base))
		return nil
	})
}

func alreadyThere(path string) error {
	return withHint{fmt.Errorf("%s is there already, and is not overwritten", path), "write elsewhere with -f, or overwrite it with --force"}
}

func notThere(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return alreadyThere(path)
	} else if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("writing the topology: %w", err)
	}
	return nil
}

// create writes a file that is not there yet, or any with force.
func create(path, text string, force bool) error {
	how := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		how = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, how, 0o644)
	if errors.Is(err, os.ErrExist) {
		return alreadyThere(path)
	}
	if err != nil {
		return fmt.Errorf("writing the topology: %w", err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing the topology: %w", err)
	}
	return nil
}

// initRegions reads the regions from the command line.
func initRegions(c *cli.Context) (from, to *plans.Region, err error) {
	regions := map[string]*plans.Region{}
	for _, flag := range []string{"from", "to"} {
		name, addresses, ok := strings.Cut(c.String(flag), "=")
		if !ok || addresses == "" {
			return nil, nil, fmt.Errorf("--%s wants a region and its brokers, as in --%s east=broker.east:9092", flag, flag)
		}
		if err := plans.CheckName(name); err != nil {
			return nil, nil, fmt.Errorf("--%s: %w", flag, err)
		}
		if regions[name] != nil {
			return nil, nil, fmt.Errorf("--from and --to are both named %q", name)
		}
		r := &plans.Region{Name: name, Kafka: plans.Kafka{Bootstrap: strings.Split(addresses, ",")}}
		if m := c.String("sasl"); m != "" {
			r.Kafka.SASL = &plans.SASL{Mechanism: m, Username: plans.NewSecretRef(envRef(name, "USER")), Password: plans.NewSecretRef(envRef(name, "PASSWORD"))}
		}
		if c.Bool("tls") {
			r.Kafka.TLS = &plans.TLS{}
		}
		regions[name] = r
		if flag == "from" {
			from = r
		} else {
			to = r
		}
	}
	if err := plans.CheckName(c.String("name")); err != nil {
		return nil, nil, fmt.Errorf("--name: %w", err)
	}
	for _, flag := range []string{"registry", "engine"} {
		for _, v := range c.StringSlice(flag) {
			name, address, ok := strings.Cut(v, "=")
			r := regions[name]
			if !ok || r == nil {
				return nil, nil, fmt.Errorf("--%s wants one of the two regions and a URL, as in --%s %s=http://…", flag, flag, from.Name)
			}
			u, err := url.Parse(address)
			if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				return nil, nil, fmt.Errorf("--%s %s: that is not a URL", flag, name)
			}
			if u.User != nil {
				return nil, nil, fmt.Errorf("--%s %s: a login does not belong in a URL: set %s_%s_USER and %s_%s_PASSWORD", flag, name, envName(name), strings.ToUpper(flag), envName(name), strings.ToUpper(flag))
			}
			var login [2]plans.Secret
			for i, what := range []string{"_USER", "_PASSWORD"} {
				if _, set := os.LookupEnv(envName(name) + "_" + strings.ToUpper(flag) + what); set {
					login[i] = plans.NewSecretRef(envRef(name, strings.ToUpper(flag)+what))
				}
			}
			if flag == "registry" {
				r.Registry = &plans.Registry{URL: address, Username: login[0], Password: login[1]}
			} else {
				r.Engine = &plans.Engine{Backend: "bundled", URL: address, Username: login[0], Password: login[1]}
			}
		}
	}
	return from, to, nil
}

// envName is a region's name as part of an environment variable's, which begins with no digit.
func envName(region string) string {
	name := strings.ToUpper(strings.ReplaceAll(region, "-", "_"))
	if name[0] >= '0' && name[0] <= '9' {
		name = "R" + name
	}
	return name
}

func envRef(region, what string) string { return "${env:" + envName(region) + "_" + what + "}" }
