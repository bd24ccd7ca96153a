package contract_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"oms/shared/must"
)

// endpoint is one that takes a body.
type endpoint struct {
	method, path string
	valid        fields
	required     []string
	token        string
}

func (h *host) endpoints(tb testing.TB) []endpoint {
	tb.Helper()
	f := h.found(tb, "Bodies")
	return []endpoint{
		{
			http.MethodPost, "/org/create", creation(freshName("Bodies"), freshEmail(), freshPassword()),
			[]string{"organization_name", "email", "password"},
			"",
		},
		{
			http.MethodPost, "/admin/login",
			fields{"email": f.Email, "password": "wrong"},
			[]string{"email", "password"},
			"",
		},
		{http.MethodPost, "/admin/refresh", fields{"refresh_token": "none"}, []string{"refresh_token"}, ""},
		{http.MethodPut, "/org/update", fields{"organization_name": f.Name}, nil, f.token},
		{http.MethodDelete, "/org/delete", fields{"organization_name": f.Name}, []string{"organization_name"}, f.token},
	}
}

func testBodies(t *testing.T, h *host) {
	for _, e := range h.endpoints(t) {
		text := must.Get(json.Marshal(e.valid))(t)
		valid := string(text)
		send := func(tb testing.TB, body any, options ...option) reply {
			tb.Helper()
			return h.as(tb, e.token).send(e.method, e.path, body, options...)
		}
		t.Run(e.path, func(t *testing.T) {
			t.Parallel()
			t.Run("more than 64 KiB", func(t *testing.T) {
				t.Parallel()
				send(t, raw(valid+strings.Repeat(" ", 64<<10+1-len(valid)))).refused(http.StatusRequestEntityTooLarge,
					"body_too_large")
			})
			t.Run("another content type", func(t *testing.T) {
				t.Parallel()
				for _, media := range []string{
					"", "text/plain", "application/x-www-form-urlencoded",
					"application/json; charset=latin1", "application/jsonx", ";",
				} {
					send(t, raw(valid), with("Content-Type", media)).refused(http.StatusUnsupportedMediaType,
						"unsupported_media_type")
				}
			})
			t.Run("malformed", func(t *testing.T) {
				t.Parallel()
				for _, body := range []string{
					"{", "{]", valid + "x", valid + "{}", valid + ",", `{"email":"a","email":"b"}`,
					`{"x":{"a":1,"a":2}}`, "\xff", `{"email":"` + "\xff" + `"}`,
					`{'email':'a'}`, `{"email":"a",}`, "nul", `{"password":"\ud800"}`, strings.Repeat("[", 40) +
						strings.Repeat("]", 40),
				} {
					send(t, raw(body)).refused(http.StatusBadRequest, "malformed_json")
				}
			})
			t.Run("unknown fields", func(t *testing.T) {
				t.Parallel()
				body := fields{"admin": true, "Email": "a@b.example"}
				for name, value := range e.valid {
					body[name] = value
				}
				p := send(t, body).invalid("Email", "admin")
				for _, entry := range p.Errors {
					if entry.Code != "unknown" {
						t.Errorf("the code of %s is %s, want unknown", entry.Field, entry.Code)
					}
				}
			})
			t.Run("wrong types", func(t *testing.T) {
				t.Parallel()
				for name := range e.valid {
					for _, value := range []any{nil, 1, true, []string{"a"}, fields{"a": "b"}} {
						body := fields{}
						for n, v := range e.valid {
							body[n] = v
						}
						body[name] = value
						send(t, body).invalid(name)
					}
				}
			})
			t.Run("an entry for each field that is missing", func(t *testing.T) {
				t.Parallel()
				if e.required == nil {
					send(t, fields{}).invalid("")
					return
				}
				send(t, fields{}).invalid(slices.Clone(e.required)...)
			})
		})
	}
}

