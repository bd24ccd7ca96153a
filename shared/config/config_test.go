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
	"oms/shared/token"
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
	return []config.Need{config.Mongo, config.JWT, config.Pepper, config.Hashing, config.Retention}
}

// plainEnv has every secret as a strong plain value.
func plainEnv() env {
	return env{"MONGO_URI": "mongodb://u:p@a.example:27017,b.example:27017/?replicaSet=r", "JWT_SECRET": strongKey, "PASSWORD_PEPPER": strongPepper}
}

func mustLoad(tb testing.TB, e env, needs ...config.Need) *config.Config {
	tb.Helper()
	c, err := config.Load(tb.Context(), e.lookup, needs...)
	if err != nil {
		tb.Fatalf("Load: %v", err)
	}
	return c
}

func TestLoad_defaults(t *testing.T) {
	t.Parallel()
	// A template declares variables that it leaves empty.
	c := mustLoad(t, plainEnv().with("STAGE", "", "MASTER_DB", "", "JWT_ALGORITHM", "", "ACCESS_TOKEN_EXPIRE_MINUTES", "",
		"BCRYPT_COST", "", "DELETE_RETENTION", "", "MONGO_SECRET_ARN", "", "JWT_SECRET_ARN", "", "PASSWORD_PEPPER_ARN", ""), all()...)
	if c.Stage != "" || c.MongoURI.Reveal() != plainEnv()["MONGO_URI"] || c.Database != "master_db" ||
		c.TokenLife != time.Hour || c.BcryptCost != 12 || c.Retention != 15*time.Minute {
		t.Errorf("Load = %+v", c)
	}
	keys, err := c.Keys(t.Context(), false)
	if err != nil || keys.Algorithm != "HS256" || string(keys.Keys[keys.Active]) != strongKey {
		t.Errorf("Keys = %s with %s, %v", keys.Algorithm, keys.Active, err)
	}
	if got := string(c.Peppers.Keys[c.Peppers.Active]); got != strongPepper {
		t.Errorf("the pepper is %q, want %q", got, strongPepper)
	}
	if len(c.RequestSecret()) != 32 || bytes.Contains(c.RequestSecret(), []byte(strongPepper)) {
		t.Errorf("RequestSecret has %d bytes, want 32 that are not the pepper", len(c.RequestSecret()))
	}
}

func TestLoad_values(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, env{
		"STAGE": "prod", "MONGO_URI": "mongodb+srv://cluster.example/", "MASTER_DB": "oms-1",
		"JWT_SECRET": `{"active":"k2","keys":{"k1":"` + strongKey + `","k2":"` + strongPepper + `"}}`, "JWT_ALGORITHM": "HS512",
		"ACCESS_TOKEN_EXPIRE_MINUTES": "5",
		"PASSWORD_PEPPER":             `{"active":"p1","keys":{"p1":"` + strongPepper + `"}}`, "BCRYPT_COST": "14",
		"DELETE_RETENTION": "720h",
	}, all()...)
	keys, err := c.Keys(t.Context(), true)
	if err != nil || keys.Algorithm != "HS512" || keys.Active != "k2" || string(keys.Keys["k1"]) != strongKey {
		t.Errorf("Keys = %s with %s, %v", keys.Algorithm, keys.Active, err)
	}
	if c.Stage != config.Prod || c.Database != "oms-1" || c.TokenLife != 5*time.Minute || c.Peppers.Active != "p1" ||
		c.BcryptCost != 14 || c.Retention != 720*time.Hour {
		t.Errorf("Load = %+v", c)
	}
}

