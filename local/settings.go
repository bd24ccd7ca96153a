package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"strings"

	"github.com/joho/godotenv"

	"oms/local/template"
)

// local is the stage of a developer's machine. Only there this program makes
// what nobody gave: secrets, and a database.
const local = "local"

// dotenv is the file of settings in the working folder.
const dotenv = ".env"

// readSettings gives the variables of the environment and, where it has none,
// of the file .env. A variable that is set to nothing counts as not set; STAGE
// is then local. A secret may also be in the file that JWT_SECRET_FILE and the
// like name, where orchestrators mount it; the last end of line is not of it.
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
	for _, name := range []string{"MONGO_URI", jwtSecret, pepper} {
		file := settings[name+"_FILE"]
		if file == "" {
			continue
		}
		if settings[name] != "" {
			return nil, fmt.Errorf("%s and %s_FILE are both set: one of them is a mistake", name, name)
		}
		content, err := os.ReadFile(file) //nolint:gosec // G304: the user's own setting
		if err != nil {
			return nil, fmt.Errorf("%s_FILE: %w", name, err)
		}
		settings[name] = strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
		if settings[name] == "" {
			return nil, fmt.Errorf("%s_FILE: %s is empty", name, file)
		}
	}
	settings["STAGE"] = cmp.Or(settings["STAGE"], local)
	return settings, nil
}

// onAWS are parameters that the template's rules ask for outside local, and
// that mean nothing here: secrets come from the settings (see [environment]).
func onAWS() map[string]string {
	const unused = "arn:aws:secretsmanager:us-east-1:123456789012:secret:not-used-here"
	return map[string]string{
		"MongoSecretArn": unused, "JwtSecretArn": unused, "PasswordPepperArn": unused,
		"AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:not-used-here",
	}
}

// readTemplate reads the template for the stage of the settings.
func readTemplate(o options, settings map[string]string) (*template.Template, error) {
	parameters := maps.Clone(o.parameters)
	if stage := settings["STAGE"]; stage != local {
		if given, ok := parameters["Stage"]; ok && given != stage {
			return nil, fmt.Errorf("STAGE is %s and -parameter Stage=%s: give one of the two", stage, given)
		}
		parameters["Stage"] = stage
		for name, value := range onAWS() {
			parameters[name] = cmp.Or(parameters[name], value)
		}
	}
	return template.Read(o.template, parameters)
}

// readDotenv reads the file at path; none is not settings. What the parser says
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
// values are the template's, unless the settings have one. The ARN of a secret
// is the settings' alone: the template's is a placeholder here.
func environment(f *template.Function, settings map[string]string) map[string]string {
	out := maps.Clone(f.Environment)
	for name := range out {
		if value := settings[name]; value != "" || strings.HasSuffix(name, "_SECRET_ARN") || name == pepper+"_ARN" {
			out[name] = value
		}
	}
	return out
}
