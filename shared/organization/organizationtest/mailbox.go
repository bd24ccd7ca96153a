package organizationtest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"oms/shared/organization"
	"oms/shared/token"
)

// Mailbox keeps every letter that it is brought.
type Mailbox struct {
	mu      sync.Mutex
	letters []organization.Letter
	refuse  error
}

var _ organization.MailSender = (*Mailbox)(nil)

// Send takes the letter, or returns the error of [Mailbox.Refuse].
func (b *Mailbox) Send(_ context.Context, l organization.Letter) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse == nil {
		b.letters = append(b.letters, l)
	}
	return b.refuse
}

// Refuse has it refuse every letter with the error; nil: take them.
func (b *Mailbox) Refuse(with error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refuse = with
}

// Letters returns those of the kind, the first first.
func (b *Mailbox) Letters(kind organization.MailKind) []organization.Letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(b.letters), func(l organization.Letter) bool { return l.Kind != kind })
}

// Token returns the token of the last letter of the kind; the zero one where there is none.
func (b *Mailbox) Token(kind organization.MailKind) token.Mailed {
	all := b.Letters(kind)
	if len(all) == 0 {
		return token.Mailed{}
	}
	return all[len(all)-1].Token
}

// Post lets what keeps mails back pass, and has all of them sent into the world's Box.
func (w *World) Post(tb testing.TB) {
	tb.Helper()
	send := func() {
		tb.Helper()
		if p, err := w.SendMails(tb.Context(), w.Box); err != nil || !p.Complete {
			tb.Fatalf("SendMails() = %+v, %v, want a complete run", p, err)
		}
	}
	send()
	w.Clock.Advance(20 * time.Second) // longer than a sender that died has had them
	send()
}
