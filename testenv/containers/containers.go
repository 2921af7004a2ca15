// Package containers starts two test regions whose brokers are Apache Kafka in containers, each with its own file system and
// process tree. It needs a Docker daemon on this machine and, to build the image the first time, what testenv.StartKafka needs
// and jlink. Package testenv says what a region is.
package containers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/testcontainers/testcontainers-go"

	"github.com/lifeboat-dr/lifeboat/testenv"
)

// Missing is the reason why Start cannot work here, in one line, or "". The image may still fail to build.
func Missing() string {
	docker, err := connect()
	if err != nil {
		return fmt.Sprintf("no Docker: %v", err)
	}
	defer docker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := docker.Ping(ctx); err != nil {
		return fmt.Sprintf("no Docker daemon answers at %s", docker.DaemonHost())
	}
	return ""
}

func connect() (*client.Client, error) {
	return client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
}

// Start starts two regions in containers, both at the same time. It wraps testenv.ErrMissing where there is no Docker daemon, or
// no image and no way to build it. Containers that a killed process left behind are removed by the next Start.
func Start(ctx context.Context, o testenv.Options) (*testenv.Env, error) {
	if reason := Missing(); reason != "" {
		return nil, fmt.Errorf("%s: %w", reason, testenv.ErrMissing)
	}
	if o.TLS != nil {
		return nil, fmt.Errorf("TLS in containers: %w", testenv.ErrNotSupported)
	}
	// The reaper is a container of an image that would be downloaded; owner and removeOrphans stand in for it.
	if err := errors.Join(
		os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true"),
		os.Setenv("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1"),
	); err != nil {
		return nil, err
	}
	docker, err := connect()
	if err != nil {
		return nil, fmt.Errorf("connecting to Docker: %w", err)
	}
	image, err := ensureImage(ctx, docker)
	if err == nil {
		err = removeOrphans(ctx, docker)
	}
	if err != nil {
		return nil, errors.Join(err, docker.Close())
	}
	if o.HeapMiB == 0 {
		o.HeapMiB = 256
	}
	return testenv.Assemble(ctx, "containers", o, func(ctx context.Context, r *testenv.Region) (func() error, error) {
		b := &broker{docker: docker, region: r, image: image, options: o}
		r.Broker = b
		return b.remove, b.create(ctx)
	}, docker.Close)
}

// owner is the label that says which process a container belongs to.
const owner = "lifeboat.testenv.pid"

// removeOrphans removes the containers of processes that no longer run.
func removeOrphans(ctx context.Context, docker *client.Client) error {
	all, err := docker.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", owner))})
	if err != nil {
		return fmt.Errorf("listing containers: %w", err)
	}
	for _, c := range all {
		pid, err := strconv.Atoi(c.Labels[owner])
		if err != nil || running(pid) {
			continue
		}
		err = docker.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
		if err != nil && !cerrdefs.IsNotFound(err) && !cerrdefs.IsConflict(err) { // another process may be at it
			return fmt.Errorf("removing the container %s of a process that is gone: %w", c.ID, err)
		}
	}
	return nil
}

func running(pid int) bool {
	p, err := os.FindProcess(pid)
	return err == nil && !errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

// broker is one KRaft cluster of one node, in a container. Its data is in the container's own layer.
type broker struct {
	docker  *client.Client
	region  *testenv.Region
	image   string
	options testenv.Options

	mu        sync.Mutex
	container *testcontainers.DockerContainer
	running   bool
}

// startTimeout bounds a start whose context has no deadline. On a quiet machine it takes 5 s.
const startTimeout = 2 * time.Minute

// create makes and starts the container, on another port when one is taken.
func (b *broker) create(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		err := b.run(ctx)
		if err == nil {
			break
		}
		if attempt == 5 || !strings.Contains(err.Error(), "port is already allocated") && !strings.Contains(err.Error(), "address already in use") {
			return fmt.Errorf("starting the broker's container: %w", err)
		}
		if err := b.remove(); err != nil {
			return err
		}
	}
	b.running = true
	if err := b.await(ctx); err != nil {
		return err
	}
	return b.region.AddSCRAM(ctx)
}