func TestLoad_readsOnlyWhatIsNeeded(t *testing.T) {
	t.Parallel()
	var read []string
	c, err := config.Load(t.Context(), func(name string) (string, bool) {
		read = append(read, name)
		return env{"JWT_SECRET": strongKey, "BCRYPT_COST": "nonsense", "MONGO_URI": "nonsense"}.lookup(name)
	}, config.JWT)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	if c.Keys == nil || !c.MongoURI.IsZero() || c.Peppers.Active != "" || c.RequestSecret() != nil {
		t.Errorf("Load = %+v, want keys only", c)
	}
	for _, name := range read {
		if !strings.HasPrefix(name, "JWT_") && name != "STAGE" && name != "ACCESS_TOKEN_EXPIRE_MINUTES" {
			t.Errorf("Load looked at %s", name)
		}
	}
	if c := mustLoad(t, env{"PASSWORD_PEPPER": strongPepper, "BCRYPT_COST": "nonsense"}, config.Pepper); c.BcryptCost != 0 {
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
		{"STAGE", " local", ""},
		{"MONGO_URI", "", "local"},
		{"MONGO_URI", "localhost:27017", "local"},
		{"MONGO_URI", "http://hunter2@localhost", "local"},
		{"MONGO_URI", "mongodb://", "local"},
		{"MONGO_URI", "mongodb://u:hunter2@a b", "local"},
		{"MONGO_URI", `{"uri":"mongodb://hunter2@a"}`, "local"},
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
		{"ACCESS_TOKEN_EXPIRE_MINUTES", "-5", "local"},
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
		{"DELETE_RETENTION", "1m59s", "local"},
		{"DELETE_RETENTION", "900", "local"},
		{"DELETE_RETENTION", "-15m", "local"},
		{"DELETE_RETENTION", "87601h", "local"},
		{"DELETE_RETENTION", "30d", "local"},
		{"MONGO_SECRET_ARN", placeholder, "prod"},
		{"JWT_SECRET_ARN", placeholder, ""},
		{"PASSWORD_PEPPER_ARN", placeholder, "dev"},
		{"JWT_SECRET_ARN", "oms/jwt", "local"},
		{"JWT_SECRET_ARN", "arn:aws:s3:::bucket", "prod"},
		{"JWT_SECRET_ARN", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:oms/jwt-AbCdEf", "local"}, // no credentials
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s=%.40s in %s", tt.name, tt.value, tt.stage), func(t *testing.T) {
			t.Parallel()
			e := plainEnv().with("STAGE", tt.stage, tt.name, tt.value)
			if plain := map[string]string{
				"MONGO_SECRET_ARN": "MONGO_URI", "JWT_SECRET_ARN": "JWT_SECRET", "PASSWORD_PEPPER_ARN": "PASSWORD_PEPPER",
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

func TestLoad_localIsLenient(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, env{
		"STAGE": "local", "MONGO_URI": "mongodb://127.0.0.1:27017", "JWT_SECRET": "dev-only", "PASSWORD_PEPPER": "change_this", "BCRYPT_COST": "4",
		"MONGO_SECRET_ARN": placeholder, "JWT_SECRET_ARN": placeholder, "PASSWORD_PEPPER_ARN": placeholder,
	}, all()...)
	if c.BcryptCost != 4 || c.Stage != config.Local {
		t.Errorf("Load = %+v", c)
	}
}

func TestLoad_reportsEveryError(t *testing.T) {
	t.Parallel()
	_, err := config.Load(t.Context(), env{"STAGE": "prod", "BCRYPT_COST": "1", "DELETE_RETENTION": "1s", "JWT_ALGORITHM": "x"}.lookup, all()...)
	if err == nil {
		t.Fatal("Load succeeded")
	}
	for _, name := range []string{"MONGO_URI", "JWT_SECRET", "JWT_ALGORITHM", "PASSWORD_PEPPER", "BCRYPT_COST", "DELETE_RETENTION"} {
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
	slog.New(slog.NewJSONHandler(&out, nil)).Info("config", slog.Any("mongo", c.MongoURI), slog.Any("peppers", c.Peppers))
	slog.New(slog.NewTextHandler(&out, nil)).Info("config", slog.Any("config", c))
	for _, part := range []string{"u:p@", "another-example", fmt.Sprintf("%x", "another-example"), "97 110 111"} {
		if strings.Contains(out.String(), part) {
			t.Errorf("%q is in\n%s", part, out.String())
		}
	}
	if raw, err := json.Marshal(map[string]any{"uri": c.MongoURI, "peppers": c.Peppers}); err != nil || strings.Contains(string(raw), "example") {
		t.Errorf("Marshal = %s, %v", raw, err)
	}
}

// TestConfig_fits shows that what Load returns is what the other rooms take.
func TestConfig_fits(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, plainEnv(), config.JWT)
	tokens := token.New(c.Keys, c.TokenLife, nil)
	compact, ttl, err := tokens.Issue(t.Context(), token.Principal{AdminID: strings.Repeat("a", 24), OrgID: strings.Repeat("b", 24), CredentialVersion: "v"})
	if err != nil || ttl != time.Hour {
		t.Fatalf("Issue: %v, %v", ttl, err)
	}
	if _, err := tokens.Verify(t.Context(), compact); err != nil {
		t.Errorf("Verify: %v", err)
	}
}
