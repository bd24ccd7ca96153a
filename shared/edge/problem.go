package edge

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"oms/shared/fault"
)

// problem is an error on its way to the client.
type problem struct {
	status int
	fault  *fault.Error
}

// document is the body of an error (RFC 9457).
type document struct {
	Type      string          `json:"type"`
	Title     string          `json:"title"`
	Status    int             `json:"status"`
	Detail    string          `json:"detail"`
	Code      string          `json:"code"`
	RequestID string          `json:"request_id"`
	Errors    []documentField `json:"errors,omitempty"`
}

type documentField struct {
	Field  string `json:"field"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// status is the one map from kinds of error to HTTP.
func status(k fault.Kind) int {
	switch k {
	case fault.Malformed:
		return http.StatusBadRequest
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Forbidden:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.Precondition:
		return http.StatusPreconditionFailed
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.UnsupportedMedia:
		return http.StatusUnsupportedMediaType
	case fault.Invalid:
		return http.StatusUnprocessableEntity
	case fault.TooMany:
		return http.StatusTooManyRequests
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	case fault.Internal:
		return http.StatusInternalServerError
	}
	return http.StatusInternalServerError
}

// problemOf decides what the client hears of err. What is not a fault is
// internal, and none of its text is sent; but where the request's time is over
// ([margin]) the only thing that anything here waits for did not answer.
func problemOf(ctx context.Context, err error) problem {
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case ok && f.Kind != fault.Internal:
	case !ok && ctx.Err() != nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)):
		f = fault.New(fault.Unavailable, "storage_unavailable", "the database did not answer in time")
	default:
		f = fault.New(fault.Internal, "internal_error",
			"something went wrong on our side; the request id tells us what")
	}
	return problem{status: status(f.Kind), fault: f}
}

func (p problem) document(requestID string) document {
	d := document{
		Type:      "urn:oms:problem:" + p.fault.Code,
		Title:     title(p.fault.Code),
		Status:    p.status,
		Detail:    p.fault.Detail,
		Code:      p.fault.Code,
		RequestID: requestID,
	}
	for _, f := range p.fault.Fields {
		d.Errors = append(d.Errors, documentField(f))
	}
	return d
}

// title turns a code into words: it says the same for every occurrence of a
// type (RFC 9457, section 3.1.3).
func title(code string) string {
	words := strings.ReplaceAll(code, "_", " ")
	if words == "" {
		return ""
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

func (p problem) headers(h http.Header) {
	if s := retryAfter(p.fault); s > 0 {
		h.Set("Retry-After", strconv.FormatInt(s, 10))
	}
	if p.fault.Kind == fault.Unauthenticated {
		h.Set("WWW-Authenticate", challenge(p.fault))
	}
}

// retryAfter returns the whole seconds of a Retry-After header (RFC 9110,
// section 10.2.3), rounded up so that nobody comes back too early, or 0 for none.
func retryAfter(f *fault.Error) int64 {
	if f.RetryAfter > 0 {
		return max(1, int64(math.Ceil(f.RetryAfter.Seconds())))
	}
	if f.Kind == fault.Unavailable || f.Kind == fault.TooMany {
		return 1
	}
	return 0
}

// challenge returns the WWW-Authenticate header of a refused credential. A
// token is invalid_token (RFC 6750, section 3.1), or
// insufficient_user_authentication where its login is too old (RFC 9470, section
// 3); an email with a password, a refresh token, and a token that was mailed are
// grants, as those of a token request, so they are invalid_grant (RFC 6749, section 5.2).
func challenge(f *fault.Error) string {
	switch {
	case f.Code == "invalid_credentials" || f.Code == "invalid_refresh_token",
		f.Code == "invalid_reset_token" || f.Code == "invalid_confirmation_token":
		return `Bearer error="invalid_grant"`
	case f.MaxAge > 0:
		return fmt.Sprintf(`Bearer error="insufficient_user_authentication", error_description="%s", max_age="%d"`,
			f.Detail, int64(f.MaxAge.Seconds()))
	}
	return `Bearer error="invalid_token"`
}
