package testenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// StartKafka starts two regions whose brokers are Apache Kafka, each a cluster of one node in a JVM of its own, on
// loopback, both at the same time: some seconds. The JVMs die with this process. The first call on a machine downloads the jars
// (55 MB a version) with Maven. Registries are those of StartEmbedded. It wraps ErrMissing where Java or the jars cannot be had.
func StartKafka(ctx context.Context, o Options) (*Env, error) {
	for _, r := range []Release{o.East, o.West} {
		if _, err := r.home(ctx); err != nil {
			return nil, err
		}
	}
	dir, remove, err := dataDir(o.Dir)
	if err != nil {
		return nil, err
	}
	if o.HeapMiB == 0 {
		o.HeapMiB = 512
	}
	return Assemble(ctx, "kafka", o, func(ctx context.Context, r *Region) (func() error, error) {
		b := &kafkaBroker{region: r, release: o.East, dir: filepath.Join(dir, r.Name), options: o, cluster: NewClusterID(), id: 1}
		if r.Name == "west" {
			b.release = o.West
		}
		r.Broker = b
		if b.release == Kafka3ZooKeeper {
			return startZooKeeper(ctx, b)
		}
		if r.Name == "east" || o.Followers == 0 && o.Controllers == 0 {
			return b.Kill, b.create(ctx)
		}
		return startCluster(ctx, b, o.Followers, o.Controllers)
	}, remove)
}

// kafkaBroker is one node of a KRaft cluster, as a JVM: the only one, or one of several.
type kafkaBroker struct {
	region  *Region
	release Release
	dir     string // server.properties, data, kafka.log
	options Options
	cluster string // id
	id      int32  // of the node; 1 is the controller's too, where it has no controllers of its own

	controls  bool // it is a controller and no broker
	listeners KafkaListeners
	zookeeper string // where it is, for a broker that is not KRaft's
	writes    string // the archive of classes that its JVM writes when it ends, where it is started for that

	mu      sync.Mutex
	process *process // nil while dead
}

// startTimeout bounds a start whose context has no deadline. On a quiet machine it takes 3 s.
const startTimeout = 2 * time.Minute

// create formats the storage and starts the broker, on other ports when another process takes one of those chosen.
func (b *kafkaBroker) create(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		l := kafkaListeners()
		if b.listeners = l; b.id == 1 {
			b.region.Bootstrap = []string{l.Client}
		}
		if err := b.format(ctx, l); err != nil {
			return err
		}
		err := b.Start(ctx)
		if err == nil {
			break
		}
		if attempt == 5 || !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
	return b.region.AddSCRAM(ctx)
}

