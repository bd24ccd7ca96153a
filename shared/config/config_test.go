package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"oms/shared/config"
	"oms/shared/must"
	"oms/shared/password"
)

const (
	strongKey    = "an-example-of-32-bytes-or-more-0"
	strongPepper = "another-example-of-32-bytes-or-so"
	placeholder  = "arn:aws:secretsmanager:us-east-1:123456789012:secret:local-placeholder"
)

// env is an environment; lookup reads it as os.LookupEnv reads the real one.
type env map[string]string

func (e env) lookup(name string) (string, bool) {
	v, ok := e[name]
	return v, ok
}

// with returns a copy of e that has the pairs of name and value too.
func (e env) with(pairs ...string) env {
	c := make(env, len(e)+len(pairs)/2)
	for k, v := range e {
		c[k] = v
	}
	for pair := range slices.Chunk(pairs, 2) {
		c[pair[0]] = pair[1]
	}
	return c
}

// all asks for everything.
func all() []config.Need {
	var needs []config.Need
	for n := config.Mongo; n <= config.Creations; n++ {
		needs = append(needs, n)
	}
	return needs
}

// plainEnv has every secret as a strong plain value.
func plainEnv() env {
	return env{
		"MONGO_URI": "mongodb://u:p@a.example:27017,b.example:27017/?replicaSet=r&tls=true", "JWT_SECRET": strongKey,
		"PASSWORD_PEPPER": strongPepper,
	}
}

func mustLoad(tb testing.TB, e env, needs ...config.Need) *config.Config {
	tb.Helper()
	return must.Get(config.Load(tb.Context(), e.lookup, needs...))(tb)
}

func TestLoad_defaults(t *testing.T) {
	t.Parallel()
	// A template declares variables that it leaves empty.
	c := mustLoad(t, plainEnv().with("STAGE", "", "MASTER_DB", "", "JWT_ALGORITHM", "",
		"ACCESS_TOKEN_EXPIRE_MINUTES", "", "BCRYPT_COST", "", "PASSWORD_MIN_LENGTH", "", "PASSWORD_BLOCKLIST", "",
		"DELETE_RETENTION", "", "REAUTHENTICATE_AFTER", "", "CREATIONS_PER_ADDRESS", "", "CREATIONS_PER_STAGE", "",
		"MONGO_SECRET_ARN", "", "JWT_SECRET_ARN", "", "PASSWORD_PEPPER_ARN", ""),
		all()...)
	if c.Stage != "" || c.MongoURI.Reveal() != plainEnv()["MONGO_URI"] || c.Database != "master_db" ||
		c.TokenLife != time.Hour || c.BcryptCost != 12 ||
		c.Policy != (password.Policy{MinLength: 15, Blocklist: true}) ||
		c.Retention != 15*time.Minute || c.ReauthenticateAfter != 15*time.Minute ||
		c.RequireConfirmed || c.PurgeUnconfirmed != 0 || c.CreationsPerAddress != 20 || c.CreationsPerStage != 500 {
		t.Errorf("Load = %+v", c)
	}
	keys, err := c.Keys(t.Context(), false)
	if err != nil || keys.Algorithm != "HS256" || string(keys.Keys[keys.Active]) != strongKey {
		t.Errorf("Keys = %s with %s, %v", keys.Algorithm, keys.Active, err)
	}
	if got := string(c.Peppers.Keys[c.Peppers.Active]); got != strongPepper {
		t.Errorf("the pepper is %q, want %q", got, strongPepper)
	}
	used := map[string]bool{strongPepper[:32]: true}
	for _, secret := range [][]byte{c.RequestSecret(), c.RecordSecret(), c.AttemptsSecret()} {
		if len(secret) != 32 || used[string(secret)] {
			t.Errorf("a secret has %d bytes, want 32 that are those of no other use", len(secret))
		}
		used[string(secret)] = true
	}
}

