package main

import (
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"

	oms "oms/local/template"
)

// mailboxPath is where the page is that shows the mail; no route of the API is below it.
const mailboxPath = "/mailbox"

// mailboxShown is how many mails the page shows, the newest first.
const mailboxShown = 100

// mailbox is the folder that mail goes to on one machine, in the place of
// anybody's own; and a page that shows it, so that a person can follow a link.
type mailbox struct{ folder string }

// deliverHere has mail go to a mailbox in the data folder, where there is one and
// nobody has said from whom else it comes, and tells functions where people reach
// the service. The mailbox is nil unless this machine alone reaches the address:
// it has tokens in it.
func deliverHere(settings map[string]string, t *oms.Template, at net.Addr, data string) *mailbox {
	settings["PUBLIC_URL"] = cmp.Or(settings["PUBLIC_URL"], baseURL(t, at))
	if data == "" || settings["MAIL_FROM"] != "" {
		return nil
	}
	settings["MAIL_FOLDER"] = cmp.Or(settings["MAIL_FOLDER"], filepath.Join(data, "mailbox"))
	if tcp, ok := at.(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		return nil
	}
	return &mailbox{settings["MAIL_FOLDER"]}
}

// before shows the page at its path and hands everything else on.
func (m *mailbox) before(next http.Handler) http.Handler {
	if m == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != mailboxPath || r.Method != http.MethodGet {
			next.ServeHTTP(w, r)
			return
		}
		all, err := m.read()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		// Nothing runs and nothing is loaded, whatever stands in a mail.
		w.Header().Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; "+
			"frame-ancestors 'none'")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = mailboxPage().Execute(w, all) // the client has gone
	})
}

// delivered is one mail as the page shows it.
type delivered struct {
	Subject, To, Date string
	Lines             []string
}

// Link reports whether a line of a mail is one: this service's are lines by themselves.
func (delivered) Link(line string) bool {
	return strings.HasPrefix(line, "http://") || strings.HasPrefix(line, "https://")
}

// read returns the newest mails. None yet is not an error.
func (m *mailbox) read() ([]delivered, error) {
	files, err := os.ReadDir(m.folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the mailbox: %w", err)
	}
	slices.Reverse(files)
	var all []delivered
	for _, f := range files {
		if len(all) == mailboxShown || !strings.HasSuffix(f.Name(), ".eml") {
			continue
		}
		one, err := readMail(filepath.Join(m.folder, f.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", f.Name(), err)
		}
		all = append(all, one)
	}
	return all, nil
}

func readMail(path string) (delivered, error) {
	f, err := os.Open(path) //nolint:gosec // G304: in the user's own data folder
	if err != nil {
		return delivered{}, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	m, err := mail.ReadMessage(f)
	if err != nil {
		return delivered{}, err
	}
	body, err := io.ReadAll(m.Body)
	return delivered{
		m.Header.Get("Subject"), m.Header.Get("To"), m.Header.Get("Date"),
		strings.Split(strings.TrimSpace(strings.ReplaceAll(string(body), "\r\n", "\n")), "\n"),
	}, err
}

func mailboxPage() *template.Template {
	return template.Must(template.New("mailbox").Parse(`<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Mailbox</title></head>
<body>
<h1>Mailbox</h1>
<p>What this machine would have sent, the newest first. Load the page again for more.</p>
{{range $mail := .}}<hr>
<h2>{{.Subject}}</h2>
<p>To {{.To}}, {{.Date}}</p>
<p>{{range .Lines}}{{if $mail.Link .}}<a href="{{.}}">{{.}}</a>{{else}}{{.}}{{end}}<br>
{{end}}</p>
{{else}}<p>There is none.</p>
{{end}}</body>
</html>
`))
}
