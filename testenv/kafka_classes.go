package testenv

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
)

// classes is a file with the classes that a broker loads, parsed and checked (JEP 350, class-data sharing), with which a JVM of this
// release starts for half the CPU time; it is kept beside the jars, one for each Java that made some. A broker that is started for it makes it, in some
// seconds, once on a machine. It is "" where there can be none: such JVMs start as they always did.
func (r Release) classes(ctx context.Context) string {
	if r == Kafka3ZooKeeper {
		r = Kafka3 // the same jars
	}
	of := &archives[r]
	of.once.Do(func() { of.path, of.err = r.archive(ctx) })
	return of.path
}

var archives [Kafka3 + 1]struct {
	once sync.Once
	path string
	err  error // why there is none
}

func (r Release) archive(ctx context.Context) (path string, err error) {
	home, err := r.home(ctx)
	if err != nil {
		return "", err
	}
	java, err := exec.CommandContext(ctx, javaPath(), "-version").CombinedOutput()
	if err != nil {
		return "", err
	}
	made := sha256.Sum256(java)
	path = filepath.Join(home, fmt.Sprintf("classes-%x.jsa", made[:4]))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	unlock, err := lockFile(ctx, home+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "lifeboat-classes-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	tmp := fmt.Sprintf("%s.%d", path, os.Getpid())
	defer os.Remove(tmp)
	b := &kafkaBroker{region: &Region{Name: "classes"}, release: r, dir: dir, cluster: NewClusterID(), id: 1, options: Options{HeapMiB: 256}, writes: tmp}
	if err := errors.Join(b.create(ctx), b.terminate(ctx)); err != nil {
		return "", err
	}
	return path, os.Rename(tmp, path)
}

// terminate ends the broker with SIGTERM, after which a JVM writes its archive.
func (b *kafkaBroker) terminate(ctx context.Context) error {
	defer b.Kill()
	if err := b.running("ending the broker", func(p *process) error { return p.signal(syscall.SIGTERM) }); err != nil {
		return err
	}
	select {
	case <-b.process.exited:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
