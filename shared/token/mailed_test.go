package token_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"oms/shared/secret"
	"oms/shared/token"
)

func TestMailed(t *testing.T) {
	t.Parallel()
	for _, p := range []token.Purpose{token.ResetPassword, token.ConfirmEmail} {
		one, other := token.NewMailed(p, id{1}, id{2}), token.NewMailed(p, id{1}, id{2})
		again, err := token.ParseMailed(p, one.Reveal())
		if err != nil || again != one || !strings.HasPrefix(one.Reveal(), string(p)) {
			t.Errorf("what is revealed is read as another token, %v", err)
		}
		if one == other || one.Hash() == other.Hash() || strings.Contains(one.Reveal(), one.Hash()) {
			t.Error("two are the same, or one shows its hash")
		}
		if one.AdminID() != (id{1}) || one.OrgID() != (id{2}) {
			t.Errorf("it is for %x, %x", one.AdminID(), one.OrgID())
		}
		want := strings.TrimSuffix(strings.Repeat(secret.Redacted+" ", 4), " ")
		if s := fmt.Sprintf("%v %+v %#v %v", one, one, one, slog.AnyValue(one).Resolve()); s != want {
			t.Errorf("it prints as %s", s)
		}
	}
	reset := token.NewMailed(token.ResetPassword, id{1}, id{2}).Reveal()
	for about, text := range map[string]string{
		"nothing": "", "a token of another purpose": reset, "a refresh token": newRefresh().Reveal(),
		"a shorter one": "omsc_" + reset[5:len(reset)-1], "a line end": "omsc_\n" + reset[6:],
	} {
		if _, err := token.ParseMailed(token.ConfirmEmail, text); err == nil {
			t.Errorf("ParseMailed takes %s", about)
		}
	}
}
