package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/lifeboat-dr/lifeboat/cmd/lifeboat/render"
	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// emit writes a report to stdout in the wanted format and to every --report file; one that can not be written does not keep the others
// from it. A reader of stdout that has gone (`| head`) is no error.
func (a *app) emit(c *cli.Context, rep *report.Report) error {
	out, files, err := a.renderers(c)
	if err != nil {
		return err
	}
	return a.write(rep, out, files)
}

// write is emit for renderers that are chosen already.
func (a *app) write(rep *report.Report, out render.Renderer, files map[string]render.Renderer) error {
	var errs []error
	if err := out(a.stdout, *rep); err != nil && !errors.Is(err, syscall.EPIPE) {
		errs = append(errs, fmt.Errorf("writing the report: %w", err))
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if err := writeReport(path, files[path], rep); err != nil {
			errs = append(errs, fmt.Errorf("writing the report: %w", err))
			continue
		}
		fmt.Fprintf(a.stderr, "report written to %s\n", path)
	}
	err := errors.Join(errs...)
	if err != nil && rep.Run != "" {
		return withHint{err, "the run itself is journaled: lifeboat runs report --report FILE " + rep.Run}
	}
	return err
}

func writeReport(path string, write render.Renderer, rep *report.Report) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	buf := bufio.NewWriter(f)
	err = write(buf, *rep)
	if err == nil {
		err = buf.Flush()
	}
	return errors.Join(err, f.Close())
}

// renderers says how a report will be written. What can not be is refused here, before a verb has done anything: a format that does not
// exist, a file in a place that can not be written to.
func (a *app) renderers(c *cli.Context) (render.Renderer, map[string]render.Renderer, error) {
	out, err := render.ByName(c.String("format"))
	if err != nil {
		return nil, nil, usageError{withHint{err, c.Command.HelpName + " --help"}}
	}
	if f := c.String("format"); f == "human" || f == "" {
		out = a.layout.Render
	}
	files := map[string]render.Renderer{}
	for _, path := range c.StringSlice("report") {
		if files[path], err = render.ByExtension(path); err != nil {
			return nil, nil, usageError{withHint{err, c.Command.HelpName + " --help"}}
		}
		if err := writable(path); err != nil {
			return nil, nil, withHint{fmt.Errorf("the report could not be written: %w", err), "another file: --report " + filepath.Join(os.TempDir(), filepath.Base(path))}
		}
	}
	return out, files, nil
}

// writable says why a file could not be written, and leaves none behind where there was none.
func writable(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err == nil {
		return errors.Join(f.Close(), os.Remove(path))
	}
	if !errors.Is(err, os.ErrExist) {
		return err
	}
	if f, err = os.OpenFile(path, os.O_WRONLY, 0); err != nil {
		return err
	}
	return f.Close()
}

// layout is how text for people is laid out on stdout: as wide as the terminal, in colours unless NO_COLOR or a terminal that is dumb
// forbids them; plain, and 100 columns wide, in a pipe or a file.
func layout(stdout io.Writer) render.Terminal {
	f, ok := stdout.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return render.Terminal{}
	}
	t := render.Terminal{Color: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil {
		t.Width = min(width, 120)
	}
	return t
}

// outcome is the status of a verb whose report tells success.
func outcome(rep *report.Report) error {
	if rep.Outcome == report.Failed {
		return status(exitCheckFailed)
	}
	return nil
}
