package contract_test

import (
	"bytes"
	"io"
	"net/http"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"oms/functions/docs/docstest"
	posts "oms/shared/mail"
	"oms/shared/must"
	"oms/shared/token"
)

func testMail(t *testing.T, h *host) {
	t.Run("brings back who has lost the password, and proves the address", func(t *testing.T) {
		t.Parallel()
		h.needMailbox(t)
		f := h.found(t, "Lost")
		if h.confirmed(t, f.token) {
			t.Error("a new address is confirmed already")
		}
		confirm := fields{"token": h.mailed(t, f.Email, "Confirm your email address", token.ConfirmEmail)}
		for range 2 {
			h.anyone(t).post("/admin/email/confirm", confirm).want(http.StatusOK)
		}
		if !h.confirmed(t, f.token) {
			t.Error("the address is not confirmed")
		}
		for range 3 { // one mail comes
			h.anyone(t).
				post("/admin/password/forgot", fields{"email": " " + strings.ToUpper(f.Email)}).
				want(http.StatusAccepted)
		}
		reset := fields{
			"token":        h.mailed(t, f.Email, "Set a new password", token.ResetPassword),
			"new_password": freshPassword(),
		}
		h.anyone(t).post("/admin/password/reset", fields{"token": reset["token"], "new_password": "short"}).
			refused(http.StatusUnprocessableEntity, "invalid_request", "new_password")
		h.anyone(t).post("/admin/password/reset", reset).want(http.StatusOK)
		h.anyone(t).post("/admin/password/reset", reset).refused(http.StatusUnauthorized, "invalid_reset_token")
		h.as(t, f.token).get("/org/me").refused(http.StatusUnauthorized, "token_revoked")
		h.anyone(t).post("/admin/login", fields{"email": f.Email, "password": f.password}).
			refused(http.StatusUnauthorized, "invalid_credentials")
		is, _ := reset["new_password"].(string)
		h.login(t, f.Email, is)
		h.mailed(t, f.Email, "Your password has been changed", "")
		if n := len(h.mails(t, f.Email)); n != 3 {
			t.Errorf("%d mails came, want 3", n)
		}
	})
	t.Run("tells both addresses of a new one, which is to be confirmed", func(t *testing.T) {
		t.Parallel()
		h.needMailbox(t)
		f, email := h.found(t, "Moved"), freshEmail()
		h.anyone(t).post("/admin/password/forgot", fields{"email": f.Email}).want(http.StatusAccepted)
		reset := h.mailed(t, f.Email, "Set a new password", token.ResetPassword)
		h.anyone(t).post("/admin/email/confirm", fields{
			"token": h.mailed(t, f.Email, "Confirm your email address", token.ConfirmEmail),
		}).want(http.StatusOK)
		h.as(t, f.token).put("/org/update", fields{"email": email}).want(http.StatusOK)
		h.mailed(t, f.Email, "Your email address has been changed", "")
		h.mailed(t, email, "Your email address has been changed", "")
		if h.confirmed(t, h.login(t, email, f.password)) {
			t.Error("the new address is confirmed")
		}
		h.anyone(t).post("/admin/password/reset", fields{"token": reset, "new_password": freshPassword()}).
			refused(http.StatusUnauthorized, "invalid_reset_token")
		h.mailed(t, email, "Confirm your email address", token.ConfirmEmail)
	})
	t.Run("is answered the same, whether there is an account or not", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Known")
		known := h.anyone(t).post("/admin/password/forgot", fields{"email": f.Email}).want(http.StatusAccepted)
		for _, email := range []string{freshEmail(), "no address", ""} {
			r := h.anyone(t).post("/admin/password/forgot", fields{"email": email}).want(http.StatusAccepted)
			if string(r.body) != string(known.body) || r.header.Get("Set-Cookie") != "" {
				t.Errorf("%q is answered %s, and an account %s", email, r.body, known.body)
			}
		}
	})
	t.Run("has tokens that nobody guesses", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Guessed")
		for _, bad := range []string{
			"", "x", f.token, token.NewMailed(token.ResetPassword, [12]byte{1}, [12]byte{2}).Reveal(),
			token.NewMailed(token.ConfirmEmail, [12]byte{1}, [12]byte{2}).Reveal(),
		} {
			h.anyone(t).post("/admin/password/reset", fields{"token": bad, "new_password": freshPassword()}).
				refused(http.StatusUnauthorized, "invalid_reset_token")
			h.anyone(t).post("/admin/email/confirm", fields{"token": bad}).
				refused(http.StatusUnauthorized, "invalid_confirmation_token")
		}
	})
	t.Run("leads to a page", func(t *testing.T) {
		t.Parallel()
		r := h.anyone(t).get("/admin/recover").want(http.StatusOK)
		if !strings.Contains(string(r.body), "<form") {
			t.Errorf("the page is %s", r.body)
		}
	})
	t.Run("has links that a person follows to the end", func(t *testing.T) {
		t.Parallel()
		h.needMailbox(t)
		f, is, base := h.found(t, "Followed"), freshPassword(), h.base.String()
		link := base + "/admin/recover#"
		tok := h.mailed(t, f.Email, "Confirm your email address", token.ConfirmEmail)
		docstest.Recover(t, base, link+tok, "confirm", "", "is confirmed")
		if !h.confirmed(t, f.token) {
			t.Error("the address is not confirmed")
		}
		docstest.Recover(t, base, base+"/admin/recover", "forgot", f.Email, "a mail is under way")
		tok = h.mailed(t, f.Email, "Set a new password", token.ResetPassword)
		docstest.Recover(t, base, link+tok, "reset", is, "is set")
		h.login(t, f.Email, is)
	})
}