// run makes the container with a port of its own, which is the same inside and outside, since the broker connects to itself by
// the address that it tells clients.
func (b *broker) run(ctx context.Context) error {
	port := testenv.FreePort()
	b.region.Bootstrap = []string{fmt.Sprintf("127.0.0.1:%d", port)}
	properties := testenv.KafkaProperties(testenv.KafkaListeners{
		Client: fmt.Sprintf("0.0.0.0:%d", port), Advertised: b.region.Bootstrap[0], Controller: "127.0.0.1:9093", Internal: "127.0.0.1:9094",
	}, dataDir+"/data", b.options)
	java := "java -Dlog4j2.configurationFile=" + kafkaDir + "/log4j2.properties -cp '" + kafkaDir + "/libs/*'"
	script := fmt.Sprintf("set -e\n"+
		"%s -Xmx64m kafka.tools.StorageTool format --ignore-formatted -t %s -c %s/server.properties\n"+
		"exec %s -Dlifeboat.log.level=info -Xms%[5]dm -Xmx%[5]dm -XX:+UseG1GC kafka.Kafka %[3]s/server.properties\n",
		java, testenv.NewClusterID(), dataDir, java, b.options.HeapMiB)
	c, err := testcontainers.Run(ctx, b.image,
		testcontainers.WithEntrypoint("/bin/sh", "-c", script),
		testcontainers.WithExposedPorts(fmt.Sprintf("127.0.0.1:%[1]d:%[1]d/tcp", port)),
		testcontainers.WithFiles(testcontainers.ContainerFile{
			Reader: strings.NewReader(properties), ContainerFilePath: dataDir + "/server.properties", FileMode: 0o644,
		}),
		testcontainers.WithLabels(map[string]string{owner: strconv.Itoa(os.Getpid())}),
	)
	b.container = c
	return err
}

// await returns when the broker answers, or with the end of the container's log when it will not.
func (b *broker) await(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	exited, failed := b.docker.ContainerWait(ctx, b.container.GetContainerID(), container.WaitConditionNotRunning)
	gone, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-exited:
			close(gone)
		case <-failed: // also when ctx ends: then Await sees that itself
		}
	}()
	err := b.region.Await(ctx, gone, 1, b.region.Bootstrap[0])
	cancel()
	<-done
	if err != nil {
		return fmt.Errorf("starting the broker on %s: %w; its log ends:\n%s", b.region.Bootstrap[0], err, b.tail())
	}
	return nil
}

// tail is the last lines of the container's log.
func (b *broker) tail() string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	logs, err := b.docker.ContainerLogs(ctx, b.container.GetContainerID(), container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: "20"})
	if err != nil {
		return err.Error()
	}
	defer logs.Close()
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, logs); err != nil && !errors.Is(err, io.EOF) {
		fmt.Fprint(&out, err)
	}
	return strings.TrimSpace(out.String())
}

func (b *broker) Kill() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.running {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	id := b.container.GetContainerID()
	// The cgroup freezer of a paused container holds back SIGKILL too.
	if state, err := b.docker.ContainerInspect(ctx, id); err == nil && state.State.Paused {
		if err := b.docker.ContainerUnpause(ctx, id); err != nil {
			return fmt.Errorf("killing the broker: %w", err)
		}
	}
	exited, failed := b.docker.ContainerWait(ctx, id, container.WaitConditionNotRunning)
	if err := b.docker.ContainerKill(ctx, id, "SIGKILL"); err != nil {
		return fmt.Errorf("killing the broker: %w", err)
	}
	select {
	case <-exited:
	case err := <-failed:
		return fmt.Errorf("killing the broker: %w", err)
	}
	b.running = false
	return nil
}

func (b *broker) Start(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running {
		return errors.New("starting the broker: it is running")
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := b.docker.ContainerStart(ctx, b.container.GetContainerID(), container.StartOptions{}); err != nil {
		return fmt.Errorf("starting the broker's container: %w", err)
	}
	b.running = true
	return b.await(ctx)
}

func (b *broker) Pause() error {
	return b.do("pausing the broker", b.docker.ContainerPause)
}

func (b *broker) Resume() error {
	return b.do("resuming the broker", b.docker.ContainerUnpause)
}

func (b *broker) do(doing string, what func(context.Context, string) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.running {
		return fmt.Errorf("%s: it is not running", doing)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := what(ctx, b.container.GetContainerID()); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// remove ends the container and takes its data with it.
func (b *broker) remove() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.container == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := b.docker.ContainerRemove(ctx, b.container.GetContainerID(), container.RemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !cerrdefs.IsNotFound(err) {
		return fmt.Errorf("removing the broker's container: %w", err)
	}
	b.container, b.running = nil, false
	return nil
}
