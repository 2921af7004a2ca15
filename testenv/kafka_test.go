package testenv_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/testenv"
)

// TestKafkaHomeIsMadeOnce has many goroutines, as test binaries would, want the jars at the same moment. Locks belong to open
// files, so goroutines exclude each other as processes do.
func TestKafkaHomeIsMadeOnce(t *testing.T) {
	bin, cache := t.TempDir(), t.TempDir()
	calls := filepath.Join(bin, "calls")
	script := "#!/bin/sh\necho called >> " + calls + "\nfor a; do case $a in -DoutputDirectory=*) out=${a#*=};; esac; done\n" +
		"mkdir -p \"$out\" && sleep 0.2 && echo jar > \"$out/a.jar\"\n"
	if err := os.WriteFile(filepath.Join(bin, "mvn"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("HOME", cache)
	t.Setenv("XDG_CACHE_HOME", cache)
	if reason := testenv.MissingKafka(); reason != "" {
		t.Skip(reason)
	}
	var g errgroup.Group
	for range 8 {
		g.Go(func() error {
			home, err := testenv.KafkaHome(t.Context())
			if err == nil {
				_, err = os.Stat(filepath.Join(home, "libs", "a.jar"))
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "called"); n != 1 {
		t.Errorf("mvn was called %d times", n)
	}
}

// TestKafkaHomeWithoutJars: where Maven cannot get the jars, that is "missing", not a failure, and nothing half-made stays.
func TestKafkaHomeWithoutJars(t *testing.T) {
	bin, cache := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "mvn"), []byte("#!/bin/sh\necho '[ERROR] repo.maven.apache.org: unknown host'\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("HOME", cache)
	t.Setenv("XDG_CACHE_HOME", cache)
	if reason := testenv.MissingKafka(); reason != "" {
		t.Skip(reason)
	}
	_, err := testenv.StartKafka(t.Context(), testenv.Options{})
	if !errors.Is(err, testenv.ErrMissing) || !strings.Contains(err.Error(), "unknown host") {
		t.Errorf("StartKafka: %v", err)
	}
	err = filepath.WalkDir(cache, func(path string, d fs.DirEntry, err error) error {
		if strings.Contains(d.Name(), "kafka-") && !strings.HasSuffix(path, ".lock") {
			t.Errorf("left behind: %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestBrokerThatDoesNotStart: the error says why, in the broker's own words, and everything is cleaned up.
func TestBrokerThatDoesNotStart(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no kafka regions")
	}
	if reason := testenv.MissingKafka(); reason != "" {
		t.Skip(reason)
	}
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	_, err := testenv.StartKafka(t.Context(), testenv.Options{Configs: map[string]string{"authorizer.class.name": "no.such.Authorizer"}})
	if errors.Is(err, testenv.ErrMissing) {
		t.Skip(err)
	}
	if err == nil || !strings.Contains(err.Error(), "the process ended") || !strings.Contains(err.Error(), "no.such.Authorizer") {
		t.Errorf("StartKafka: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(tmp, "lifeboat-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// TestKafkaKeepsItsDirectory starts a region again from the directory of one that was stopped.
func TestKafkaKeepsItsDirectory(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no kafka regions")
	}
	dir := t.TempDir()
	var clusters []string
	for range 2 {
		env, err := testenv.StartKafka(t.Context(), testenv.Options{Dir: dir})
		if errors.Is(err, testenv.ErrMissing) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		clusters = append(clusters, clusterID(t, env.West))
		if err := env.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if clusters[0] != clusters[1] {
		t.Errorf("the cluster %s became %s", clusters[0], clusters[1])
	}
}

// TestJavaCommand runs a tool of the jars, which says the version that they are.
func TestJavaCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no Java")
	}
	cmd, err := testenv.JavaCommand(t.Context(), 64, "org.apache.kafka.tools.TopicCommand", "--version")
	if errors.Is(err, testenv.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != testenv.KafkaVersion {
		t.Errorf("TopicCommand --version: %q, %v, want %s", got, err, testenv.KafkaVersion)
	}
}
