package main

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/cmd/lifeboat/render"
	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// emit writes a report to stdout in the wanted format and to every --report file. A command line with a format that does not exist is
// refused before anything is done: see renderers.
func (a *app) emit(c *cli.Context, rep *report.Report) error {
	out, files, err := renderers(c)
	if err != nil {
		return err
	}
	if err := out(a.stdout, *rep); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		write := files[path]
		f, err := os.Create(path)
		if err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
		buf := bufio.NewWriter(f)
		err = write(buf, *rep)
		if err == nil {
			err = buf.Flush()
		}
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return fmt.Errorf("writing the report to %s: %w", path, err)
		}
		fmt.Fprintf(a.stderr, "report written to %s\n", path)
	}
	return nil
}

func renderers(c *cli.Context) (render.Renderer, map[string]render.Renderer, error) {
	out, err := render.ByName(c.String("format"))
	if err != nil {
		return nil, nil, usageError{err}
	}
	files := map[string]render.Renderer{}
	for _, path := range c.StringSlice("report") {
		if files[path], err = render.ByExtension(path); err != nil {
			return nil, nil, usageError{err}
		}
	}
	return out, files, nil
}

// outcome is the status of a verb whose report tells success.
func outcome(rep *report.Report) error {
	if rep.Outcome == report.Failed {
		return status(exitCheckFailed)
	}
	return nil
}

// confirm asks on the terminal; anything but "yes" or "y" is no. Without a terminal there is nobody to ask.
func (a *app) confirm(question string) (bool, error) {
	if !a.terminal {
		return false, nil
	}
	fmt.Fprintf(a.stderr, "%s [yes/no] ", question)
	line, err := bufio.NewReader(a.stdin).ReadString('\n')
	if err != nil {
		return false, fmt.Errorf("reading the answer: %w", err)
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "yes" || answer == "y", nil
}
