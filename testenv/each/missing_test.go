package each_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// TestMissing runs tests of this package, in a process of its own, on a machine that has no Java, Maven or Docker: an empty PATH
// and a socket where nobody listens.
func TestMissing(t *testing.T) {
	const absent = "LIFEBOAT_TEST_ABSENT"
	if os.Getenv(absent) != "" {
		t.Run("kafka", func(t *testing.T) { each.Kafka(t) })
		t.Run("containers", func(t *testing.T) { each.Containers(t) })
		return
	}
	for _, c := range []struct {
		name    string
		require string
		args    string
		want    []string
		fails   bool
	}{
		{"skips", "", "", []string{
			"--- SKIP: TestMissing/kafka", "Java is not installed", "--- SKIP: TestMissing/containers", "no Docker daemon answers at",
		}, false},
		{"kafka required", "kafka", "", []string{
			"--- FAIL: TestMissing/kafka", "LIFEBOAT_REQUIRE names kafka: Java is not installed", "--- SKIP: TestMissing/containers",
		}, true},
		{"both required", "kafka,containers", "", []string{
			"--- FAIL: TestMissing/kafka", "--- FAIL: TestMissing/containers", "LIFEBOAT_REQUIRE names containers: no Docker daemon",
		}, true},
		{"short", "kafka,containers", "-test.short", []string{
			"--- SKIP: TestMissing/kafka", "-short: no kafka regions", "--- SKIP: TestMissing/containers",
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			nowhere := t.TempDir()
			args := append([]string{"-test.run=^TestMissing$", "-test.v"}, strings.Fields(c.args)...)
			cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
			cmd.Env = []string{absent + "=1", "LIFEBOAT_REQUIRE=" + c.require, "HOME=" + nowhere, "PATH=" + nowhere, "DOCKER_HOST=unix://" + nowhere + "/docker.sock"}
			out, err := cmd.CombinedOutput()
			if (err != nil) != c.fails {
				t.Errorf("ended with %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("no %q in:\n%s", want, out)
				}
			}
		})
	}
}
