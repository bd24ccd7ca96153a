package main

import (
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"oms/shared/must"
	"oms/shared/password"
	"oms/shared/secret"
	"oms/shared/token"
)

const (
	jwt    = "oms/dev/jwt"
	pepper = "oms/dev/pepper"
	keyA   = "abcdefghijklmnopqrstuvwxyz012345"
)

// mustTokens returns what signs and verifies by a secret's text, without ever reading it again.
func mustTokens(tb testing.TB, text string) *token.Tokens {
	tb.Helper()
	keys := must.Get(token.ParseKeys(text, "HS256", false))(tb)
	return token.New(token.Static(keys), time.Hour, nil)
}

// verifies reports whether a function that has read verifier takes a token of one that has read signer.
func verifies(tb testing.TB, signer, verifier string) bool {
	tb.Helper()
	compact, _, err := mustTokens(tb, signer).Issue(tb.Context(), token.Principal{
		AdminID: strings.Repeat("a", 24), OrgID: strings.Repeat("b", 24), CredentialVersion: "v",
		Session: strings.Repeat("c", 24), AuthTime: time.Now(),
	})
	if err != nil {
		tb.Fatal(err)
	}
	_, err = mustTokens(tb, verifier).Verify(tb.Context(), compact)
	return err == nil
}

