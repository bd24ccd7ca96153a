package config

import (
	"errors"
	"net/mail"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Mailing is how mail goes out. Where neither Folder nor From is set, none does.
type Mailing struct {
	From      string // the address that it comes from, by Amazon SES
	Folder    string // where it goes to on one machine, in the place of anybody's mailbox
	PublicURL string // where the service is, as people reach it; ends in no slash

	AWS *aws.Config // with From: the region that sends it
}

func (l *loader) mailing() Mailing {
	m := Mailing{
		From: l.env.get("MAIL_FROM"), Folder: l.env.get("MAIL_FOLDER"),
		PublicURL: strings.TrimRight(l.env.get("PUBLIC_URL"), "/"),
	}
	if a, err := mail.ParseAddress(m.From); m.From != "" && (err != nil || a.Address != m.From || !ascii(m.From)) {
		l.fail("MAIL_FROM", errors.New("must be an email address in ASCII, and nothing else, such as oms@example.com"))
	}
	switch {
	case m.Folder == "":
	case !l.local: // the tokens in it would be at rest
		l.fail("MAIL_FOLDER", errors.New("is for stage local alone"))
	case m.From != "":
		l.fail("MAIL_FOLDER", errors.New("is set and MAIL_FROM is too: set one of them"))
	}
	if m.Folder == "" && m.From == "" {
		return m
	}
	if m.From != "" {
		region := l.env.get("AWS_REGION")
		c, ok := awsConfig(l.env, region, "AWS_ENDPOINT_URL_SESV2")
		if !ok || region == "" {
			l.fail("MAIL_FROM", errors.New("needs AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"))
		}
		m.AWS = &c
	}
	u, err := url.Parse(m.PublicURL)
	if err != nil || u.Host == "" || u.RawQuery+u.Fragment != "" || u.User != nil ||
		u.Scheme != "https" && (u.Scheme != "http" || !l.local) {
		l.fail("PUBLIC_URL", errors.New("must be where people reach the service, such as https://oms.example.com"))
	}
	return m
}

func (l *loader) requireConfirmed() bool {
	switch v := l.env.get("REQUIRE_CONFIRMED_EMAIL"); v {
	case "", "false":
	case "true":
		return true
	default:
		l.fail("REQUIRE_CONFIRMED_EMAIL", errors.New("must be true or false"))
	}
	return false
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
