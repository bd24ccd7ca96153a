package main

import (
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"oms/local/localtest"
	"oms/shared/must"
)

func TestRun(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	mustWrite(t, filepath.Join(folder, ".env"),
		"# settings\nFROM_DOTENV=dotenv\nFROM_ENVIRONMENT=dotenv\nUNDECLARED=dotenv\nUNSET=\nexport JWT_SECRET=''\n")
	environ := []string{"FROM_ENVIRONMENT=environment", "UNDECLARED_TOO=environment", "STAGE=dev", "FROM_TEMPLATE="}
	p := startProgram(t, folder, environ, "-parameter", "Greeting=good day")

	u := must.Get(url.Parse(p.Database))(t)
	password, _ := u.User.Password()
	kept := mustRead(t, filepath.Join(folder, ".data", secretsFile))
	if len(password) != 86 || !strings.Contains(kept, `"DATABASE_PASSWORD": "`+password+`"`) {
		t.Errorf("the database's password is %q, kept is %s", password, kept)
	}
	if p.Docs != p.URL+"/docs" || u.Hostname() != "127.0.0.1" || p.Data != filepath.Join(folder, ".data") {
		t.Errorf("ready with docs %q, database %q, data %q", p.Docs, p.Database, p.Data)
	}
	first := p.env(t)
	for name, want := range map[string]string{
		"STAGE": "local", "GREETING": "good day", "FROM_TEMPLATE": "template", "FROM_DOTENV": "dotenv",
		"FROM_ENVIRONMENT": "environment", "MONGO_URI": p.Database, "UNSET": "",
	} {
		if got, ok := first[name]; !ok || got != want {
			t.Errorf("the function's %s = %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"UNDECLARED", "UNDECLARED_TOO", asProgram} {
		if got, ok := first[name]; ok {
			t.Errorf("the function's %s = %q, want only what the template declares", name, got)
		}
	}
	for _, name := range []string{jwtSecret, pepper} {
		if n := len(first[name]); n != 86 { // base64 of 64 bytes
			t.Errorf("the function's %s has %d characters, want 86", name, n)
		}
	}
	if first[jwtSecret] == first[pepper] {
		t.Error("both secrets are the same")
	}
	for path, want := range map[string]os.FileMode{p.Data: 0o700, filepath.Join(p.Data, secretsFile): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("mode of %s = %v (%v), want %v", path, info.Mode().Perm(), err, want)
		}
	}
	p.Signal(t, syscall.SIGTERM)
	if code := p.Wait(t); code != 0 {
		t.Errorf("exit code after SIGTERM = %d, want 0\n%s", code, p.Log())
	}
	localtest.Gone(t, p.Data)

	t.Run("a second start has the same data, and is the only one", func(t *testing.T) {
		t.Parallel()
		p := startProgram(t, folder, nil)
		if !strings.HasPrefix(p.Database, "mongodb://"+u.User.String()+"@") {
			t.Errorf("the database is %s, want the password of before", p.Database)
		}
		if code, said := refused(t, folder, nil); code != 1 || !strings.Contains(said, "is in use by another run") {
			t.Errorf("a second run on the same data = %d %q, want a refusal", code, said)
		}
	})
}

func TestRun_ends(t *testing.T) {
	t.Parallel()
	t.Run("a running request is answered first", func(t *testing.T) {
		t.Parallel()
		p := startProgram(t, t.TempDir(), nil)
		h := p.hold(t)
		p.Signal(t, syscall.SIGTERM)
		mustWrite(t, h.release, "")
		if status := <-h.status; status != http.StatusOK {
			t.Errorf("status of the running request = %d, want 200", status)
		}
		if code := p.Wait(t); code != 0 {
			t.Errorf("exit code = %d, want 0\n%s", code, p.Log())
		}
	})
	t.Run("a second signal ends it at once", func(t *testing.T) {
		t.Parallel()
		p := startProgram(t, t.TempDir(), nil)
		p.env(t) // another process, which is idle
		h := p.hold(t)
		p.Signal(t, syscall.SIGTERM)
		// Two signals at one moment are one (signal(7)): so more, until the end.
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for ended := false; !ended; {
			select {
			case <-p.Ended():
				ended = true
			case <-tick.C:
				p.Signal(t, syscall.SIGTERM)
			}
		}
		if code := p.Wait(t); code != -1 {
			t.Errorf("exit code = %d, want the signal's", code)
		}
		if status := <-h.status; status != 0 {
			t.Errorf("status of the running request = %d, want none", status)
		}
		localtest.Gone(t, p.Data)
	})
	t.Run("a kill leaves no function behind", func(t *testing.T) {
		t.Parallel()
		folder := t.TempDir()
		p := startProgram(t, folder, nil)
		before := p.env(t)
		p.Signal(t, os.Kill)
		p.Wait(t)
		localtest.Gone(t, p.Data)
		again := startProgram(t, folder, nil).env(t)
		if again[pepper] != before[pepper] {
			t.Error("the pepper changed")
		}
	})
}

func TestRun_throttles(t *testing.T) {
	t.Parallel()
	for want, flags := range map[int][]string{429: nil, 200: {"-throttle=false"}} {
		p := startProgram(t, t.TempDir(), nil, flags...)
		if status, _ := get(t.Context(), t, p.URL+"/shut"); status != want {
			t.Errorf("with the flags %q a route without tokens answers %d, want %d", flags, status, want)
		}
	}
}

func TestRun_answersToItsOwnNameAlone(t *testing.T) {
	t.Parallel()
	for at, hosts := range map[string]map[string]int{
		"127.0.0.1:0": {
			"localhost": 200, "LOCALHOST:1": 200, "127.0.0.1": 200, "[::1]:8000": 200, "127.8.8.8": 200,
			"evil.example": 421, "127.0.0.1.evil.example": 421, "localhost.evil.example": 421, "10.0.0.7": 421,
			"[]": 421,
		},
		"0.0.0.0:0": {"oms.internal": 200}, // as in a container
	} {
		p := startProgram(t, t.TempDir(), nil, "-addr", at)
		for host, want := range hosts {
			request := must.Get(http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+"/env", nil))(t)
			request.Host = host
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != want {
				t.Errorf("at %s, Host: %s is answered %d, want %d", at, host, response.StatusCode, want)
			}
		}
	}
}

