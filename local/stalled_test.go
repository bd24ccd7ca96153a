package main

import (
	"net/http"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"oms/local/localtest"
	"oms/shared/mongo/mongotest"
	"oms/shared/mongo/wiretest"
	"oms/shared/must"
	"oms/shared/organization"
)

// TestStalledFunction: a process of a function that stands still in the middle
// of a rename, as a Lambda environment does that is frozen, and goes on when
// its lease is over sends nothing more; somebody else has the operation then.
// One that goes on in time finishes it. By the template a function's Timeout is
// over before its lease, and the gateway would kill it: here it is longer.
func TestStalledFunction(t *testing.T) {
	mongotest.Long(t)
	t.Parallel()
	built := localtest.Build(t)
	// Functions and integrations that wait for longer than a lease.
	template := localtest.Template(t, "../template.yaml", map[string]string{
		"Timeout: 10\n": "Timeout: 60\n", "TimeoutInMillis: 12000": "TimeoutInMillis: 30000",
	})
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		for name, tc := range map[string]struct {
			still time.Duration
			want  int
		}{
			"goes on in time":         {0, http.StatusOK},
			"goes on when it is over": {organization.Lease, http.StatusServiceUnavailable},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := startStalled(t, e, built, template)
				told := make(chan reply, 1)
				go func() { told <- s.send(t.Context(), s.behind) }()
				s.stop(t)
				<-time.After(tc.still) // the lease is in real time, as a frozen process finds it
				s.proxy.Counts()
				s.signal(t, syscall.SIGCONT)
				a := <-told
				sent := s.sent()
				if a.status != tc.want || tc.want == http.StatusServiceUnavailable && !a.unavailable() {
					t.Errorf("the rename is answered %v, want %d", a, tc.want)
				}
				if done := tc.want == http.StatusOK; (sent == 0) == done {
					t.Errorf("it sent %d commands after that", sent)
				}
				if err := s.settle(t.Context()); err != nil {
					t.Error(err)
				}
				if late := s.sent(); late > 0 {
					t.Errorf("it sent %d commands later", late)
				}
			})
		}
	})
}

// stalled is a scene on a service behind a proxy, whose function org-update
// is stopped and goes on.
type stalled struct {
	*scene
	behind *api
	proxy  *wiretest.Proxy
	armed  *wiretest.Shot
	folder string // of the function org-update
}

// startStalled starts the service twice on one database: behind a proxy, where
// the first update's reply is kept, and without one, which prepares the scene.
func startStalled(t *testing.T, e mongotest.Engine, built localtest.Built, template string) *stalled {
	t.Helper()
	environ := ownDatabase(t, e)
	start := func(uri, functions string) *api {
		p := startProgram(t, t.TempDir(), append(environ, "MONGO_URI="+uri),
			"-template", template, "-functions", functions, "-throttle=false")
		return &api{url: p.URL, client: &http.Client{Timeout: time.Minute}, slots: make(chan struct{}, 8)}
	}
	own := built.Own(t).Functions
	s := &stalled{proxy: wiretest.NewProxy(t, e.URI), folder: filepath.Join(own, "OrgUpdateFunction")}
	calm := start(e.URI, built.Functions)
	s.behind = start(s.proxy.URI(), own)
	for _, k := range kinds() {
		if k.name == "rename" {
			s.scene = newScene(calm, k, "stalled")
		}
	}
	must.Do(t, s.prepare(t.Context()))
	s.armed = s.proxy.Arm(wiretest.Rule{Fault: wiretest.Stall, Client: "org-update", Command: "update", Nth: 1})
	return s
}

// stop stops the function when its first update has been applied, and then
// lets the reply come.
func (s *stalled) stop(tb testing.TB) {
	tb.Helper()
	select {
	case <-s.armed.Struck():
	case <-time.After(time.Minute):
		tb.Fatal("no update came within a minute")
	}
	s.signal(tb, syscall.SIGSTOP)
	s.proxy.Disarm(s.armed)
}

func (s *stalled) signal(tb testing.TB, signal syscall.Signal) {
	tb.Helper()
	ids := localtest.Processes(tb, s.folder)
	if len(ids) == 0 {
		tb.Fatal("there is no process of org-update")
	}
	for _, id := range ids {
		if err := syscall.Kill(id, signal); err != nil {
			tb.Fatalf("sending %v to %d: %v", signal, id, err)
		}
	}
}

// sent returns how many commands the function has sent since it was last asked.
func (s *stalled) sent() int {
	n := 0
	for c, count := range s.proxy.Counts() {
		if c.Client == "org-update" && c.Command != "endSessions" {
			n += count
		}
	}
	return n
}
