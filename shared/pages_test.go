package shared_test

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"oms/shared/must"
)

// readmeLimit is as much as a stranger reads; what is longer is a page beside what it describes.
const readmeLimit = 9 << 10

func TestPages_leadSomewhere(t *testing.T) {
	t.Parallel()
	tree := os.DirFS("..")
	got, pages, err := deadEnds(tree)
	must.Do(t, err)
	for _, d := range got {
		t.Error(d)
	}
	if pages < 5 {
		t.Errorf("only %d pages were looked at: these are not all", pages)
	}
	readme := must.Get(fs.ReadFile(tree, "README.md"))(t)
	if len(readme) > readmeLimit {
		t.Errorf("README.md has %d bytes, want %d at most", len(readme), readmeLimit)
	}
}

// deadEnds returns the relative links of all pages that lead to no file or no heading, the targets of make that the
// Makefile has not, the tests in backticks that no file of tests has, and how many pages there are.
func deadEnds(tree fs.FS) (found []string, pages int, err error) {
	makefile, err := fs.ReadFile(tree, "Makefile")
	if err != nil {
		return nil, 0, err
	}
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	target := regexp.MustCompile("(?m)(?:^|`)make (?:-\\w+ )*([a-z][a-z0-9-]*)")
	test := regexp.MustCompile("`((?:[Tt]est|Fuzz)[A-Z]\\w*)`")
	named := map[string]string{} // the page by test
	declared, there := regexp.MustCompile(`(?m)^func (\w+)\(`), map[string]bool{}
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			base := path.Base(name)
			hidden := strings.HasPrefix(base, ".") && base != "." && base != ".github"
			if hidden || base == "bin" || base == "testdata" {
				return fs.SkipDir
			}
			return nil
		case strings.HasSuffix(name, "_test.go"):
			source, err := fs.ReadFile(tree, name)
			for _, m := range declared.FindAllSubmatch(source, -1) {
				there[string(m[1])] = true
			}
			return err
		case !strings.HasSuffix(name, ".md"):
			return nil
		}
		page, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		pages++
		for _, m := range link.FindAllStringSubmatch(string(page), -1) {
			if !leads(tree, name, m[1]) {
				found = append(found, name+": there is no "+m[1])
			}
		}
		for _, m := range target.FindAllStringSubmatch(string(page), -1) {
			if !regexp.MustCompile(`(?m)^([a-z0-9-]+ )*` + m[1] + `( [a-z0-9-]+)*:`).Match(makefile) {
				found = append(found, name+": the Makefile has no "+m[1])
			}
		}
		for _, m := range test.FindAllStringSubmatch(string(page), -1) {
			named[m[1]] = name
		}
		return nil
	})
	for _, one := range slices.Sorted(maps.Keys(named)) {
		if !there[one] {
			found = append(found, named[one]+": there is no test "+one)
		}
	}
	return found, pages, err
}

// leads reports whether a link of a page leads somewhere. Those to other sites are not followed.
func leads(tree fs.FS, page, link string) bool {
	if strings.Contains(link, "://") {
		return true
	}
	file, heading, _ := strings.Cut(link, "#")
	to := page
	if file != "" {
		to = path.Join(path.Dir(page), file)
	}
	if heading == "" {
		_, err := fs.Stat(tree, to)
		return err == nil
	}
	text, err := fs.ReadFile(tree, to)
	if err != nil {
		return false
	}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(string(text), -1) {
		// As GitHub names a heading.
		id := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		if strings.ReplaceAll(id, " ", "-") == heading {
			return true
		}
	}
	return false
}

func TestPages_deadEndsAreFound(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{
		"Makefile": {Data: []byte("run: need-go ## it\nraces kills: export X = 1\nkills:\n\ttrue\n")},
		"README.md": {Data: []byte("[a](a/b.md) [b](a/b.md#is-it-good) [c](a/none.md) [d](a/b.md#bad) " +
			"[e](https://x/y)\n`make run`, `make -s kills`, `make rum`, " +
			"`TestA`, `testB`, `TestC`, `FuzzD`, `testdata`\n")},
		"a/a_test.go": {Data: []byte("func TestA(t *testing.T) {}\n\nfunc testB(t *testing.T) {}\n// func TestC(")},
		"a/b.md": {Data: []byte("## Is it `good`?\n[up](../README.md) [here](#is-it-good) [out](../../x)\n\nmake " +
			"run X=1\nmake walk\n")},
		"bin/ignored.md":   {Data: []byte("[c](none.md)")},
		".github/S.md":     {Data: []byte("[c](none.md)")},
		"testdata/page.md": {Data: []byte("[c](none.md)")},
	}
	got, pages, err := deadEnds(tree)
	must.Do(t, err)
	want := []string{
		".github/S.md: there is no none.md",
		"README.md: there is no a/none.md",
		"README.md: there is no a/b.md#bad",
		"README.md: the Makefile has no rum",
		"a/b.md: there is no ../../x",
		"a/b.md: the Makefile has no walk",
		"README.md: there is no test FuzzD",
		"README.md: there is no test TestC",
	}
	if diff := cmp.Diff(want, got); diff != "" || pages != 3 {
		t.Errorf("dead ends of %d pages (-want +got):\n%s", pages, diff)
	}
	if _, _, err := deadEnds(fstest.MapFS{}); err == nil {
		t.Error("a tree without a Makefile was not reported")
	}
}
