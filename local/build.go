package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"oms/local/template"
)

// findFunctions gives the bootstraps in a folder of built functions, which has
// the layout that `make build` and `sam build` leave: <logical id>/bootstrap.
func findFunctions(folder string, functions []*template.Function) (map[string]string, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, fmt.Errorf("looking for the built functions: %w", err)
	}
	bootstraps := make(map[string]string, len(functions))
	for _, f := range functions {
		file := filepath.Join(folder, f.Name, "bootstrap")
		info, err := os.Stat(file)
		switch {
		case err != nil:
			return nil, fmt.Errorf("looking for the built function %s: %w", f.Name, err)
		case !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0:
			return nil, fmt.Errorf("looking for the built function %s: %s is no program", f.Name, file)
		}
		bootstraps[f.Name] = file
	}
	return bootstraps, nil
}

// builder builds functions with the go command, all at once: it then loads
// and compiles what they share once, and leaves alone what has not changed,
// so that a second build takes a fraction of a second.
type builder struct {
	source  string // the folder that CodeURIs start from
	out     string // gets one program for each function, named like its folder
	environ []string
	stderr  io.Writer
}

// build gives the programs by their logical ids. It tells what it is doing, a
// line for each function that it builds; what the compiler says of a mistake
// comes out as the compiler said it.
func (b builder) build(ctx context.Context, functions []*template.Function) (map[string]string, error) {
	if len(functions) == 0 {
		return map[string]string{}, nil
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		return nil, errors.New("there is no go command on the PATH: install Go 1.26 or later (https://go.dev/dl/), " +
			"or name a folder of built functions with -functions")
	}
	bootstraps := map[string]string{}
	folders := map[string]string{} // by the name of the program
	args := []string{
		"build", "-v", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags=-s -w", "-o", b.out +
			string(filepath.Separator),
	}
	for _, f := range functions {
		folder := mainPackage(f)
		name := path.Base(folder)
		bootstraps[f.Name] = filepath.Join(b.out, name)
		switch other, taken := folders[name]; {
		case taken && other != folder:
			return nil, fmt.Errorf("building the functions: %s and %s have one name", other, folder)
		case !taken:
			folders[name] = folder
			args = append(args, "./"+folder)
		}
	}
	first := ""
	if _, err := os.Stat(b.out); errors.Is(err, os.ErrNotExist) {
		first = "; the first time this takes a minute or two"
	}
	if err := os.MkdirAll(b.out, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the built functions: %w", err)
	}
	started := time.Now()
	b.say("building %d functions%s", len(functions), first)
	//nolint:gosec // G204: the go command; the rest comes from the user's own template
	cmd := exec.CommandContext(ctx, goTool, args...)
	cmd.Dir = b.source
	// For this machine, whatever the shell was set up to build for, and
	// without C, as Lambda gets them.
	cmd.Env = append(slices.Clone(b.environ), "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it ends its compilers then
	cmd.WaitDelay = 5 * time.Second
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	said := make(chan string)
	go func() { said <- b.follow(out, functions) }()
	err = cmd.Run()
	_ = in.Close() // it never fails
	mistakes := <-said
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("building the functions: %w", context.Cause(ctx))
	case err != nil:
		_, _ = io.WriteString(b.stderr, mistakes)
		return nil, errors.New("the functions cannot be built: what the go command said stands above")
	}
	b.say("built %d functions in %.1f s", len(functions), time.Since(started).Seconds())
	return bootstraps, nil
}

// mainPackage is the folder of a function's main package: below its package, and of
// the same name, so that the go command names the program after it.
func mainPackage(f *template.Function) string {
	return path.Join(f.CodeURI, path.Base(path.Clean(f.CodeURI)))
}

func (b builder) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.stderr, format+"\n", args...)
}

// follow reads what `go build -v` prints: the names of packages as it compiles
// them, of which it tells those of the functions; what it downloads, which it
// tells; and mistakes, which it returns.
func (b builder) follow(out io.Reader, functions []*template.Function) string {
	mistakes := ""
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		name := strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "go: downloading "):
			b.say("%s", strings.TrimPrefix(name, "go: "))
		case strings.ContainsAny(line, " :\t"):
			mistakes += line
		default:
			for _, f := range functions {
				if strings.HasSuffix(name, "/"+mainPackage(f)) {
					b.say("building %s from %s", f.Name, mainPackage(f))
				}
			}
		}
		if err != nil {
			return mistakes
		}
	}
}
