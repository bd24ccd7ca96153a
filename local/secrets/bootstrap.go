package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"oms/shared/config"
	"oms/shared/secret"
)

// bootstrap creates the secrets of a stage that are not there, and puts the ARNs
// of all into the parameters that the stage is deployed with.
func (p *program) bootstrap(ctx context.Context, stage string) error {
	all := []struct {
		name, description, parameter string
		arn                          string
		make                         func() (secret.Text, error)
	}{
		{
			name: "mongo", description: "The URI of the database", parameter: "MongoSecretArn",
			make: func() (secret.Text, error) {
				uri, err := p.uri()
				if err != nil {
					return "", fmt.Errorf("asking for the database's URI: %w", err)
				}
				text, err := config.ParseMongoURI(uri, false)
				if err != nil {
					return "", fmt.Errorf("the database's URI: %w", err)
				}
				return text, nil
			},
		},
		{name: "jwt", description: "Keys of the tokens", parameter: "JwtSecretArn", make: newKey},
		{
			name: "pepper", description: "Pepper of the passwords. Lost, and no password verifies",
			parameter: "PasswordPepperArn", make: newKey,
		},
	}
	for i := range all { // before anything is made
		s := &all[i]
		s.name = secretName(stage, s.name)
		is, err := p.describe(ctx, s.name)
		if err != nil {
			return err
		}
		s.arn = is.arn
	}
	for _, s := range all {
		if s.arn != "" {
			p.say("%s is there", s.name)
		} else {
			text, err := s.make()
			if err != nil {
				return err
			}
			out, err := p.manager.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
				Name: &s.name, Description: &s.description, SecretString: aws.String(text.Reveal()),
			})
			if err != nil {
				return fmt.Errorf("creating %s: %w", s.name, err)
			}
			s.arn = aws.ToString(out.ARN)
			p.say("%s created", s.name)
		}
		if err := p.setParameter(stage, s.parameter, s.arn); err != nil {
			return err
		}
	}
	p.say("%s has their ARNs (no secret themselves): commit it", p.samconfig)
	return nil
}

func newKey() (secret.Text, error) { return secret.New(), nil }

// secretName is what a secret is called in Secrets Manager.
func secretName(stage, name string) string { return "oms/" + stage + "/" + name }

// setParameter gives a parameter its value in the section of the stage's deploy, and there alone.
func (p *program) setParameter(stage, parameter, value string) error {
	file, err := os.ReadFile(p.samconfig)
	if err != nil {
		return err
	}
	head := "\n[" + stage + ".deploy.parameters]\n"
	before, rest, _ := strings.Cut(string(file), head)
	section, after := rest, ""
	if end := strings.Index(rest, "\n["); end >= 0 {
		section, after = rest[:end], rest[end:]
	}
	assignment := regexp.MustCompile(`"` + parameter + `=[^"]*"`)
	if !assignment.MatchString(section) {
		return fmt.Errorf("%s has no %s for %s: put %s there", p.samconfig, parameter, stage, value)
	}
	section = assignment.ReplaceAllLiteralString(section, `"`+parameter+`=`+value+`"`)
	//nolint:gosec // G306: everybody may read it
	return os.WriteFile(p.samconfig, []byte(before+head+section+after), 0o644)
}
