package contract_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func testDelete(t *testing.T, h *host) {
	for _, tc := range []struct {
		about string
		send  func(c caller, f founded) reply
	}{
		{"by the query", func(c caller, f founded) reply { return c.delete("/org/delete", nil, named(f.Name)) }},
		{"by the body", func(c caller, f founded) reply {
			return c.delete("/org/delete", fields{"organization_name": f.Name})
		}},
		{
			"by key", func(c caller, f founded) reply {
				return c.delete("/org/delete", nil,
					named(strings.ToUpper(f.Name)))
			},
		},
		{"with If-Match", func(c caller, f founded) reply {
			return c.delete("/org/delete", nil, named(f.Name), with("If-Match", f.etag()))
		}},
	} {
		t.Run(tc.about, func(t *testing.T) {
			t.Parallel()
			f := h.found(t, "Delete")
			r := tc.send(h.as(t, f.token), f).want(http.StatusOK)
			if diff := cmp.Diff(fields{"status": "deleted", "organization": f.Name}, decode[fields](r)); diff != "" {
				t.Errorf("the answer (-want +got):\n%s", diff)
			}
			h.anyone(t).get("/org/get", named(f.Name)).refused(http.StatusNotFound, "organization_not_found")
			h.locked(t, f.Email, f.password)
			tc.send(h.as(t, f.token), f).refused(http.StatusUnauthorized, "token_revoked")
			h.create(t, f.Name, freshEmail(), freshPassword()).refused(http.StatusConflict, "organization_name_held")
			// the email is free at once
			h.create(t, freshName("Next"), f.Email, freshPassword()).want(http.StatusCreated)
		})
	}
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		f, other := h.found(t, "Delete"), h.found(t, "Delete")
		admin := h.as(t, f.token)
		theirs := admin.delete("/org/delete", nil, named(other.Name)).refused(http.StatusForbidden,
			"not_your_organization")
		nobodys := admin.delete("/org/delete", nil, named(freshName("None"))).refused(http.StatusForbidden,
			"not_your_organization")
		theirs.RequestID, nobodys.RequestID = "", ""
		if diff := cmp.Diff(theirs, nobodys); diff != "" {
			t.Errorf("it tells which names exist (-existing +not):\n%s", diff)
		}
		admin.delete("/org/delete", fields{"organization_name": other.Name}).refused(http.StatusForbidden,
			"not_your_organization")
		admin.delete("/org/delete", fields{"organization_name": f.Name}, named(other.Name)).invalid("organization_name")
		admin.delete("/org/delete", nil, named(f.Name), with("If-Match", `"99"`)).refused(http.StatusPreconditionFailed,
			"version_mismatch")
		admin.delete("/org/delete", nil, named(f.Name), with("If-Match", "1")).invalid("If-Match")
		for _, is := range []founded{f, other} {
			if got := h.look(t, is, is.Name); got != is.view {
				t.Errorf("it is %+v, was %+v", got, is.view)
			}
		}
	})
	t.Run("of twelve at once one is done", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Delete")
		done := 0
		for _, r := range parallel(12, func(int) reply {
			return h.as(t, f.token).delete("/org/delete", nil,
				named(f.Name))
		}) {
			switch r.status {
			case http.StatusOK:
				done++
			case http.StatusConflict:
				r.refused(http.StatusConflict, "organization_busy")
			default:
				r.refused(http.StatusUnauthorized, "token_revoked")
			}
		}
		if done == 0 {
			t.Error("none was done")
		}
		h.anyone(t).get("/org/get", named(f.Name)).refused(http.StatusNotFound, "organization_not_found")
	})
}
