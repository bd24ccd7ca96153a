package contract_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"oms/shared/must"
	"oms/shared/organization/organizationtest"
)

func testNames(t *testing.T, h *host) {
	s := suffix()
	ascii := "Xx " + s + strings.Repeat("y", 87)
	asciiKey := strings.ReplaceAll(strings.ToLower(ascii), " ", "_")
	sum := sha256.Sum256([]byte(asciiKey))
	for _, tc := range []struct{ about, typed, shown, key string }{
		{"as typed", "TestOrg" + s, "TestOrg" + s, "testorg" + s},
		{"outer white space trimmed", " \t Trim " + s + " \n", "Trim " + s, "trim_" + s},
		{"inner white space collapsed", "In  ner \t\n " + s, "In ner " + s, "in_ner_" + s},
		{"NFC", "Zu\u0308rich GmbH " + s, "Zürich GmbH " + s, "zurich_gmbh_" + s},
		{"transliterated", "株式会社 " + s, "株式会社 " + s, "zhu_shi_hui_she_" + s},
		{"Cyrillic", "Москва " + s, "Москва " + s, "moskva_" + s},
		{"runs of others become one _", "A -- & b, " + s + "!", "A -- & b, " + s + "!", "a_b_" + s},
		{"outer _ trimmed", "__(" + s + ")__", "__(" + s + ")__", s},
		{"of 100 characters, with a long key", ascii, ascii, asciiKey[:43] + "_" + hex.EncodeToString(sum[:])[:16]},
	} {
		t.Run(tc.about, func(t *testing.T) {
			t.Parallel()
			v := viewOf(h.create(t, tc.typed, freshEmail(), freshPassword()).want(http.StatusCreated))
			if v.Name != tc.shown || v.Collection != "org_"+tc.key {
				t.Errorf("%q is shown as %q in %s, want %q in org_%s", tc.typed, v.Name, v.Collection, tc.shown, tc.key)
			}
			for _, by := range []string{tc.typed, tc.shown, strings.ToUpper(tc.shown)} {
				if got := viewOf(h.anyone(t).get("/org/get", named(by)).want(http.StatusOK)); got.ID != v.ID {
					t.Errorf("%q finds %+v, want %+v", by, got, v)
				}
			}
		})
	}
	t.Run("refused, beside those of testBounds", func(t *testing.T) {
		t.Parallel()
		for about, typed := range map[string]string{
			"DEL":                      "a\x7fb",
			"a C1 control character":   "a\u0084b",
			"a bidirectional override": "a\u202eb",
			"emoji alone":              "😀😀",
			"a zero width space":       "a\u200bcme",
			"a Cyrillic letter":        "\u0410cme",
		} {
			h.create(t, typed, freshEmail(), freshPassword()).invalid("organization_name")
			if t.Failed() {
				t.Fatalf("it was %s", about)
			}
		}
	})
	t.Run("of two scripts, in words of their own", func(t *testing.T) {
		t.Parallel()
		h.create(t, "Київ IT Hub "+suffix(), freshEmail(), freshPassword()).want(http.StatusCreated)
		f := h.found(t, "Latin")
		h.as(t, f.token).put("/org/update", fields{"organization_name": "Київ ITї"}).invalid("organization_name")
	})
	t.Run("two names with one key are a conflict", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Acme, Inc.")
		for _, typed := range []string{
			f.Name, strings.ToUpper(f.Name), strings.ReplaceAll(f.Name, ", ", "-"), "Ácme, Inc. " +
				f.Name[len("Acme, Inc. "):],
		} {
			p := h.create(t, typed, freshEmail(), freshPassword()).refused(http.StatusConflict,
				"organization_name_taken")
			if !strings.Contains(p.Detail, f.key()) || strings.Contains(p.Detail, f.Name) ||
				strings.Contains(p.Detail, f.ID) {
				t.Errorf("the detail is %q, want the key and no more", p.Detail)
			}
		}
		other := h.found(t, "Other")
		h.as(t, other.token).put("/org/update", fields{"organization_name": strings.ToUpper(f.Name)}).
			refused(http.StatusConflict, "organization_name_taken")
	})
	t.Run("a collection with somebody's documents is not adopted", func(t *testing.T) {
		t.Parallel()
		h.needDatabase(t)
		w := h.engine.Writer(t, h.database)
		name := "theirs" + suffix()
		must.Do(t, w.Put(t.Context(), "org_"+name, organizationtest.StringDocument("d", "v")))
		email, password := freshEmail(), freshPassword()
		h.create(t, name, email, password).refused(http.StatusConflict, "organization_name_taken")
		h.anyone(t).get("/org/get", named(name)).refused(http.StatusNotFound, "organization_not_found")
		h.locked(t, email, password)
		f := h.found(t, "Mover")
		h.as(t, f.token).put("/org/update", fields{"organization_name": name}).refused(http.StatusConflict,
			"organization_name_taken")
		if docs, err := w.Documents(t.Context(), "org_"+name); err != nil || len(docs) != 1 {
			t.Errorf("their collection holds %d documents (%v), want theirs", len(docs), err)
		}
		h.create(t, freshName("Free"), email, password).want(http.StatusCreated) // the address was given back
	})
	t.Run("an empty collection is", func(t *testing.T) {
		t.Parallel()
		h.needDatabase(t)
		name := "empty" + suffix()
		must.Do(t, h.engine.Writer(t, h.database).AddIndex(t.Context(), "org_"+name, organizationtest.Index{
			Name: "i", Field: "f",
		}))
		h.create(t, name, freshEmail(), freshPassword()).want(http.StatusCreated)
	})
}

