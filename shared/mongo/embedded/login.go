package embedded

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/xdg-go/scram"
	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/mongo/wire"
)

const (
	// user is the one whom a server with a password knows.
	user = "oms"
	// mechanism is how a client logs in (RFC 7677). FerretDB offers clients PLAIN, so they do not
	// find it by themselves: the URI names it.
	mechanism = "SCRAM-SHA-256"
	// iterations are the fewest that drivers accept. More would slow down who guesses a password,
	// and one of random bytes nobody guesses.
	iterations = 4096
)

// newAccounts returns what answers logins: those of the one user, with that password; nil where
// there is none.
func newAccounts(password string) (*scram.Server, error) {
	if password == "" {
		return nil, nil
	}
	c, err := scram.SHA256.NewClient(user, password, "")
	if err != nil {
		return nil, fmt.Errorf("preparing the database's password: %w", err)
	}
	stored, err := c.GetStoredCredentialsWithError(scram.KeyFactors{Salt: rand.Text(), Iters: iterations})
	if err != nil {
		return nil, fmt.Errorf("hashing the database's password: %w", err)
	}
	return scram.SHA256.NewServer(func(name string) (scram.StoredCredentials, error) {
		if name != user {
			return scram.StoredCredentials{}, errors.New("there is no such user")
		}
		return stored, nil
	})
}

// admit returns what the gate itself answers: to a login
// (https://github.com/mongodb/specifications/blob/master/source/auth/auth.md), and to a client that
// has not logged in. Nil is a command that may pass to FerretDB, whose own login is none: it takes
// every password.
func (s *session) admit(c wire.Command) bson.D {
	switch {
	case s.gate.accounts == nil:
		return nil
	case c.Name == "hello", c.Name == "isMaster", c.Name == "ismaster":
		return nil // how a driver learns what it talks to, and monitors it
	case c.Name == "saslStart":
		s.login = s.gate.accounts.NewConversation()
		v, _ := c.Body.LookupErr("mechanism")
		if named, _ := v.StringValueOK(); named != mechanism {
			return failure(codeAuthenticationFailed, "AuthenticationFailed", "log in with authMechanism="+mechanism)
		}
		return s.step(c)
	case c.Name == "saslContinue" && s.login != nil:
		return s.step(c)
	case s.login == nil || !s.login.Valid():
		return failure(codeUnauthorized, "Unauthorized", "this database asks for a login")
	}
	return nil
}

// step takes the client's next message of its login, and answers it.
func (s *session) step(c wire.Command) bson.D {
	v, _ := c.Body.LookupErr("payload")
	_, payload, _ := v.BinaryOK()
	answer, err := s.login.Step(string(payload))
	if err != nil {
		return failure(codeAuthenticationFailed, "AuthenticationFailed", "the login failed")
	}
	return bson.D{
		{Key: "conversationId", Value: int32(1)},
		{Key: "done", Value: s.login.Valid()},
		{Key: "payload", Value: []byte(answer)},
		{Key: "ok", Value: 1.0},
	}
}
