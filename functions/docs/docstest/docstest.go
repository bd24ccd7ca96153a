// Package docstest drives the pages of the service, /docs and the one that a mail
// leads to, with a real browser, for the tests of the whole service. It needs
// Chromium: without one it skips the test, but not where CI is set.
package docstest

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"oms/shared/openapi/openapitest"
)

// Drive lives an organization's life from the page of the service at base
// (without a slash at its end), as a visitor would: it does all that the page
// promises, and leaves no organization behind.
func Drive(tb testing.TB, base string) {
	tb.Helper()
	b := newBrowser(tb, base)
	b.run("opening the page", chromedp.Navigate(base+"/docs"), chromedp.WaitVisible(chromedp.CSS(".opblock")))
	wantOperations(tb, b)
	b.picture("page")

	suffix := strings.ToLower(rand.Text()[:10])
	name, email, password := "Browser "+suffix, "admin@"+suffix+".test", "a secret of "+suffix

	tb.Log("Try it out on POST /org/create sends the JSON")
	sent := mustJSON(tb, map[string]string{"organization_name": name, "email": email, "password": password})
	block := b.open("organizations", "createOrganization")
	b.typeInto(block+" textarea.body-param__text", sent)
	if status, body := b.execute(block); status != "201" || !strings.Contains(body, name) {
		tb.Errorf("creating: the page shows %s %s, want 201 and the name", status, body)
	}
	b.fold(block)
	r := b.sent(http.MethodPost, "/org/create")
	if got := postData(r); got != sent {
		tb.Errorf("creating: the page sent %q, want %q", got, sent)
	}
	if got, there := r.Headers["Idempotency-Key"]; there {
		tb.Errorf("creating: the page sent Idempotency-Key %q, which every visitor would", got)
	}
	if got := r.Headers["Content-Type"]; got != "application/json" {
		tb.Errorf("creating: the page sent Content-Type %q, want application/json", got)
	}

	tb.Log("logging in shows the token")
	block = b.open("admins", "loginAdmin")
	b.typeInto(block+" textarea.body-param__text",
		mustJSON(tb, map[string]string{"email": email, "password": password}))
	status, body := b.execute(block)
	b.fold(block)
	var login struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &login); err != nil || status != "200" || login.Token == "" {
		tb.Fatalf("logging in: the page shows %s %q (%v), want 200 and a token", status, body, err)
	}

	tb.Log("Authorize makes a protected operation work")
	b.click(".auth-wrapper .authorize")
	b.typeInto(".modal-ux #auth-bearer-value", login.Token)
	b.click(".modal-ux .auth-btn-wrapper .authorize")
	b.click(".modal-ux .auth-btn-wrapper .btn-done")
	block = b.open("organizations", "updateOrganization")
	b.typeInto(block+` tr[data-param-name="If-Match"] input`, `"1"`)
	b.typeInto(block+" textarea.body-param__text",
		mustJSON(tb, map[string]string{"organization_name": strings.ToUpper(name)}))
	if status, body := b.execute(block); status != "200" || !strings.Contains(body, strings.ToUpper(name)) {
		tb.Errorf("updating: the page shows %s %s, want 200 and the new name", status, body)
	}
	b.fold(block)
	r = b.sent(http.MethodPut, "/org/update")
	if got := r.Headers["Authorization"]; got != "Bearer "+login.Token {
		tb.Errorf("updating: the page sent Authorization %q, want the token", got)
	}
	if got := r.Headers["If-Match"]; got != `"1"` {
		tb.Errorf("updating: the page sent If-Match %q, want %q", got, `"1"`)
	}

	tb.Log("a parameter of the query is sent, and the organization is gone")
	block = b.open("organizations", "deleteOrganization")
	b.typeInto(block+` tr[data-param-name="organization_name"] input`, name)
	b.typeInto(block+" textarea.body-param__text", "")
	if status, body := b.execute(block); status != "200" || !strings.Contains(body, "deleted") {
		tb.Errorf("deleting: the page shows %s %s, want 200 and deleted", status, body)
	}
	b.noTrouble()
}

// Recover follows the link of a mail at the service at base, does in the form of that
// name what it is for, with the password where it asks for one, and wants what the page then says.
func Recover(tb testing.TB, base, link, form, password, want string) {
	tb.Helper()
	b := newBrowser(tb, base)
	b.run("opening the link", chromedp.Navigate(link), chromedp.WaitVisible(chromedp.CSS("#"+form+" button")))
	if at := b.eval("location.href"); at != base+"/admin/recover" {
		tb.Errorf("the address is %s, and should have no token any more", at)
	}
	if password != "" {
		b.typeInto("#"+form+" input", password)
	}
	b.click("#" + form + " button")
	b.run("waiting for the answer", chromedp.WaitNotPresent(chromedp.CSS("#said:empty")))
	b.picture(form)
	if said := b.eval(`document.getElementById("said").innerText`); !strings.Contains(said, want) {
		tb.Errorf("the page says %q, want %q", said, want)
	}
	b.noTrouble()
}

// wantOperations fails the test where the page does not show each operation of the document.
func wantOperations(tb testing.TB, b *browser) {
	tb.Helper()
	shown := get(b, "reading the operations", chromedp.Evaluate[[]string](
		`[...document.querySelectorAll(".opblock")].map(o => o.querySelector(".opblock-summary-method").innerText + `+
			`" " + o.querySelector(".opblock-summary-path").dataset.path)`))
	there := map[string]bool{}
	for _, s := range shown {
		there[s] = true
	}
	operations := openapitest.New(tb).Operations()
	for _, o := range operations {
		if !there[o.Method+" "+o.Path] {
			tb.Errorf("the page does not show %s %s", o.Method, o.Path)
		}
	}
	if len(shown) != len(operations) {
		tb.Errorf("the page shows %d operations, want %d: %q", len(shown), len(operations), shown)
	}
}

func postData(r *network.Request) string {
	var b strings.Builder
	for _, e := range r.PostDataEntries {
		b.Write(e.Bytes)
	}
	return b.String()
}

func mustJSON(tb testing.TB, v any) string {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatalf("encoding: %v", err)
	}
	return string(b)
}
