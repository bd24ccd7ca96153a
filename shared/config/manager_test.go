package config_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"oms/shared/config"
	"oms/shared/fault"
)

const (
	mongoARN  = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:oms/mongo-AbCdEf"
	jwtARN    = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:oms/jwt-AbCdEf"
	pepperARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:oms/pepper-AbCdEf"
)

// secretsManager speaks the part of Secrets Manager that is used: the action
// GetSecretValue of the protocol AWS JSON 1.1 (Secrets Manager API Reference).
type secretsManager struct {
	*httptest.Server

	mu      sync.Mutex
	secrets map[string]any // by ARN: a string, or an int for a status
	fail    int            // so many requests get a 500 first
	hang    int            // so many requests get no answer first
	asked   int
	problem string // what was wrong with a request
}

func newSecretsManager(tb testing.TB, secrets map[string]any) *secretsManager {
	tb.Helper()
	m := &secretsManager{secrets: secrets}
	m.Server = httptest.NewServer(m)
	tb.Cleanup(m.Close)
	return m
}

func (m *secretsManager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		SecretID string `json:"SecretId"`
	}
	err := json.NewDecoder(r.Body).Decode(&in)

	m.mu.Lock()
	m.asked++
	auth := r.Header.Get("Authorization")
	switch {
	case err != nil || r.Method != http.MethodPost || r.URL.Path != "/":
		m.problem = "no request of the protocol"
	case r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" ||
		r.Header.Get("Content-Type") != "application/x-amz-json-1.1":
		m.problem = "another target or type: " + r.Header.Get("X-Amz-Target") + " " + r.Header.Get("Content-Type")
	case !strings.HasPrefix(auth, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") ||
		!strings.Contains(auth, "/eu-central-1/secretsmanager/aws4_request") ||
		!strings.Contains(auth, "Signature="):
		m.problem = "no signature of version 4: " + auth
	case r.Header.Get("X-Amz-Security-Token") != "session" || !strings.Contains(auth, "x-amz-security-token"):
		m.problem = "the session token is missing or not signed"
	}
	hang, fail := m.hang > 0, m.fail > 0
	if hang {
		m.hang--
	} else if fail {
		m.fail--
	}
	answer := m.secrets[in.SecretID]
	m.mu.Unlock()

	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	switch v := answer.(type) {
	case string:
		switch {
		case hang:
			<-r.Context().Done()
		case fail:
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte(`{"__type":"InternalServiceError","message":"try again"}`))
		default:
			_ = json.NewEncoder(w).Encode(map[string]any{
				"ARN": in.SecretID, "Name": "oms", "SecretString": v, "VersionId": "v",
			})
		}
	case []byte:
		_ = json.NewEncoder(w).Encode(map[string]any{
			"ARN": in.SecretID, "Name": "oms", "SecretBinary": v, "VersionId": "v",
		})
	default:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"__type":"ResourceNotFoundException","Message":"Secrets Manager can't find the ` +
			`specified secret."}`))
	}
}

// check fails the test where a request was not as it should be, and returns how many there were.
func (m *secretsManager) check(tb testing.TB) int {
	tb.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.problem != "" {
		tb.Error(m.problem)
	}
	return m.asked
}

// env is the environment of a function in the cloud.
func (m *secretsManager) env() env {
	return env{
		"STAGE": "prod", "AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": m.URL,
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "key", "AWS_SESSION_TOKEN": "session",
		"MONGO_URI": "", "JWT_SECRET": "", "PASSWORD_PEPPER": "",
		"MONGO_SECRET_ARN": mongoARN, "JWT_SECRET_ARN": jwtARN, "PASSWORD_PEPPER_ARN": pepperARN,
	}
}

func secrets() map[string]any {
	return map[string]any{
		mongoARN:  `{"uri":"mongodb+srv://cluster.example/"}`,
		jwtARN:    `{"active":"k2","keys":{"k1":"` + strongKey + `","k2":"` + strongPepper + `"}}`,
		pepperARN: strongPepper + "\n",
	}
}