func TestRun_prebuilt(t *testing.T) {
	t.Parallel()
	built := startProgram(t, t.TempDir(), nil)
	bin := t.TempDir()
	file := filepath.Join(bin, "EchoFunction", "bootstrap")
	mustWrite(t, file, mustRead(t, filepath.Join(built.Data, "bin", "echo")))

	code, said := refused(t, t.TempDir(), nil, "-functions", bin)
	if code != 1 || !strings.Contains(said, "EchoFunction/bootstrap is no program") {
		t.Errorf("a bootstrap that may not be run = %d %q, want a refusal", code, said)
	}
	must.Do(t, os.Chmod(file, 0o700)) //nolint:gosec // G302: a program
	// No PATH: there is no Go.
	p := startProgram(t, t.TempDir(),
		[]string{"PATH=", "MONGO_URI=mongodb://me:pass@word@db.example:27017/x?authSource=admin"}, "-functions", bin)
	if got, want := p.Database, "mongodb://db.example:27017/x"; got != want {
		t.Errorf("database = %q, want %q: no credentials", got, want)
	}
	if got, want := p.env(t)["MONGO_URI"], "mongodb://me:pass@word@db.example:27017/x?authSource=admin"; got != want {
		t.Errorf("the function's MONGO_URI = %q, want %q", got, want)
	}
	if _, err := os.Stat(filepath.Join(p.Data, databaseFolder)); err == nil {
		t.Error("there is a database in the data folder, though MONGO_URI names another")
	}
}

