// Tally reads the JSON of go test on its standard input, prints a line for each
// package and all that failing tests wrote, adds the counts to a file, and
// fails where a test failed, was skipped, or none ran. Asked for figures, it
// prints what passing tests logged, too.
//
//	go test -json ./... 2>&1 | go run .ci/tally.go counts
//	make stress ONLY=kills ARGS=-json 2>&1 | go run .ci/tally.go counts figures
//
// A skip fails because CI has everything that a test could miss.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// logged is a line of t.Log.
var logged = regexp.MustCompile(`^ +[a-z_]+_test\.go:[0-9]+: `)

// event is one line of `go doc cmd/test2json`.
type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64
}

func main() {
	output := map[string]*strings.Builder{} // what a test wrote, by package and name
	packages := map[string]*strings.Builder{}
	passed, failed, skipped, broken := 0, 0, 0, 0
	figures := slices.Contains(os.Args[2:], "figures")

	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.Action == "" {
			fmt.Println(lines.Text()) // make, or the compiler, speaking
			continue
		}
		name := e.Package + " " + e.Test
		switch e.Action {
		case "build-output":
			fmt.Print(e.Output)
		case "output":
			to := output
			if e.Test == "" {
				to, name = packages, e.Package
			}
			if to[name] == nil {
				to[name] = &strings.Builder{}
			}
			to[name].WriteString(e.Output)
		case "pass", "fail", "skip":
			switch {
			case e.Test == "" && e.Action == "fail":
				broken++
				fmt.Printf("%vFAIL\t%s\t%.1fs\n", packages[e.Package], e.Package, e.Elapsed)
			case e.Test == "" && e.Action == "skip":
				fmt.Printf("?   \t%s\t[no test files]\n", e.Package)
			case e.Test == "":
				fmt.Printf("ok  \t%s\t%.1fs\n", e.Package, e.Elapsed)
			case e.Action == "pass":
				passed++
				if figures && output[name] != nil {
					for line := range strings.Lines(output[name].String()) {
						if logged.MatchString(line) {
							fmt.Printf("%s: %s", e.Test, logged.ReplaceAllString(line, ""))
						}
					}
				}
			case e.Action == "skip":
				skipped++
				fmt.Printf("%v", output[name])
			default:
				failed++
				fmt.Printf("%v", output[name])
			}
			delete(output, name)
		}
	}
	for name, wrote := range output { // a test that never ended: its process did
		fmt.Printf("unfinished: %s\n%v", name, wrote)
	}

	counts, err := os.OpenFile(os.Args[1], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(counts, passed, failed, skipped)
	}
	if err == nil {
		err = counts.Close()
	}
	fmt.Printf("%d passed, %d failed, %d skipped here\n", passed, failed, skipped)
	if err != nil || lines.Err() != nil || failed+skipped+broken > 0 || passed == 0 {
		fmt.Fprintln(os.Stderr, "tally: not good:", broken, "packages broken", err, lines.Err())
		os.Exit(1)
	}
}
