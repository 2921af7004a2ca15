package main

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes two programs of the test binary: lifeboat, with a lease that does not keep tests waiting, and exits, which runs lifeboat
// and succeeds if it ends with the given status: `exits 12 lifeboat apply plan.json`.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"lifeboat": func() { os.Exit(quick(os.Args)) },
		"exits": func() {
			want, err := strconv.Atoi(os.Args[1])
			if err != nil || os.Args[2] != "lifeboat" {
				fmt.Fprintln(os.Stderr, "usage: exits STATUS lifeboat …")
				os.Exit(1)
			}
			if got := quick(os.Args[2:]); got != want {
				fmt.Fprintf(os.Stderr, "exit status %d, want %d\n", got, want)
				os.Exit(1)
			}
		},
	})
}

func quick(args []string) int {
	return run(args, os.Stdin, os.Stdout, os.Stderr, timing{leaseTTL: 2 * time.Second, renewal: 100 * time.Millisecond, still: 100 * time.Millisecond})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("LIFEBOAT_UPDATE") != "",
		Cmds:                commands,
		Setup: func(env *testscript.Env) error {
			env.Values[stageKey{}] = &stage{}
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("LIFEBOAT_STATE_DIR", env.WorkDir+"/state")
			return nil
		},
	})
}
