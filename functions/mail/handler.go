// Package mail sends what waits in the outbox. A schedule starts it, and the
// record that a mail waits, which every function leaves that has put one there. It
// is safe at any time, twice, and beside every other function.
package mail

import (
	"context"
	"log/slog"

	"oms/shared/backend"
	"oms/shared/config"
	"oms/shared/edge"
	"oms/shared/mail"
	"oms/shared/organization"
)

// Setup opens what the job needs, by what lookup finds, for as long as ctx lasts.
func Setup(ctx context.Context, lookup func(string) (string, bool), log *slog.Logger) (edge.Run, error) {
	b, err := backend.Open(ctx, lookup, log, "mail", config.Mail)
	if err != nil {
		return nil, err
	}
	return send(b.Organizations, b.Database.PrepareIndexes(ctx), sender(b.Config.Mail)), nil
}

// sender returns who sends mail, or nil where nobody does.
func sender(c config.Mailing) organization.MailSender {
	switch {
	case c.Folder != "":
		return mail.New(mail.Folder(c.Folder), c.PublicURL)
	case c.From != "":
		return mail.New(mail.NewSES(*c.AWS, c.From), c.PublicURL)
	}
	return nil
}

// outbox is what the job needs; *organization.Service is one.
type outbox interface {
	SendMails(ctx context.Context, by organization.MailSender) (organization.MailReport, error)
}

func send(organizations outbox, indexes backend.Readiness, by organization.MailSender) edge.Run {
	return backend.WhenIndexed(indexes, func(ctx context.Context) ([]slog.Attr, error) {
		post, err := organizations.SendMails(ctx, by)
		return []slog.Attr{slog.Any("post", post)}, err
	})
}
