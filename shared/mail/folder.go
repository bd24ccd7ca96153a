package mail

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Folder delivers messages into a folder, one file each that mail programs open:
// for a machine on which nothing is delivered. Whoever reads it has the tokens, so
// the files are their owner's alone.
type Folder string

var _ Transport = Folder("")

// Deliver writes the message into a file of its own, whole or not at all. Names
// sort by time.
func (f Folder) Deliver(_ context.Context, m Message) error {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return fmt.Errorf("making the mailbox: %w", err)
	}
	name := filepath.Join(string(f), time.Now().UTC().Format("20060102T150405.000000Z-")+rand.Text()[:8]+".eml")
	whole := name + ".part"
	if err := os.WriteFile(whole, m.bytes(mail.Address{Name: "OMS", Address: "oms@localhost"}), 0o600); err != nil {
		return fmt.Errorf("writing into the mailbox: %w", err)
	}
	if err := os.Rename(whole, name); err != nil {
		return fmt.Errorf("writing into the mailbox: %w", err)
	}
	return nil
}

// bytes is the message as RFC 5322 has it. Addresses are written by net/mail,
// which quotes what it must; every other header is of this package's own words.
func (m Message) bytes(from mail.Address) []byte {
	return []byte(strings.Join([]string{
		"From: " + from.String(),
		"To: " + m.To.String(),
		"Subject: " + m.Subject,
		"Date: " + m.At.UTC().Format(time.RFC1123Z),
		"Message-ID: <" + rand.Text() + "@localhost>",
		"MIME-Version: 1.0",
		"Content-Type: text/plain; charset=utf-8",
		"Content-Transfer-Encoding: 8bit",
		"",
		strings.ReplaceAll(m.Text, "\n", "\r\n"),
	}, "\r\n"))
}
