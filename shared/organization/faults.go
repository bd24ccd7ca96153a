package organization

import (
	"fmt"
	"time"

	"oms/shared/fault"
)

// soon is when a client may ask again where somebody is at work.
const soon = time.Second

func storageUnavailable(cause error) error {
	return fault.New(fault.Unavailable, "storage_unavailable", "the database did not answer in time; try again").
		After(soon).Because(cause)
}

// unavailable is an error that a client hears of as storage_unavailable, whoever hands it on.
type unavailable string

// Error says what happened.
func (u unavailable) Error() string { return string(u) }

// Unwrap returns what a client is told.
func (u unavailable) Unwrap() error { return storageUnavailable(nil) }

func nameTaken(key string) error {
	return fault.New(fault.Conflict, "organization_name_taken", fmt.Sprintf("the name with the key %q is taken", key))
}

func nameHeld(key string, left time.Duration) error {
	return fault.New(fault.Conflict, "organization_name_held",
		fmt.Sprintf("the name with the key %q is not free yet: a moment ago it was given up, or is just being taken",
			key)).After(max(left, soon))
}

func emailTaken() error {
	return fault.New(fault.Conflict, "admin_email_taken", "that email address is already in use")
}

func organizationBusy() error {
	return fault.New(fault.Conflict, "organization_busy", "another change of this organization is under way").
		After(soon)
}

func requestInProgress() error {
	return fault.New(fault.Conflict, "request_in_progress", "the first request with this Idempotency-Key is still "+
		"running").After(soon)
}

func keyReused() error {
	return fault.New(fault.Invalid, "idempotency_key_reused", "this Idempotency-Key was used with another request")
}

func notFound() error {
	return fault.New(fault.NotFound, "organization_not_found", "there is no organization of that name")
}

func notYours() error {
	return fault.New(fault.Forbidden, "not_your_organization", "the token does not speak for that organization")
}

func wrongPassword() error {
	return fault.New(fault.Forbidden, "wrong_password", "the current password is not right")
}

func tokenRevoked() error {
	return fault.New(fault.Unauthenticated, "token_revoked", "the token does not hold any more; log in again")
}

func resetTokenInvalid() error {
	return fault.New(fault.Unauthenticated, "invalid_reset_token",
		"the token is not good, or not any more; ask for another mail")
}

func confirmTokenInvalid() error {
	return fault.New(fault.Unauthenticated, "invalid_confirmation_token",
		"the token is not good, or not any more; a password reset confirms the address, too")
}

func sessionNotFound() error {
	return fault.New(fault.NotFound, "session_not_found", "there is no session of that id")
}

// reauthenticationRequired asks for a login that is not older than within, or the password.
func reauthenticationRequired(within time.Duration) error {
	return fault.New(fault.Unauthenticated, "reauthentication_required", fmt.Sprintf(
		"this needs a login of the last %.0f minutes, or the current password in the request", within.Minutes(),
	)).LoggedInWithin(within)
}

func versionMismatch() error {
	return fault.New(fault.Precondition, "version_mismatch", "the organization has changed since that version")
}

// isConflict reports whether err is a conflict that a client is told.
func isConflict(err error) bool { return fault.KindOf(err) == fault.Conflict }
