package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"

	"oms/shared/password"
	"oms/shared/secret"
	"oms/shared/token"
)

// The variables that hold secrets, and those that hold their ARNs.
const (
	mongoURI  = "MONGO_URI"
	mongoARN  = "MONGO_SECRET_ARN"
	jwtSecret = "JWT_SECRET"
	jwtARN    = "JWT_SECRET_ARN"
	pepper    = "PASSWORD_PEPPER"
	pepperARN = "PASSWORD_PEPPER_ARN"
)

// placeholder is what the template's ARN parameters end in until somebody sets them.
const placeholder = ":secret:local-placeholder"

// source is where one secret comes from: its plain variable, or an ARN.
type source struct {
	name string // the variable that is used
	arn  string // empty: text is the plain value
	text string // the secret, once it is read
	ok   bool   // text is there
}

// find decides which of the two variables is used; the package comment says how.
func (l *loader) find(plain, byARN string) {
	value, arn := l.env.get(plain), l.env.get(byARN)
	if strings.HasSuffix(arn, placeholder) {
		if !l.local && value == "" {
			l.fail(byARN, errors.New("is the template's placeholder: set it to the ARN of a secret"))
			return
		}
		arn = ""
	}
	switch {
	case value == "" && arn == "":
		l.fail(plain, fmt.Errorf("is missing (or %s)", byARN))
	case value != "" && arn != "" && !l.local:
		l.fail(plain, fmt.Errorf("is set and %s is too: outside local set one of them", byARN))
	case value != "":
		l.secrets[plain] = source{name: plain, text: value, ok: true}
	case !isARN(arn):
		l.fail(byARN,
			errors.New("must be the ARN of a secret, arn:aws:secretsmanager:<region>:<account>:secret:<name>"))
	default:
		l.secrets[plain] = source{name: byARN, arn: arn}
	}
}

func isARN(s string) bool {
	ok, err := regexp.MatchString(`^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+$`, s)
	return ok && err == nil
}

// fetch reads all secrets that are named by an ARN, at the same time.
func (l *loader) fetch(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, SecretsWithin)
	defer cancel()
	var (
		wg sync.WaitGroup
		mu sync.Mutex
	)
	found := make(map[string]source)
	for plain, s := range l.secrets {
		if s.arn == "" {
			continue
		}
		wg.Go(func() {
			text, err := l.read(ctx, s.arn)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				l.fail(s.name, err)
				if errors.Is(err, errUnanswered) {
					l.unanswered++
				}
				return
			}
			s.text, s.ok = text, true
			found[plain] = s
		})
	}
	wg.Wait()
	for plain, s := range found {
		l.secrets[plain] = s
	}
}

// read reads one secret. The client is made anew: that costs microseconds, and happens once in minutes.
func (l *loader) read(ctx context.Context, arn string) (string, error) {
	m, err := newManager(l.env, arn)
	if err != nil {
		return "", err
	}
	return m.read(ctx, arn)
}

// mongo returns the database's URI. A secret of Secrets Manager may hold it raw or as
// {"uri":"…"}.
func (l *loader) mongo() secret.Text {
	s, ok := l.secrets[mongoURI]
	if !ok || !s.ok {
		return ""
	}
	text := strings.TrimSpace(s.text)
	if s.arn != "" && strings.HasPrefix(text, "{") {
		var named struct {
			URI string `json:"uri"`
		}
		if err := json.Unmarshal([]byte(text), &named); err != nil {
			l.fail(s.name, errors.New(`the secret begins with { but is not {"uri":"…"}`))
			return ""
		}
		text = named.URI
	}
	uri, err := ParseMongoURI(text, l.local)
	if err != nil {
		l.fail(s.name, err)
	}
	return uri
}

func (l *loader) peppers() secret.Ring {
	s, ok := l.secrets[pepper]
	if !ok || !s.ok {
		return secret.Ring{}
	}
	p, err := password.ParsePeppers(s.text, l.local)
	if err != nil {
		l.fail(s.name, err)
	}
	return p
}

// keys returns the source of the keys of tokens. Keys of Secrets Manager are
// read again from time to time, so that a rotation needs no deployment.
func (l *loader) keys(ctx context.Context) token.Source {
	algorithm := l.env.get("JWT_ALGORITHM")
	switch algorithm {
	case "":
		algorithm = "HS256"
	case "HS256", "HS384", "HS512":
	default:
		l.fail("JWT_ALGORITHM", errors.New("must be HS256, HS384 or HS512"))
		return nil
	}
	s, ok := l.secrets[jwtSecret]
	if !ok || !s.ok {
		return nil
	}
	keys, err := token.ParseKeys(s.text, algorithm, l.local)
	if err != nil {
		l.fail(s.name, err)
		return nil
	}
	if s.arn == "" {
		return token.Static(keys)
	}

	first := &keys // what Load has just read; every later read asks again
	source := token.Cached(func(ctx context.Context) (token.Keys, error) {
		if first != nil {
			k := *first
			first = nil
			return k, nil
		}
		text, err := l.read(ctx, s.arn)
		if err != nil {
			return token.Keys{}, fmt.Errorf("%s: %w", s.name, err)
		}
		return token.ParseKeys(text, algorithm, l.local)
	}, nil, slog.Default())
	if _, err := source(ctx, false); err != nil {
		l.fail(s.name, err)
	}
	return source
}