func TestLoad_values(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, env{
		"STAGE": "prod", "MONGO_URI": "mongodb+srv://cluster.example/", "MASTER_DB": "oms-1",
		"JWT_SECRET":                  `{"active":"k2","keys":{"k1":"` + strongKey + `","k2":"` + strongPepper + `"}}`,
		"JWT_ALGORITHM":               "HS512",
		"ACCESS_TOKEN_EXPIRE_MINUTES": "5",
		"PASSWORD_PEPPER":             `{"active":"p1","keys":{"p1":"` + strongPepper + `"}}`, "BCRYPT_COST": "14",
		"PASSWORD_MIN_LENGTH": "64", "PASSWORD_BLOCKLIST": "off", "DELETE_RETENTION": "720h",
		"REAUTHENTICATE_AFTER": "1m", "CREATIONS_PER_ADDRESS": "0", "CREATIONS_PER_STAGE": "999999",
		"REQUIRE_CONFIRMED_EMAIL": "true", "UNCONFIRMED_PURGE": "30",
	}, all()...)
	keys, err := c.Keys(t.Context(), true)
	if err != nil || keys.Algorithm != "HS512" || keys.Active != "k2" || string(keys.Keys["k1"]) != strongKey {
		t.Errorf("Keys = %s with %s, %v", keys.Algorithm, keys.Active, err)
	}
	if c.Stage != config.Prod || c.Database != "oms-1" || c.TokenLife != 5*time.Minute || c.Peppers.Active != "p1" ||
		c.BcryptCost != 14 || c.Policy != (password.Policy{MinLength: 64}) || c.Retention != 720*time.Hour ||
		c.ReauthenticateAfter != time.Minute || c.CreationsPerAddress != 0 || c.CreationsPerStage != 999_999 ||
		!c.RequireConfirmed || c.PurgeUnconfirmed != 30*24*time.Hour {
		t.Errorf("Load = %+v", c)
	}
}

func TestLoad_mail(t *testing.T) {
	t.Parallel()
	const url = "https://x.example"
	for _, c := range []struct {
		stage, from, folder, url string
		want                     config.Mailing
		bad                      string // the variable that is named
	}{
		{"", "", "", url, config.Mailing{PublicURL: url}, ""},
		{"", "oms@x.example", "", url + "/dev/", config.Mailing{From: "oms@x.example", PublicURL: url + "/dev"}, ""},
		{"local", "", "/m", "http://localhost:1", config.Mailing{Folder: "/m", PublicURL: "http://localhost:1"}, ""},
		{"", "OMS <oms@x.example>", "", url, config.Mailing{}, "MAIL_FROM"},
		{"", "öms@x.example", "", url, config.Mailing{}, "MAIL_FROM"},
		{"", "", "/m", url, config.Mailing{}, "MAIL_FOLDER"},
		{"local", "oms@x.example", "/m", "http://x", config.Mailing{}, "MAIL_FOLDER"},
		{"", "oms@x.example", "", "", config.Mailing{}, "PUBLIC_URL"},
		{"", "oms@x.example", "", "http://x.example", config.Mailing{}, "PUBLIC_URL"},
		{"", "oms@x.example", "", url + "/#a", config.Mailing{}, "PUBLIC_URL"},
		{"", "oms@x.example", "", "https://u@x.example", config.Mailing{}, "PUBLIC_URL"},
		{"", "oms@x.example", "", "javascript:alert(1)", config.Mailing{}, "PUBLIC_URL"},
	} {
		e := env{
			"STAGE": c.stage, "MAIL_FROM": c.from, "MAIL_FOLDER": c.folder, "PUBLIC_URL": c.url,
			"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "i", "AWS_SECRET_ACCESS_KEY": "k",
		}
		got, err := config.Load(t.Context(), e.lookup, config.Mail)
		if c.bad != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.bad+": ") {
				t.Errorf("Load of %v = %v, want that %s is wrong", e, err, c.bad)
			}
			continue
		}
		if err != nil {
			t.Errorf("Load of %v = %v", e, err)
			continue
		}
		if by := got.Mail.AWS; (by != nil) != (c.want.From != "") || by != nil && by.Region != "eu-central-1" {
			t.Errorf("Load of %v has mail sent by %v", e, by)
		}
		if got.Mail.AWS = nil; got.Mail != c.want {
			t.Errorf("Load of %v = %+v, want %+v", e, got.Mail, c.want)
		}
	}
	alone := env{"MAIL_FROM": "oms@x.example", "PUBLIC_URL": url}
	if _, err := config.Load(t.Context(), alone.lookup, config.Mail); err == nil ||
		!strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("Load without credentials = %v", err)
	}
}

