package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oms/local/template"
	"oms/shared/must"
)

func TestDeliverHere(t *testing.T) {
	t.Parallel()
	for about, c := range map[string]struct {
		at       net.IP
		data     string
		settings map[string]string
		folder   string
		shown    bool
	}{
		"on this machine": {net.IPv4(127, 0, 0, 1), "/d", map[string]string{}, "/d/mailbox", true},
		"elsewhere":       {net.IPv4zero, "/d", map[string]string{}, "/d/mailbox", false},
		"without data":    {net.IPv4(127, 0, 0, 1), "", map[string]string{}, "", false},
		"with a sender": {
			net.IPv4(127, 0, 0, 1), "/d", map[string]string{"MAIL_FROM": "oms@x.example"}, "", false,
		},
		"in a folder of one's own": {
			net.IPv4(127, 0, 0, 1), "/d", map[string]string{"MAIL_FOLDER": "/m"}, "/m", true,
		},
	} {
		box := deliverHere(c.settings, &template.Template{Stage: "v1"}, &net.TCPAddr{IP: c.at, Port: 8000}, c.data)
		if c.settings["MAIL_FOLDER"] != c.folder || (box != nil) != c.shown ||
			!strings.HasSuffix(c.settings["PUBLIC_URL"], ":8000/v1") {
			t.Errorf("%s: %v, and a page: %t", about, c.settings, box != nil)
		}
	}
}

func TestMailbox(t *testing.T) {
	t.Parallel()
	m := &mailbox{filepath.Join(t.TempDir(), "mailbox")}
	api := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("the API's")) })
	show := func(m *mailbox, method, path string) (int, string) {
		w := httptest.NewRecorder()
		m.before(api).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
		return w.Code, w.Body.String()
	}
	if code, body := show(m, "GET", "/mailbox"); code != 200 || !strings.Contains(body, "There is none.") {
		t.Errorf("without mail it shows %d %s", code, body)
	}
	must.Do(t, os.Mkdir(m.folder, 0o700))
	for name, text := range map[string]string{
		"1.eml":      "To: <a@acme.io>\r\nSubject: first\r\n\r\nhttps://x.example/#omsc_1\r\njavascript:alert(1)\r\n",
		"2.eml":      "To: \"<script>\" <b@acme.io>\r\nSubject: second\r\n\r\n<script>alert(1)</script>\r\n",
		"3.eml.part": "half",
	} {
		must.Do(t, os.WriteFile(filepath.Join(m.folder, name), []byte(text), 0o600))
	}
	_, body := show(m, "GET", "/mailbox")
	if strings.Index(body, ">second<") > strings.Index(body, ">first<") || strings.Contains(body, "<script") ||
		!strings.Contains(body, `<a href="https://x.example/#omsc_1">`) || strings.Contains(body, `href="javascript`) {
		t.Errorf("it shows %s", body)
	}
	for _, other := range [][2]string{{"POST", "/mailbox"}, {"GET", "/mailbox/"}, {"GET", "/org/get"}} {
		if _, body := show(m, other[0], other[1]); body != "the API's" {
			t.Errorf("%s %s is answered %s", other[0], other[1], body)
		}
	}
	if _, body := show(nil, "GET", "/mailbox"); body != "the API's" {
		t.Errorf("where there is none, it shows %s", body)
	}
}
