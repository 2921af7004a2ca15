package linking_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

// The destination's disk is full: Kafka's broker ends over it. The link says what it waits for, and goes on by itself when there is room and the
// broker is started again: nothing is lost or doubled.
func TestDestinationsDiskIsFull(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no real brokers")
	}
	t.Parallel()
	dir := t.TempDir()
	disk := filepath.Join(dir, "west")
	must(t, os.Mkdir(disk, 0o755))
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("a small disk can not be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmounting the small disk: %v", err)
		}
	})
	env := each.Kafka(t, each.With(testenv.Options{Dir: dir, HeapMiB: 256}))
	topic := each.Name(t, "t")
	p := newPair(t, env, topic)
	each.Topic(t, env.East, topic, 3)
	workload(t, p.east, topic, 1, 15)
	link := p.watched(linking.RunOptions{})
	p.await(topic)

	ballast := filepath.Join(disk, "ballast")
	fill(t, ballast)
	heavy(t, p.east, topic, 4000)
	p.within(time.Minute, "the link says what it waits for", func() bool { return link.now().Waiting != nil })
	t.Logf("it waits for: %v", link.now().Waiting)
	if now := link.now(); now.LagRecords == 0 || now.Failed > 0 {
		t.Errorf("with a full disk: %+v", now)
	}

	must(t, os.Remove(ballast))
	must(t, env.West.Broker.Kill())
	must(t, env.West.Broker.Start(t.Context()))
	p.await(topic)
	if err := link.stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("the link ended with %v", err)
	}
	p.identical(topic)
}

// fill writes a file until its disk is full.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	must(t, err)
	defer f.Close()
	for b := make([]byte, 64<<10); err == nil; {
		_, err = f.Write(b)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
}
