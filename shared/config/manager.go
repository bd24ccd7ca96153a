package config

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
	tries         = 3
	maxBackoff    = 200 * time.Millisecond
)

// manager reads secrets from AWS Secrets Manager.
type manager struct{ client *secretsmanager.Client }

// newManager returns a manager made from the environment by hand. The SDK's
// own config package would do that too and weighs as much as the rest of a
// function (1.8 MB): it reads profiles, asks metadata services and assumes
// roles, none of which a Lambda function does.
//
// The region is AWS_REGION, else AWS_DEFAULT_REGION, else the ARN's; the
// credentials are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
// AWS_SESSION_TOKEN; AWS_ENDPOINT_URL_SECRETS_MANAGER, else AWS_ENDPOINT_URL,
// takes the place of AWS's endpoint (AWS SDKs and Tools Reference Guide,
// "Service-specific endpoints").
func newManager(env environment, arn string) (*manager, error) {
	region := cmp.Or(env.get("AWS_REGION"), env.get("AWS_DEFAULT_REGION"), strings.Split(arn, ":")[3])
	creds := aws.Credentials{
		AccessKeyID:     env.get("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: env.get("AWS_SECRET_ACCESS_KEY"),
		SessionToken:    env.get("AWS_SESSION_TOKEN"),
		Source:          "environment",
	}
	if creds.AccessKeyID == "" || creds.SecretAccessKey == "" {
		return nil, errors.New("reading the secret needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	var endpoint *string
	if url := cmp.Or(env.get("AWS_ENDPOINT_URL_SECRETS_MANAGER"), env.get("AWS_ENDPOINT_URL")); url != "" {
		endpoint = &url
	}
	return &manager{secretsmanager.New(secretsmanager.Options{
		Region:       region,
		BaseEndpoint: endpoint,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return creds, nil
		}),
		HTTPClient: awshttp.NewBuildableClient().WithTimeout(TryWithin),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff = tries, maxBackoff
		}),
	})}, nil
}

// read returns the current text of the secret. The SDK's errors name the
// operation, the status and AWS's message, never the content.
func (m *manager) read(ctx context.Context, arn string) (string, error) {
	out, err := m.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &arn})
	if err != nil {
		return "", fmt.Errorf("reading the secret: %w", err)
	}
	if out.SecretString == nil {
		return "", errors.New("the secret holds bytes, not text")
	}
	return *out.SecretString, nil
}
