package token

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"oms/shared/fault"
	"oms/shared/object"
)

// header is the whole header of a token. A verifier has to understand every
// critical field and may ignore the others (RFC 7515 section 4.1.11); ours
// has no others, so jwk, jku, x5c, crit and their like are refused by name.
type header struct {
	Alg, Typ, Kid string
}

// parse looks at the outer form of a compact token, before any key is looked
// for: its length, its alphabet (encoding/base64 skips line ends even when it
// is strict), its three parts, its header, and the uniqueness of all names in
// header and claims (RFC 7519 section 4; two readers of a name that is there
// twice may see two values).
func parse(compact string) (header, error) {
	if len(compact) > MaxLength {
		return header{}, fmt.Errorf("the token is longer than %d bytes", MaxLength)
	}
	if strings.ContainsFunc(compact, func(r rune) bool { return !base64URL(r) && r != '.' }) {
		return header{}, errors.New("the token holds a character outside its alphabet")
	}
	parts := strings.Split(compact, ".")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
		return header{}, errors.New("the token has not three parts")
	}
	head, err := membersOf(parts[0])
	if err != nil {
		return header{}, fmt.Errorf("reading the header: %w", err)
	}
	if _, err := membersOf(parts[1]); err != nil {
		return header{}, fmt.Errorf("reading the claims: %w", err)
	}

	var h header
	for name, field := range map[string]*string{"alg": &h.Alg, "typ": &h.Typ, "kid": &h.Kid} {
		s, ok := head[name].(string)
		if !ok || s == "" {
			return header{}, fmt.Errorf("the header has no %s", name)
		}
		*field = s
	}
	if len(head) != 3 {
		return header{}, errors.New("the header has a field besides alg, typ and kid")
	}
	if h.Typ != Type {
		return header{}, errors.New("the token is of another type")
	}
	return h, nil
}

// membersOf decodes one part of a token: a JSON object whose names are unique and
// plain. encoding/json fills a field from "ADMIN_ID" and "\u017fub" too, so that
// two names that differ could still be one.
func membersOf(part string) (map[string]any, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	members := make(map[string]any)
	err = object.Read(d, func(name string) error {
		if strings.ContainsFunc(name, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < '0' || r > '9') &&
				r != '_'
		}) {
			return errors.New("a name holds a character besides a to z, digits and underscore")
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return object.ErrNone
		}
		members[name] = value
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case d.More() || d.InputOffset() != int64(len(raw)):
		return nil, errors.New("data behind the JSON object")
	}
	return members, nil
}

// Bearer returns the token in the value of an Authorization header (RFC 6750
// section 2.1: the scheme Bearer in any case, one or more spaces, exactly one
// token), or a fault of kind Unauthenticated with the code invalid_token. It
// does not verify the token. An empty value is refused too: whether a request
// without credentials is welcome is for the caller to ask first.
func Bearer(value string) (string, error) {
	scheme, compact, _ := strings.Cut(value, " ")
	compact = strings.Trim(compact, " ")
	if !strings.EqualFold(scheme, "Bearer") || !b64token(compact) {
		return "", fault.New(fault.Unauthenticated, codeInvalid, "the Authorization header must be a bearer token")
	}
	return compact, nil
}

// b64token reports whether s has the form of a token by RFC 6750. A comma is
// what two Authorization headers joined by a proxy would show.
func b64token(s string) bool {
	s = strings.TrimRight(s, "=")
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !base64URL(r) && !strings.ContainsRune(".~+/", r)
	})
}

func base64URL(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_'
}
