package testenv

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
)

// KafkaVersion is the Apache Kafka that StartKafka and containers run where nothing else is asked for; testenv/kafka/pom.xml names it too.
const KafkaVersion = "4.3.1"

// ErrMissing is wrapped by the errors of this package and of testenv/containers that mean "this machine cannot run that
// kind of region": no Java, no Docker, no jars to be had. A test that meets it skips.
var ErrMissing = errors.New("not available on this machine")

// kafkaFiles are what a directory of jars is made from, and its log configuration.
//
//go:embed kafka/pom.xml kafka/log4j2.properties kafka3/pom.xml kafka3/log4j.properties
var kafkaFiles embed.FS

// MissingKafka is the reason why StartKafka cannot work here, in one line, or "". The jars may still fail to download.
func MissingKafka() string {
	if reason := missingJava(); reason != "" {
		return reason
	}
	if dir, err := Kafka4.dir(); err == nil {
		if _, err := os.Stat(dir); err == nil {
			return "" // the jars are here already
		}
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		return "Maven (mvn), which downloads the Kafka jars, is not installed"
	}
	return ""
}

// missingJava asks the java command once for its version: Kafka 4 brokers need 17.
var missingJava = sync.OnceValue(func() string {
	out, err := exec.Command(javaPath(), "-version").CombinedOutput()
	if err != nil {
		return fmt.Sprintf("Java is not installed (%s -version: %v)", javaPath(), err)
	}
	v := regexp.MustCompile(`version "(\d+)`).FindSubmatch(out)
	if v == nil {
		return fmt.Sprintf("%s -version does not name a version", javaPath())
	}
	if n, _ := strconv.Atoi(string(v[1])); n < 17 {
		return fmt.Sprintf("Kafka %s needs Java 17, this is %d", KafkaVersion, n)
	}
	return ""
})

func javaPath() string {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		return filepath.Join(home, "bin", "java")
	}
	return "java"
}

// dir is where the jars are kept between runs: a directory of the user's cache whose name carries the version and a
// digest of the files that made it, so that a changed pom.xml makes a new one.
func (r Release) dir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	err = fs.WalkDir(kafkaFiles, r.files(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := kafkaFiles.ReadFile(path)
		h.Write(b)
		return err
	})
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "lifeboat", fmt.Sprintf("kafka-%s-%x", r.version(), h.Sum(nil)[:4])), nil
}

// KafkaHome is a directory with Kafka's jars in libs and log4j2.properties beside it. It is made with Maven when it is not
// there; processes that need it at the same time wait for the one that makes it.
func KafkaHome(ctx context.Context) (string, error) { return Kafka4.home(ctx) }

func (r Release) home(ctx context.Context) (string, error) {
	if reason := MissingKafka(); reason != "" {
		return "", fmt.Errorf("%s: %w", reason, ErrMissing)
	}
	dir, err := r.dir()
	if err != nil {
		return "", fmt.Errorf("finding the cache directory for Kafka's jars: %w", err)
	}
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("making the cache directory for Kafka's jars: %w", err)
	}
	unlock, err := lockFile(ctx, dir+".lock")
	if err != nil {
		return "", fmt.Errorf("waiting for the lock of Kafka's jars: %w", err)
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "kafka-")
	if err != nil {
		return "", fmt.Errorf("making the cache directory for Kafka's jars: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", err
	}
	files, err := fs.Sub(kafkaFiles, r.files())
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(tmp, files); err != nil {
		return "", fmt.Errorf("writing the files for Kafka's jars: %w", err)
	}
	mvn := exec.CommandContext(ctx, "mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory="+filepath.Join(tmp, "libs"))
	mvn.Dir = tmp
	if out, err := mvn.CombinedOutput(); err != nil {
		return "", fmt.Errorf("downloading Kafka's jars with Maven: %w: %s: %w", err, firstLine(out), ErrMissing)
	}
	if err := os.Rename(tmp, dir); err != nil {
		return "", fmt.Errorf("putting Kafka's jars in place: %w", err)
	}
	return dir, nil
}

// KafkaClasspath is the class path of every Kafka tool: broker, command line tools, MirrorMaker 2.
func KafkaClasspath(ctx context.Context) (string, error) {
	home, err := KafkaHome(ctx)
	if err != nil {
		return "", err
	}
	return filepath.Join(home, "libs", "*"), nil
}

// JavaCommand is a main class of Kafka's jars, ready to start, with a heap of heapMiB; it ends with ctx. Programs seen to work:
// org.apache.kafka.tools.{TopicCommand,ProducerPerformance,ConsumerPerformance}, org.apache.kafka.connect.mirror.MirrorMaker.
func JavaCommand(ctx context.Context, heapMiB int, mainClass string, args ...string) (*exec.Cmd, error) {
	return Kafka4.java(ctx, []string{quiet, fmt.Sprintf("-Xms%dm", heapMiB), fmt.Sprintf("-Xmx%dm", heapMiB), "-XX:+UseG1GC"}, mainClass, args...)
}

// quiet is the log level of tools.
const quiet = "-Dlifeboat.log.level=warn"

// java is a main class of the release's jars, ready to start.
func (r Release) java(ctx context.Context, jvm []string, mainClass string, args ...string) (*exec.Cmd, error) {
	home, err := r.home(ctx)
	if err != nil {
		return nil, err
	}
	kafka := []string{"-Dlog4j2.configurationFile=" + filepath.Join(home, "log4j2.properties"), "-Dlog4j.configuration=file:" + filepath.Join(home, "log4j.properties"),
		"-cp", filepath.Join(home, "libs", "*"), mainClass}
	return exec.CommandContext(ctx, javaPath(), slices.Concat(jvm, kafka, args)...), nil
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(bytes.TrimSpace(b), []byte("\n"))
	return line
}
