package contract_test

import (
	"net/http"
	"strings"
	"testing"
)

func testUpdate(t *testing.T, h *host) {
	for _, tc := range []struct {
		about string
		send  func(f founded, name, email string) fields
		name  bool // it is changed
		email bool
		pass  bool
	}{
		{
			"organization_name alone is the new name",
			func(_ founded, name, _ string) fields { return fields{"organization_name": name} }, true, false, false,
		},
		{
			"email", func(_ founded, _, email string) fields { return fields{"email": " " + strings.ToUpper(email)} },
			false, true, false,
		},
		{"new_password with password", func(f founded, _, _ string) fields {
			return fields{"password": f.password, "new_password": f.password + " new"}
		}, false, false, true},
		{"what it is already", func(f founded, _, _ string) fields {
			return fields{"organization_name": f.Name, "email": f.Email}
		}, false, false, false},
		{"all of it", func(f founded, name, email string) fields {
			return fields{
				"organization_name": f.Name, "new_organization_name": name, "admin_email": email,
				"password": f.password, "new_password": f.password + " new",
			}
		}, true, true, true},
	} {
		t.Run(tc.about, func(t *testing.T) {
			t.Parallel()
			f := h.found(t, "Update")
			name, email, password := freshName("Updated"), freshEmail(), f.password
			sent := tc.send(f, name, email)
			r := h.as(t, f.token).put("/org/update", sent).want(http.StatusOK)
			is, to := updated(r)
			want := f.view
			if tc.name {
				want.Name, want.Collection = name, "org_updated_"+strings.TrimPrefix(name, "Updated ")
			}
			if tc.email {
				want.Email = email
			}
			if tc.pass {
				password += " new"
			}
			want.Version, want.UpdatedAt = is.Version, is.UpdatedAt
			if is != want {
				t.Errorf("it is %+v, want %+v", is, want)
			}
			if changed := tc.name || tc.email || tc.pass; changed && (is.Version <= f.Version ||
				is.UpdatedAt == f.UpdatedAt) {
				t.Errorf("version %d at %s, was %d at %s", is.Version, is.UpdatedAt, f.Version, f.UpdatedAt)
			}
			_, asked := sent["email"]
			if _, too := sent["admin_email"]; (asked || too) != (to != nil) || to != nil && *to != want.Email {
				t.Errorf("admin_email_updated_to is there: %v, in %s", to != nil, r.body)
			}
			if got := r.header.Get("ETag"); got != is.etag() {
				t.Errorf("ETag is %s, want %s", got, is.etag())
			}
			f.token = h.login(t, want.Email, password)
			if got := h.look(t, f, want.Name); got != is {
				t.Errorf("its admin then sees %+v, want %+v", got, is)
			}
			if tc.name {
				h.anyone(t).get("/org/get", named(f.Name)).refused(http.StatusNotFound, "organization_not_found")
			}
			if tc.email || tc.pass {
				h.locked(t, f.Email, f.password)
			}
			if h.program == nil && (tc.email || tc.pass) { // for the clean-up
				h.deleteAfter(t, f.ID, want.Email, password)
			}
		})
	}
	t.Run("the old email is free at once", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Update")
		h.as(t, f.token).put("/org/update", fields{"email": freshEmail()}).want(http.StatusOK)
		h.create(t, freshName("Next"), f.Email, freshPassword()).want(http.StatusCreated)
	})
	t.Run("If-Match", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Match")
		admin := h.as(t, f.token)
		for _, stale := range []string{`"99"`, `"0"`, `W/"1"`, `"x"`, `"01"`} {
			admin.put("/org/update", fields{"organization_name": freshName("No")}, with("If-Match", stale)).
				refused(http.StatusPreconditionFailed, "version_mismatch")
		}
		for _, broken := range []string{"1", `"1`, `1"`, `"1" x`, `"1", "2"`} {
			admin.put("/org/update", fields{"organization_name": freshName("No")}, with("If-Match", broken)).
				invalid("If-Match")
		}
		admin.put("/org/update", fields{"organization_name": freshName("Match")}, with("If-Match", f.etag())).
			want(http.StatusOK)
		admin.put("/org/update", fields{"organization_name": freshName("No")}, with("If-Match", f.etag())).
			refused(http.StatusPreconditionFailed, "version_mismatch")
		is, _ := updated(admin.put("/org/update", fields{"email": f.Email}, with("If-Match", "*")).want(http.StatusOK))
		admin.put("/org/update", fields{"email": f.Email}, with("If-Match", `"77", `+is.etag())).invalid("If-Match")
		admin.put("/org/update", fields{"password": f.password}, with("If-Match", is.etag())).want(http.StatusOK)
	})
	t.Run("of twelve with one version one is done", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Lost Update")
		replies := parallel(12, func(int) reply {
			return h.as(t, f.token).put("/org/update", fields{"organization_name": freshName("Winner")},
				with("If-Match", f.etag()))
		})
		done := 0
		for _, r := range replies {
			switch r.status {
			case http.StatusOK:
				done++
			case http.StatusPreconditionFailed:
				r.refused(http.StatusPreconditionFailed, "version_mismatch")
			default:
				r.refused(http.StatusConflict, "organization_busy")
			}
		}
		if done != 1 {
			t.Errorf("%d were done, want 1", done)
		}
	})
}

func testUpdateRefused(t *testing.T, h *host) {
	f := h.found(t, "Same")
	other := h.found(t, "Other")
	for _, tc := range []struct {
		about  string
		sent   fields
		status int
		code   string
		fields []string
	}{
		{
			"all at once",
			fields{"email": "x", "organization_name": "x", "new_password": "x", "password": "x"},
			422,
			"invalid_request",
			[]string{"email", "organization_name", "new_password"},
		},
		{"a wrong password", fields{"password": "wrong"}, 403, "wrong_password", nil},
		{
			"a wrong password beside all", fields{
				"password": "wrong", "new_password": freshPassword(), "organization_name": freshName("No"),
				"email": freshEmail(),
			}, 403, "wrong_password", nil,
		},
		{
			"another's name",
			fields{"organization_name": other.Name, "new_organization_name": freshName("No")},
			403,
			"not_your_organization", nil,
		},
		{
			"nobody's name",
			fields{"organization_name": freshName("None"), "new_organization_name": freshName("No")},
			403, "not_your_organization", nil,
		},
		{
			"a name that is taken, with email and password", fields{
				"new_organization_name": other.Name, "email": freshEmail(), "password": f.password,
				"new_password": freshPassword(),
			}, 409, "organization_name_taken", nil,
		},
		{
			"an address that is taken, with name and password", fields{
				"organization_name": freshName("No"), "email": other.Email, "password": f.password,
				"new_password": freshPassword(),
			}, 409, "admin_email_taken", nil,
		},
	} {
		t.Run(tc.about, func(t *testing.T) {
			// One after the other: each is to leave the organization as it was.
			h.as(t, f.token).put("/org/update", tc.sent).refused(tc.status, tc.code, tc.fields...)
			got := h.look(t, f, f.Name)
			got.Version, got.UpdatedAt = f.Version, f.UpdatedAt // they may move
			if got != f.view {
				t.Errorf("it is %+v, was %+v", got, f.view)
			}
			h.login(t, f.Email, f.password)
			h.login(t, other.Email, other.password)
			name, ok := tc.sent["organization_name"].(string)
			if given, there := tc.sent["new_organization_name"].(string); there {
				name, ok = given, true
			}
			if ok && name != other.Name && tc.status != 422 { // the name was never shown, and is free
				h.create(t, name, freshEmail(), freshPassword()).want(http.StatusCreated)
			}
		})
	}
}
