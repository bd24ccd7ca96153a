package token_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"oms/shared/secret"
	"oms/shared/token"
)

type id = [12]byte

func newRefresh() token.Refresh { return token.NewRefresh(id{1}, id{2}, id{11: 3}) }

// next returns what replaces r under the key that signs now, and all that may.
func next(tb testing.TB, active string, r token.Refresh) (token.Refresh, []token.Refresh) {
	tb.Helper()
	keys := testKeys()
	keys.Active = active
	all, err := newTokens(tb, keys, 0).Next(tb.Context(), r)
	if err != nil || len(all) != len(keys.Keys) {
		tb.Fatalf("Next = %d tokens, %v; want one by each key", len(all), err)
	}
	return all[0], all
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	first := newRefresh()
	again, err := token.ParseRefresh(first.Reveal())
	if err != nil || again != first {
		t.Errorf("what is revealed is read as another token, %v", err)
	}
	second, all := next(t, "k1", first)
	if again, _ := next(t, "k1", first); again != second {
		t.Error("what replaces it is not always the same")
	}
	if by2, of2 := next(t, "k2", first); by2 == second || !slices.Contains(of2, second) || !slices.Contains(all, by2) {
		t.Error("while the keys are rotated it is not found again")
	}
	third, _ := next(t, "k1", second)
	stranger := newRefresh()
	seen := map[string]bool{}
	for _, r := range []token.Refresh{first, second, third, stranger} {
		if seen[r.Hash()] || strings.Contains(r.Reveal(), r.Hash()) {
			t.Errorf("the hash %s is another's, or in the token", r.Hash())
		}
		seen[r.Hash()] = true
		if same := r.FamilyHash() == first.FamilyHash(); same != (r != stranger) {
			t.Errorf("it is of the first one's family: %t", same)
		}
		if r.AdminID() != (id{1}) || r.OrgID() != (id{2}) || r.Session() != (id{11: 3}) {
			t.Errorf("it is for %x, %x, %x", r.AdminID(), r.OrgID(), r.Session())
		}
		s := fmt.Sprintf("%v %s %+v %#v %x %v ", r, r, r, r, r, slog.AnyValue(r).Resolve())
		if s != strings.Repeat(secret.Redacted+" ", 6) {
			t.Errorf("it prints as %s", s)
		}
	}
}

func TestRefresh_refuses(t *testing.T) {
	t.Parallel()
	good := newRefresh().Reveal()
	for about, text := range map[string]string{
		"nothing": "", "the prefix alone": token.RefreshPrefix,
		"no prefix":     strings.TrimPrefix(good, token.RefreshPrefix),
		"a shorter one": good[:len(good)-1], "a longer one": good + "A", "padding": good[:len(good)-1] + "=",
		"a line end": good[:20] + "\n" + good[21:], "white space": " " + good,
		"another alphabet": good[:20] + "+" + good[21:],
		"an access token":  forge(t, nil, nil),
	} {
		if _, err := token.ParseRefresh(text); err == nil {
			t.Errorf("ParseRefresh takes %s", about)
		}
	}
}
