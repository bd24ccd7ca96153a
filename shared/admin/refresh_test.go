package admin_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"oms/shared/admin"
	"oms/shared/fault"
	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/token"
)

func TestService_Refresh(t *testing.T) {
	t.Parallel()
	f := newFixture(t, organization.Active)
	presented := token.NewRefresh(f.admin.ID, f.admin.OrgID, organization.ID{1})
	next := must.Get(f.tokens.Next(t.Context(), presented))(t)
	got := must.Get(f.Refresh(t.Context(), presented.Reveal()))(t)
	asked := f.db.rotation
	if asked.Admin != f.admin.ID || asked.Org != f.admin.OrgID || asked.Session != (organization.ID{1}) ||
		asked.Presented != presented.Hash() || asked.Family != presented.FamilyHash() ||
		!slices.Equal(asked.Next, []string{next[0].Hash()}) {
		t.Errorf("it asked for %+v", asked)
	}
	if got.RefreshToken != next[0] || got.RefreshExpiresIn != time.Minute || got.ExpiresIn != time.Hour ||
		got.AdminID != f.admin.ID.String() || got.OrgID != f.admin.OrgID.String() {
		t.Errorf("Refresh = %+v", got)
	}
	who, err := f.tokens.Verify(t.Context(), got.AccessToken)
	if err != nil || who.CredentialVersion != "v2" || who.Session != (organization.ID{1}).String() ||
		who.AuthTime != loggedIn() {
		t.Errorf("the token speaks for %+v, %v: want the session's own time of the login", who, err)
	}
}

func TestService_Refresh_refuses(t *testing.T) {
	t.Parallel()
	broken := errors.New("a broken part")
	good := token.NewRefresh(organization.ID{1}, organization.ID{2}, organization.ID{3}).Reveal()
	for _, tt := range []struct {
		name, text string
		err        error
		kind       fault.Kind
	}{
		{"nothing", "", nil, fault.Unauthenticated},
		{"an access token", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA", nil, fault.Unauthenticated},
		{"one that is not good any more", good, organization.ErrAbsent, fault.Unauthenticated},
		{"one that gets no answer", good, fault.New(fault.Unavailable, "storage_unavailable", "d"), fault.Unavailable},
		{"one that meets a defect", good, broken, fault.Internal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, organization.Active)
			f.db.rotErr = tt.err
			got, err := f.Refresh(t.Context(), tt.text)
			if err == nil || fault.KindOf(err) != tt.kind || got != (admin.Grant{}) ||
				strings.Contains(err.Error(), good) {
				t.Errorf("Refresh = %+v, %v, want an error of kind %s", got, err, tt.kind)
			}
			refused, _ := errors.AsType[*fault.Error](err)
			if tt.kind == fault.Unauthenticated && refused.Code != "invalid_refresh_token" {
				t.Errorf("Refresh = %v, want invalid_refresh_token", err)
			}
		})
	}
}