func TestLoad_readsOnlyWhatIsNeeded(t *testing.T) {
	t.Parallel()
	var read []string
	c := must.Get(config.Load(t.Context(), func(name string) (string, bool) {
		read = append(read, name)
		return env{"JWT_SECRET": strongKey, "BCRYPT_COST": "nonsense", "MONGO_URI": "nonsense"}.lookup(name)
	}, config.JWT))(t)
	if c.Keys == nil || !c.MongoURI.IsZero() || c.Peppers.Active != "" || c.RequestSecret() != nil {
		t.Errorf("Load = %+v, want keys only", c)
	}
	for _, name := range read {
		if !strings.HasPrefix(name, "JWT_") && name != "STAGE" && name != "ACCESS_TOKEN_EXPIRE_MINUTES" {
			t.Errorf("Load looked at %s", name)
		}
	}
	if c := mustLoad(t, env{"PASSWORD_PEPPER": strongPepper, "BCRYPT_COST": "nonsense"},
		config.Pepper); c.BcryptCost != 0 {
		t.Errorf("BcryptCost = %d without Hashing", c.BcryptCost)
	}
	if c := mustLoad(t, env{}, config.Retention); c.Retention != 15*time.Minute {
		t.Errorf("Retention = %v", c.Retention)
	}
	if _, err := config.Load(t.Context(), env{}.lookup, 99); err == nil {
		t.Error("Load took a group that does not exist")
	}
}

