// Package fault is the vocabulary of errors that a client may see.
//
// It owns the kinds of error, their stable codes and the entries that name a
// field. It refuses everything else: an error that is not a [*Error] is
// internal, its text is logged and never sent. How a kind becomes an HTTP
// status is the business of package edge alone.
//
// A fault is made once, where the fact is known:
//
//	return fault.New(fault.Conflict, "admin_email_taken", "that email address is already in use")
package fault

import (
	"errors"
	"time"
)

// Kind says what went wrong, so that an edge can choose its answer.
type Kind uint8

// The kinds. Internal is the zero value: what is not a fault is internal.
const (
	Internal         Kind = iota // a defect or a broken part: nothing the client can do
	Malformed                    // the request cannot be read at all
	Unauthenticated              // the credential is missing, wrong, expired or revoked
	Forbidden                    // the caller is known and may not do this
	NotFound                     // what was named does not exist
	Conflict                     // the request contradicts what is there
	Precondition                 // the caller's If-Match is stale
	TooLarge                     // the body is larger than allowed
	UnsupportedMedia             // the body is not of a type that is read here
	Invalid                      // the request was read; one or more fields are wrong
	TooMany                      // the caller must slow down
	Unavailable                  // something that is needed did not answer in time
)

// String returns the kind's name, as logs show it.
func (k Kind) String() string {
	names := [...]string{
		"internal", "malformed", "unauthenticated", "forbidden", "not_found", "conflict",
		"precondition", "too_large", "unsupported_media", "invalid", "too_many", "unavailable",
	}
	if int(k) < len(names) {
		return names[k]
	}
	return "internal"
}

// Field is one thing that is wrong with one field of a request.
type Field struct {
	Field  string // the field's name as the client sent it; empty for the body as a whole
	Code   string // stable snake_case: "missing", "unknown", "wrong_type", …
	Detail string // a sentence that is safe to show
}

// Error is an error that a client may see, whole: every part of it is safe to show.
type Error struct {
	Kind       Kind
	Code       string        // stable snake_case; part of the HTTP contract
	Detail     string        // a sentence that is safe to show
	RetryAfter time.Duration // when a new try makes sense; zero where it does not
	MaxAge     time.Duration // how old the caller's login may be; zero where its age does not matter
	Fields     []Field       // with Invalid: one entry per wrong field
	Cause      error         // for the log only; never shown
}

// New returns an error of kind k. The detail must be safe to show to anybody.
func New(k Kind, code, detail string) *Error {
	return &Error{Kind: k, Code: code, Detail: detail}
}

// NewInvalid returns the error for a request with the wrong fields named by fields.
func NewInvalid(fields ...Field) *Error {
	return &Error{Kind: Invalid, Code: "invalid_request", Detail: "one or more fields are not valid", Fields: fields}
}

// After returns a copy of e that asks the client to try again in d.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// LoggedInWithin returns a copy of e that asks the client for a login that is not older than d.
func (e *Error) LoggedInWithin(d time.Duration) *Error {
	c := *e
	c.MaxAge = d
	return &c
}

// Because returns a copy of e that carries cause for the log.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

// Error returns the code and the detail, and the cause where there is one. It is for logs.
func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Code + ": " + e.Detail + ": " + e.Cause.Error()
	}
	return e.Code + ": " + e.Detail
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is reports whether target is a fault of the same code, so that errors.Is works on copies.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// KindOf returns the kind of the first fault in err's chain, or Internal where there is none.
func KindOf(err error) Kind {
	if f, ok := errors.AsType[*Error](err); ok {
		return f.Kind
	}
	return Internal
}
