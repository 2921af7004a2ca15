package testenv

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// ApicurioVersion is the Apicurio Registry that StartApicurio runs. It needs Java 21.
const ApicurioVersion = "3.3.3"

// Apicurio is a real schema registry with Confluent's API, in memory. It is not Confluent's: it ignores ids and versions that it is asked to
// store a schema under, and answers 200.
type Apicurio struct {
	URL     string
	dir     string
	process *process
}

// MissingApicurio is the reason why StartApicurio cannot work here, in one line, or "". The download may still fail.
func MissingApicurio() string {
	if _, err := java21(); err != nil {
		return err.Error()
	}
	if dir, err := apicurioDir(); err == nil {
		if _, err := os.Stat(dir); err == nil {
			return ""
		}
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		return "Maven (mvn), which downloads Apicurio Registry, is not installed"
	}
	return ""
}

// java21 finds a java command of version 21 or later: the one that runs Kafka, or one of those that are installed beside it.
var java21 = sync.OnceValues(func() (string, error) {
	installed, err := filepath.Glob("/usr/lib/jvm/*/bin/java")
	if err != nil {
		return "", err
	}
	for _, java := range append([]string{javaPath()}, installed...) {
		out, err := exec.Command(java, "-version").CombinedOutput()
		if err != nil {
			continue
		}
		if v := regexp.MustCompile(`version "(\d+)`).FindSubmatch(out); v != nil {
			if n, err := strconv.Atoi(string(v[1])); err == nil && n >= 21 {
				return java, nil
			}
		}
	}
	return "", fmt.Errorf("no Java 21 is installed, which Apicurio Registry %s needs", ApicurioVersion)
})

func apicurioDir() (string, error) {
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "lifeboat", "apicurio-"+ApicurioVersion), err
}

// apicurioHome downloads the registry where it is not there; processes that need it at the same time wait for the one that does.
func apicurioHome(ctx context.Context) (string, error) {
	dir, err := apicurioDir()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	unlock, err := lockFile(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "apicurio-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	mvn := exec.CommandContext(ctx, "mvn", "-q", "-B", "dependency:copy", "-Dartifact=io.apicurio:apicurio-registry-app:"+ApicurioVersion+":tar.gz:all", "-DoutputDirectory="+tmp)
	mvn.Dir = tmp
	if out, err := mvn.CombinedOutput(); err != nil {
		return "", fmt.Errorf("downloading Apicurio Registry with Maven: %w: %s: %w", err, firstLine(out), ErrMissing)
	}
	app := filepath.Join(tmp, "app")
	if err := unpack(filepath.Join(tmp, "apicurio-registry-app-"+ApicurioVersion+"-all.tar.gz"), app); err != nil {
		return "", fmt.Errorf("unpacking Apicurio Registry: %w", err)
	}
	return dir, os.Rename(app, dir)
}

// unpack writes the files of a .tar.gz below a directory, and none outside of it.
func unpack(name, dir string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	zipped, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for files := tar.NewReader(zipped); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := root.MkdirAll(filepath.Dir(h.Name), 0o755); err != nil {
			return err
		}
		out, err := root.OpenFile(h.Name, os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		if _, err = io.Copy(out, files); errors.Join(err, out.Close()) != nil {
			return err
		}
	}
}

// StartApicurio starts a registry without schemas and returns when it answers.
func StartApicurio(ctx context.Context) (_ *Apicurio, err error) {
	if reason := MissingApicurio(); reason != "" {
		return nil, fmt.Errorf("%s: %w", reason, ErrMissing)
	}
	home, err := apicurioHome(ctx)
	if err != nil {
		return nil, err
	}
	java, err := java21()
	if err != nil {
		return nil, err
	}
	port := FreePort()
	dir, err := os.MkdirTemp("", "lifeboat-apicurio-")
	if err != nil {
		return nil, err
	}
	a := &Apicurio{URL: fmt.Sprintf("http://127.0.0.1:%d/apis/ccompat/v7", port), dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Stop())
		}
	}()
	log, err := os.Create(filepath.Join(dir, "apicurio.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	// The process outlives ctx, which is only about the start.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), java, "-Xmx512m", "-XX:TieredStopAtLevel=1", "-jar", filepath.Join(home, "quarkus-run.jar"))
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.Env = append(os.Environ(), "QUARKUS_HTTP_HOST=127.0.0.1", fmt.Sprintf("QUARKUS_HTTP_PORT=%d", port),
		"QUARKUS_MANAGEMENT_HOST=127.0.0.1", fmt.Sprintf("QUARKUS_MANAGEMENT_PORT=%d", FreePort()))
	if a.process, err = startProcess(cmd); err != nil {
		return nil, fmt.Errorf("starting Apicurio Registry: %w", err)
	}
	if err := a.await(ctx); err != nil {
		return nil, fmt.Errorf("starting Apicurio Registry: %w; its log ends:\n%s", err, tail(log, 0))
	}
	return a, nil
}

// await returns when the registry answers.
func (a *Apicurio) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL+"/subjects", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-a.process.exited:
			return fmt.Errorf("it ended: %w", a.process.err)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Stop ends the registry, with all that it holds.
func (a *Apicurio) Stop() error {
	var err error
	if a.process != nil {
		err = a.process.kill()
	}
	return errors.Join(err, os.RemoveAll(a.dir))
}