func testEmails(t *testing.T, h *host) {
	t.Run("trimmed and lower-cased", func(t *testing.T) {
		t.Parallel()
		email, password := freshEmail(), freshPassword()
		typed := "  " + strings.ToUpper(email) + "\t"
		if v := viewOf(h.create(t, freshName("Mail"), typed, password).want(http.StatusCreated)); v.Email != email {
			t.Errorf("%q is kept as %q, want %q", typed, v.Email, email)
		}
		for _, by := range []string{email, typed} {
			h.login(t, by, password)
		}
		h.create(t, freshName("Mail"), email, password).refused(http.StatusConflict, "admin_email_taken")
		h.create(t, freshName("Mail"), typed, password).refused(http.StatusConflict, "admin_email_taken")
		other := h.found(t, "Mail")
		h.as(t, other.token).put("/org/update", fields{"admin_email": typed}).refused(http.StatusConflict,
			"admin_email_taken")
	})
	t.Run("one address, however its letters are composed", func(t *testing.T) {
		t.Parallel()
		local, password := planted+suffix(), freshPassword()
		v := viewOf(h.create(t, freshName("Mail"), "J\u030c."+local+"@mail.example", password).want(http.StatusCreated))
		h.create(t, freshName("Mail"), "\u01f0."+local+"@mail.example", password).refused(http.StatusConflict,
			"admin_email_taken")
		h.login(t, "\u01f0."+local+"@mail.example", password)
		if v.Email != "\u01f0."+local+"@mail.example" {
			t.Errorf("it is kept as %+q", v.Email)
		}
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		f := h.found(t, "Mail")
		for _, typed := range []string{
			"", " ", "admin", "admin@", "@mail.example", "admin@localhost", "admin@mail.", "admin@.example",
			"a b@mail.example",
			"Admin <admin@mail.example>", "admin@mail.example, b@mail.example", "admin@[127.0.0.1]",
			"admin@mail..example", "a\x00@mail.example", "ad\u200bmin@mail.example", "\u0430dmin@mail.example",
		} {
			h.create(t, freshName("Mail"), typed, freshPassword()).invalid("email")
			h.as(t, f.token).put("/org/update", fields{"admin_email": typed}).invalid("admin_email")
			h.as(t, f.token).put("/org/update", fields{"email": typed}).invalid("email")
		}
	})
}

func testPasswords(t *testing.T, h *host) {
	long := planted + strings.Repeat("x", 72)
	for _, tc := range []struct {
		about, password string
		others          []string // that must not log in
	}{
		// What a stage may ask more of: the shortest there are.
		{"8 bytes", "pl4nted!", []string{"pl4nted", "pl4nted! ", "PL4NTED!"}},
		{"8 bytes in 4 characters", "éàüñ", []string{"éàün"}},
		{
			"1,024 bytes", planted + strings.Repeat("x", 1024-len(planted)),
			[]string{planted + strings.Repeat("x", 1023-len(planted))},
		},
		{
			"white space is kept", "  " + planted + " a b c\t", []string{
				planted + " a b c", "  " + planted + " a b c", planted + " a b c\t",
			},
		},
		{"only after byte 72 is it another", long + "a", []string{long + "b", long, long[:72]}},
		{"NUL and what follows count", planted + "\x00abcdefg", []string{planted + "\x00abcdefh", planted}},
		{"compared after NFC", planted + " and an ü", []string{planted + " and an u"}},
	} {
		t.Run(tc.about, func(t *testing.T) {
			t.Parallel()
			email := freshEmail()
			r := h.create(t, freshName("Pass"), email, tc.password)
			if h.program == nil && len(tc.password) < 15 && r.status == http.StatusUnprocessableEntity {
				r.invalid("password")
				return
			}
			r.want(http.StatusCreated)
			token := h.login(t, email, tc.password)
			for _, other := range tc.others {
				h.locked(t, email, other)
			}
			h.as(t, token).put("/org/update", fields{"password": tc.password}).want(http.StatusOK)
		})
	}
	t.Run("typed in another normal form it is the same", func(t *testing.T) {
		t.Parallel()
		email := freshEmail()
		h.create(t, freshName("Pass"), email, planted+" and an u\u0308").want(http.StatusCreated)
		h.login(t, email, planted+" and an ü")
	})
}
