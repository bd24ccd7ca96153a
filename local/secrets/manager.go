package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"oms/shared/secret"
)

// The staging labels of a secret's versions (Secrets Manager user guide, "What's
// in a secret"): readers get the version that has current; a new one waits as pending.
const (
	current = "AWSCURRENT"
	pending = "AWSPENDING"
)

// found is what describes a secret, without its content.
type found struct {
	arn     string              // empty: there is no such secret
	changed time.Time           // of the secret or its labels, last
	labels  map[string][]string // by version
}

// describe looks for a secret. One that is scheduled for deletion is an error:
// nobody can read it, nor make another of its name (DeleteSecret, API reference).
func (p *program) describe(ctx context.Context, name string) (found, error) {
	out, err := p.manager.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &name})
	if _, absent := errors.AsType[*types.ResourceNotFoundException](err); absent {
		return found{}, nil
	}
	if err != nil {
		return found{}, fmt.Errorf("looking for %s: %w", name, err)
	}
	if out.DeletedDate != nil {
		return found{}, fmt.Errorf("%s is scheduled for deletion: undo that with "+
			"`aws secretsmanager restore-secret --secret-id %s` and run this again", name, name)
	}
	return found{aws.ToString(out.ARN), aws.ToTime(out.LastChangedDate), out.VersionIdsToStages}, nil
}

// content is a secret as it was read.
type content struct {
	name    string
	version string
	text    secret.Text
	since   time.Time // so long it is what readers get, at most
	now     time.Time // by Secrets Manager's clock: an operator's may be wrong
}

// read reads what readers get.
func (p *program) read(ctx context.Context, name string) (content, error) {
	described, err := p.describe(ctx, name)
	if err != nil {
		return content{}, err
	}
	if described.arn == "" {
		return content{}, fmt.Errorf("there is no secret %s: make bootstrap creates it", name)
	}
	out, err := p.manager.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
	switch {
	case err != nil:
		return content{}, fmt.Errorf("reading %s: %w", name, err)
	case out.SecretString == nil || out.VersionId == nil || out.CreatedDate == nil:
		return content{}, fmt.Errorf("reading %s: it has no text, version or date", name)
	}
	c := content{
		name: name, version: *out.VersionId, text: secret.Text(*out.SecretString), since: *out.CreatedDate,
		now: time.Now(),
	}
	if described.changed.After(c.since) { // its label may have come later
		c.since = described.changed
	}
	if at, ok := middleware.GetServerTime(out.ResultMetadata); ok {
		c.now = at
	}
	return c, nil
}

// replace puts text into the place of what was read. It is stored beside that
// first, and then the label moves, which Secrets Manager refuses where the label
// is not at the version that was read (UpdateSecretVersionStage, API
// reference): so of two who work at once one is refused, and neither overwrites
// the other.
func (p *program) replace(ctx context.Context, was content, text secret.Text) error {
	stored, err := p.manager.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &was.name, SecretString: aws.String(text.Reveal()), VersionStages: []string{pending},
	})
	if err != nil {
		return fmt.Errorf("storing a new version of %s: %w", was.name, err)
	}
	version := aws.ToString(stored.VersionId)
	_, err = p.manager.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &was.name, VersionStage: aws.String(current), MoveToVersionId: &version,
		RemoveFromVersionId: &was.version,
	})
	if err == nil {
		return nil
	}
	// A label that did move is refused the second time, where only the first answer was lost.
	if is, look := p.describe(ctx, was.name); look == nil && slices.Contains(is.labels[version], current) {
		return nil
	}
	return fmt.Errorf("%s was not changed; if somebody else has just done that, look at it and run this again: %w",
		was.name, err)
}

// clock shows a time.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
