package docs

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"oms/shared/edge/edgetest"
	"oms/shared/must"
	"oms/shared/openapi"
)

func fetch(tb testing.TB, path string, header map[string]string) edgetest.Response {
	tb.Helper()
	h := must.Get(newHandler())(tb)
	return edgetest.Invoke(tb, h, edgetest.Event(tb, edgetest.Request{
		Method: http.MethodGet, Path: path, Header: header,
	}))
}

// mustLoad returns the paths that the page loads, relative to /docs.
func mustLoad(tb testing.TB) []string {
	tb.Helper()
	page := fetch(tb, "/docs", nil).Body
	var paths []string
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		paths = append(paths, m[1])
	}
	if len(paths) < 6 {
		tb.Fatalf("the page loads %q, want scripts, styles, an icon and the document", paths)
	}
	return paths
}

func TestHandler_Page(t *testing.T) {
	t.Parallel()
	got := fetch(t, "/docs", nil)

	t.Run("is HTML under a strict policy and not cached", func(t *testing.T) {
		t.Parallel()
		want := map[string]string{
			"Content-Type":            "text/html; charset=utf-8",
			"Cache-Control":           "no-store",
			"X-Content-Type-Options":  "nosniff",
			"Referrer-Policy":         "no-referrer",
			"Content-Security-Policy": policy,
		}
		if got.Status != http.StatusOK {
			t.Errorf("status = %d, want 200", got.Status)
		}
		for name, value := range want {
			if got.Header.Get(name) != value {
				t.Errorf("%s = %q, want %q", name, got.Header.Get(name), value)
			}
		}
	})
	t.Run("has no inline script, style or handler", func(t *testing.T) {
		t.Parallel()
		for _, inline := range []string{`<script>`, `<style`, ` style=`, ` on[a-z]+=`, `javascript:`} {
			if regexp.MustCompile(inline).MatchString(got.Body) {
				t.Errorf("the page has %s", inline)
			}
		}
	})
	t.Run("loads relative paths only, so that it works below a stage", func(t *testing.T) {
		t.Parallel()
		for _, path := range mustLoad(t) {
			if strings.HasPrefix(path, "/") || strings.Contains(path, ":") {
				t.Errorf("the page loads %q, want a relative path", path)
			}
		}
	})
	t.Run("finds everything that it loads", func(t *testing.T) {
		t.Parallel()
		for _, path := range mustLoad(t) {
			if r := fetch(t, "/"+path, nil); r.Status != http.StatusOK || r.Body == "" {
				t.Errorf("GET /%s = %d with %d bytes, want 200 and a body", path, r.Status, len(r.Body))
			}
		}
	})
}

func TestHandler_Document(t *testing.T) {
	t.Parallel()
	got := fetch(t, "/openapi.json", nil)
	if got.Status != http.StatusOK || got.Header.Get("Content-Type") != "application/json" ||
		got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("GET /openapi.json = %d %v, want 200, application/json, no-store", got.Status, got.Header)
	}
	if diff := cmp.Diff(string(openapi.Document()), got.Body); diff != "" {
		t.Errorf("GET /openapi.json is not the document (-want +got):\n%s", diff)
	}
}

func TestHandler_Asset(t *testing.T) {
	t.Parallel()
	files := must.Get(readAssets())(t)
	bundle := "/docs/assets/" + files.version + "/swagger-ui-bundle.js"

	t.Run("is cached for good", func(t *testing.T) {
		t.Parallel()
		got := fetch(t, bundle, nil)
		if cc := got.Header.Get("Cache-Control"); cc != "public, max-age=31536000, immutable" {
			t.Errorf("Cache-Control = %q", cc)
		}
		if vary := got.Header.Get("Vary"); vary != "Accept-Encoding" {
			t.Errorf("Vary = %q, want Accept-Encoding", vary)
		}
	})
	t.Run("is the same compressed and not", func(t *testing.T) {
		t.Parallel()
		plain := fetch(t, bundle, nil)
		packed := fetch(t, bundle, map[string]string{"Accept-Encoding": "gzip, deflate, br"})
		if e := plain.Header.Get("Content-Encoding"); e != "" {
			t.Errorf("Content-Encoding without Accept-Encoding = %q, want none", e)
		}
		if e := packed.Header.Get("Content-Encoding"); e != "gzip" {
			t.Fatalf("Content-Encoding = %q, want gzip", e)
		}
		r := must.Get(gzip.NewReader(strings.NewReader(packed.Body)))(t)
		unpacked := must.Get(io.ReadAll(r))(t)
		if !bytes.Equal(unpacked, []byte(plain.Body)) {
			t.Errorf("compressed, the asset has %d bytes; plain %d", len(unpacked), len(plain.Body))
		}
	})
	t.Run("fits into a Lambda response, whichever way it is sent", func(t *testing.T) {
		t.Parallel()
		const limit = 6_291_556 // bytes of the response event (Lambda quotas, AWS Lambda developer guide)
		for name := range files.files {
			for _, accept := range []string{"", "gzip"} {
				got := fetch(t, "/docs/assets/"+files.version+"/"+name, map[string]string{"Accept-Encoding": accept})
				event, err := json.Marshal(got.Body)
				if err != nil {
					t.Fatalf("encoding %s: %v", name, err)
				}
				// Text travels as a JSON string, bytes as base64: four for three.
				if size := max(len(event), len(got.Body)*4/3); size > limit-4096 {
					t.Errorf("%s with Accept-Encoding %q is %d bytes in an event, want at most %d", name, accept, size,
						limit-4096)
				}
			}
		}
	})
	t.Run("is not found under another version, name or path", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{
			"/docs/assets/0000000000000000/docs.js",
			"/docs/assets/" + files.version + "/index.html",
			"/docs/assets/" + files.version + "/",
			"/docs/assets/" + files.version + "/../" + files.version + "/docs.js",
			"/docs/",
			"/docs/page/docs.js",
		} {
			got := fetch(t, path, nil)
			problem := must.JSON[struct{ Code string }](t, got.Body)
			if got.Status != http.StatusNotFound || problem.Code != "asset_not_found" ||
				got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("GET %s = %d %q %q, want 404 asset_not_found no-store", path, got.Status, problem.Code,
					got.Header.Get("Cache-Control"))
			}
		}
	})
}

func TestAcceptsGzip(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"":                              false,
		"gzip":                          true,
		"GZIP":                          true,
		"x-gzip":                        true,
		"br;q=1.0, gzip;q=0.8, *;q=0.1": true,
		"gzip;q=0":                      false,
		"gzip; q=0.0":                   false,
		"gzip;q=nonsense":               false,
		"*":                             true,
		"*;q=0":                         false,
		"gzip;q=0, *":                   false,
		"*, gzip;q=0":                   false,
		"identity":                      false,
		"gzipped":                       false,
	} {
		if got := acceptsGzip([]string{header}); got != want {
			t.Errorf("acceptsGzip(%q) = %v, want %v", header, got, want)
		}
	}
}
