package lifeboat_test

import (
	"encoding/json"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/lifeboat-dr/lifeboat/"

// allowed says which packages of this module a package may import, by the first pattern that matches its path. A pattern
// ends in /... for a whole tree. Test files are not judged: only tests and the demo may import testenv.
var allowed = []struct {
	pkg     string
	imports []string
}{
	{"dr/report", nil},
	{"statements/infer", []string{"statements"}},
	{"statements/...", []string{"dr/report"}},
	{"plans/...", []string{"dr/report", "statements/..."}},
	{"linking/batch", nil},
	{"linking/fetch", []string{"linking/batch"}},
	{"linking/...", []string{"dr/report", "statements/...", "plans/...", "linking/..."}},
	{"engine/enginetest", []string{"engine/...", "testenv/...", "statements/...", "linking/batch", "linking/fetch"}},
	{"engine/...", []string{"dr/report", "statements/...", "linking/batch", "linking/fetch", "engine/..."}},
	{"testenv/...", []string{"testenv/..."}},
	{"dr/...", []string{"dr/...", "statements/...", "plans/...", "linking/...", "engine/..."}},
	{"cmd/lifeboat/render", []string{"dr/report"}},
	{"cmd/lifeboat/demo", []string{"dr/...", "statements/...", "plans/...", "linking/...", "engine/...", "testenv/...", "examples/...", "cmd/lifeboat/render"}},
	{"cmd/...", []string{"dr/...", "statements/...", "plans/...", "linking/...", "engine/...", "cmd/..."}},
	{"examples/...", nil},
	{"bench/...", []string{"dr/...", "statements/...", "plans/...", "linking/...", "engine/...", "testenv/...", "bench/...", "cmd/lifeboat/render"}},
}

func matches(pattern, pkg string) bool {
	tree, ok := strings.CutSuffix(pattern, "/...")
	return pattern == pkg || ok && (pkg == tree || strings.HasPrefix(pkg, tree+"/"))
}

// TestImportTable keeps the direction of imports: a package knows only what is below it.
func TestImportTable(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		pkg, ok := strings.CutPrefix(p.ImportPath, module)
		if !ok {
			continue // the module's root, or a package of the tests
		}
		seen++
		i := slices.IndexFunc(allowed, func(a struct {
			pkg     string
			imports []string
		}) bool {
			return matches(a.pkg, pkg)
		})
		if i < 0 {
			t.Errorf("%s has no place in the import table", pkg)
			continue
		}
		for _, imp := range p.Imports {
			dep, ours := strings.CutPrefix(imp, module)
			if ours && !slices.ContainsFunc(allowed[i].imports, func(a string) bool { return matches(a, dep) }) {
				t.Errorf("%s imports %s, which is not below it", pkg, dep)
			}
		}
		if base := path.Base(pkg); slices.Contains([]string{"util", "utils", "common", "helpers", "misc"}, base) {
			t.Errorf("%s: the name says nothing", pkg)
		}
	}
	if seen < 5 {
		t.Fatalf("only %d packages seen", seen)
	}
}
