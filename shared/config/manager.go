package config

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// How long Secrets Manager may take. A function's init phase has ten seconds
// in all (Lambda developer guide, "Lambda execution environment").
const (
	SecretsWithin = 6 * time.Second // all secrets of a start, tries included
	TryWithin     = 2 * time.Second // one try
	tries         = 100             // more than there is time for
	maxBackoff    = 200 * time.Millisecond
)

// errUnanswered says that Secrets Manager did not say whether the secret can be
// read: it was not reached, had no time, or failed itself.
var errUnanswered = errors.New("no answer")

// manager reads secrets from AWS Secrets Manager.
type manager struct{ client *secretsmanager.Client }

// awsConfig is what a client of AWS is made of, from the environment by hand. The
// SDK's own config package would do that too and weighs as much as the rest of a
// function (1.8 MB): it reads profiles, asks metadata services and assumes
// roles, none of which a Lambda function does.
//
// The credentials are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
// AWS_SESSION_TOKEN; without them it is not ok. The variable endpoint, else
// AWS_ENDPOINT_URL, takes the place of AWS's endpoint (AWS SDKs and Tools
// Reference Guide, "Service-specific endpoints").
func awsConfig(env environment, region, endpoint string) (c aws.Config, ok bool) {
	creds := aws.Credentials{
		AccessKeyID:     env.get("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: env.get("AWS_SECRET_ACCESS_KEY"),
		SessionToken:    env.get("AWS_SESSION_TOKEN"),
		Source:          "environment",
	}
	c.Region = region
	c.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return creds, nil })
	if url := cmp.Or(env.get(endpoint), env.get("AWS_ENDPOINT_URL")); url != "" {
		c.BaseEndpoint = &url
	}
	return c, creds.AccessKeyID != "" && creds.SecretAccessKey != ""
}

// newManager returns a manager of the ARN's region, for no other has the secret.
func newManager(env environment, arn string) (*manager, error) {
	c, ok := awsConfig(env, strings.Split(arn, ":")[3], "AWS_ENDPOINT_URL_SECRETS_MANAGER")
	if !ok {
		return nil, errors.New("reading the secret needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	return &manager{secretsmanager.New(secretsmanager.Options{
		Region: c.Region, BaseEndpoint: c.BaseEndpoint, Credentials: c.Credentials,
		HTTPClient: awshttp.NewBuildableClient().WithTimeout(TryWithin),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff = tries, maxBackoff
			// The SDK takes a name that is not known for one that never will be.
			o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
				if _, dns := errors.AsType[*net.DNSError](err); dns {
					return aws.TrueTernary
				}
				return aws.UnknownTernary
			})}, o.Retryables...)
		}),
	})}, nil
}

// read returns the current text of the secret. The SDK's errors name the
// operation, the status and AWS's message, never the content.
func (m *manager) read(ctx context.Context, arn string) (string, error) {
	out, err := m.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &arn})
	if err != nil {
		if ctx.Err() != nil || m.client.Options().Retryer.IsErrorRetryable(err) {
			err = fmt.Errorf("%w: %w", errUnanswered, err)
		}
		return "", fmt.Errorf("reading the secret: %w", err)
	}
	if out.SecretString == nil {
		return "", errors.New("the secret holds bytes, not text")
	}
	return *out.SecretString, nil
}
