package contract_test

import (
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// view is an organization as it is shown.
type view struct {
	ID         string `json:"id"`
	Name       string `json:"organization_name"`
	Collection string `json:"collection_name"`
	Email      string `json:"admin_email"`
	CreatedAt  string `json:"created_at"`
	UpdatedAt  string `json:"updated_at"`
	Version    int64  `json:"version"`
}

// viewOf is what POST /org/create and GET /org/get show.
func viewOf(r reply) view {
	r.tb.Helper()
	return decode[struct {
		Data view `json:"data"`
	}](r).Data
}

// updated is what PUT /org/update shows.
func updated(r reply) (is view, email *string) {
	r.tb.Helper()
	body := decode[struct {
		Data struct {
			Organization view    `json:"organization"`
			Email        *string `json:"admin_email_updated_to"`
		} `json:"data"`
	}](r)
	return body.Data.Organization, body.Data.Email
}

func (v view) key() string  { return strings.TrimPrefix(v.Collection, "org_") }
func (v view) etag() string { return `"` + strconv.FormatInt(v.Version, 10) + `"` }

// founded is an organization that a test has founded, with its admin.
type founded struct {
	view

	password string
	token    string
}

// suffix makes what carries it nobody else's, on any host. It is lower-case, of letters and digits.
func suffix() string { return strings.ToLower(rand.Text()[:10]) }

func freshName(name string) string { return name + " " + suffix() }
func freshEmail() string           { return planted + "." + suffix() + "@mail.example" }
func freshPassword() string        { return planted + " " + rand.Text()[:12] }

// creation is the body of a POST /org/create.
func creation(name, email, password string) fields {
	return fields{"organization_name": name, "email": email, "password": password}
}

// found founds an organization with a name like the one given, and logs its admin in.
func (h *host) found(tb testing.TB, name string) founded {
	tb.Helper()
	return h.foundNamed(tb, freshName(name))
}

// foundNamed founds an organization of exactly that name.
func (h *host) foundNamed(tb testing.TB, name string) founded {
	tb.Helper()
	email, password := freshEmail(), freshPassword()
	v := h.create(tb, name, email, password).want(http.StatusCreated)
	return founded{view: viewOf(v), password: password, token: h.login(tb, email, password)}
}

// create asks for an organization. On a host of others it is deleted again after the test.
func (h *host) create(tb testing.TB, name, email, password string, options ...option) reply {
	tb.Helper()
	r := h.anyone(tb).post("/org/create", creation(name, email, password), options...)
	if r.status == http.StatusCreated && h.program == nil {
		h.deleteAfter(tb, viewOf(r).ID, email, password)
	}
	return r
}

// deleteAfter deletes an organization after the test, as far as what was
// created still has that address and password.
func (h *host) deleteAfter(tb testing.TB, id, email, password string) {
	tb.Helper()
	tb.Cleanup(func() {
		r := h.anyone(tb).post("/admin/login", fields{"email": email, "password": password})
		if r.status != http.StatusOK {
			return
		}
		admin := h.as(tb, decode[session](r).Token)
		is, _ := updated(admin.put("/org/update", fields{"password": password}))
		if is.ID == id {
			admin.delete("/org/delete", nil, named(is.Name))
		}
	})
}

// session is the answer to a login.
type session struct {
	Token            string `json:"access_token"`
	Type             string `json:"token_type"`
	ExpiresIn        int64  `json:"expires_in"`
	Refresh          string `json:"refresh_token"`
	RefreshExpiresIn int64  `json:"refresh_token_expires_in"`
}

// login returns a token.
func (h *host) login(tb testing.TB, email, password string) string {
	tb.Helper()
	return decode[session](h.anyone(tb).post("/admin/login", fields{"email": email, "password": password}).
		want(http.StatusOK)).Token
}

// locked fails the test where somebody can log in.
func (h *host) locked(tb testing.TB, email, password string) {
	tb.Helper()
	h.anyone(tb).post("/admin/login", fields{"email": email, "password": password}).refused(http.StatusUnauthorized,
		"invalid_credentials")
}

// look returns the organization of that name as its admin sees it.
func (h *host) look(tb testing.TB, f founded, name string) view {
	tb.Helper()
	return viewOf(h.as(tb, f.token).get("/org/get", named(name)).want(http.StatusOK))
}
