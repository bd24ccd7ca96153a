// Tally reads the JSON of go test on its standard input, prints a line for each
// package and all that failing tests wrote, adds the counts to a file, and
// fails where a test failed or none ran, and where CI is set and one was
// skipped, because CI has everything that a test could miss. Asked for figures,
// it prints what passing tests logged, too. A test that is left to make stress is
// no skip: the file of counts gets its name, after "left", and again after "ran"
// where it has passed since.
//
//	go test -json ./... 2>&1 | go run .ci/tally.go counts
//	make stress ONLY=kills ARGS=-json 2>&1 | go run .ci/tally.go counts figures
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

// logged is a line of t.Log, or of t.Skip.
var logged = regexp.MustCompile(`^ +[a-z_]+\.go:[0-9]+: `)

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
	before, _ := os.ReadFile(os.Args[1]) // there is none yet
	left := ""                           // lines for the file

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
			case e.Action == "fail":
				failed++
				fmt.Printf("%v", output[name])
			default:
				switch {
				case e.Action == "skip" && strings.Contains(fmt.Sprint(output[name]), "left to make stress"):
					left += "left " + name + "\n"
				case e.Action == "skip":
					skipped++
				default:
					passed++
					if strings.Contains(string(before), "left "+name+"\n") {
						left += "ran " + name + "\n"
					}
				}
				if output[name] == nil || e.Action == "pass" && !figures {
					break
				}
				for line := range strings.Lines(output[name].String()) {
					if logged.MatchString(line) {
						fmt.Printf("%s %s: %s", e.Action, e.Test, logged.ReplaceAllString(line, ""))
					}
				}
			}
			delete(output, name)
		}
	}
	for name, wrote := range output { // a test that never ended: its process did
		fmt.Printf("unfinished: %s\n%v", name, wrote)
	}

	counts, err := os.OpenFile(os.Args[1], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintf(counts, "%d %d %d\n%s", passed, failed, skipped, left)
	}
	if err == nil {
		err = counts.Close()
	}
	fmt.Printf("%d passed, %d failed, %d skipped here\n", passed, failed, skipped)
	if os.Getenv("CI") == "" {
		skipped = 0
	}
	if err != nil || lines.Err() != nil || failed+skipped+broken > 0 || passed == 0 {
		fmt.Fprintln(os.Stderr, "tally: not good:", broken, "packages broken", err, lines.Err())
		os.Exit(1)
	}
}
