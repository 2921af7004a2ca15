package containers

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/testenv"
)

// Where things are in the image.
const (
	javaDir  = "/opt/java"
	kafkaDir = "/opt/kafka"
	dataDir  = "/var/lib/kafka"
)

// modules is what Kafka needs of the JDK; java.desktop is there for java.beans.
const modules = "java.base,java.desktop,java.logging,java.management,java.naming,java.rmi,java.security.jgss,java.security.sasl," +
	"java.sql,java.xml,jdk.crypto.ec,jdk.management,jdk.security.auth,jdk.security.jgss,jdk.unsupported"

// recipe changes whenever the content of the image does for the same Java and the same jars.
const recipe = "2"

// ensureImage returns the name of an image with Kafka's jars, a Java runtime, a shell, and nothing else. No registry is asked:
// the image is built from this machine's own JDK, shell and C library, once, and kept by the Docker daemon.
func ensureImage(ctx context.Context, docker *client.Client) (string, error) {
	home, err := testenv.KafkaHome(ctx)
	if err != nil {
		return "", err
	}
	jlink, err := findJlink()
	if err != nil {
		return "", err
	}
	version, err := exec.CommandContext(ctx, jlink, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("asking jlink for its version: %w", err)
	}
	tag := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %s", recipe, modules, filepath.Base(home), version))
	name := fmt.Sprintf("lifeboat-testenv-kafka:%s-%x", testenv.KafkaVersion, tag[:4])
	if _, err := docker.ImageInspect(ctx, name); err == nil {
		return name, nil
	} else if !cerrdefs.IsNotFound(err) {
		return "", fmt.Errorf("looking for the image %s: %w", name, err)
	}
	if err := buildImage(ctx, docker, name, jlink, home); err != nil {
		return "", fmt.Errorf("building the image %s: %w", name, err)
	}
	return name, nil
}

// findJlink is the jlink beside the java that KafkaHome was checked with, or the first in PATH.
func findJlink() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		p := filepath.Join(home, "bin", "jlink")
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	p, err := exec.LookPath("jlink")
	if err != nil {
		return "", fmt.Errorf("jlink, of a JDK, is not installed: %w", testenv.ErrMissing)
	}
	return p, nil
}

func buildImage(ctx context.Context, docker *client.Client, name, jlink, kafkaHome string) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("the image is made of this machine's own programs, which must be Linux's: %w", testenv.ErrMissing)
	}
	tmp, err := os.MkdirTemp("", "lifeboat-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	java := filepath.Join(tmp, "java")
	out, err := exec.CommandContext(ctx, jlink, "--add-modules", modules, "--strip-debug", "--no-man-pages", "--no-header-files",
		"--output", java).CombinedOutput()
	if err != nil {
		return fmt.Errorf("jlink: %w: %s", err, bytes.TrimSpace(out))
	}
	sh, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		return err
	}
	libs, err := sharedLibraries(ctx, java, sh)
	if err != nil {
		return err
	}

	r, w := io.Pipe()
	var g errgroup.Group
	g.Go(func() error {
		err := writeRoot(w, java, kafkaHome, sh, libs)
		w.CloseWithError(err)
		return err
	})
	g.Go(func() error {
		err := importRoot(ctx, docker, name, r)
		r.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // ends a writer whose reader has gone
		return err
	})
	return g.Wait()
}

// importRoot is `docker import`.
func importRoot(ctx context.Context, docker *client.Client, name string, root io.Reader) error {
	answer, err := docker.ImageImport(ctx, image.ImportSource{Source: root, SourceName: "-"}, name, image.ImportOptions{
		Changes: []string{"ENV PATH=" + javaDir + "/bin:/bin", "WORKDIR " + dataDir},
	})
	if err != nil {
		return fmt.Errorf("importing: %w", err)
	}
	defer answer.Close()
	// The daemon answers 200 and then reports progress, and errors, line by line.
	for lines := json.NewDecoder(answer); ; {
		var line struct{ Error string }
		if err := lines.Decode(&line); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("importing: reading the daemon's answer: %w", err)
		}
		if line.Error != "" {
			return fmt.Errorf("importing: %s", line.Error)
		}
	}
}

// writeRoot writes the root file system as a tar archive.
func writeRoot(to io.Writer, java, kafkaHome, sh string, libs []string) error {
	buf := bufio.NewWriterSize(to, 1<<20)
	w := tar.NewWriter(buf)
	for _, dir := range []string{"tmp", "etc", "bin", dataDir} {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: strings.Trim(dir, "/") + "/", Mode: 0o1777}); err != nil {
			return err
		}
	}
	err := errors.Join(
		addTree(w, java, javaDir),
		addTree(w, kafkaHome, kafkaDir),
		addFile(w, sh, "/bin/sh"),
	)
	for _, lib := range libs {
		err = errors.Join(err, addFile(w, lib, lib))
	}
	return errors.Join(err, w.Close(), buf.Flush())
}

func addTree(w *tar.Writer, from, to string) error {
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		return addFile(w, p, path.Join(to, filepath.ToSlash(rel)))
	})
}

// addFile adds the content that from leads to: symbolic links become files.
func addFile(w *tar.Writer, from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(to, "/"), Size: info.Size(), Mode: int64(info.Mode().Perm())}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

// sharedLibrary is a line of ldd's output that names a file: "libz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x…)", or the loader
// alone, "/lib64/ld-linux-x86-64.so.2 (0x…)".
var sharedLibrary = regexp.MustCompile(`(?m)^\s*(?:\S+ => )?(/\S+) \(0x`)

// sharedLibraries are the files of this machine that the programs and libraries under java, and sh, are linked with. What is not
// installed, such as X11 for java.desktop, is left out: Kafka does not load it.
func sharedLibraries(ctx context.Context, java, sh string) ([]string, error) {
	args := []string{filepath.Join(java, "bin", "java"), sh}
	err := filepath.WalkDir(filepath.Join(java, "lib"), func(p string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(p, ".so") {
			args = append(args, p)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, "ldd", args...).Output()
	if err != nil && len(out) == 0 {
		return nil, fmt.Errorf("ldd: %w", err)
	}
	var libs []string
	for _, m := range sharedLibrary.FindAllSubmatch(out, -1) {
		if lib := string(m[1]); !strings.HasPrefix(lib, java) {
			libs = append(libs, lib)
		}
	}
	libs = append(libs, codecLibraries(libs)...)
	slices.Sort(libs)
	return slices.Compact(libs), nil
}

// codecLibraries are what the native code of Kafka's codecs is linked with, which comes out of jars when it is first used (zstd-jni,
// snappy-java, lz4-java): since glibc 2.34 some of them are empty, and still asked for.
func codecLibraries(libs []string) []string {
	var found []string
	for _, lib := range libs {
		if filepath.Base(lib) != "libc.so.6" {
			continue
		}
		for _, name := range []string{"libpthread.so.0", "libdl.so.2", "librt.so.1", "libm.so.6", "libgcc_s.so.1", "libstdc++.so.6"} {
			p := filepath.Join(filepath.Dir(lib), name)
			if _, err := os.Stat(p); err == nil {
				found = append(found, p)
			}
		}
	}
	return found
}