func TestRun_refuses(t *testing.T) {
	t.Parallel()
	taken := must.Get(new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"))(t)
	t.Cleanup(func() { _ = taken.Close() })
	broken := filepath.Join(t.TempDir(), "template.yaml")
	mustWrite(t, broken, strings.Replace(mustRead(t, echoTemplate(t)), "Timeout: 20", "Timeuot: 20", 1))
	long := strings.Repeat("x", 40)

	for _, c := range []struct {
		name, args string // arguments, with spaces between them
		environ    []string
		files      map[string]string // in the working folder
		code       int
		want       string // … stands for anything
		never      string // must not be said
	}{
		{
			name: "an address that is taken", args: "-addr " + taken.Addr().String(), code: 1,
			want: "oms: the address " + taken.Addr().String() + " is taken by another program…another with -addr",
		},
		{
			name: "a database address that is taken", args: "-db-addr " + taken.Addr().String(), code: 1,
			want: "oms: the database's address " + taken.Addr().String() + " is taken by another program…" +
				"another with -db-addr",
		},
		{name: "an address that is none", args: "-addr nowhere", code: 1, want: "oms: opening the address nowhere"},
		{
			name: "a broken template", args: "-template " + broken, code: 1,
			want: "oms: " + broken + ":15: EchoFunction: Timeuot is not understood here",
		},
		{name: "no template", args: "-template none.yaml", code: 1, want: "oms: reading the template: open none.yaml"},
		{
			name: "a parameter that the template has not", args: "-parameter Greetings=x", code: 1,
			want: "a value is given for parameter Greetings",
		},
		{
			name: "no Go", environ: []string{"PATH=/nowhere"}, code: 1,
			want: "oms: there is no go command on the PATH: install Go 1.26",
		},
		{
			name: "a function that does not compile", args: "-template " + abs(t, "testdata/broken/template.yaml"),
			code: 1, want: "functions/broken/broken/main.go:4:15: undefined: missing\n…oms: the functions cannot be " +
				"built",
		},
		{
			name: "no built function", args: "-functions bin", code: 1,
			want: "looking for the built function EchoFunction",
		},
		{
			name: "an unknown flag", args: "-port 1", code: 2,
			want: "flag provided but not defined: -port…Usage of local",
		},
		{name: "a word that is no flag", args: "start", code: 2, want: `"start" is not understood`},
		{name: "a parameter without a value", args: "-parameter Greeting", code: 2, want: "it is Name=Value"},
		{name: "help", args: "-h", code: 0, want: "-data folder"},
		{
			name: "a line of .env that is none", files: map[string]string{".env": "A=b\nC=d\nhunter2 hunter2\nE=f\n"},
			code: 1, want: "oms: .env:3: this is no line of the form NAME=value", never: "hunter2",
		},
		{
			name: "secrets that are cut off", files: map[string]string{".data/secrets.json": `{"JWT_SECRET": "` + long},
			code: 1, want: "secrets.json is damaged: restore it", never: long,
		},
		{
			name: "secrets that are empty", files: map[string]string{".data/secrets.json": ``}, code: 1,
			want: "secrets.json is damaged",
		},
		{
			name:  "secrets of another form",
			files: map[string]string{".data/secrets.json": `{"PEPPER": "` + long + `"}`},
			code:  1, want: "secrets.json is damaged", never: long,
		},
		{
			name:  "a secret that is too short",
			files: map[string]string{".data/secrets.json": `{"PASSWORD_PEPPER": "short"}`},
			code:  1, want: "its PASSWORD_PEPPER has 5 characters",
		},
		{
			name: "secrets that cannot be read", files: map[string]string{".data/secrets.json/x": ""}, code: 1,
			want: "oms: reading the secrets",
		},
		{
			name: "a database whose pepper is lost", files: map[string]string{".data/db/master.sqlite": ""}, code: 1,
			want: "has no PASSWORD_PEPPER for its passwords: restore the file",
		},
		{
			name: "a database whose pepper is lost, though not its key",
			files: map[string]string{
				".data/db/master.sqlite": "", ".data/secrets.json": `{"JWT_SECRET": "` + long + `"}`,
			},
			code: 1, want: "has no PASSWORD_PEPPER for its passwords",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			for name, text := range c.files {
				mustWrite(t, filepath.Join(folder, name), text)
			}
			code, said := refused(t, folder, c.environ, strings.Fields(c.args)...)
			if code != c.code {
				t.Errorf("exit code = %d, want %d", code, c.code)
			}
			for want := range strings.SplitSeq(c.want, "…") {
				if !strings.Contains(said, want) {
					t.Errorf("it said %q, want %q", said, want)
				}
			}
			if c.never != "" && strings.Contains(said, c.never) {
				t.Errorf("it said %q, and must not quote %q", said, c.never)
			}
			for name, text := range c.files {
				if got := mustRead(t, filepath.Join(folder, name)); got != text {
					t.Errorf("%s was changed to %q", name, got)
				}
			}
		})
	}
}

func TestRun_addsTheMissingSecret(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	kept := strings.Repeat("k", 40)
	file := filepath.Join(folder, ".data", secretsFile)
	mustWrite(t, file, `{"PASSWORD_PEPPER": "`+kept+`"}`)
	must.Do(t, os.Chmod(file, 0o644)) //nolint:gosec // G302: what a restored backup may have
	got := startProgram(t, folder, nil).env(t)
	if got[pepper] != kept || len(got[jwtSecret]) != 86 {
		t.Errorf("pepper = %q, key of %d characters; want the kept pepper and a new key",
			got[pepper], len(got[jwtSecret]))
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of %s = %v (%v), want 0600", file, info.Mode().Perm(), err)
	}
	for _, secret := range []string{kept, got[jwtSecret]} {
		if !strings.Contains(mustRead(t, file), secret) {
			t.Error("a secret is not kept")
		}
	}
}