// testBounds: one step beyond each documented bound is a 422.
func testBounds(t *testing.T, h *host) {
	f := h.found(t, "Bounds")
	all := h.checker.Beyond(t)
	if len(all) < 100 {
		t.Errorf("there are %d requests beyond a bound: the document has lost some", len(all))
	}
	for _, b := range all {
		var body any
		if b.Body != nil {
			body = raw(b.Body)
		}
		c := h.anyone(t)
		if b.Secured {
			c.token = f.token
		}
		r := c.send(b.Method, b.Path, body, query(b.Query.Encode()), func(r *http.Request) {
			for name, values := range b.Header {
				r.Header[name] = values
			}
		})
		p := problem{}
		if r.status != http.StatusUnprocessableEntity || json.Unmarshal(r.body, &p) != nil ||
			p.Code != "invalid_request" {
			t.Errorf("%s with %s = %d %s, want 422", r.what, b.Name, r.status, r.body)
			continue
		}
		if !slices.ContainsFunc(p.Errors, func(e entry) bool { return e.Field == b.Field }) {
			t.Errorf("%s with %s has no entry for %q: %s", r.what, b.Name, b.Field, r.body)
		}
	}
	if got := h.look(t, f, f.Name); got != f.view {
		t.Errorf("the organization is %+v, was %+v", got, f.view)
	}
}

// everyAnswer is what every answer of a function has, but for the Cache-Control
// of the assets of /docs; that those have the rest the document says.
func everyAnswer() map[string]string {
	return map[string]string{
		"Cache-Control": "no-store", "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
	}
}

// testAnswers: what all answers of functions have.
func testAnswers(t *testing.T, h *host) {
	f := h.found(t, "Answers")
	admin := h.as(t, f.token)
	ids := map[string]bool{}
	for _, r := range []reply{
		admin.get("/org/get", named(f.Name)).want(http.StatusOK),
		admin.put("/org/update", fields{"password": f.password}).want(http.StatusOK),
		h.anyone(t).post("/admin/login", fields{"email": f.Email, "password": f.password}).want(http.StatusOK),
		h.create(t, freshName("Answers"), freshEmail(), freshPassword()).want(http.StatusCreated),
		h.anyone(t).get("/health").want(http.StatusOK),
		h.anyone(t).get("/openapi.json").want(http.StatusOK),
		h.anyone(t).get("/org/get", named("nobody "+suffix())).want(http.StatusNotFound),
		h.anyone(t).post("/org/create", raw("{")).want(http.StatusBadRequest),
		h.anyone(t).post("/org/create", raw("{}"), with("Content-Type", "text/plain")).
			want(http.StatusUnsupportedMediaType),
		h.anyone(t).post("/org/create", fields{}).want(http.StatusUnprocessableEntity),
		h.create(t, f.Name, freshEmail(), freshPassword()).want(http.StatusConflict),
		h.anyone(t).post("/admin/login", fields{"email": f.Email, "password": "wrong"}).want(http.StatusUnauthorized),
		admin.put("/org/update", fields{"password": "wrong"}).want(http.StatusForbidden),
		admin.put("/org/update", fields{"password": f.password}, with("If-Match", `"9"`)).
			want(http.StatusPreconditionFailed),
		admin.delete("/org/delete", nil, named("nobody "+suffix())).want(http.StatusForbidden),
		admin.delete("/org/delete", nil, named(f.Name)).want(http.StatusOK),
		admin.delete("/org/delete", nil, named(f.Name)).want(http.StatusUnauthorized),
	} {
		id := r.header.Get("X-Request-Id")
		if id == "" || ids[id] {
			t.Errorf("%s: x-request-id is %q, want one of its own", r.what, id)
		}
		ids[id] = true
		for name, want := range everyAnswer() {
			if got := r.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", r.what, name, got, want)
			}
		}
		if r.header.Get("Apigw-Requestid") == "" {
			t.Errorf("%s: there is no Apigw-Requestid", r.what)
		}
		media := r.header.Get("Content-Type")
		if r.status < 400 {
			if media != "application/json" {
				t.Errorf("%s: Content-Type is %q", r.what, media)
			}
			continue
		}
		p := decode[problem](r)
		snake := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
		if media != "application/problem+json" || p.Status != r.status || p.RequestID != id ||
			!snake.MatchString(p.Code) ||
			p.Detail == "" || p.Title == "" || p.Type == "" {
			t.Errorf("%s: as %s: %s", r.what, media, r.body)
		}
		if got, want := r.header.Get("WWW-Authenticate"), r.status == http.StatusUnauthorized; strings.HasPrefix(got,
			"Bearer error=\"") != want {
			t.Errorf("%s = %d: WWW-Authenticate is %q", r.what, r.status, got)
		}
	}
}

// seconds is a reply's Retry-After: 0 where there is none.
func seconds(r reply) int {
	n, err := strconv.Atoi(r.header.Get("Retry-After"))
	if err != nil {
		return 0
	}
	return n
}
