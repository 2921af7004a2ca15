package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/engine/bundled"
	"github.com/lifeboat-dr/lifeboat/engine/rest"
	"github.com/lifeboat-dr/lifeboat/testenv"
)

// What a script can do besides running lifeboat. REGION is east or west.
//
//	regions [USER:PASSWORD …]            two embedded regions; sets $EAST, $WEST, $EAST_REGISTRY, $EAST_ENGINE … With users, SASL is
//	                                     required and all of them are super users
//	topology [DIR]                       writes lifeboat.yaml and its SQL, as in testdata/shop or another one, with those addresses
//	edit FILE OLD NEW                    replaces a text in a file; OLD must be there
//	engine REGION …                      serves a region's engine at $REGION_ENGINE
//	crash REGION · revive REGION         the broker dies, as by SIGKILL; it comes back with its data
//	topic REGION NAME PARTITIONS [K=V …] creates a topic
//	remove REGION NAME                   deletes a topic
//	orders REGION TOPIC N                writes N orders in Avro; creates the topic (3 partitions) and its subject
//	produce REGION TOPIC N               writes N plain records
//	consume REGION GROUP TOPIC N         reads N records as a group and commits
//	join REGION GROUP TOPIC · leave      a consumer is a member of a group from here to there
//	writer REGION TOPIC · quiet          an application writes orders from here to there, whatever anybody has said
//	transaction REGION TOPIC · commit    a transaction with an order in it is open from here to there
//	configure REGION TOPIC K=V …         sets configs of a topic
//	grant REGION USER OP TOPIC · take    allows somebody something, and no more
//	rights REGION FILE                   writes the rights on topics to a file
//	answers URL                          waits until an HTTP server answers
//	tells URL TEXT                       waits until an HTTP server's answer holds a text
//	shows FILE TEXT                      waits until a file holds a text
//	terminate                            sends SIGTERM to what was started last in the background
//	readonly REGION                      sets $REGION_READONLY, the registry behind a proxy that forbids every change
//	register REGION SUBJECT FILE         registers a schema
//	registry REGION stop|start           takes the registry away, and gives it back
//	statements REGION ROWS               starts those of lifeboat.yaml there, and waits until each has read so many rows
//	holds REGION TOPIC N                 waits until a topic's log ends add up to N
//	hold REGION TOPIC                    lets the next creation of a topic hang; * stands for the rest of its name
//	held                                 waits until it does
//	release                              lets it go on
//	spoil FILE TEXT [N TEXT N …]         writes texts, each N times; \xNN, \r and \n are bytes, as in Go
var commands = map[string]func(*testscript.TestScript, bool, []string){
	"regions": cmd(0, (*stage).start), "topology": cmd(0, (*stage).topology), "edit": cmd(3, (*stage).edit), "fence": cmd(1, (*stage).fence), "engine": cmd(1, (*stage).serve),
	"crash": cmd(1, (*stage).crash), "revive": cmd(1, (*stage).revive), "topic": cmd(3, (*stage).topic), "remove": cmd(2, (*stage).remove), "orders": cmd(3, (*stage).orders),
	"produce": cmd(3, (*stage).produce), "consume": cmd(4, (*stage).consume), "register": cmd(3, (*stage).register),
	"registry": cmd(2, (*stage).registry), "holds": cmd(3, (*stage).holds), "hold": cmd(2, (*stage).hold),
	"held": cmd(0, (*stage).held), "answers": cmd(1, (*stage).answers), "shows": cmd(2, (*stage).shows), "tells": cmd(2, (*stage).tells), "terminate": cmd(0, (*stage).terminate), "readonly": cmd(1, (*stage).readonly), "release": cmd(0, (*stage).release),
	"join": cmd(3, (*stage).join), "leave": cmd(0, (*stage).leave), "writer": cmd(2, (*stage).keepWriting), "quiet": cmd(0, (*stage).quiet),
	"transaction": cmd(2, (*stage).transaction), "commit": cmd(0, (*stage).commit), "configure": cmd(3, (*stage).configure),
	"grant": cmd(4, (*stage).grant), "take": cmd(4, (*stage).take), "rights": cmd(2, (*stage).rights),
	"spoil": cmd(2, (*stage).spoil), "statements": cmd(2, (*stage).statements),
}

type stageKey struct{}

// stage is what one script plays on.
type stage struct {
	ts      *testscript.TestScript
	ctx     context.Context
	env     *testenv.Env
	user    *testenv.User
	engines map[string]string // addresses, served by `engine`
	sent    int
	waiting *hold

	member, writer func() error // end what is in the background
	open           *kgo.Client  // with a transaction
}

func cmd(least int, do func(*stage, []string) error) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) < least {
			ts.Fatalf("usage: see script_test.go")
		}
		s := ts.Value(stageKey{}).(*stage)
		s.ts = ts
		var cancel func()
		s.ctx, cancel = context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		ts.Check(do(s, args))
	}
}