func TestLoad_refuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, value, stage string }{
		{"STAGE", "production", ""},
		{"REQUIRE_CONFIRMED_EMAIL", "yes", ""},
		{"UNCONFIRMED_PURGE", "-1", ""},
		{"UNCONFIRMED_PURGE", "30d", ""},
		{"UNCONFIRMED_PURGE", "3651", ""},
		{"STAGE", " local", ""},
		{"MONGO_URI", "", "local"},
		{"MONGO_URI", "localhost:27017", "local"},
		{"MONGO_URI", "http://hunter2@localhost", "local"},
		{"MONGO_URI", "mongodb://", "local"},
		{"MONGO_URI", "mongodb://u:hunter2@a b", "local"},
		{"MONGO_URI", `{"uri":"mongodb://hunter2@a"}`, "local"},
		{"MONGO_URI", "mongodb://u:hunter2@a.example", ""},
		{"MONGO_URI", "mongodb://u:hunter2@a.example/?tls=hunter2", "prod"},
		{"MONGO_URI", "mongodb://u:hunter2@a.example/?tls=false", "dev"},
		{"MONGO_URI", "mongodb://u:hunter2@a.example/?tls=true&ssl=false", "dev"},
		{"MONGO_URI", "mongodb+srv://u:hunter2@a.example/?ssl=false", "staging"},
		{"MONGO_URI", "mongodb+srv://u:hunter2@a.example/?t%6cs=false", "prod"},
		{"MONGO_URI", "mongodb+srv://u:hunter2@a.example/?%zz=true", "prod"},
		{"MONGO_URI", "mongodb+srv://u:hunter2@a.example/?tlsInsecure=true", "prod"},
		{"MONGO_URI", "mongodb://u:hunter2@a.example/db?w=1;ssl=true;sslInsecure=true", "prod"},
		{"MONGO_URI", "mongodb+srv://u:hunter2@a.example/?tlsAllowInvalidCertificates=true", "prod"},
		{"MONGO_URI", "mongodb+srv://u:hunter2@a.example/?TLSALLOWINVALIDHOSTNAMES=true", "prod"},
		{"MONGO_URI", "mongodb+srv://u:hunter2@a.example/?tlsDisableCertificateRevocationCheck=true", "prod"},
		{"MONGO_URI", "mongodb://127.0.0.1:27017", "dev"}, // might be one of a replica set, whose others are elsewhere
		{"MONGO_URI", "mongodb://127.0.0.1,10.0.0.1/?directConnection=true", "dev"},
		{"MONGO_URI", "mongodb://localhost.example/?directConnection=true", "dev"},
		{"MONGO_URI", "mongodb://127.0.0.1@10.0.0.1/?directConnection=true", "dev"},
		{"MASTER_DB", "a/b", "prod"},
		{"MASTER_DB", "a b", "prod"},
		{"MASTER_DB", "a.b", "prod"},
		{"MASTER_DB", "größe", "prod"},
		{"MASTER_DB", strings.Repeat("x", 64), "prod"},
		{"MASTER_DB", "admin", "prod"},
		{"JWT_SECRET", "", "local"},
		{"JWT_SECRET", "", "prod"},
		{"JWT_SECRET", "hunter2", "prod"},
		{"JWT_SECRET", "hunter2", ""},
		{"JWT_SECRET", "hunter2", "dev"},
		{"JWT_SECRET", "hunter2", "staging"},
		{"JWT_SECRET", "change_this_to_secure_random_string_please", "prod"},
		{"JWT_SECRET", `{"active":"k1","keys":{"k1":"hunter2"}}`, "prod"},
		{"JWT_SECRET", `{"active":"k1"}`, "local"},
		{"JWT_ALGORITHM", "none", "local"},
		{"JWT_ALGORITHM", "RS256", "local"},
		{"JWT_ALGORITHM", "hs256", "local"},
		{"ACCESS_TOKEN_EXPIRE_MINUTES", "0", "local"},
		{"ACCESS_TOKEN_EXPIRE_MINUTES", "1.5", "local"},
		{"ACCESS_TOKEN_EXPIRE_MINUTES", "10081", "local"},
		{"PASSWORD_PEPPER", "", "local"},
		{"PASSWORD_PEPPER", "hunter2", "prod"},
		{"PASSWORD_PEPPER", "hunter2", ""},
		{"BCRYPT_COST", "9", "prod"},
		{"BCRYPT_COST", "4", "dev"},
		{"BCRYPT_COST", "9", ""},
		{"BCRYPT_COST", "15", "prod"},
		{"BCRYPT_COST", "3", "local"},
		{"BCRYPT_COST", "15", "local"},
		{"BCRYPT_COST", "twelve", "local"},
		{"PASSWORD_MIN_LENGTH", "7", "local"},
		{"PASSWORD_MIN_LENGTH", "65", "prod"},
		{"PASSWORD_BLOCKLIST", "true", "local"},
		{"PASSWORD_BLOCKLIST", "ON", "prod"},
		{"DELETE_RETENTION", "1m59s", "local"},
		{"DELETE_RETENTION", "900", "local"},
		{"DELETE_RETENTION", "-15m", "local"},
		{"DELETE_RETENTION", "87601h", "local"},
		{"DELETE_RETENTION", "30d", "local"},
		{"REAUTHENTICATE_AFTER", "59s", "local"},
		{"REAUTHENTICATE_AFTER", "25h", "local"},
		{"CREATIONS_PER_ADDRESS", "-1", "local"},
		{"CREATIONS_PER_STAGE", "1000000", "local"},
		{"MONGO_SECRET_ARN", placeholder, "prod"},
		{"JWT_SECRET_ARN", placeholder, ""},
		{"PASSWORD_PEPPER_ARN", placeholder, "dev"},
		{"JWT_SECRET_ARN", "oms/jwt", "local"},
		{"JWT_SECRET_ARN", "arn:aws:s3:::bucket", "prod"},
		// no credentials
		{"JWT_SECRET_ARN", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:oms/jwt-AbCdEf", "local"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s=%.40s in %s", tt.name, tt.value, tt.stage), func(t *testing.T) {
			t.Parallel()
			e := plainEnv().with("STAGE", tt.stage, tt.name, tt.value)
			if plain := map[string]string{
				"MONGO_SECRET_ARN": "MONGO_URI", "JWT_SECRET_ARN": "JWT_SECRET",
				"PASSWORD_PEPPER_ARN": "PASSWORD_PEPPER",
			}[tt.name]; plain != "" {
				delete(e, plain)
			}
			c, err := config.Load(t.Context(), e.lookup, all()...)
			if err == nil {
				t.Fatalf("Load = %+v, want an error", c)
			}
			if !strings.HasPrefix(err.Error(), tt.name+": ") || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is %q, want one that names %s and nothing else", err, tt.name)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "string_please") {
				t.Errorf("the error shows the value: %v", err)
			}
		})
	}
}

