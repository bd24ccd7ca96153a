package contract_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"oms/functions/docs/docstest"
	"oms/shared/must"
	"oms/shared/openapi"
)

// gatewayAnswer fails the test where the answer is not the gateway's own.
func gatewayAnswer(r reply, status int, message string) {
	r.tb.Helper()
	if r.status != status || string(r.body) != `{"message":"`+message+`"}` {
		r.tb.Errorf("%s = %d %s, want the gateway's %d %s", r.what, r.status, r.body, status, message)
	}
	if r.header.Get("Apigw-Requestid") == "" || r.header.Get("X-Request-Id") != "" {
		r.tb.Errorf("%s: Apigw-Requestid is %q and x-request-id %q, want the first alone", r.what,
			r.header.Get("Apigw-Requestid"), r.header.Get("X-Request-Id"))
	}
}

func forbidden(r reply) {
	r.tb.Helper()
	gatewayAnswer(r, http.StatusForbidden, "Forbidden")
}

// testGateway: what the gateway answers itself; no function runs.
func testGateway(t *testing.T, h *host) {
	f := h.found(t, "Gateway")
	t.Run("a missing token", func(t *testing.T) {
		t.Parallel()
		gatewayAnswer(h.anyone(t).put("/org/update", fields{"organization_name": "No"}), http.StatusUnauthorized,
			"Unauthorized")
		gatewayAnswer(h.anyone(t).put("/org/update", raw("{")), http.StatusUnauthorized, "Unauthorized")
		gatewayAnswer(h.anyone(t).delete("/org/delete", nil, named(f.Name)), http.StatusUnauthorized, "Unauthorized")
		gatewayAnswer(h.anyone(t).delete("/org/delete", fields{"organization_name": f.Name}), http.StatusUnauthorized,
			"Unauthorized")
	})
	t.Run("a refused token", func(t *testing.T) {
		t.Parallel()
		for _, value := range []string{"Bearer x.y.z", "Bearer " + f.token[:len(f.token)-2], "Basic YTpi", f.token} {
			forbidden(h.anyone(t).put("/org/update", fields{"organization_name": "No"}, with("Authorization", value)))
			forbidden(h.anyone(t).delete("/org/delete", nil, named(f.Name), with("Authorization", value)))
		}
	})
	t.Run("no route", func(t *testing.T) {
		t.Parallel()
		for _, tc := range []struct{ method, path string }{
			{http.MethodGet, "/"},
			{http.MethodGet, "/org"},
			{http.MethodGet, "/org/create"},
			{http.MethodPost, "/org/get"},
			{http.MethodPatch, "/org/update"},
			{http.MethodGet, "/org/get/x"},
			{http.MethodGet, "/Org/Get"},
			{http.MethodGet, "/docs/assets"},
		} {
			gatewayAnswer(h.anyone(t).send(tc.method, tc.path, nil), http.StatusNotFound, "Not Found")
		}
	})
	if got := h.look(t, f, f.Name); got != f.view {
		t.Errorf("it is %+v, was %+v", got, f.view)
	}
}

// testCORS: what a page of another origin may send and read. A deployed host
// may allow other origins, or none.
func testCORS(t *testing.T, h *host) {
	const origin = "http://localhost:5173" // the template's default
	preflight := h.anyone(t).send(http.MethodOptions, "/org/update", nil, with("Origin", origin),
		with("Access-Control-Request-Method", "PUT"), with("Access-Control-Request-Headers",
			"authorization,content-type,if-match"))
	if h.program == nil && preflight.header.Get("Access-Control-Allow-Origin") == "" {
		t.Skip("not run for this host: it allows this origin nothing")
	}
	list := func(r reply, name string) []string {
		var all []string
		for part := range strings.SplitSeq(r.header.Get(name), ",") {
			all = append(all, strings.ToLower(strings.TrimSpace(part)))
		}
		slices.Sort(all)
		return all
	}
	preflight.want(http.StatusNoContent)
	if diff := cmp.Diff([]string{"authorization", "content-type", "idempotency-key", "if-match"},
		list(preflight, "Access-Control-Allow-Headers")); diff != "" {
		t.Errorf("what requests may send (-want +got):\n%s", diff)
	}
	for _, method := range []string{"get", "post", "put", "delete"} {
		if got := list(preflight, "Access-Control-Allow-Methods"); !slices.Contains(got, method) {
			t.Errorf("the methods are %q, want %s too", got, method)
		}
	}
	f := h.found(t, "Cross Origin")
	for _, r := range []reply{
		h.anyone(t).get("/org/get", named(f.Name), with("Origin", origin)).want(http.StatusOK),
		h.anyone(t).get("/org/get", with("Origin", origin)).want(http.StatusUnprocessableEntity),
		h.as(t, f.token).put("/org/update", fields{}, with("Origin", origin)).want(http.StatusUnprocessableEntity),
	} {
		if r.header.Get("Access-Control-Allow-Origin") == "" {
			t.Errorf("%s = %d: the origin is not allowed", r.what, r.status)
		}
		want := []string{"etag", "idempotent-replayed", "location", "retry-after", "www-authenticate", "x-request-id"}
		if diff := cmp.Diff(want, list(r, "Access-Control-Expose-Headers")); diff != "" {
			t.Errorf("%s: what pages may read (-want +got):\n%s", r.what, diff)
		}
	}
	// Without an Origin it is a request like any other.
	gatewayAnswer(h.anyone(t).send(http.MethodOptions, "/nowhere", nil), http.StatusNotFound, "Not Found")
}

// testPages: GET /health, /docs and /openapi.json.
func testPages(t *testing.T, h *host) {
	if got := string(h.anyone(t).get("/health").want(http.StatusOK).body); got != `{"status":"ok"}` {
		t.Errorf("/health says %s", got)
	}
	document := h.anyone(t).get("/openapi.json").want(http.StatusOK)
	if diff := cmp.Diff(must.JSON[any](t, openapi.Document()), must.JSON[any](t, document.body)); diff != "" {
		t.Errorf("/openapi.json is not the document of this tree (-want +got):\n%s", diff)
	}
	page := h.anyone(t).get("/docs").want(http.StatusOK)
	assets := regexp.MustCompile(`"(docs/assets/[^"]+)"`).FindAllStringSubmatch(string(page.body), -1)
	for _, asset := range assets {
		h.anyone(t).get("/" + asset[1]).want(http.StatusOK)
	}
	if len(assets) < 2 {
		t.Errorf("the page names %d assets", len(assets))
	}
}

// testBrowser: the page of /docs works, in a real browser; on the embedded
// database below a path, as a named stage has one.
func testBrowser(t *testing.T, h *host) {
	base := h.base.String()
	if h.engine.Name == "embedded" {
		proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(h.base) }}
		stage := httptest.NewServer(http.StripPrefix("/stage", proxy))
		t.Cleanup(stage.Close)
		base = stage.URL + "/stage"
	}
	docstest.Drive(t, base)
}