func (s *stage) start(args []string) (err error) {
	o := testenv.Options{}
	for _, arg := range args {
		name, password, _ := strings.Cut(arg, ":")
		o.Users = append(o.Users, testenv.User{Name: name, Password: password, Super: true})
	}
	if len(o.Users) > 0 {
		s.user = &o.Users[0]
	}
	if s.env, err = testenv.StartEmbedded(s.ctx, o); err != nil {
		return err
	}
	s.ts.Defer(func() { s.ts.Check(s.env.Stop()) })
	s.engines = map[string]string{}
	for _, r := range s.env.Regions() {
		s.engines[r.Name] = fmt.Sprintf("127.0.0.1:%d", testenv.FreePort())
		name := strings.ToUpper(r.Name)
		s.ts.Setenv(name, r.Bootstrap[0])
		s.ts.Setenv(name+"_REGISTRY", r.Registry)
		s.ts.Setenv(name+"_LISTEN", s.engines[r.Name])
		s.ts.Setenv(name+"_ENGINE", "http://"+s.engines[r.Name])
	}
	return nil
}

func (s *stage) spoil(args []string) error {
	var text strings.Builder
	for i := 1; i < len(args); i += 2 {
		part, err := strconv.Unquote(`"` + strings.ReplaceAll(args[i], `"`, `\"`) + `"`)
		if err != nil {
			return fmt.Errorf("%s: %w", args[i], err)
		}
		n := 1
		if i+1 < len(args) {
			if n, err = strconv.Atoi(args[i+1]); err != nil {
				return err
			}
		}
		text.WriteString(strings.Repeat(part, n))
	}
	return os.WriteFile(s.ts.MkAbs(args[0]), []byte(text.String()), 0o644)
}

func (s *stage) topology(args []string) error {
	dir := "shop"
	if len(args) > 0 {
		dir = args[0]
	}
	if err := os.CopyFS(s.ts.MkAbs("."), os.DirFS("testdata/"+dir)); err != nil {
		return err
	}
	text := os.Expand(s.ts.ReadFile("lifeboat.yaml"), s.ts.Getenv)
	return os.WriteFile(s.ts.MkAbs("lifeboat.yaml"), []byte(text), 0o644)
}

// fence declares how writers are kept out of the east.
func (s *stage) fence(args []string) error {
	return s.edit([]string{"lifeboat.yaml", "  west:\n", "    fence: {" + args[0] + "}\n  west:\n"})
}

func (s *stage) edit(args []string) error {
	text := s.ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		return fmt.Errorf("%s holds no %q", args[0], args[1])
	}
	return os.WriteFile(s.ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])), 0o644)
}

func (s *stage) serve(regions []string) error {
	for _, name := range regions {
		r, err := s.region(name)
		if err != nil {
			return err
		}
		e, err := bundled.Open(context.WithoutCancel(s.ctx), bundled.Options{Region: r.Name, Kafka: s.options(r), RegistryURL: r.Registry, CheckpointInterval: 50 * time.Millisecond})
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp", s.engines[name])
		if err != nil {
			return err
		}
		server := &http.Server{Handler: rest.NewServer(e, rest.Options{})}
		var g errgroup.Group
		g.Go(func() error { return server.Serve(l) })
		s.ts.Defer(func() {
			server.Close()
			_ = g.Wait() // http.ErrServerClosed
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = e.Close(ctx) // the region may be dead by now, on purpose
		})
	}
	return nil
}

func (s *stage) crash(args []string) error {
	r, err := s.region(args[0])
	if err != nil {
		return err
	}
	return r.Broker.Kill()
}

func (s *stage) revive(args []string) error {
	r, err := s.region(args[0])
	if err != nil {
		return err
	}
	return r.Broker.Start(s.ctx)
}

func (s *stage) region(name string) (*testenv.Region, error) {
	if s.env == nil {
		return nil, errors.New("the script has no regions: begin with `regions`")
	}
	for _, r := range s.env.Regions() {
		if r.Name == name {
			return r, nil
		}
	}
	return nil, fmt.Errorf("no region %q", name)
}

// options are those of the script's own clients.
func (s *stage) options(r *testenv.Region) []kgo.Opt {
	opts := []kgo.Opt{kgo.SeedBrokers(r.Bootstrap...), kgo.MetadataMinAge(50 * time.Millisecond)}
	if s.user != nil {
		opts = append(opts, kgo.SASL(plain.Auth{User: s.user.Name, Pass: s.user.Password}.AsMechanism()))
	}
	return opts
}

func (s *stage) client(name string, opts ...kgo.Opt) (*kgo.Client, error) {
	r, err := s.region(name)
	if err != nil {
		return nil, err
	}
	return kgo.NewClient(append(s.options(r), opts...)...)
}

func number(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("a number is wanted: %w", err)
	}
	return n, nil
}
