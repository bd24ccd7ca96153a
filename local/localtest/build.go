package localtest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"oms/shared/must"
)

// Built is the service's programs.
type Built struct {
	Service   string // the local host
	Functions string // a folder of them, <logical id>/bootstrap; empty: they run in the host's process
}

// BuildInProcess builds the host alone, with the functions in it: to measure
// coverage where GOCOVERDIR is set.
func BuildInProcess(tb testing.TB) Built {
	tb.Helper()
	out := tb.TempDir()
	var args []string
	if os.Getenv("GOCOVERDIR") != "" {
		args = []string{"-cover", "-coverpkg=oms/..."}
	}
	build(tb, out, append(args, "oms/local")...)
	return Built{Service: filepath.Join(out, "local")}
}

func build(tb testing.TB, out string, args ...string) {
	tb.Helper()
	args = append([]string{"build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-o", out + "/"}, args...)
	c := exec.CommandContext(tb.Context(), "go", args...) //nolint:gosec // G204: the go command
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := c.CombinedOutput(); err != nil {
		tb.Fatalf("building the service: %v\n%s", err, said)
	}
}

// Build builds the service as `make build` does. That takes as long as linking ten programs.
func Build(tb testing.TB) Built {
	tb.Helper()
	out := tb.TempDir()
	build(tb, out, "-ldflags=-s -w", "oms/local", "oms/functions/...")
	b := Built{Service: filepath.Join(out, "local"), Functions: filepath.Join(out, "functions")}
	programs := must.Get(os.ReadDir(out))(tb)
	for _, p := range programs {
		if p.Name() == "local" {
			continue
		}
		var id strings.Builder // org-create is OrgCreateFunction in the template
		for word := range strings.SplitSeq(p.Name(), "-") {
			id.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
		link(tb, filepath.Join(out, p.Name()), filepath.Join(b.Functions, id.String()+"Function", "bootstrap"))
	}
	return b
}

// Own returns the same functions in a folder of their own, so that a test can
// tell which processes are its own.
func (b Built) Own(tb testing.TB) Built {
	tb.Helper()
	if b.Functions == "" {
		return b
	}
	out := tb.TempDir()
	all, err := filepath.Glob(filepath.Join(b.Functions, "*", "bootstrap"))
	if err != nil || len(all) == 0 {
		tb.Fatalf("finding the functions: %q, %v", all, err)
	}
	for _, file := range all {
		link(tb, file, filepath.Join(out, filepath.Base(filepath.Dir(file)), "bootstrap"))
	}
	return Built{Service: b.Service, Functions: out}
}

func link(tb testing.TB, from, to string) {
	tb.Helper()
	must.Do(tb, os.MkdirAll(filepath.Dir(to), 0o700))
	must.Do(tb, os.Link(from, to))
}

// Template returns the path of a copy of the template, with changes, each of
// which must have something to change.
func Template(tb testing.TB, path string, changes map[string]string) string {
	tb.Helper()
	text := must.Get(os.ReadFile(path))(tb) //nolint:gosec // G304: the template
	for is, shall := range changes {
		if !bytes.Contains(text, []byte(is)) {
			tb.Fatalf("the template has no %s any more", is)
		}
		text = bytes.ReplaceAll(text, []byte(is), []byte(shall))
	}
	path = filepath.Join(tb.TempDir(), "template.yaml")
	must.Do(tb, os.WriteFile(path, text, 0o600))
	return path
}
