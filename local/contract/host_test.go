package contract_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"oms/local/localtest"
	"oms/shared/config"
	"oms/shared/mongo"
	"oms/shared/mongo/mongotest"
	"oms/shared/must"
	"oms/shared/openapi/openapitest"
	"oms/shared/organization"
	"oms/shared/password"
	"oms/shared/throttle/throttletest"
)

// planted is in every password and address that the tests send: no error body
// and no line of a log may ever have it.
const planted = "pl4nted"

// host is a running service. What is only known of one that the tests started
// themselves is empty for others.
type host struct {
	base    *url.URL // without a slash at its end
	client  *http.Client
	checker *openapitest.Checker

	program  *localtest.Program
	engine   mongotest.Engine
	database string
	secrets  secrets
	mailbox  string                // the folder that it mails to
	mailer   *organization.Service // sends what the host does not; nil: it does

	repairs sync.RWMutex // held for reading while a test has left something half done

	mu       sync.Mutex
	requests map[string]int              // the status by x-request-id, of all answers
	sent     map[string]bool             // what is confidential, of all exchanges
	answers  map[openapitest.Answer]bool // those of the document that were heard
}

// secrets are JWT_SECRET and PASSWORD_PEPPER, by these names.
type secrets map[string]string

func newSecrets() secrets {
	return secrets{"JWT_SECRET": rand.Text() + rand.Text(), "PASSWORD_PEPPER": rand.Text() + rand.Text()}
}

func (s secrets) environ() []string {
	var all []string
	for name, value := range s {
		all = append(all, name+"="+value)
	}
	return all
}

// newHost returns the host at a URL.
func newHost(tb testing.TB, base string) *host {
	tb.Helper()
	u := must.Get(url.Parse(strings.TrimSuffix(base, "/")))(tb)
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	tb.Cleanup(transport.CloseIdleConnections)
	return &host{
		base: u, checker: openapitest.New(tb),
		requests: map[string]int{}, sent: map[string]bool{}, answers: map[openapitest.Answer]bool{},
		// Longer than any function may take: a hang is a failure, not a wait.
		client: &http.Client{
			Transport: transport, Timeout: 45 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// givenHost returns the host at OMS_BASE_URL, with its database and its secrets
// where the environment has them.
func givenHost(tb testing.TB, base string) *host {
	tb.Helper()
	h := newHost(tb, base)
	at := os.Getenv("OMS_DATABASE")
	if at == "" {
		return h
	}
	u, err := url.Parse(at)
	if err != nil || u.Path == "" || u.Path == "/" {
		tb.Fatalf("OMS_DATABASE is no mongodb://host/database: %v", err)
	}
	h.database, u.Path = u.Path[1:], "/"
	h.engine = mongotest.Engine{Name: "server", URI: u.String()}
	h.secrets = secrets{"JWT_SECRET": os.Getenv("JWT_SECRET"), "PASSWORD_PEPPER": os.Getenv("PASSWORD_PEPPER")}
	for name, value := range h.secrets {
		if value == "" {
			tb.Fatalf("with OMS_DATABASE, %s must be set: what the host has", name)
		}
	}
	if h.mailbox = os.Getenv("OMS_MAILBOX"); h.mailbox == "" {
		h.mailbox, h.mailer = tb.TempDir(), h.worker(tb, h.store(tb))
	}
	return h
}

// signingKey is the key of JWT_SECRET that signs: of several, the active one. It
// skips a row on a host whose secrets are not known.
func (h *host) signingKey(tb testing.TB) string {
	tb.Helper()
	if h.secrets == nil {
		tb.Skip("not run for this host: its key is not known")
	}
	text := h.secrets["JWT_SECRET"]
	if !strings.HasPrefix(text, "{") {
		return text
	}
	var several struct {
		Active string
		Keys   map[string]string
	}
	if err := json.Unmarshal([]byte(text), &several); err != nil || several.Keys[several.Active] == "" {
		tb.Fatalf("JWT_SECRET has no active key: %v", err)
	}
	return several.Keys[several.Active]
}

// startHost starts the service for a whole suite, on the server at uri or,
// where that is empty, on the embedded database. When the suite has ended, its
// log is searched for what must not be there.
func startHost(tb testing.TB, b built, uri string) *host {
	tb.Helper()
	database := "contract_" + strings.ToLower(rand.Text()[:16])
	secrets := newSecrets()
	p := b.start(tb, tb.TempDir(), append(secrets.environ(), "MASTER_DB="+database, "MONGO_URI="+uri)...)
	h := newHost(tb, p.URL)
	h.program, h.database, h.secrets, h.mailbox = p, database, secrets, filepath.Join(p.Data, "mailbox")
	h.engine = mongotest.Engine{Name: "embedded", URI: p.Database}
	if uri != "" {
		h.engine = mongotest.Engine{Name: "server", URI: uri}
	}
	tb.Cleanup(func() {
		if uri != "" {
			drop(tb, h.engine, database)
		}
		p.Stop(tb)
		h.searchLog(tb)
	})
	return h
}

func drop(tb testing.TB, e mongotest.Engine, database string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 10*time.Second)
	defer cancel()
	if err := e.Client(tb).Database(database).Drop(ctx); err != nil {
		tb.Errorf("dropping %s: %v", database, err)
	}
}

// needDatabase skips a row that is about what is in the database.
func (h *host) needDatabase(tb testing.TB) {
	tb.Helper()
	if h.engine.URI == "" {
		tb.Skip("not run for this host: its database is not within reach")
	}
}

// pass makes d pass for one key. Where that cannot be done it waits, if it may.
func (h *host) pass(tb testing.TB, key string, d time.Duration) {
	tb.Helper()
	switch {
	case h.engine.URI != "":
		h.engine.PassTime(tb, h.database, key, d)
	case os.Getenv("OMS_WAIT") != "":
		<-time.After(d)
	default:
		tb.Skipf("not run for this host: it would wait for %v, and OMS_WAIT is not set", d)
	}
}

// store opens the host's database as its functions do.
func (h *host) store(tb testing.TB) organization.Store {
	tb.Helper()
	h.needDatabase(tb)
	db := must.Get(mongo.Open(tb.Context(), mongo.Config{
		URI: h.engine.URI, Database: h.database, AppName: "contract", Log: slog.New(slog.DiscardHandler),
	}))(tb)
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 10*time.Second)
		defer cancel()
		if err := db.Close(ctx); err != nil {
			tb.Errorf("Close() = %v", err)
		}
	})
	return db.Store()
}

// worker returns the service's own code, over a store that the test may have
// changed, as one more process of the host: with its secrets.
func (h *host) worker(tb testing.TB, s organization.Store) *organization.Service {
	tb.Helper()
	environ := map[string]string{"STAGE": "local", "BCRYPT_COST": "4", "PASSWORD_PEPPER": h.secrets["PASSWORD_PEPPER"]}
	c := must.Get(config.Load(tb.Context(), func(name string) (string, bool) { v, ok := environ[name]; return v, ok },
		config.Hashing, config.Retention, config.Reauthentication))(tb)
	passwords := must.Get(password.New(c.Peppers, c.BcryptCost))(tb)
	return organization.New(organization.Config{
		Store: s, Passwords: passwords, Secret: c.RequestSecret(), Retention: c.Retention,
		ReauthenticateAfter: c.ReauthenticateAfter,
		Guard:               throttletest.NewGuard(nil),
		Log:                 slog.New(slog.DiscardHandler),
	})
}
