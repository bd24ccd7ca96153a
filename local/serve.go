package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"oms/local/gateway"
	"oms/local/lambda"
	"oms/local/template"
	"oms/shared/edge"
)

// grace is how long running requests may take to end when the service stops:
// as long as the slowest function may.
const grace = 10 * time.Second

// host is one run of the service.
type host struct {
	options  options
	environ  []string
	stdout   io.Writer
	stderr   io.Writer
	log      *slog.Logger
	settings map[string]string
	template *template.Template
	listener net.Listener
	data     string // the folder; none outside stage local
	end      ending
}

// serve runs the service until ctx ends, and then takes it down in order. What
// fails fast is tried first: the template, the flags, the address.
func serve(ctx context.Context, o options, environ []string, stdout, stderr io.Writer) (err error) {
	h := &host{
		options: o, environ: environ, stdout: stdout, stderr: stderr, log: slog.New(slog.NewTextHandler(stderr, nil)),
	}
	if h.settings, err = readSettings(dotenv, environ); err != nil {
		return err
	}
	if stage := h.settings["STAGE"]; !o.inProcess && stage != "" && stage != local {
		h.log.LogAttrs(ctx, slog.LevelWarn, "what runs here is stage local, whatever STAGE says",
			slog.String("stage", stage))
		h.settings["STAGE"] = local
	}
	if h.template, err = readTemplate(o, h.settings); err != nil {
		return err
	}
	if !o.throttle {
		for _, r := range h.template.Routes {
			r.Throttle = nil
		}
	}
	if h.listener, err = listen(ctx, o.addr); err != nil {
		return err
	}
	defer h.listener.Close() //nolint:errcheck // the server closes it as well
	if h.settings["STAGE"] == local {
		var lock *os.File
		if h.data, lock, err = openData(o.data); err != nil {
			return err
		}
		defer lock.Close() //nolint:errcheck // nothing was written
		if err := completeSecrets(h.data, h.settings); err != nil {
			return err
		}
	}

	db, bootstraps, err := h.prepare(ctx)
	if db != nil {
		defer func() { err = errors.Join(err, h.end.within(ctx, db.close)) }()
	}
	if err != nil {
		return err
	}
	h.settings["MONGO_URI"] = db.uri
	box := deliverHere(h.settings, h.template, h.listener.Addr(), h.data)
	subscriptions := lambda.NewSubscriptions()
	for _, s := range h.template.Subscriptions {
		subscriptions.Subscribe(s.Function.Name, s.Message)
	}
	all := built(h.template, bootstraps, h.settings)
	if o.inProcess {
		opened, closeAll := context.WithCancel(context.WithoutCancel(ctx))
		defer closeAll() // after the functions have ended
		log := edge.NewLogger(subscriptions.Writer(stderr))
		if all, err = inProcess(opened, h.template.Functions, h.settings, log); err != nil {
			return err
		}
	}

	functions := lambda.New(lambda.Config{
		Functions: all, Schedules: schedules(h.template), Subscriptions: subscriptions, Log: h.log, Stderr: stderr,
	})
	defer func() { _ = h.end.within(ctx, func(ctx context.Context) error { functions.Close(ctx); return nil }) }()
	functions.Start(context.WithoutCancel(ctx)) // Close ends what it starts
	api := ownHostOnly(h.listener.Addr(), box.before(gateway.New(h.template, functions, h.log)))
	return h.answer(ctx, api, func() { h.ready(db, box) })
}

// ending is the time of grace, which begins once for all that has to end.
type ending struct {
	once sync.Once
	at   time.Time
}

// within calls end with what is left of the time, though ctx has ended, and
// with a second where nothing is left: what a request that hung has used up
// must not make the database's own end look like a failure.
func (e *ending) within(ctx context.Context, end func(context.Context) error) error {
	e.once.Do(func() { e.at = time.Now().Add(grace) })
	left := max(time.Until(e.at), time.Second)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), left)
	defer cancel()
	return end(ctx)
}

