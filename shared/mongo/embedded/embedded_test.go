package embedded_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"oms/shared/mongo/embedded"
	"oms/shared/must"
)

// childDir, in the environment, makes this binary a server of that folder instead of a test: one
// that can be killed. It ends with its standard input.
const childDir = "EMBEDDED_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(serveChild(dir))
	}
	os.Exit(m.Run())
}

func serveChild(dir string) int {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	s, err := embedded.Start(context.Background(), dir, "127.0.0.1:0", log)
	if err != nil {
		log.Error("not started", slog.Any("err", err))
		return 1
	}
	fmt.Println(s.URI())
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := s.Close(context.Background()); err != nil {
		return 1
	}
	return 0
}

// child is a server in a process of its own.
type child struct {
	cmd    *exec.Cmd
	uri    string
	stderr *strings.Builder
}

func startChild(tb testing.TB, dir string) child {
	tb.Helper()
	//nolint:gosec // this very binary
	c := child{cmd: exec.CommandContext(tb.Context(), os.Args[0]), stderr: new(strings.Builder)}
	c.cmd.Env = append(os.Environ(), childDir+"="+dir)
	c.cmd.Stderr = c.stderr
	must.Do(tb, must.Err(c.cmd.StdinPipe()))
	out := must.Get(c.cmd.StdoutPipe())(tb)
	must.Do(tb, c.cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
		tb.Fatalf("child did not start: %v\n%s", err, c.stderr)
	}
	c.uri = strings.TrimSpace(line)
	return c
}

// kill is kill -9; what the child logged is returned.
func (c child) kill(tb testing.TB) string {
	tb.Helper()
	must.Do(tb, c.cmd.Process.Kill())
	_ = c.cmd.Wait() // reports the kill
	return c.stderr.String()
}

func mustStart(tb testing.TB, dir string, log *slog.Logger, opts ...embedded.Option) *embedded.Server {
	tb.Helper()
	s, err := embedded.Start(tb.Context(), dir, "127.0.0.1:0", log, opts...)
	if err != nil {
		tb.Fatalf("Start: %v", err)
	}
	tb.Cleanup(func() { mustClose(tb, s) })
	return s
}

func mustClose(tb testing.TB, s *embedded.Server) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		tb.Errorf("Close: %v", err)
	}
}

// newDatabase connects a client of its own to uri.
func newDatabase(tb testing.TB, uri string) *mongo.Database {
	tb.Helper()
	o := options.Client().ApplyURI(uri).SetServerMonitoringMode("poll").SetTimeout(60 * time.Second)
	c := must.Get(mongo.Connect(o))(tb)
	tb.Cleanup(func() { disconnect(c) })
	return c.Database("oms")
}

// disconnect ends c at once: otherwise it would look for the server for 30 s, to end its sessions
// there, when the server has been closed before.
func disconnect(c *mongo.Client) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = c.Disconnect(ctx)
}

func mustInsert(tb testing.TB, c *mongo.Collection, docs ...any) {
	tb.Helper()
	must.Do(tb, must.Err(c.InsertMany(tb.Context(), docs)))
}

func mustCount(tb testing.TB, c *mongo.Collection, filter any) int64 {
	tb.Helper()
	return must.Get(c.CountDocuments(tb.Context(), filter))(tb)
}

func TestStart_UsesATemporarySocketForALongFolderName(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	s := mustStart(t, dir, nil)
	mustInsert(t, newDatabase(t, s.URI()).Collection("things"), bson.M{"_id": "a"})
}

func TestStart_Refuses(t *testing.T) {
	t.Parallel()
	taken := must.Get(new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"))(t)
	t.Cleanup(func() { _ = taken.Close() })
	served := t.TempDir()
	mustStart(t, served, nil)
	foreign := t.TempDir()
	must.Do(t, os.WriteFile(filepath.Join(foreign, "x.sqlite"),
		[]byte("this is no SQLite file, and it is longer than a header"), 0o600))

	tests := map[string]struct {
		dir, addr string
		want      string
	}{
		"a taken address": {
			t.TempDir(), taken.Addr().String(), "address " + taken.Addr().String() + ": listen tcp",
		},
		"an address of all networks":  {t.TempDir(), ":0", "loopback interface alone"},
		"a folder in use":             {served, "127.0.0.1:0", "data folder " + served + " is in use"},
		"a file that is no database":  {foreign, "127.0.0.1:0", "x.sqlite"},
		"a name SQLite cannot carry":  {filepath.Join(t.TempDir(), "50%"), "127.0.0.1:0", "takes no '%' in its name"},
		"a folder that cannot be one": {filepath.Join(foreign, "x.sqlite"), "127.0.0.1:0", "making the data folder"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := embedded.Start(t.Context(), tt.dir, tt.addr, nil)
			if err == nil {
				_ = s.Close(context.Background())
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one sentence with %q", err, tt.want)
			}
		})
	}
}

func TestStart_IsPossibleAfterARefusedOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := embedded.Start(t.Context(), dir, "0.0.0.0:0", nil); err == nil {
		t.Fatal("it started")
	}
	mustStart(t, dir, nil) // the lock of the refused one is gone
}

func TestStart_RefusesAFolderOfAnotherProcessUntilThatIsKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := startChild(t, dir)
	_, err := embedded.Start(t.Context(), dir, "127.0.0.1:0", nil)
	c.kill(t)
	if err == nil || !strings.Contains(err.Error(), "is in use") {
		t.Errorf("beside another process: %v, want a refusal", err)
	}
	mustStart(t, dir, nil)
}

func TestClose_LeavesOnlyTheDatabaseAndMayBeRepeated(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustStart(t, dir, nil)
	db := newDatabase(t, s.URI())
	mustInsert(t, db.Collection("things"), bson.M{"_id": "a"})

	begun := time.Now()
	mustClose(t, s)
	mustClose(t, s)
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("Close took %v with an idle client", took)
	}
	for _, e := range must.Get(os.ReadDir(dir))(t) {
		if e.Name() != "embedded.lock" && e.Name() != "oms.sqlite" {
			t.Errorf("%s was left in the folder", e.Name())
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := db.RunCommand(ctx, bson.D{{Key: "ping", Value: 1}}).Err(); err == nil {
		t.Error("it still answers after Close")
	}
}

func TestClose_LetsARunningWriteEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _, release, held := startHeld(t, dir)
	done := make(chan error, 1)
	go func() { done <- s.Close(context.Background()) }()
	// Whichever of the two waited is cut off without an answer, so Close has begun.
	answers := make(chan error, 2)
	for _, c := range held {
		go func() { _, err := c.receive(); answers <- err }()
	}
	if err := <-answers; err == nil {
		t.Fatal("a write was answered while the database was locked")
	}
	release()
	if err := <-answers; err != nil {
		t.Errorf("the running write got no answer: %v", err)
	}
	must.Do(t, <-done)
	again := mustStart(t, dir, nil)
	if n := mustCount(t, newDatabase(t, again.URI()).Collection("seed"), bson.M{}); n != 2 {
		t.Errorf("%d documents are there, want the first and the answered write", n)
	}
}

func TestClose_CutsWhatRunsWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log, seen := newRecords()
	s := must.Get(embedded.Start(t.Context(), dir, "127.0.0.1:0", log))(t)
	release, held := mustHoldTurn(t, dir, s, seen)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	done := make(chan error, 1)
	go func() { done <- s.Close(ctx) }()
	if _, err := held[0].receive(); err == nil {
		t.Error("the cut write was answered")
	}
	release()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Close = %v, want one that is context.Canceled", err)
	}
	mustStart(t, dir, nil)
}
