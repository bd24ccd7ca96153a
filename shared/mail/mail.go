// Package mail turns what waits in the outbox into text and hands it to its
// transport: a folder, on one machine, or Amazon SES.
//
// It owns the words of every mail, and how one is written down (RFC 5322). It
// refuses to write anything into one that somebody typed: only an address, which
// is parsed once more, a time, and a link. So no mail of this service carries a
// stranger's words to whom he likes, and no line end opens another header.
//
//	sender := mail.New(transport, "https://oms.example.com")
//	report, err := organizations.SendMails(ctx, sender)
package mail

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"oms/shared/organization"
)

// Path is where the page is, below the service's URL, that a link leads to.
const Path = "/admin/recover"

// Message is a mail in words.
type Message struct {
	To      mail.Address
	Subject string // ASCII
	Text    string // lines end in \n
	At      time.Time
}

// Transport takes a message to be delivered. After an error it comes again, so it
// may be delivered twice.
type Transport interface {
	Deliver(ctx context.Context, m Message) error
}

// Sender writes letters and has them delivered; it is an [organization.MailSender].
type Sender struct {
	transport Transport
	url       string
}

var _ organization.MailSender = (*Sender)(nil)

// New returns a sender whose links lead below the URL, which ends in no slash.
func New(to Transport, url string) *Sender { return &Sender{to, url} }

// Send writes the letter and has it delivered.
func (s *Sender) Send(ctx context.Context, l organization.Letter) error {
	m, err := s.write(l)
	if err != nil {
		return err
	}
	return s.transport.Deliver(ctx, m)
}

func (s *Sender) write(l organization.Letter) (Message, error) {
	to, err := mail.ParseAddress(l.To)
	if err != nil || to.Address != l.To || strings.ContainsFunc(l.To, control) {
		return Message{}, errors.New("the address is none that a mail can be written to")
	}
	page := s.url + Path
	link := page + "#" + l.Token.Reveal()
	at := l.At.UTC().Format("on 2 January 2006 at 15:04 UTC")
	m := Message{To: *to, At: l.At}
	switch l.Kind {
	case organization.MailConfirm:
		m.Subject = "Confirm your email address"
		m.Text = "This address was given as an administrator's " + at + ". Confirm that it is yours:\n\n" + link +
			"\n\nThe link is good for " + days(organization.ConfirmLife) + ". If it was not you, do nothing.\n"
	case organization.MailReset:
		m.Subject = "Set a new password"
		m.Text = "A new password was asked for " + at + " for the account with this address. Set it here:\n\n" + link +
			fmt.Sprintf("\n\nThe link is good once, for %.0f minutes. If it was not you, do nothing: the "+
				"password stays as it is.\n", organization.ResetLife.Minutes())
	case organization.MailPasswordChanged:
		m.Subject = "Your password has been changed"
		m.Text = "The password of the account with this address was changed " + at + ", and every session has ended." +
			"\n\nIf it was not you, set another one at once:\n\n" + page + "\n"
	case organization.MailEmailChanged:
		m.Subject = "Your email address has been changed"
		m.Text = "An administrator's email address was changed " + at + ", and every session has ended. This goes to " +
			"the old address and to the new one.\n\nIf it was not you, write to whoever runs this service for you at " +
			"once.\n"
	default:
		return Message{}, fmt.Errorf("there is no mail of the kind %q", l.Kind)
	}
	return m, nil
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

func days(d time.Duration) string { return fmt.Sprintf("%.0f days", d.Hours()/24) }