// prepare opens the database and builds or finds the functions, side by side. It may
// return a database beside an error.
func (h *host) prepare(ctx context.Context) (db *database, bootstraps map[string]string, err error) {
	both, bothCtx := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		db, err = openDatabase(bothCtx, h.settings, h.data, h.options.dbAddr, h.log)
		return err
	})
	both.Go(func() (err error) {
		switch {
		case h.options.inProcess:
			return nil
		case h.options.functions != "":
			bootstraps, err = findFunctions(h.options.functions, h.template.Functions)
			return err
		}
		b := builder{
			source: filepath.Dir(h.options.template), out: filepath.Join(h.data, "bin"), environ: h.environ,
			stderr: h.stderr,
		}
		bootstraps, err = b.build(bothCtx, h.template.Functions)
		return err
	})
	err = both.Wait()
	return db, bootstraps, err
}

// built are the template's functions as they run here.
func built(t *template.Template, bootstraps, settings map[string]string) []lambda.Function {
	var out []lambda.Function
	for _, f := range t.Functions {
		out = append(out, lambda.Function{
			Name: f.Name, Bootstrap: bootstraps[f.Name], MemoryMB: f.MemoryMB, Timeout: f.Timeout,
			Variables: environment(f, settings),
		})
	}
	return out
}

func schedules(t *template.Template) []lambda.Schedule {
	var out []lambda.Schedule
	for _, s := range t.Schedules {
		out = append(out, lambda.Schedule{Name: s.Name, Function: s.Function.Name, Every: s.Every})
	}
	return out
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("the address %s is taken by another program: stop that one, or choose "+
			"another with -addr", addr)
	case err != nil:
		return nil, fmt.Errorf("opening the address %s: %w", addr, err)
	}
	return l, nil
}

// leaving answers GET /health with a 503 from the moment on when it is told so,
// and hands everything else on.
type leaving struct {
	http.Handler
	told atomic.Bool
}

// ServeHTTP answers one request.
func (l *leaving) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if l.told.Load() && r.URL.Path == "/health" {
		w.Header().Set("Connection", "close")
		http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
		return
	}
	l.Handler.ServeHTTP(w, r)
}

// answer serves HTTP until ctx ends and the drain time is over; then it takes no
// more connections and lets running requests end, for the time of grace.
func (h *host) answer(ctx context.Context, api http.Handler, ready func()) error {
	service := &leaving{Handler: api}
	server := &http.Server{
		Handler:           service,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute, // a body is 10 MB at most
		// The longest answer: 10 s in a queue, an authorizer's 10 s and an
		// integration's 30 s, and then its sending.
		WriteTimeout:   90 * time.Second,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: 64 << 10, // the gateway's own limit is below, and has its own answer
		ErrorLog:       slog.NewLogLogger(h.log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(h.listener) }()
	ready()
	select {
	case err := <-failed:
		return fmt.Errorf("serving HTTP: %w", err)
	case <-ctx.Done():
	}
	h.log.LogAttrs(ctx, slog.LevelInfo, "stopping; a second signal ends everything at once")
	service.told.Store(true)
	select {
	case err := <-failed:
		return fmt.Errorf("serving HTTP: %w", err)
	case <-time.After(h.options.drain):
	}
	if err := h.end.within(ctx, server.Shutdown); err != nil {
		h.log.LogAttrs(ctx, slog.LevelWarn, "running requests were cut off", slog.String("err", err.Error()))
		return server.Close()
	}
	return nil
}

// ready prints what a user wants to know. The package comment shows it; tests
// and scripts read it.
func (h *host) ready(db *database, box *mailbox) {
	base := baseURL(h.template, h.listener.Addr())
	text := "OMS is ready.\n  API       " + base + "\n"
	for _, r := range h.template.Routes {
		if r.Path.String() == "/docs" {
			text += "  Docs      " + base + "/docs\n"
		}
	}
	if box != nil {
		text += "  Mailbox   http://" + reachable(h.listener.Addr()) + mailboxPath + "\n"
	}
	text += "  Database  " + db.shown() + "\n  Data      " + cmp.Or(h.data, "none") + "\n"
	_, _ = io.WriteString(h.stdout, text)
}

// check asks whether a service is ready to be sent requests.
func check(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("asking for the health: %w", err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("asking for the health: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // it was not read
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, answer.Status)
	}
	return nil
}

// baseURL is where the API is.
func baseURL(t *template.Template, addr net.Addr) string {
	base := "http://" + reachable(addr)
	if t.Stage != template.DefaultStage {
		base += "/" + t.Stage
	}
	return base
}

// reachable is the address as a client on this machine can use it.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
