package organization

import (
	"context"
	"fmt"

	"oms/shared/fault"
	"oms/shared/password"
	"oms/shared/throttle"
	"oms/shared/token"
)

// reauthenticated verifies the current password, where one is given. Without it what is
// sensitive needs a login that is recent: a token may have been stolen. Whoever
// has a token may guess no more often than others: it is an attempt as a login is.
func (w *worker) reauthenticated(
	ctx context.Context, who token.Principal, a Admin, plain *string, address string, sensitive bool,
) error {
	if plain == nil {
		if sensitive && w.now().Sub(who.AuthTime) > w.reauthenticate {
			return reauthenticationRequired(w.reauthenticate)
		}
		return nil
	}
	attempt := w.guard.Attempt(Account(a.Email), address)
	verdict, err := verify(ctx, attempt, func() (password.Verdict, error) {
		return w.passwords.Verify(*plain, a.Password)
	})
	switch {
	case err != nil:
		return fmt.Errorf("verifying the password of admin %s: %w", a.ID, err)
	case !verdict.OK:
		return wrongPassword()
	}
	w.beside.Go(func() { attempt.Succeeded(ctx) })
	return nil
}

// verify checks a password, and judges and counts the attempt meanwhile: there is
// no verdict without that.
func verify(
	ctx context.Context, attempt *throttle.Attempt, check func() (password.Verdict, error),
) (password.Verdict, error) {
	counted := make(chan error, 1)
	go func() {
		err := attempt.Judge(ctx)
		if err == nil || fault.KindOf(err) == fault.TooMany { // what is under way may be taken back
			err = attempt.Count(ctx)
		}
		counted <- err
	}()
	verdict, err := check()
	if late := <-counted; late != nil {
		return password.Verdict{}, late
	}
	return verdict, err
}