func TestRotate_losesNoToken(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"of a raw key":    keyA,
		"of a named key":  `{"active":"mine","keys":{"mine":"` + keyA + `"}}`,
		"of another year": `{"active":"k20200102030405","keys":{"k20200102030405":"` + keyA + `"}}`,
		"of a later time": `{"active":"k20990102030405","keys":{"k20990102030405":"` + keyA + `"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, client := newManager(t, map[string]string{jwt: text})
			o, r := newOperator(t, m, client), tokens()
			texts := []string{text}
			for _, due := range []time.Duration{0, r.read, r.unused} {
				if due > 0 {
					m.pass(due - time.Second)
					wrote := m.wrote
					if said := o.runs(t, exitTooEarly, "rotate", "dev"); m.wrote != wrote ||
						!strings.Contains(said, "due at") {
						t.Errorf("too early it wrote %d times and said %s", m.wrote-wrote, said)
					}
					m.pass(time.Second)
				}
				o.runs(t, 0, "rotate", "dev")
				texts = append(texts, m.text(jwt))
			}
			for signer := range texts {
				for verifier := range texts {
					// One step apart in either way: what a function has read that reads rarely. And a token
					// lives on while steps are taken, until nobody can have one of its key.
					wanted := signer-1 <= verifier && verifier <= signer+1 || verifier == 2
					if wanted && !verifies(t, texts[signer], texts[verifier]) {
						t.Errorf("after %d steps a token is refused that was signed after %d", verifier, signer)
					}
				}
			}
			// What the steps are for: in one, a function that has not read yet refuses; and the old key ends.
			if verifies(t, texts[2], texts[0]) || verifies(t, texts[0], texts[3]) {
				t.Error("nothing was rotated")
			}
		})
	}
}

func TestRotate_waitsForWhatCameBack(t *testing.T) {
	t.Parallel()
	m, client := newManager(t, map[string]string{jwt: keyA})
	o := newOperator(t, m, client)
	o.runs(t, 0, "rotate", "dev")
	m.pass(tokens().read)
	m.secrets[jwt].changed = m.now // somebody has put an older version back just now, and this one after it
	o.runs(t, exitTooEarly, "rotate", "dev")
}

func TestRotate_writesNothing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text, says string
		set        func(m *manager)
	}{
		"where the read fails": {keyA, "reading oms/dev/jwt", func(m *manager) { m.answer = lost("GetSecretValue") }},
		"where nobody is found": {
			keyA, "looking for oms/dev/jwt", func(m *manager) { m.answer = lost("DescribeSecret") },
		},
		"where nothing was read":     {"", "empty", nil},
		"where white space was read": {" \n", "empty", nil},
		"where half was read":        {`{"active":"k1","keys":{"k1":"` + keyA, "not what the service can read", nil},
		"where a key is empty":       {`{"active":"k1","keys":{"k0":"` + keyA + `","k1":""}}`, "empty", nil},
		"where a key is weak":        {"hunter2hunter2hunter2", "weak", nil},
		"where it is no text": {keyA, "no text", func(m *manager) {
			m.answer = func(_ string, answer []byte) []byte {
				return regexp.MustCompile(`,"SecretString":"[^"]*"`).ReplaceAll(answer, nil)
			}
		}},
		"where it is scheduled for deletion": {
			keyA, "aws secretsmanager restore-secret --secret-id oms/dev/jwt",
			func(m *manager) { m.secrets[jwt].deleted = true },
		},
		"where there is none": {keyA, "make bootstrap", func(m *manager) { m.secrets = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, client := newManager(t, map[string]string{jwt: tt.text})
			if tt.set != nil {
				tt.set(m)
			}
			said := newOperator(t, m, client).runs(t, 1, "rotate", "dev")
			if !strings.Contains(said, tt.says) || strings.Contains(said, "hunter2") {
				t.Errorf("it said %s, want %q", said, tt.says)
			}
			if m.wrote > 0 {
				t.Errorf("it wrote %d times", m.wrote)
			}
		})
	}
}

// lost loses all answers to an action.
func lost(lost string) func(string, []byte) []byte {
	return func(action string, answer []byte) []byte {
		if action == lost {
			return nil
		}
		return answer
	}
}

func TestRotate_oneOfTwoOperators(t *testing.T) {
	t.Parallel()
	for _, moment := range []string{"PutSecretValue", "UpdateSecretVersionStage"} {
		t.Run("who are at "+moment, func(t *testing.T) {
			t.Parallel()
			m, client := newManager(t, map[string]string{jwt: keyA})
			slow, quick := newOperator(t, m, client), newOperator(t, m, client)
			var begun atomic.Bool
			var text string
			m.before = func(action, _ string) {
				if action == moment && begun.CompareAndSwap(false, true) {
					quick.runs(t, 0, "rotate", "dev")
					text = m.text(jwt)
				}
			}
			if said := slow.runs(t, 1, "rotate", "dev"); !strings.Contains(said, "somebody else") {
				t.Errorf("the second one heard %s", said)
			}
			if text == "" || m.text(jwt) != text {
				t.Error("the second one has overwritten what the first one wrote")
			}
			slow.runs(t, exitTooEarly, "rotate", "dev")
		})
	}
}

func TestRotate_anAnswerIsLost(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"PutSecretValue", "UpdateSecretVersionStage"} {
		t.Run("to "+action, func(t *testing.T) {
			t.Parallel()
			m, client := newManager(t, map[string]string{jwt: keyA})
			once := false
			m.answer = func(is string, answer []byte) []byte {
				if is == action && !once {
					once = true
					return nil
				}
				return answer
			}
			newOperator(t, m, client).runs(t, 0, "rotate", "dev")
			if n := len(m.secrets[jwt].versions); n != 2 || m.text(jwt) == keyA {
				t.Errorf("there are %d versions, want the second of two in use", n)
			}
		})
	}
}

func TestRotatePepper_keepsEveryHash(t *testing.T) {
	t.Parallel()
	m, client := newManager(t, map[string]string{pepper: keyA})
	o, r := newOperator(t, m, client), peppers()
	hasher := func() *password.Hasher {
		t.Helper()
		ring := must.Get(password.ParsePeppers(m.text(pepper), false))(t)
		return must.Get(password.New(ring, password.MinCost))(t)
	}
	hashers := []*password.Hasher{hasher()}
	for range 4 { // the first two are one rotation, and so are the others
		if len(hashers) > 1 {
			m.pass(r.read - time.Second)
			o.runs(t, exitTooEarly, "rotate-pepper", "dev")
			m.pass(time.Second)
		}
		o.runs(t, 0, "rotate-pepper", "dev")
		hashers = append(hashers, hasher())
	}
	for made, h := range hashers {
		hash := must.Get(h.Hash("secret123"))(t)
		for now := max(0, made-1); now < len(hashers); now++ {
			got, err := hashers[now].Verify("secret123", hash)
			if upgrade := now/2 != made/2; err != nil || !got.OK || got.Upgrade != upgrade {
				t.Errorf("a hash of after %d steps verifies after %d as %+v, %v; want an upgrade: %t",
					made, now, got, err, upgrade)
			}
		}
	}
}