// needMailbox skips a row that reads what was mailed.
func (h *host) needMailbox(tb testing.TB) {
	tb.Helper()
	if h.mailbox == "" {
		tb.Skip("not run for this host: what it mails is not within reach")
	}
}

// confirmed reports whether the token's admin has confirmed its address, by both routes that say so.
func (h *host) confirmed(tb testing.TB, tok string) bool {
	tb.Helper()
	type shown struct {
		Data struct {
			Confirmed bool   `json:"email_confirmed"`
			Name      string `json:"organization_name"`
		} `json:"data"`
	}
	own := decode[shown](h.as(tb, tok).get("/org/me").want(http.StatusOK))
	public := decode[shown](h.as(tb, tok).get("/org/get", named(own.Data.Name)).want(http.StatusOK))
	if own != public {
		tb.Errorf("GET /org/me shows %+v, GET /org/get %+v", own, public)
	}
	return own.Data.Confirmed
}

// mailed waits for a mail, and returns the token for the purpose in it; none where that is empty.
func (h *host) mailed(tb testing.TB, to, subject string, p token.Purpose) string {
	tb.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for late := time.After(20 * time.Second); ; {
		if text, ok := h.mails(tb, to)[subject]; ok {
			if p == "" {
				return ""
			}
			return regexp.MustCompile(string(p) + `[A-Za-z0-9_-]+`).FindString(text)
		}
		select {
		case <-again.C:
		case <-late:
			tb.Fatalf("no mail came within 20 seconds: %s", subject)
		}
	}
}

// mails returns the mails to an address, by subject.
func (h *host) mails(tb testing.TB, to string) map[string]string {
	tb.Helper()
	if h.mailer != nil {
		must.Do(tb, must.Err(h.mailer.SendMails(tb.Context(), posts.New(posts.Folder(h.mailbox), h.base.String()))))
	}
	all := map[string]string{}
	for _, name := range must.Get(filepath.Glob(filepath.Join(h.mailbox, "*.eml")))(tb) {
		text := must.Get(os.ReadFile(name))(tb) //nolint:gosec // G304: in a folder of the test
		m := must.Get(mail.ReadMessage(bytes.NewReader(text)))(tb)
		if must.Get(mail.ParseAddress(m.Header.Get("To")))(tb).Address == to {
			all[m.Header.Get("Subject")] = string(must.Get(io.ReadAll(m.Body))(tb))
		}
	}
	return all
}
