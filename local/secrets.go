package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"oms/shared/secret"
)

// What this program makes when nobody gives it.
const (
	jwtSecret        = "JWT_SECRET"
	pepper           = "PASSWORD_PEPPER"   // lost, and no password verifies any more
	databasePassword = "DATABASE_PASSWORD" // of the embedded database; no variable: another's may have its name
)

// secretsFile holds them, in the data folder.
const secretsFile = "secrets.json"

// completeSecrets puts JWT_SECRET, PASSWORD_PEPPER and, where no MONGO_URI
// names another database, DATABASE_PASSWORD into settings, where they are
// missing: those of the first start, or new ones, which it keeps in the data
// folder for all later starts (mode 0600). A file that it cannot read is an
// error, and never replaced; nor is a pepper made for a database that is there
// already, whose passwords were hashed with another.
func completeSecrets(data string, settings map[string]string) error {
	names := []string{jwtSecret, pepper}
	if settings["MONGO_URI"] == "" {
		delete(settings, databasePassword)
		names = append(names, databasePassword)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return settings[name] != "" })
	if len(names) == 0 {
		return nil
	}
	path := filepath.Join(data, secretsFile)
	kept, err := readSecrets(path)
	if err != nil {
		return err
	}
	made := false
	for _, name := range names {
		if kept[name] == "" {
			if name == pepper {
				if err := refuseOrphan(data, path); err != nil {
					return err
				}
			}
			kept[name] = secret.New().Reveal()
			made = true
		}
		settings[name] = kept[name]
	}
	if !made {
		return nil
	}
	return writeSecrets(path, kept)
}

// refuseOrphan refuses to make a pepper beside a database.
func refuseOrphan(data, path string) error {
	switch _, err := os.Stat(filepath.Join(data, databaseFolder)); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("looking for a database: %w", err)
	}
	return fmt.Errorf("there is a database in %s but %s has no %s for its passwords: restore the file, or set the "+
		"variable", data, path, pepper)
}

// readSecrets reads the file; none is not secrets. It tightens a mode that
// lets others read it, which copying and restoring a folder can leave.
func readSecrets(path string) (map[string]string, error) {
	f, err := os.Open(path) //nolint:gosec // G304: in the user's own data folder
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return map[string]string{}, nil
	case err != nil:
		return nil, fmt.Errorf("reading the secrets: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("reading the secrets: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the secrets: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := f.Chmod(0o600); err != nil {
			return nil, fmt.Errorf("keeping the secrets to their owner: %w", err)
		}
	}
	var file struct {
		JWT      *string `json:"JWT_SECRET,omitempty"`
		Pepper   *string `json:"PASSWORD_PEPPER,omitempty"`
		Database *string `json:"DATABASE_PASSWORD,omitempty"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	// The decoder's own text may quote what it read.
	if dec.Decode(&file) != nil || dec.More() || file.JWT == nil && file.Pepper == nil && file.Database == nil {
		return nil, fmt.Errorf("%s is damaged: restore it from a backup (without its %s no password of this data "+
			"folder verifies), or move the whole folder away to begin anew", path, pepper)
	}
	kept := map[string]string{}
	for name, value := range map[string]*string{
		jwtSecret: file.JWT, pepper: file.Pepper, databasePassword: file.Database,
	} {
		if value == nil {
			continue
		}
		if len(*value) < 32 {
			return nil, fmt.Errorf("%s is damaged: its %s has %d characters and must have 32 or more", path, name,
				len(*value))
		}
		kept[name] = *value
	}
	return kept, nil
}

// writeSecrets replaces the file.
func writeSecrets(path string, secrets map[string]string) error {
	data, err := json.MarshalIndent(secrets, "", "  ")
	if err == nil {
		err = replaceFile(path, append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("keeping the secrets: %w", err)
	}
	return nil
}