func TestLoad_secretsManager(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		set  func(env)
	}{
		{"in a function", func(env) {}},
		{
			"in another region than its secrets", func(e env) {
				e["AWS_REGION"], e["AWS_DEFAULT_REGION"] = "us-east-1",
					"us-east-1"
			},
		},
		{"with an endpoint of its own", func(e env) {
			e["AWS_ENDPOINT_URL_SECRETS_MANAGER"], e["AWS_ENDPOINT_URL"] = e["AWS_ENDPOINT_URL"], "http://127.0.0.1:1"
		}},
		{"in a local run with an emulator", func(e env) { e["STAGE"] = "local" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newSecretsManager(t, secrets())
			e := m.env()
			tt.set(e)
			c := mustLoad(t, e, config.Mongo, config.JWT, config.Hashing)
			keys, err := c.Keys(t.Context(), true) // read a moment ago: not again
			if err != nil || keys.Active != "k2" || string(keys.Keys["k1"]) != strongKey {
				t.Errorf("Keys = %s, %v", keys.Active, err)
			}
			if got, want := c.MongoURI.Reveal(), "mongodb+srv://cluster.example/"; got != want {
				t.Errorf("MongoURI = %q, want %q", got, want)
			}
			if got := string(c.Peppers.Keys[c.Peppers.Active]); got != strongPepper {
				t.Errorf("the pepper is %q, want %q", got, strongPepper)
			}
			if got := m.check(t); got != 3 {
				t.Errorf("Secrets Manager was asked %d times, want 3", got)
			}
		})
	}

	t.Run("a raw URI", func(t *testing.T) {
		t.Parallel()
		m := newSecretsManager(t, map[string]any{mongoARN: "mongodb://a.example/?tls=true\n"})
		if got := mustLoad(t, m.env(), config.Mongo).MongoURI.Reveal(); got != "mongodb://a.example/?tls=true" {
			t.Errorf("MongoURI = %q", got)
		}
	})

	t.Run("only what is needed", func(t *testing.T) {
		t.Parallel()
		m := newSecretsManager(t, secrets())
		mustLoad(t, m.env(), config.JWT)
		if got := m.check(t); got != 1 {
			t.Errorf("Secrets Manager was asked %d times, want 1", got)
		}
	})

	t.Run("a plain value before it in a local run", func(t *testing.T) {
		t.Parallel()
		m := newSecretsManager(t, secrets())
		e := m.env().with("STAGE", "local", "MONGO_URI", "mongodb://here")
		if got := mustLoad(t, e, config.Mongo).MongoURI.Reveal(); got != "mongodb://here" || m.check(t) != 0 {
			t.Errorf("MongoURI = %q after %d requests", got, m.check(t))
		}
	})

	t.Run("never both elsewhere", func(t *testing.T) {
		t.Parallel()
		m := newSecretsManager(t, secrets())
		_, err := config.Load(t.Context(), m.env().with("JWT_SECRET", strongKey).lookup, config.JWT)
		if err == nil || !strings.HasPrefix(err.Error(), "JWT_SECRET: ") || m.check(t) != 0 {
			t.Errorf("Load = %v after %d requests", err, m.check(t))
		}
	})
}

func TestLoad_secretsManagerFails(t *testing.T) {
	t.Parallel()
	t.Run("some times, and is asked again", func(t *testing.T) {
		t.Parallel()
		m := newSecretsManager(t, secrets())
		m.fail = 5
		mustLoad(t, m.env(), config.JWT)
		if got := m.check(t); got != 6 {
			t.Errorf("Secrets Manager was asked %d times, want 6", got)
		}
	})

	t.Run("to answer once, and is asked again", func(t *testing.T) {
		t.Parallel()
		m := newSecretsManager(t, secrets())
		m.hang = 1
		mustLoad(t, m.env(), config.JWT)
		if got := m.check(t); got != 2 {
			t.Errorf("Secrets Manager was asked %d times, want 2", got)
		}
	})

	// Whoever starts may try again later, which is no use where anything else is wrong.
	for name, set := range map[string]func(m *secretsManager, e env){
		"for as long as there is time": func(m *secretsManager, _ env) { m.fail = 1 << 30 },
		"because its name is not known": func(_ *secretsManager, e env) {
			e["AWS_ENDPOINT_URL"] = "http://secretsmanager.invalid"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newSecretsManager(t, secrets())
			e := m.env()
			set(m, e)
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			_, err := config.Load(ctx, e.lookup, config.JWT, config.Pepper)
			if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "JWT_SECRET_ARN: ") ||
				!strings.Contains(err.Error(), "PASSWORD_PEPPER_ARN: ") {
				t.Errorf("Load = %v, want that both secrets are unavailable", err)
			}
			if ctx.Err() == nil {
				t.Error("Load has given up before its time was over")
			}
			ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err = config.Load(ctx, e.with("BCRYPT_COST", "twelve").lookup, config.Hashing)
			if err == nil || fault.KindOf(err) == fault.Unavailable {
				t.Errorf("Load = %v, want an error of the configuration", err)
			}
		})
	}

	tests := []struct {
		name, variable string
		secrets        map[string]any
		need           config.Need
	}{
		{"no such secret", "JWT_SECRET_ARN", nil, config.JWT},
		{"bytes", "JWT_SECRET_ARN", map[string]any{jwtARN: []byte("hunter2")}, config.JWT},
		{"a weak key", "JWT_SECRET_ARN", map[string]any{jwtARN: "hunter2"}, config.JWT},
		{"a weak pepper", "PASSWORD_PEPPER_ARN", map[string]any{pepperARN: "hunter2"}, config.Pepper},
		{"no URI", "MONGO_SECRET_ARN", map[string]any{mongoARN: "hunter2"}, config.Mongo},
		{
			"an object without a URI", "MONGO_SECRET_ARN",
			map[string]any{mongoARN: `{"password":"hunter2"}`},
			config.Mongo,
		},
		{"no object", "MONGO_SECRET_ARN", map[string]any{mongoARN: `{hunter2`}, config.Mongo},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newSecretsManager(t, tt.secrets)
			_, err := config.Load(t.Context(), m.env().lookup, tt.need)
			if err == nil || !strings.HasPrefix(err.Error(), tt.variable+": ") || strings.Contains(err.Error(),
				"hunter2") {
				t.Errorf("Load = %v, want an error that names %s and shows nothing", err, tt.variable)
			}
			m.check(t)
		})
	}

	t.Run("all at once: every variable is named", func(t *testing.T) {
		t.Parallel()
		m := newSecretsManager(t, nil)
		_, err := config.Load(t.Context(), m.env().lookup, all()...)
		for _, name := range []string{"MONGO_SECRET_ARN", "JWT_SECRET_ARN", "PASSWORD_PEPPER_ARN"} {
			if err == nil || strings.Count(err.Error(), name+": ") != 1 {
				t.Errorf("Load = %v, want one error for %s", err, name)
			}
		}
	})
}