func TestLoad_takesWhatIsEncrypted(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{
		"mongodb+srv://cluster.example",
		"mongodb+srv://cluster.example/?tls=true&tlsInsecure=false",
		"mongodb://docdb.example:27017/?tls=true&tlsCAFile=/var/task/global-bundle.pem&retryWrites=false",
		"mongodb://a.example/?SSL=true",
		"mongodb+srv://cluster.example/?tlsDisableOCSPEndpointCheck=true",
		"mongodb://127.0.0.1:27017/?directConnection=true", // nothing leaves the machine
		"mongodb://u:p@[::1]/?w=1&directConnection=true",
	} {
		if got := mustLoad(t, env{"STAGE": "prod", "MONGO_URI": uri}, config.Mongo).MongoURI.Reveal(); got != uri {
			t.Errorf("MongoURI = %q, want %q", got, uri)
		}
	}
}

func TestLoad_localIsLenient(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, env{
		"STAGE": "local", "MONGO_URI": "mongodb://127.0.0.1:27017", "JWT_SECRET": "dev-only",
		"PASSWORD_PEPPER": "change_this", "BCRYPT_COST": "4",
		"MONGO_SECRET_ARN": placeholder, "JWT_SECRET_ARN": placeholder, "PASSWORD_PEPPER_ARN": placeholder,
	}, all()...)
	if c.BcryptCost != 4 || c.Stage != config.Local || c.Policy != (password.Policy{MinLength: 8}) {
		t.Errorf("Load = %+v", c)
	}
}

func TestLoad_reportsEveryError(t *testing.T) {
	t.Parallel()
	_, err := config.Load(t.Context(), env{
		"STAGE": "prod", "BCRYPT_COST": "1", "DELETE_RETENTION": "1s", "JWT_ALGORITHM": "x",
	}.lookup, all()...)
	if err == nil {
		t.Fatal("Load succeeded")
	}
	for _, name := range []string{
		"MONGO_URI", "JWT_SECRET", "JWT_ALGORITHM", "PASSWORD_PEPPER", "BCRYPT_COST", "DELETE_RETENTION",
	} {
		if n := strings.Count("\n"+err.Error(), "\n"+name+": "); n != 1 {
			t.Errorf("%s is named %d times in\n%v", name, n, err)
		}
	}
}

func TestConfig_isNeverPrinted(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, plainEnv(), config.Mongo, config.Hashing)
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		_, _ = fmt.Fprintf(&out, verb+"\n"+verb+"\n", c, *c)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("config", slog.Any("mongo", c.MongoURI),
		slog.Any("peppers", c.Peppers))
	slog.New(slog.NewTextHandler(&out, nil)).Info("config", slog.Any("config", c))
	for _, part := range []string{"u:p@", "another-example", fmt.Sprintf("%x", "another-example"), "97 110 111"} {
		if strings.Contains(out.String(), part) {
			t.Errorf("%q is in\n%s", part, out.String())
		}
	}
	if raw, err := json.Marshal(map[string]any{"uri": c.MongoURI, "peppers": c.Peppers}); err != nil ||
		strings.Contains(string(raw), "example") {
		t.Errorf("Marshal = %s, %v", raw, err)
	}
}
