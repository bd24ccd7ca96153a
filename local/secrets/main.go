// Secrets keeps the secrets of a deployment in AWS Secrets Manager:
//
//	go run ./local/secrets bootstrap STAGE       makes what is missing of oms/STAGE/mongo, /jwt and /pepper
//	go run ./local/secrets rotate STAGE          takes the next step of giving tokens a new key
//	go run ./local/secrets rotate-pepper STAGE   takes the next step of giving hashes of passwords a new pepper
//
// Bootstrap also writes their ARNs into samconfig.toml. Each may be repeated,
// after a failure too. It writes only what it has read, changed and read again
// as the service will, and only in the place of what it has read: a step that
// somebody else took meanwhile stays. It refuses to take a step before every
// function knows the one before (see rotation). No secret is printed, is an
// argument of a program or touches the disk.
//
// The credentials and the region are those that the AWS CLI would use. The
// database's URI is MONGO_URI, or else it is asked for.
//
// The exit code is 0 where the step is taken, 75 where it is too early for it,
// 64 where the arguments are wrong, and 1 where anything else is.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"golang.org/x/term"

	"oms/shared/config"
)

// The exit codes of sysexits(3) that are used.
const (
	exitUsage    = 64
	exitTooEarly = 75
)

func main() {
	ctx := context.Background()
	settings, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "secrets: %v\n", err)
		os.Exit(1)
	}
	p := &program{
		manager: secretsmanager.NewFromConfig(settings), samconfig: "samconfig.toml", uri: askURI, out: os.Stderr,
	}
	os.Exit(p.run(ctx, os.Args[1:]))
}

// program is what a run works with.
type program struct {
	manager   *secretsmanager.Client
	samconfig string                 // a file
	uri       func() (string, error) // the database's
	out       io.Writer              // for what was done, and what was wrong
}

// run carries a command out and returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	var err error
	if len(args) != 2 ||
		!slices.Contains([]config.Stage{config.Dev, config.Staging, config.Prod}, config.Stage(args[1])) {
		args = []string{"", ""}
	}
	switch stage := args[1]; args[0] {
	case "bootstrap":
		err = p.bootstrap(ctx, stage)
	case "rotate":
		err = p.rotate(ctx, stage, tokens())
	case "rotate-pepper":
		err = p.rotate(ctx, stage, peppers())
	default:
		p.say("usage: secrets bootstrap|rotate|rotate-pepper dev|staging|prod")
		return exitUsage
	}
	if err == nil {
		return 0
	}
	p.say("%v", err)
	if errors.Is(err, errTooEarly) {
		return exitTooEarly
	}
	return 1
}

func (p *program) say(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, "secrets: "+format+"\n", args...)
}

// askURI returns MONGO_URI, or what is typed or piped in, of which nothing is shown.
func askURI() (string, error) {
	if uri := os.Getenv("MONGO_URI"); uri != "" {
		return uri, nil
	}
	in := int(os.Stdin.Fd())
	if !term.IsTerminal(in) {
		piped, err := io.ReadAll(os.Stdin)
		return strings.TrimSpace(string(piped)), err
	}
	_, _ = fmt.Fprint(os.Stderr, "The database's URI: ")
	typed, err := term.ReadPassword(in)
	_, _ = fmt.Fprintln(os.Stderr)
	return string(typed), err
}
