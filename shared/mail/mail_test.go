package mail_test

import (
	"io"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"oms/shared/mail"
	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/token"
)

// delivered sends the letter into a folder and reads what is there as a mail program does.
func delivered(t *testing.T, l organization.Letter) (*netmail.Message, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mailbox")
	must.Do(t, mail.New(mail.Folder(dir), "https://oms.example.com").Send(t.Context(), l))
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 || !strings.HasSuffix(files[0].Name(), ".eml") {
		t.Fatalf("the folder has %v, %v, want one mail", files, err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, files[0].Name()): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has the mode %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
	f := must.Get(os.Open(filepath.Join(dir, files[0].Name())))(t) //nolint:gosec // G304: in a folder of the test
	defer func() { _ = f.Close() }()
	m := must.Get(netmail.ReadMessage(f))(t)
	return m, string(must.Get(io.ReadAll(m.Body))(t))
}

func TestPost_Send(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	tok := token.NewMailed(token.ResetPassword, [12]byte{1}, [12]byte{2})
	link := "\r\nhttps://oms.example.com/admin/recover#" + tok.Reveal() + "\r\n"
	for kind, c := range map[organization.MailKind]struct{ subject, says, link string }{
		organization.MailConfirm: {
			"Confirm your email address", "good for 7 days", link,
		},
		organization.MailReset: {
			"Set a new password", "once, for 30 minutes", link,
		},
		organization.MailPasswordChanged: {
			"Your password has been changed", "If it was not you", "\r\nhttps://oms.example.com/admin/recover\r\n",
		},
		organization.MailEmailChanged: {"Your email address has been changed", "the old address and to the new", ""},
	} {
		m, body := delivered(t, organization.Letter{
			Mail: organization.Mail{Kind: kind, To: "ü+x@acme.io", At: at}, Token: tok,
		})
		to, err := m.Header.AddressList("To")
		date, err2 := m.Header.Date()
		if err != nil || err2 != nil || len(to) != 1 || to[0].Address != "ü+x@acme.io" || !date.Equal(at) ||
			m.Header.Get("Subject") != c.subject || len(m.Header) != 8 {
			t.Errorf("%s: the header is %v, %v, %v", kind, m.Header, err, err2)
		}
		if !strings.Contains(body, c.says) || !strings.Contains(body, "on 4 March 2026 at 05:06 UTC") ||
			!strings.Contains(body, c.link) || strings.Contains(body, tok.Reveal()) != strings.Contains(c.link, "#") {
			t.Errorf("%s: the body is %s", kind, body)
		}
	}
}

func TestPost_Send_refuses(t *testing.T) {
	t.Parallel()
	for _, m := range []organization.Mail{
		{Kind: organization.MailReset, To: "a@acme.io\r\nBcc: b@acme.io"},
		{Kind: organization.MailReset, To: "a@acme.io, b@acme.io"},
		{Kind: organization.MailReset, To: "A <a@acme.io>"},
		{Kind: organization.MailReset},
		{Kind: "advertisement", To: "a@acme.io"},
	} {
		dir := t.TempDir()
		err := mail.New(mail.Folder(dir), "").Send(t.Context(), organization.Letter{Mail: m})
		if files, _ := os.ReadDir(dir); err == nil || len(files) > 0 {
			t.Errorf("Send(%+v) = %v, and wrote %v", m, err, files)
		}
	}
	if err := mail.New(mail.Folder(filepath.Join(os.DevNull, "x")), "").Send(t.Context(), organization.Letter{
		Mail: organization.Mail{Kind: organization.MailReset, To: "a@acme.io"},
	}); err == nil {
		t.Error("a folder that cannot be took a mail")
	}
}