// format writes server.properties and makes the storage directory a new cluster's, if it is not one already.
func (b *kafkaBroker) format(ctx context.Context, l KafkaListeners) error {
	data := filepath.Join(b.dir, "data")
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return fmt.Errorf("making the broker's directory: %w", err)
	}
	o := b.options
	if o.TLS != nil {
		configs := map[string]string{}
		if err := o.TLS.kafka(b.region.Name, configs); err != nil {
			return err
		}
		maps.Copy(configs, o.Configs)
		o.Configs = configs
	}
	if b.zookeeper != "" {
		o.Configs = withZooKeeper(b.zookeeper, l, o.Configs)
	}
	if err := os.WriteFile(b.properties(), []byte(KafkaProperties(l, data, o)), 0o600); err != nil {
		return fmt.Errorf("writing the broker's configuration: %w", err)
	}
	if b.zookeeper != "" {
		return nil // such a broker makes its storage itself
	}
	if _, err := os.Stat(filepath.Join(data, "meta.properties")); err == nil {
		return nil
	}
	brief := []string{quiet, "-Xmx64m", "-XX:+UseSerialGC"} // for a JVM of half a second
	cmd, err := b.release.java(ctx, append(brief, b.starts(ctx, true)...), "kafka.tools.StorageTool", "format", "-t", b.cluster, "-c", b.properties())
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("formatting the broker's storage: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// starts are the options of a JVM that are about its start: the classes that it shares, and, for one that lives briefly, a compiler that is done early.
func (b *kafkaBroker) starts(ctx context.Context, briefly bool) []string {
	var jvm []string
	if briefly {
		jvm = append(jvm, "-XX:TieredStopAtLevel=1")
	}
	if b.writes != "" {
		return append(jvm, "-XX:ArchiveClassesAtExit="+b.writes) // the storage's tool writes one too, which the broker's replaces
	}
	if classes := b.release.classes(ctx); classes != "" {
		jvm = append(jvm, "-XX:SharedArchiveFile="+classes)
	}
	return jvm
}

func (b *kafkaBroker) properties() string { return filepath.Join(b.dir, "server.properties") }

func (b *kafkaBroker) Start(ctx context.Context) (err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.process != nil {
		return errors.New("starting the broker: it is running")
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	// The process outlives ctx, which is only about the start.
	jvm := []string{fmt.Sprintf("-Xms%dm", b.options.HeapMiB), fmt.Sprintf("-Xmx%dm", b.options.HeapMiB), "-XX:+UseG1GC", "-Dlifeboat.log.level=info"}
	cmd, err := b.release.java(context.WithoutCancel(ctx), append(jvm, b.starts(ctx, b.options.Brief)...), "kafka.Kafka", b.properties())
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(b.dir, "kafka.log"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("starting the broker: %w", err)
	}
	defer log.Close()
	from, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("starting the broker: %w", err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	p, err := startProcess(cmd)
	if err != nil {
		return fmt.Errorf("starting the broker: %w", err)
	}
	address := b.listeners.Client
	if b.controls {
		address = b.listeners.Controller
		err = listens(ctx, p.exited, address)
	} else {
		err = b.region.Await(ctx, p.exited, b.id, address)
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("starting the broker on %s: %w; its log ends:\n%s", address, err, tail(log, from)), p.kill())
		if inUse(log, from) { // far above the end, where a broker tells of its shutdown
			err = errors.Join(err, syscall.EADDRINUSE)
		}
		return err
	}
	b.process = p
	return nil
}

func (b *kafkaBroker) Kill() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.process == nil {
		return nil
	}
	err := b.process.kill()
	b.process = nil
	return err
}

func (b *kafkaBroker) Pause() error {
	return b.running("pausing the broker", (*process).pause)
}

func (b *kafkaBroker) Resume() error {
	return b.running("resuming the broker", (*process).resume)
}

func (b *kafkaBroker) running(doing string, do func(*process) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.process == nil {
		return fmt.Errorf("%s: it is not running", doing)
	}
	if err := do(b.process); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// kafkaListeners are three loopback ports that are free now.
func kafkaListeners() KafkaListeners {
	var addrs [3]string
	for i := range addrs {
		addrs[i] = fmt.Sprintf("127.0.0.1:%d", FreePort())
	}
	return KafkaListeners{Client: addrs[0], Advertised: addrs[0], Controller: addrs[1], Internal: addrs[2]}
}

// inUse says whether a process wrote since from that somebody has its port.
func inUse(log *os.File, from int64) bool {
	b, err := io.ReadAll(io.NewSectionReader(log, from, 1<<24))
	return err == nil && bytes.Contains(b, []byte("Address already in use"))
}

// tail is the last lines of what a process wrote since from.
func tail(log *os.File, from int64) []byte {
	const most = 3000
	end, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return []byte(err.Error())
	}
	b := make([]byte, min(most, end-from))
	if _, err := log.ReadAt(b, end-int64(len(b))); err != nil {
		return []byte(err.Error())
	}
	if len(b) == most {
		_, b, _ = bytes.Cut(b, []byte("\n")) // begin with a whole line
	}
	return bytes.TrimSpace(b)
}
