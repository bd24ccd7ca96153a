package mail

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/smithy-go"
	"golang.org/x/net/idna"
)

// SES delivers messages by Amazon SES.
type SES struct {
	client *sesv2.Client
	from   string
}

var _ Transport = (*SES)(nil)

// NewSES returns a transport that sends from the address, of an identity that is verified
// in the region of c.
func NewSES(c aws.Config, from string) *SES {
	return &SES{sesv2.NewFromConfig(c, func(o *sesv2.Options) {
		o.Retryer = aws.NopRetryer{} // the outbox tries again, and is patient
	}), from}
}

// Deliver has SES send the message. SES itself writes it down: no text of ours is a
// header. Of what it refuses the error has the code alone, for its sentence may have
// the address. A local part beyond ASCII is refused ("Verified identities", Amazon
// SES developer guide); a domain beyond it is sent as it is looked up.
func (s *SES) Deliver(ctx context.Context, m Message) error {
	at := strings.LastIndexByte(m.To.Address, '@')
	domain, err := idna.Lookup.ToASCII(m.To.Address[at+1:])
	if err != nil {
		return errors.New("the domain of the address cannot be looked up")
	}
	to := mail.Address{Address: m.To.Address[:at+1] + domain}
	_, err = s.client.SendEmail(ctx, &sesv2.SendEmailInput{
		FromEmailAddress: &s.from,
		Destination:      &types.Destination{ToAddresses: []string{to.String()}},
		Content: &types.EmailContent{Simple: &types.Message{
			Subject: content(m.Subject), Body: &types.Body{Text: content(m.Text)},
		}},
	})
	if refused, ok := errors.AsType[smithy.APIError](err); ok {
		return fmt.Errorf("SES refused it: %s", refused.ErrorCode())
	}
	if err != nil {
		return fmt.Errorf("no answer from SES: %w", err)
	}
	return nil
}

func content(text string) *types.Content {
	return &types.Content{Data: &text, Charset: aws.String("UTF-8")}
}
