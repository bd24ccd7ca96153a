package contract_test

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func testCreate(t *testing.T, h *host) {
	t.Run("201 with Location and ETag", func(t *testing.T) {
		t.Parallel()
		name, email := freshName("Café & Söhne + 100% /?#"), freshEmail()
		r := h.create(t, name, email, freshPassword()).want(http.StatusCreated)
		v := viewOf(r)
		if v.Name != name || v.Email != email || v.Version != 1 || v.CreatedAt != v.UpdatedAt ||
			!strings.HasPrefix(v.Collection, "org_cafe_sohne_100_") {
			t.Errorf("it is %+v", v)
		}
		if got := decode[fields](r)["status"]; got != "success" {
			t.Errorf("status is %v, want success", got)
		}
		if got := r.header.Get("ETag"); got != v.etag() {
			t.Errorf("ETag is %s, want %s", got, v.etag())
		}
		location := r.header.Get("Location")
		if want := "/org/get?organization_name=" + strings.ReplaceAll(url.QueryEscape(name), "+",
			"%20"); location != want {
			t.Errorf("Location is %s, want %s", location, want)
		}
		path, escaped, _ := strings.Cut(location, "?")
		found := h.anyone(t).get(path, query(escaped)).want(http.StatusOK)
		v.Email = ""
		if got := viewOf(found); got != v {
			t.Errorf("at Location there is %+v, want %+v", got, v)
		}
		if got := found.header.Get("ETag"); got != v.etag() {
			t.Errorf("there the ETag is %s, want %s", got, v.etag())
		}
	})
	t.Run("its collection is there and empty", func(t *testing.T) {
		t.Parallel()
		v := viewOf(h.create(t, freshName("Empty"), freshEmail(), freshPassword()).want(http.StatusCreated))
		s := h.store(t)
		there, err := s.Collections.Find(t.Context(), v.Collection)
		if err != nil || len(there) != 1 {
			t.Errorf("Find(%s) = %v, %v", v.Collection, there, err)
		}
		if some, err := s.Documents.Any(t.Context(), v.Collection); some || err != nil {
			t.Errorf("it holds documents: %v, %v", some, err)
		}
	})
	t.Run("a conflict leaves nothing", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Taken")
		name, email, password := freshName("Lost"), freshEmail(), freshPassword()
		h.create(t, name, f.Email, password).refused(http.StatusConflict, "admin_email_taken")
		h.anyone(t).get("/org/get", named(name)).refused(http.StatusNotFound, "organization_not_found")
		h.create(t, f.Name, email, password).refused(http.StatusConflict, "organization_name_taken")
		h.locked(t, email, password)
		h.locked(t, f.Email, password)
		h.login(t, f.Email, f.password)
		// The name was never shown to anybody, and is free at once; so is the address.
		h.create(t, name, email, password).want(http.StatusCreated)
	})
}

func testIdempotency(t *testing.T, h *host) {
	key := func() option { return with("Idempotency-Key", suffix()) }
	t.Run("the first answer again, byte for byte", func(t *testing.T) {
		t.Parallel()
		name, email, password, same := freshName("Once"), freshEmail(), freshPassword(), key()
		first := h.create(t, name, email, password, same).want(http.StatusCreated)
		if got := first.header.Get("Idempotent-Replayed"); got != "" {
			t.Errorf("the first answer says Idempotent-Replayed: %s", got)
		}
		replayed := func(about string, name, email string) {
			t.Helper()
			again := h.create(t, name, email, password, same).want(http.StatusCreated)
			if !bytes.Equal(again.body, first.body) || again.header.Get("Location") != first.header.Get("Location") ||
				again.header.Get("ETag") != first.header.Get("ETag") {
				t.Errorf("%s: %s, first %s", about, again.body, first.body)
			}
			if got := again.header.Get("Idempotent-Replayed"); got != "true" {
				t.Errorf("%s: Idempotent-Replayed is %q, want true", about, got)
			}
		}
		replayed("at once", name, email)
		replayed("typed otherwise, the fields being the same", "  "+name+" ", strings.ToUpper(email))
		admin := h.as(t, h.login(t, email, password))
		renamed := freshName("Renamed")
		admin.put("/org/update", fields{"organization_name": renamed}).want(http.StatusOK)
		replayed("after a rename", name, email)
		admin.delete("/org/delete", nil, named(renamed)).want(http.StatusOK)
		replayed("after a delete", name, email)
	})
	t.Run("with another body it is refused", func(t *testing.T) {
		t.Parallel()
		name, email, password, same := freshName("Once"), freshEmail(), freshPassword(), key()
		h.create(t, name, email, password, same).want(http.StatusCreated)
		h.create(t, freshName("Other"), email, password, same).refused(http.StatusUnprocessableEntity,
			"idempotency_key_reused")
		h.create(t, name, freshEmail(), password, same).refused(http.StatusUnprocessableEntity,
			"idempotency_key_reused")
		h.create(t, name, email, password+"x", same).refused(http.StatusUnprocessableEntity, "idempotency_key_reused")
	})
	t.Run("any other ending is not remembered", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "First")
		email, password, same := freshEmail(), freshPassword(), key()
		h.create(t, f.Name, email, password, same).refused(http.StatusConflict, "organization_name_taken")
		h.create(t, "x", email, password, same).invalid("organization_name")
		h.create(t, freshName("Second"), email, password, same).want(http.StatusCreated)
	})
	t.Run("for 24 hours", func(t *testing.T) {
		t.Parallel()
		h.needDatabase(t)
		name, email, password, same := freshName("Day"), freshEmail(), freshPassword(), key()
		v := viewOf(h.create(t, name, email, password, same).want(http.StatusCreated))
		h.pass(t, v.key(), 24*3600e9-60e9)
		h.reconcile(t)
		h.create(t, name, email, password, same).want(http.StatusCreated)
		h.pass(t, v.key(), 120e9)
		h.reconcile(t)
		h.create(t, name, email, password, same).refused(http.StatusConflict, "organization_name_taken")
	})
	t.Run("of fifty at once one is done", func(t *testing.T) {
		t.Parallel()
		name, email, password, same := freshName("Crowd"), freshEmail(), freshPassword(), key()
		replies := parallel(50, func(int) reply {
			return h.anyone(t).post("/org/create",
				creation(name, email, password), same)
		})
		var created []reply
		unanswered := 0
		for _, r := range replies {
			switch r.status {
			case http.StatusCreated:
				created = append(created, r)
			case http.StatusServiceUnavailable: // a starved host's: its time was over
				unanswered++
			case http.StatusTooManyRequests:
				// Each repetition is an attempt at the password; of fifty under way a slow host lets some wait no
				// longer.
				r.refused(http.StatusTooManyRequests, "too_many_attempts")
			default:
				r.refused(http.StatusConflict, "request_in_progress")
			}
		}
		if len(created) == 0 {
			t.Fatal("none was created")
		}
		first := 0
		for _, r := range created {
			if r.header.Get("Idempotent-Replayed") == "" {
				first++
			}
			if !bytes.Equal(r.body, created[0].body) {
				t.Errorf("two organizations: %s and %s", r.body, created[0].body)
			}
		}
		if first > 1 || first == 0 && unanswered == 0 {
			t.Errorf("%d answers are no replays, want 1", first)
		}
		h.login(t, email, password)
	})
}
