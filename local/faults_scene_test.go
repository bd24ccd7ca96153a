package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// api is a client of the service.
type api struct {
	url    string
	client *http.Client
	slots  chan struct{} // bounds the requests at once: those that hash queue 16 deep
}

// reply is what a request was answered with; status 0: nothing.
type reply struct {
	status int
	header http.Header
	body   string
	code   string // of a problem
	took   time.Duration
}

func (a reply) String() string {
	return fmt.Sprintf("%d (Retry-After %q) %s after %v", a.status, a.header.Get("Retry-After"), a.body,
		a.took.Round(time.Millisecond))
}

// unavailable reports whether it is what a client gets where the database did
// not answer in time (contract, every response).
func (a reply) unavailable() bool {
	_, err := strconv.Atoi(a.header.Get("Retry-After"))
	return a.status == http.StatusServiceUnavailable && a.code == "storage_unavailable" && err == nil &&
		strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json")
}

// call is a request.
type call struct {
	method, path string
	token        string
	key          string // Idempotency-Key
	body         map[string]string
}

func (p *api) do(ctx context.Context, c call) reply {
	p.slots <- struct{}{}
	defer func() { <-p.slots }()
	var body io.Reader
	if c.body != nil {
		raw, err := json.Marshal(c.body)
		if err != nil {
			return reply{body: err.Error()}
		}
		body = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(ctx, c.method, p.url+c.path, body)
	if err != nil {
		return reply{body: err.Error()}
	}
	for name, value := range map[string]string{"Authorization": c.token, "Idempotency-Key": c.key} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	if c.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	begun := time.Now()
	response, err := p.client.Do(request)
	if err != nil {
		return reply{body: err.Error(), took: time.Since(begun)}
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return reply{body: err.Error(), took: time.Since(begun)}
	}
	a := reply{status: response.StatusCode, header: response.Header, body: string(raw), took: time.Since(begun)}
	var problem struct{ Code string }
	if a.status >= http.StatusBadRequest && json.Unmarshal(raw, &problem) == nil {
		a.code = problem.Code
	}
	return a
}

// kind is one kind of request to one endpoint.
type kind struct {
	name    string
	client  string // the function, as it names itself to the database
	success int
	needs   bool                // an organization, and its admin's token
	call    func(s *scene) call // the request
	// again reports whether the answer to a repetition ends it; nil: success alone.
	again func(reply) bool
	// holds says what is wrong with the final state; nil: nothing can be.
	holds func(ctx context.Context, s *scene) error
}

// scene is a request of some kind in an organization of its own.
type scene struct {
	kind
	calm  *api
	name  string
	email string
	token string // as the header carries it
	renew string // the refresh token
	last  reply
}

const (
	scenePassword = "correct horse battery"
	otherPassword = "staple and more words"
)

func newScene(calm *api, k kind, part string) *scene {
	name := k.name + " " + part
	return &scene{kind: k, calm: calm, name: name, email: strings.ReplaceAll(name, " ", ".") + "@example.com"}
}

func (s *scene) newName() string  { return "new " + s.name }
func (s *scene) newEmail() string { return "new." + s.email }

func (s *scene) creation() call {
	return call{
		method: http.MethodPost, path: "/org/create", body: map[string]string{
			"organization_name": s.name, "email": s.email, "password": scenePassword,
		},
	}
}

func (s *scene) login(ctx context.Context, email, password string) reply {
	return s.calm.do(ctx, call{
		method: http.MethodPost, path: "/admin/login", body: map[string]string{"email": email, "password": password},
	})
}

func (s *scene) get(ctx context.Context, name string) reply {
	return s.calm.do(ctx, call{method: http.MethodGet, path: "/org/get?organization_name=" + url.QueryEscape(name)})
}

func (s *scene) send(ctx context.Context, p *api) reply { return p.do(ctx, s.call(s)) }

// prepare makes what the request needs, without a fault: until it is there, for
// on a busy machine the gateway answers 503 by itself.
func (s *scene) prepare(ctx context.Context) error {
	if !s.needs {
		return nil
	}
	deadline := time.Now().Add(time.Minute)
	for {
		made := s.calm.do(ctx, s.creation())
		a := made
		if made.status != http.StatusServiceUnavailable {
			a = s.login(ctx, s.email, scenePassword)
		}
		var tokens struct {
			AccessToken  string `json:"access_token"`
			RefreshToken string `json:"refresh_token"`
		}
		if a.status == http.StatusOK && json.Unmarshal([]byte(a.body), &tokens) == nil {
			s.token, s.renew = "Bearer "+tokens.AccessToken, tokens.RefreshToken
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("preparing: create = %v, then %v", made, a)
		}
		if err := pause(ctx, a); err != nil {
			return err
		}
	}
}

// pause waits as long as the answer asks for, as a client does.
func pause(ctx context.Context, a reply) error {
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil {
		seconds = 1
	}
	select {
	case <-time.After(time.Duration(seconds) * time.Second):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settle sends the same request again, as long as it is told to ask again, and
// says what is wrong with what comes of it. A lease and a hold are 100 s at most,
// and reconcile comes once a minute; on a busy machine it may need to come again.
func (s *scene) settle(ctx context.Context) error {
	deadline := time.Now().Add(4 * time.Minute)
	for {
		a := s.send(ctx, s.calm)
		s.last = a
		if a.status == s.success || s.again != nil && s.again(a) {
			break
		}
		waits := a.status == http.StatusServiceUnavailable || a.status == http.StatusConflict &&
			a.header.Get("Retry-After") != ""
		if !waits || time.Now().After(deadline) {
			return fmt.Errorf("the same request again is answered %v", a)
		}
		if err := pause(ctx, a); err != nil {
			return err
		}
	}
	for s.holds != nil {
		err := s.holds(ctx, s)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after the same request again, answered %v: %w", s.last, err)
		}
		if err := pause(ctx, reply{}); err != nil {
			return err
		}
	}
	return nil
}

// want says what is wrong with an answer.
func want(what string, a reply, status int, parts ...string) error {
	if a.status != status {
		return fmt.Errorf("%s = %v, want %d", what, a, status)
	}
	for _, part := range parts {
		if !strings.Contains(a.body, part) {
			return fmt.Errorf("%s = %v, want %s in it", what, a, part)
		}
	}
	return nil
}

// lives says what is wrong with the organization: it must be found by this name
// alone, and its admin by this email and password alone.
func (s *scene) lives(ctx context.Context, name, email, password string) error {
	errs := []error{
		want("get of "+name, s.get(ctx, name), http.StatusOK, strconv.Quote(name)),
		want("login of "+email, s.login(ctx, email, password), http.StatusOK),
	}
	if name != s.name {
		errs = append(errs, want("get of the old name", s.get(ctx, s.name), http.StatusNotFound))
	}
	if email != s.email {
		errs = append(errs, want("login with the old email", s.login(ctx, s.email, password), http.StatusUnauthorized))
	}
	if password != scenePassword {
		errs = append(errs, want("login with the old password", s.login(ctx, email, scenePassword),
			http.StatusUnauthorized))
	}
	return errors.Join(errs...)
}

// revoked is the answer to a change of what one logs in with, a logout or a deletion that had gone through.
func revoked(a reply) bool { return a.status == http.StatusUnauthorized && a.code == "token_revoked" }

// kinds are all kinds of requests that send a command.
func kinds() []kind {
	update := func(name string, again func(reply) bool, body func(s *scene) map[string]string,
		holds func(ctx context.Context, s *scene) error,
	) kind {
		return kind{
			name: name, client: "org-update", success: http.StatusOK, needs: true, again: again, holds: holds,
			call: func(s *scene) call {
				return call{method: http.MethodPut, path: "/org/update", token: s.token, body: body(s)}
			},
		}
	}
	get := func(s *scene) call {
		return call{method: http.MethodGet, path: "/org/get?organization_name=" + url.QueryEscape(s.name)}
	}
	made := func(ctx context.Context, s *scene) error { return s.lives(ctx, s.name, s.email, scenePassword) }
	return []kind{
		{
			name: "health", client: "health", success: http.StatusOK,
			call: func(*scene) call { return call{method: http.MethodGet, path: "/health"} },
		},
		{name: "get", client: "org-get", success: http.StatusOK, needs: true, call: get},
		{name: "get with a token", client: "org-get", success: http.StatusOK, needs: true, call: func(s *scene) call {
			c := get(s)
			c.token = s.token
			return c
		}, holds: func(_ context.Context, s *scene) error {
			return want("get with a token", s.last, http.StatusOK, s.email)
		}},
		{name: "own organization", client: "org-get", success: http.StatusOK, needs: true, call: func(s *scene) call {
			return call{method: http.MethodGet, path: "/org/me", token: s.token}
		}, holds: func(_ context.Context, s *scene) error {
			return want("own organization", s.last, http.StatusOK, s.email)
		}},
		{name: "sessions", client: "admin-sessions", success: http.StatusOK, needs: true, call: func(s *scene) call {
			return call{method: http.MethodGet, path: "/admin/sessions", token: s.token}
		}, holds: func(_ context.Context, s *scene) error {
			return want("sessions", s.last, http.StatusOK, `"current":true`)
		}},
		{
			name: "refresh", client: "admin-sessions", success: http.StatusOK, needs: true, call: func(s *scene) call {
				return call{
					method: http.MethodPost,
					path:   "/admin/refresh",
					body:   map[string]string{"refresh_token": s.renew},
				}
			},
			// Where the first had gone through, ten seconds ago or more, it is a token's second use.
			again: func(a reply) bool {
				return a.status == http.StatusUnauthorized && a.code == "invalid_refresh_token"
			},
		},
		{
			name:    "logout",
			client:  "admin-sessions",
			success: http.StatusOK,
			needs:   true,
			again:   revoked,
			call: func(s *scene) call {
				return call{method: http.MethodPost, path: "/admin/logout", token: s.token}
			},
			holds: func(ctx context.Context, s *scene) error {
				return want("the token", s.calm.do(ctx, call{method: http.MethodGet, path: "/org/me", token: s.token}),
					http.StatusUnauthorized, "token_revoked")
			},
		},
		{name: "login", client: "admin-login", success: http.StatusOK, needs: true, call: func(s *scene) call {
			return call{
				method: http.MethodPost, path: "/admin/login", body: map[string]string{
					"email": s.email, "password": scenePassword,
				},
			}
		}, holds: func(_ context.Context, s *scene) error {
			return want("login", s.last, http.StatusOK, "access_token")
		}},
		{
			name: "create", client: "org-create", success: http.StatusCreated, call: (*scene).creation, holds: made,
			// Where the first had gone through, or somebody will finish it: then the admin can log in.
			again: func(a reply) bool { return a.status == http.StatusConflict && a.code == "organization_name_taken" },
		},
		{name: "create with a key", client: "org-create", success: http.StatusCreated, call: func(s *scene) call {
			c := s.creation()
			c.key = strings.ReplaceAll(s.name, " ", "-")
			return c
		}, holds: made},
		update("rename within a key", nil, func(s *scene) map[string]string {
			return map[string]string{"organization_name": strings.ToUpper(s.name)}
		}, func(ctx context.Context, s *scene) error {
			return want("get", s.get(ctx, s.name), http.StatusOK, strconv.Quote(strings.ToUpper(s.name)))
		}),
		update("new email", revoked, func(s *scene) map[string]string {
			return map[string]string{"admin_email": s.newEmail()}
		}, func(ctx context.Context, s *scene) error { return s.lives(ctx, s.name, s.newEmail(), scenePassword) }),
		update("new password", revoked, func(*scene) map[string]string {
			return map[string]string{"password": scenePassword, "new_password": otherPassword}
		}, func(ctx context.Context, s *scene) error { return s.lives(ctx, s.name, s.email, otherPassword) }),
		update("rename", nil, func(s *scene) map[string]string {
			return map[string]string{"organization_name": s.newName()}
		}, func(ctx context.Context, s *scene) error { return s.lives(ctx, s.newName(), s.email, scenePassword) }),
		update("change all", revoked, func(s *scene) map[string]string {
			return map[string]string{
				"organization_name": s.newName(), "admin_email": s.newEmail(), "password": scenePassword,
				"new_password": otherPassword,
			}
		}, func(ctx context.Context, s *scene) error {
			return s.lives(ctx, s.newName(), s.newEmail(), otherPassword)
		}),
		{
			name: "delete", client: "org-delete", success: http.StatusOK, needs: true, again: revoked,
			call: func(s *scene) call {
				return call{
					method: http.MethodDelete, path: "/org/delete?organization_name=" + url.QueryEscape(s.name),
					token: s.token,
				}
			}, holds: func(ctx context.Context, s *scene) error {
				return errors.Join(
					want("get of the deleted", s.get(ctx, s.name), http.StatusNotFound),
					want("login to the deleted", s.login(ctx, s.email, scenePassword), http.StatusUnauthorized),
				)
			},
		},
	}
}
