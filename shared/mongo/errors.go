package mongo

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"

	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"oms/shared/organization"
)

// refusal is a server's answer that it did not carry a command out. Its text
// has the code alone: a message can quote documents (an email address in a
// duplicate key), and errors are logged.
type refusal struct {
	code      int    // 0 where the server gave none
	name      string // the server's name of the code
	message   string
	duplicate bool // a unique key is there already
}

// Error tells the code.
func (r refusal) Error() string {
	text := "the server refused"
	if r.code != 0 {
		text += " with code " + strconv.Itoa(r.code)
	}
	if r.name != "" {
		text += " (" + r.name + ")"
	}
	return text
}

// refused returns the refusal that err is made of, if it is one: then the
// command was not applied, and never will be.
func refused(err error) (refusal, bool) { return errors.AsType[refusal](err) }

// classify turns what the driver returned into what a Store returns. It errs on
// the side of ErrLost, which callers can always live with; a refusal is only
// what a server certainly refused. The driver's error is not wrapped: its text
// has addresses, and a context's error inside it would say that nothing was sent.
func (d *Database) classify(doing string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, driver.ErrNoDocuments) {
		return fmt.Errorf("%s: %w", doing, organization.ErrAbsent)
	}
	if r, ok := answered(err); ok {
		return fmt.Errorf("%s: %w", doing, r)
	}
	if unsent(err) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w: %s", doing, organization.ErrLost, d.cause(err))
}

// answered returns the server's refusal, unless its answer leaves open what
// became of the command.
func answered(err error) (refusal, bool) {
	server, ok := errors.AsType[driver.ServerError](err)
	if !ok || driver.IsNetworkError(err) || driver.IsTimeout(err) {
		return refusal{}, false
	}
	for _, label := range []string{"RetryableWriteError", "TransientTransactionError", "SystemOverloadedError"} {
		if server.HasErrorLabel(label) {
			return refusal{}, false
		}
	}
	r := refusal{duplicate: driver.IsDuplicateKeyError(err)}
	for _, code := range server.ErrorCodes() {
		if uncertain(code) {
			return refusal{}, false
		}
		r.code = code
	}
	if write, ok := errors.AsType[driver.WriteException](err); ok {
		if write.WriteConcernError != nil || len(write.WriteErrors) == 0 {
			return refusal{}, false // applied, and perhaps rolled back
		}
		r.message = write.WriteErrors[0].Message
	}
	if command, ok := errors.AsType[driver.CommandError](err); ok {
		if command.Raw == nil {
			return refusal{}, false // made by the driver: no server has said so
		}
		r.name, r.message = command.Name, command.Message
	}
	return r, true
}

// uncertain reports whether a server that answers with the code may have applied
// the command, may yet roll it back, or is only the wrong one to ask or too
// busy: all of these end as "no answer" (MongoDB manual, error codes; the
// retryable ones of the driver specifications are among them).
func uncertain(code int) bool {
	switch code {
	case 6, // HostUnreachable
		7,     // HostNotFound
		24,    // LockTimeout
		43,    // CursorNotFound: the rest of a list has gone, with a server or with time
		46,    // LockBusy
		50,    // MaxTimeMSExpired
		64,    // WriteConcernTimeout
		79,    // UnknownReplWriteConcern
		89,    // NetworkTimeout
		91,    // ShutdownInProgress
		100,   // UnsatisfiableWriteConcern
		112,   // WriteConflict
		117,   // ConflictingOperationInProgress
		133,   // FailedToSatisfyReadPreference
		134,   // ReadConcernMajorityNotAvailableYet
		175,   // QueryPlanKilled: the collection was renamed or dropped under a read
		187,   // LinearizableReadConcernError: no majority has confirmed the read
		189,   // PrimarySteppedDown
		202,   // NetworkInterfaceExceededTimeLimit
		237,   // CursorKilled
		262,   // ExceededTimeLimit
		9001,  // SocketException
		10058, // NotPrimary, as legacy servers say it
		10107, // NotWritablePrimary
		11600, // InterruptedAtShutdown
		11601, // Interrupted
		11602, // InterruptedDueToReplStateChange
		12586, // BackgroundOperationInProgressForDatabase
		12587, // BackgroundOperationInProgressForNamespace
		13435, // NotPrimaryNoSecondaryOk
		13436: // NotPrimaryOrSecondary
		return true
	}
	return false
}

// unsent reports whether the driver refused to send the command at all, as it
// does for a mistake in this package.
func unsent(err error) bool {
	_, marshal := errors.AsType[driver.MarshalError](err)
	_, argument := errors.AsType[driver.InvalidArgumentError](err)
	_, unordered := errors.AsType[driver.ErrMapForOrderedArgument](err)
	return marshal || argument || unordered
}

// cause says why no answer came, in words that have no address in them.
func (d *Database) cause(err error) string {
	text := reason(err)
	if why := d.health.failure.Load(); why != nil && !strings.HasSuffix(*why, ": "+text) {
		text += "; " + *why
	}
	return text
}

func reason(err error) string {
	if server, ok := errors.AsType[driver.ServerError](err); ok && !driver.IsNetworkError(err) {
		r := refusal{}
		if codes := server.ErrorCodes(); len(codes) > 0 {
			r.code = codes[0]
		}
		if command, ok := errors.AsType[driver.CommandError](err); ok {
			r.name = command.Name
		}
		return r.Error()
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return "looking up the host: " + dns.Err
	}
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case certificate:
		return "the server's certificate was not accepted"
	case errors.Is(err, driver.ErrClientDisconnected):
		return "the client is closed"
	case errors.Is(err, context.Canceled):
		return "the caller gave up"
	case driver.IsTimeout(err):
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed"
	default:
		return "the connection failed"
	}
}
