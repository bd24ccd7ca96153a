package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"strings"

	"github.com/joho/godotenv"

	"oms/local/template"
)

// dotenv is the file of settings in the working folder.
const dotenv = ".env"

// readSettings gives the variables of the environment and, where it has none,
// of the file .env. A variable that is set to nothing counts as not set.
func readSettings(path string, environ []string) (map[string]string, error) {
	settings, err := readDotenv(path)
	if err != nil {
		return nil, err
	}
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok && value != "" {
			settings[name] = value
		}
	}
	return settings, nil
}

// readDotenv reads the file at path; none is no settings. What the parser says
// of a broken file quotes it, and it may hold secrets: the error has only the
// line.
func readDotenv(path string) (map[string]string, error) {
	data, err := os.ReadFile(path) //nolint:gosec // G304: the constant above, or a test's
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return map[string]string{}, nil
	case err != nil:
		return nil, fmt.Errorf("reading the settings: %w", err)
	}
	settings, err := godotenv.UnmarshalBytes(data)
	if err != nil {
		return nil, fmt.Errorf("%s:%d: this is no line of the form NAME=value", path, brokenLine(string(data)))
	}
	maps.DeleteFunc(settings, func(_, value string) bool { return value == "" })
	return settings, nil
}

// brokenLine finds the line where the first statement begins that the parser
// does not take: the one after the longest beginning that it takes.
func brokenLine(text string) int {
	lines := strings.SplitAfter(text, "\n")
	for n := len(lines) - 1; n > 0; n-- {
		if _, err := godotenv.Unmarshal(strings.Join(lines[:n], "")); err == nil {
			return n + 1
		}
	}
	return 1
}

// environment is what one function finds in its environment. As with the SAM
// CLI, only variables that the template declares reach a function; their
// values are the template's, unless the settings have one.
func environment(f *template.Function, settings map[string]string) map[string]string {
	out := maps.Clone(f.Environment)
	for name := range out {
		if value := settings[name]; value != "" {
			out[name] = value
		}
	}
	return out
}
