package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
)

// composeMongo is the server of docker-compose.yml as a container on its
// network sees it; this machine sees it at composePort of its own loopback.
const (
	composeMongo = "mongodb://mongo:27017"
	composePort  = "27017"
)

// writeSAMLocal writes what `sam local start-api --env-vars` reads: for each
// function of the template its whole environment, as it would have it here,
// with the same secrets, which are made where there are none yet. Nothing is
// left out, for the SAM CLI fills what is from the caller's shell. The file
// holds secrets (mode 0600) and is replaced as a whole.
func writeSAMLocal(o options, environ []string, stdout io.Writer) error {
	settings, err := readSettings(dotenv, environ)
	if err != nil {
		return err
	}
	settings["STAGE"] = local
	t, err := readTemplate(o, settings)
	if err != nil {
		return err
	}
	if settings["MONGO_URI"], err = fromContainer(settings["MONGO_URI"]); err != nil {
		return err
	}
	if err := sharedSecrets(o.data, settings); err != nil {
		return err
	}
	environments := map[string]map[string]string{}
	for _, f := range t.Functions {
		environments[f.Name] = environment(f, settings)
	}
	content, err := json.MarshalIndent(environments, "", "  ")
	if err == nil {
		err = replaceFile(o.samLocal, append(content, '\n'))
	}
	if err != nil {
		return fmt.Errorf("writing the functions' environment: %w", err)
	}
	_, _ = fmt.Fprintf(stdout, "The environment of %d functions is in %s.\n", len(t.Functions), o.samLocal)
	return nil
}

// sharedSecrets is completeSecrets beside a run that may be using the data
// folder: the file is read without the lock, which is taken only to make one.
func sharedSecrets(data string, settings map[string]string) error {
	kept, err := readSecrets(filepath.Join(data, secretsFile))
	if err != nil {
		return err
	}
	complete := true
	for _, name := range []string{jwtSecret, pepper} {
		if settings[name] == "" {
			settings[name] = kept[name]
		}
		complete = complete && settings[name] != ""
	}
	if complete {
		return nil
	}
	folder, lock, err := openData(data)
	if err != nil {
		return err
	}
	defer lock.Close() //nolint:errcheck // nothing was written
	return completeSecrets(folder, settings)
}

// fromContainer is MONGO_URI for a function in a container, where localhost is
// the container: the server of docker-compose.yml has another name there, and
// no other port of this machine's loopback can be reached from it.
func fromContainer(uri string) (string, error) {
	if uri == "" {
		return composeMongo, nil
	}
	u, err := url.Parse(uri)
	if err != nil {
		// Several hosts, or a password that should have been escaped: no
		// developer's loopback. The functions say what is wrong with it, if
		// anything is; the parser's own text would quote it.
		return uri, nil
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return uri, nil
	}
	if port := u.Port(); port != "" && port != composePort {
		return "", fmt.Errorf("MONGO_URI names port %s of this machine, which no container can reach: unset it to "+
			"use the server of docker-compose.yml", port)
	}
	u.Host = net.JoinHostPort("mongo", composePort)
	return u.String(), nil
}
