package main

import (
	"bufio"
	"bytes"
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
	goTool, err := findGo(b.environ)
	if err != nil {
		return nil, err
	}
	bootstraps := map[string]string{}
	folders := map[string]string{} // by the name of the program
	args := []string{"build", "-v", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags=-s -w", "-o", b.out + string(filepath.Separator)}
	for _, f := range functions {
		folder := path.Clean(f.CodeURI)
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
	cmd := exec.CommandContext(ctx, goTool, args...) //nolint:gosec // G204: the go command; the rest comes from the user's own template
	cmd.Dir = b.source
	// For this machine, whatever the shell was set up to build for, and
	// without C, as Lambda gets them.
	cmd.Env = append(slices.Clone(b.environ), "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it ends its compilers then
	cmd.WaitDelay = 5 * time.Second
	progress := newBuildLog(b, functions)
	cmd.Stdout, cmd.Stderr = progress, progress
	err = cmd.Run()
	progress.end(err != nil)
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("building the functions: %w", context.Cause(ctx))
	case err != nil:
		return nil, errors.New("the functions cannot be built: what the go command said stands above")
	}
	b.say("built %d functions in %.1f s", len(functions), time.Since(started).Seconds())
	return bootstraps, nil
}

func (b builder) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.stderr, format+"\n", args...)
}

// findGo finds the go command on the given environment's PATH.
func findGo(environ []string) (string, error) {
	for i := len(environ) - 1; i >= 0; i-- {
		list, ok := strings.CutPrefix(environ[i], "PATH=")
		if !ok {
			continue
		}
		for _, dir := range filepath.SplitList(list) {
			if dir == "" || !filepath.IsAbs(dir) {
				continue // a go in the working folder is not asked for
			}
			if file, err := exec.LookPath(filepath.Join(dir, "go")); err == nil {
				return file, nil
			}
		}
		break
	}
	return "", errors.New("there is no go command on the PATH: install Go 1.26 or later (https://go.dev/dl/), or name a folder of built functions with -functions")
}

// buildLog reads what `go build -v` prints: the names of packages as it
// compiles them, of which it shows those of the functions; what it downloads,
// which it shows; and mistakes, which it shows at the end.
type buildLog struct {
	builder  builder
	packages map[string]string // what a function's package ends in → the function
	rest     bytes.Buffer      // a line that has not ended
	said     []string          // all other lines
}

func newBuildLog(b builder, functions []*template.Function) *buildLog {
	l := &buildLog{builder: b, packages: map[string]string{}}
	for _, f := range functions {
		l.packages["/"+path.Clean(f.CodeURI)] = f.Name
	}
	return l
}

// Write takes the next bytes of the output. It never fails.
func (l *buildLog) Write(p []byte) (int, error) {
	l.rest.Write(p)
	for {
		i := bytes.IndexByte(l.rest.Bytes(), '\n')
		if i < 0 {
			return len(p), nil
		}
		l.line(strings.TrimSuffix(string(l.rest.Next(i+1)), "\n"))
	}
}

func (l *buildLog) line(line string) {
	if strings.HasPrefix(line, "go: downloading ") {
		l.builder.say("%s", strings.TrimPrefix(line, "go: "))
		return
	}
	for suffix, name := range l.packages {
		if strings.HasSuffix(line, suffix) && !strings.ContainsAny(line, " :") {
			l.builder.say("building %s from %s", name, suffix[1:])
			return
		}
	}
	l.said = append(l.said, line)
}

// end shows what was said, if the build failed, without the names of packages.
func (l *buildLog) end(failed bool) {
	if l.rest.Len() > 0 {
		l.line(l.rest.String())
	}
	if !failed {
		return
	}
	w := bufio.NewWriter(l.builder.stderr)
	for _, line := range l.said {
		if strings.ContainsAny(line, " :\t") {
			_, _ = w.WriteString(line + "\n")
		}
	}
	_ = w.Flush()
}
