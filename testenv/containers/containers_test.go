package containers

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

func docker(t *testing.T) *client.Client {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no containers")
	}
	if reason := Missing(); reason != "" {
		t.Skip(reason)
	}
	c, err := connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestOrphansAreRemoved: a container whose process is gone is removed, one whose process runs is not.
func TestOrphansAreRemoved(t *testing.T) {
	ctx, docker := t.Context(), docker(t)
	image, err := ensureImage(ctx, docker)
	if err != nil {
		t.Skip(err)
	}
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	create := func(pid int) string {
		c, err := docker.ContainerCreate(ctx, &container.Config{
			Image: image, Cmd: []string{"/bin/sh"}, Labels: map[string]string{owner: strconv.Itoa(pid)},
		}, nil, nil, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			err := docker.ContainerRemove(context.WithoutCancel(ctx), c.ID, container.RemoveOptions{Force: true})
			if err != nil && !cerrdefs.IsNotFound(err) {
				t.Error(err)
			}
		})
		return c.ID
	}
	orphan, owned := create(gone.Process.Pid), create(1)
	if err := removeOrphans(ctx, docker); err != nil {
		t.Fatal(err)
	}
	if _, err := docker.ContainerInspect(ctx, orphan); !cerrdefs.IsNotFound(err) {
		t.Errorf("the container of a process that is gone: %v", err)
	}
	if _, err := docker.ContainerInspect(ctx, owned); err != nil {
		t.Errorf("the container of a process that runs: %v", err)
	}
}

func TestImportRefusesWhatIsNoArchive(t *testing.T) {
	docker := docker(t)
	if err := importRoot(t.Context(), docker, "lifeboat-testenv-kafka:broken", strings.NewReader(strings.Repeat("no archive ", 1000))); err == nil {
		t.Error("docker imported what is not an archive")
	}
}

func TestSharedLibraryLines(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"resolved", "\tlibz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x00007f9c3a000000)", "/lib/x86_64-linux-gnu/libz.so.1"},
		{"loader", "\t/lib64/ld-linux-x86-64.so.2 (0x00007f9c3a200000)", "/lib64/ld-linux-x86-64.so.2"},
		{"musl's loader", "\tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f0000000000)", "/lib/ld-musl-x86_64.so.1"},
		{"not installed", "\tlibX11.so.6 => not found", ""},
		{"the kernel's", "\tlinux-vdso.so.1 (0x00007ffd6a5f2000)", ""},
		{"a file's heading", "/tmp/java/lib/libawt.so:", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if m := sharedLibrary.FindStringSubmatch(c.line); m != nil {
				got = m[1]
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