func TestBootstrap(t *testing.T) {
	t.Parallel()
	const uri = "mongodb+srv://u:hunter2hunter2hunter2@cluster.example" //nolint:gosec // G101: nobody's
	m, client := newManager(t, nil)
	o := newOperator(t, m, client)
	o.uri = func() (string, error) { return " " + uri + "\n", nil }
	before := must.Get(os.ReadFile("../../samconfig.toml"))(t)
	must.Do(t, os.WriteFile(o.samconfig, before, 0o600))

	if said := o.runs(t, 0, "bootstrap", "dev"); strings.Count(said, "created") != 3 {
		t.Errorf("it said %s, want that three are created", said)
	}
	if m.text("oms/dev/mongo") != uri || !verifies(t, m.text(jwt), m.text(jwt)) ||
		len(m.text(pepper)) < 2*secret.MinLength {
		t.Error("the secrets are not what the service needs")
	}
	after := must.Get(os.ReadFile(o.samconfig))(t)
	want := string(before)
	head, rest, _ := strings.Cut(want, "[dev.deploy.parameters]")
	for parameter, name := range map[string]string{
		"MongoSecretArn": "mongo", "JwtSecretArn": "jwt", "PasswordPepperArn": "pepper",
	} {
		rest = strings.Replace(rest,
			parameter+"=arn:aws:secretsmanager:us-east-1:123456789012:secret:local-placeholder",
			parameter+"=arn:aws:secretsmanager:eu-central-1:123456789012:secret:oms/dev/"+name+"-AbCdEf", 1)
	}
	if want = head + "[dev.deploy.parameters]" + rest; string(after) != want {
		t.Errorf("samconfig.toml is\n%s\nwant\n%s", after, want)
	}

	o.uri = nil // nobody is asked again
	if said := o.runs(t, 0, "bootstrap", "dev"); strings.Count(said, "is there") != 3 || m.wrote != 3 {
		t.Errorf("the second time it wrote %d times and said %s", m.wrote-3, said)
	}
	m.secrets[pepper].deleted = true
	if said := o.runs(t, 1, "bootstrap", "dev"); !strings.Contains(said, "restore-secret --secret-id oms/dev/pepper") {
		t.Errorf("of a secret that is scheduled for deletion it said %s", said)
	}
}

func TestBootstrap_refuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ uri, says string }{
		"a database without TLS": {"mongodb://u:hunter2@db.example", "not encrypted"},
		"no database":            {"", "URI"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, client := newManager(t, nil)
			o := newOperator(t, m, client)
			o.uri = func() (string, error) { return tt.uri, nil }
			said := o.runs(t, 1, "bootstrap", "prod")
			if !strings.Contains(said, tt.says) || strings.Contains(said, "hunter2") || m.wrote > 0 {
				t.Errorf("it wrote %d times and said %s, want %q", m.wrote, said, tt.says)
			}
		})
	}
	t.Run("a stage that samconfig.toml does not have, when its ARN can be told", func(t *testing.T) {
		t.Parallel()
		m, client := newManager(t, map[string]string{"oms/prod/mongo": "mongodb+srv://a.example"})
		o := newOperator(t, m, client)
		must.Do(t, os.WriteFile(o.samconfig, []byte("\n[dev.deploy.parameters]\n\"MongoSecretArn=\"\n"), 0o600))
		const says = "put arn:aws:secretsmanager:eu-central-1:123456789012:secret:oms/prod/mongo-AbCdEf there"
		if said := o.runs(t, 1, "bootstrap", "prod"); !strings.Contains(said, says) {
			t.Errorf("it said %s", said)
		}
	})
	t.Run("arguments that are none", func(t *testing.T) {
		t.Parallel()
		m, client := newManager(t, nil)
		o := newOperator(t, m, client)
		for _, args := range [][]string{
			nil, {"rotate"}, {"rotate", "local"}, {"rotate", ""}, {"", "dev"}, {"rotate", "dev", "now"},
		} {
			o.runs(t, exitUsage, args...)
		}
	})
}
