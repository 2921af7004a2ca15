package lifeboat_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPagesNameWhatThereIs keeps the tests, scripts and findings that pages of docs name to those that there are, and the pages to one line for each of
// their 21 failure modes and 25 asks.
func TestPagesNameWhatThereIs(t *testing.T) {
	scripts, sources := map[string]bool{}, strings.Builder{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch filepath.Ext(path) {
		case ".txtar":
			scripts[filepath.Base(path)] = true
		case ".go":
			text, rerr := os.ReadFile(path)
			if rerr != nil {
				return rerr
			}
			sources.Write(text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for page, lines := range map[string]int{"docs/failure-modes.md": 21, "docs/asks.md": 25} {
		t.Run(page, func(t *testing.T) { namesWhatThereIs(t, page, lines, sources.String(), scripts) })
	}
}

func namesWhatThereIs(t *testing.T, path string, lines int, there string, scripts map[string]bool) {
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(string(page), -1) {
		if !strings.Contains(there, "func "+name[1]+"(t *testing.T)") {
			t.Errorf("there is no test %s", name[1])
		}
	}
	for _, name := range regexp.MustCompile("`([a-z_]+[.]txtar)`").FindAllStringSubmatch(string(page), -1) {
		if !scripts[name[1]] {
			t.Errorf("there is no script %s", name[1])
		}
	}
	for _, rule := range regexp.MustCompile("`((?:link|failover|engine|registry|region)/[a-z-]+)`").FindAllStringSubmatch(string(page), -1) {
		if !strings.Contains(there, `"`+rule[1]+`"`) {
			t.Errorf("there is no finding %s", rule[1])
		}
	}
	if modes := regexp.MustCompile(`(?m)^\| \d+ \|`).FindAll(page, -1); len(modes) != lines {
		t.Errorf("%d lines, want %d", len(modes), lines)
	}
}
