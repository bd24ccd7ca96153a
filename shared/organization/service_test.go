package organization_test

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"oms/shared/fault"
	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/crashtest"
	"oms/shared/organization/organizationtest"
	"oms/shared/password"
	"oms/shared/token"
)

// wantCode fails where err is another fault, and returns its Retry-After.
func wantCode(tb testing.TB, doing string, err error, want string) time.Duration {
	tb.Helper()
	if got := organizationtest.Code(err); got != want {
		tb.Fatalf("%s is answered %q, want %q", doing, got, want)
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.RetryAfter
	}
	return 0
}

// wantWrong fails where err is not the fault of these fields, each as "field code".
func wantWrong(tb testing.TB, doing string, err error, want ...string) {
	tb.Helper()
	var got []string
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Invalid {
		for _, field := range f.Fields {
			got = append(got, field.Field+" "+field.Code)
		}
	}
	if !slices.Equal(got, want) {
		tb.Errorf("%s is answered %q (%v), want %q", doing, got, err, want)
	}
}

func TestService_Create(t *testing.T) {
	t.Parallel()
	t.Run("answers with the organization, which is there", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		got := must.Get(w.Create(t.Context(), creation("  Test   Org ", " Admin@Test.com")))(t)
		now := w.Clock.Now().UTC().Truncate(time.Millisecond)
		if got.Name != "Test Org" || got.Collection != "org_test_org" || got.AdminEmail != "admin@test.com" ||
			got.Version != 1 || !got.CreatedAt.Equal(now) || !got.UpdatedAt.Equal(now) || got.Replayed {
			t.Errorf("Create() = %+v", got)
		}
		w.WantSound(t)
	})
	t.Run("names every wrong field", func(t *testing.T) {
		t.Parallel()
		_, err := newWorld(t).Create(t.Context(), organization.Creation{Name: "x", Email: "y", Password: "short"})
		wantWrong(t, "nothing that is right", err, "organization_name too_short", "email invalid", "password too_short")
	})
	t.Run("refuses a name and an address that could be taken for another's", func(t *testing.T) {
		t.Parallel()
		_, err := newWorld(t).Create(t.Context(), creation("a\u200bcme", "\u0430dmin@acme.io"))
		wantWrong(t, "a look-alike", err, "organization_name invalid", "email invalid")
	})
	t.Run("judges the password by the policy, and by the names of its own request", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		for plain, want := range map[string][]string{
			"14 bytes by 15": {"password too_short"}, "1qaz2wsx3edc4rfv": {"password too_common"},
			"Acme_Acme_2026!": {"password too_obvious"}, "admin.of@acme.io": {"password too_obvious"},
			"a horse of Acme's": nil,
		} {
			_, err := w.strict().Create(t.Context(), organization.Creation{
				Name: "Acme", Email: "admin.of@acme.io", Password: plain,
			})
			wantWrong(t, "the password "+plain, err, want...)
		}
	})
	t.Run("refuses a name whose key is taken, whatever it looks like", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.Found(t, "Zürich GmbH", "a@acme.io")
		_, err := w.Create(t.Context(), creation("zurich_gmbh", "b@acme.io"))
		wantCode(t, "a taken key", err, "organization_name_taken")
		if strings.Contains(err.Error(), "Zürich") {
			t.Errorf("the answer shows the other's name: %v", err)
		}
	})
	t.Run("takes the email of an admin whose organization never came to be", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.admin(organization.Admin{ID: fixedID(6), OrgID: fixedID(7), Email: "a@acme.io", Rev: 1})
		w.Found(t, "Acme", "a@acme.io")
	})
}

func TestService_Create_withAnIdempotencyKey(t *testing.T) {
	t.Parallel()
	keyed := func(name, email, key string) organization.Creation {
		c := creation(name, email)
		c.IdempotencyKey = key
		return c
	}
	t.Run("gives the first answer again, whatever has happened to the organization", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		first := must.Get(w.Create(t.Context(), keyed("Acme", "a@acme.io", "k")))(t)
		who := w.Principal(t, first.AdminEmail)
		for range 3 {
			w.Clock.Advance(time.Minute)
			again, err := w.Create(t.Context(), keyed(" Acme", "A@acme.io", "k"))
			if err != nil || again.View != first.View || !again.Replayed {
				t.Fatalf("the same request again = %+v, %v, want %+v", again, err, first)
			}
			if _, err := w.Delete(t.Context(), who, organization.Deletion{Name: "Acme"}); err != nil &&
				organizationtest.Code(err) != "token_revoked" {
				t.Fatal(err)
			}
		}
	})
	t.Run("keeps nothing of the password but its hash, and still knows what an earlier version kept",
		func(t *testing.T) {
			t.Parallel()
			mac := func(parts ...string) string {
				h := hmac.New(sha256.New, []byte("secret")) // the world's
				for _, part := range parts {
					_, _ = fmt.Fprintf(h, "%d:%s", len(part), part)
				}
				return hex.EncodeToString(h.Sum(nil))
			}
			w := newWorld(t)
			first := must.Get(w.Create(t.Context(), keyed("Acme", "a@acme.io", "k")))(t)
			r := must.Get(w.Store.Requests.Find(t.Context(), mac("idempotency key", "k")))(t)
			hash, _ := organizationtest.Plain{}.Hash(organizationtest.Password)
			if r.Password != hash || r.Body != mac("name and email", "Acme", "a@acme.io") {
				t.Errorf("kept are the body %s and a hash %s", r.Body, r.Password.Alg)
			}
			must.Do(t, w.Store.Requests.Delete(t.Context(), r))
			r.Password, r.Body = password.Hash{}, mac("body", "Acme", "a@acme.io", organizationtest.Password)
			must.Do(t, w.Store.Requests.Insert(t.Context(), r))
			again, err := w.Create(t.Context(), keyed("Acme", "a@acme.io", "k"))
			if err != nil || again.View != first.View || !again.Replayed {
				t.Errorf("the same request again = %+v, %v, want %+v", again, err, first)
			}
			other := keyed("Acme", "a@acme.io", "k")
			other.Password += "x"
			wantCode(t, "another password", must.Err(w.Create(t.Context(), other)), "idempotency_key_reused")
		})
	t.Run("does not remember a conflict", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		who := w.Found(t, "Acme", "a@acme.io")
		beta := keyed("Beta", "a@acme.io", "k")
		wantCode(t, "a taken email", must.Err(w.Create(t.Context(), beta)), "admin_email_taken")
		must.Do(t, must.Err(w.Delete(t.Context(), who, organization.Deletion{Name: "Acme"})))
		w.Clock.Advance(time.Second)
		wantCode(t, "the same request, judged anew", must.Err(w.Create(t.Context(), beta)), "")
	})
	t.Run("forgets the key after a day", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		must.Do(t, must.Err(w.Create(t.Context(), keyed("Acme", "a@acme.io", "k"))))
		w.Clock.Advance(24*time.Hour + time.Second)
		w.Quiet(t)
		_, err := w.Create(t.Context(), keyed("Acme", "a@acme.io", "k"))
		wantCode(t, "the same request a day later", err, "organization_name_taken")
	})
}

func TestService_Get(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine := w.Found(t, "Acme", "a@acme.io")
	other := w.Found(t, "Beta", "b@acme.io")
	gone := w.Found(t, "Gamma", "c@acme.io")
	must.Do(t, must.Err(w.Delete(t.Context(), gone, organization.Deletion{Name: "Gamma"})))
	stale := mine
	stale.CredentialVersion = "another"
	for _, c := range []struct {
		name, asked string
		who         token.Principal
		email, code string
	}{
		{"anonymous", "acme", token.Principal{}, "", ""},
		{"by another form of the name", "ACME!", token.Principal{}, "", ""},
		{"the organization's own admin sees the email", "Acme", mine, "a@acme.io", ""},
		{"another's admin is answered as anonymous", "Acme", other, "", ""},
		{"a revoked token is no anonymous answer", "Acme", stale, "", "token_revoked"},
		{"a deleted organization's token is revoked", "Acme", gone, "", "token_revoked"},
		{"no such name", "Nobody", token.Principal{}, "", "organization_not_found"},
		{"a deleted one", "Gamma", token.Principal{}, "", "organization_not_found"},
		{"what cannot be a name", "!", token.Principal{}, "", "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, err := w.Get(t.Context(), c.who, c.asked)
			wantCode(t, c.name, err, c.code)
			if c.code == "" && (v.Name != "Acme" || v.AdminEmail != c.email) {
				t.Errorf("Get() = %+v, want Acme with the email %q", v, c.email)
			}
		})
	}
}

func TestService_Update(t *testing.T) {
	t.Parallel()
	t.Run("moves the collection with everything in it", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		who := w.Tenant(t)
		w.Clock.Advance(time.Second)
		v, err := w.Update(t.Context(), who, organization.Change{Name: ptr("Beta")})
		if err != nil || v.Name != "Beta" || v.Collection != "org_beta" || v.Version != 2 ||
			v.AdminEmail != "a@acme.io" ||
			!v.UpdatedAt.Equal(w.Clock.Now().Truncate(time.Millisecond)) {
			t.Fatalf("Update() = %+v, %v", v, err)
		}
		indexes, err := w.Writer.Indexes(t.Context(), "org_beta")
		if got := w.Held(t, "org_beta"); err != nil || got != "d1 d2" || len(indexes) != 1 {
			t.Errorf("org_beta holds %q and the indexes %v, %v", got, indexes, err)
		}
		if got := len(w.db.Names()); got != 1 {
			t.Errorf("%d collections are there, want one", got)
		}
		again, err := w.Get(t.Context(), who, "beta")
		if err != nil || again != v {
			t.Errorf("Get() = %+v, %v, want what Update answered, %+v", again, err, v)
		}
	})
	t.Run("holds the old name for 80 seconds, for its former owner too", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		who := w.Found(t, "Acme", "a@acme.io")
		must.Do(t, must.Err(w.Update(t.Context(), who, organization.Change{Name: ptr("Beta")})))
		_, err := w.Create(t.Context(), creation("Acme", "b@acme.io"))
		after := wantCode(t, "another who wants the old name", err, "organization_name_held")
		if after <= time.Minute || after > 80*time.Second {
			t.Errorf("Retry-After is %v, want a little over a minute", after)
		}
		_, err = w.Update(t.Context(), who, organization.Change{Name: ptr("Acme")})
		wantCode(t, "the former owner", err, "organization_name_held")
		w.Clock.Advance(after)
		back := organization.Change{Name: ptr("Acme")}
		wantCode(t, "who comes after Retry-After", must.Err(w.Update(t.Context(), who, back)), "")
	})
	t.Run("refuses a new name and address that could be taken for another's, and nothing that is there",
		func(t *testing.T) {
			t.Parallel()
			const name, email = "a\u200bcme", "\u0430dmin@acme.io" // as they could be made once
			w := newWorld(t)
			who := w.Found(t, "a cme", "a@acme.io")
			o := w.Living(t)[0]
			w.rewrite(o, func(is *organization.Organization) { is.Name = name })
			change := organization.AdminChange{ID: o.AdminID, Rev: 1, Email: email}
			if ok, err := w.Store.Admins.Change(t.Context(), change, o.ID); !ok || err != nil {
				t.Fatal(ok, err)
			}
			v, err := w.Update(t.Context(), who, organization.Change{
				Organization: ptr(name), Name: ptr(name), Email: ptr(email),
			})
			if err != nil || v.Name != name || v.AdminEmail != email {
				t.Errorf("a change to what it is = %+v, %v", v, err)
			}
			if v, err := w.Get(t.Context(), who, name); err != nil || v.Name != name {
				t.Errorf("Get() = %+v, %v", v, err)
			}
			_, err = w.Update(t.Context(), who, organization.Change{
				Name: ptr(name + "\u200b"), Email: ptr("x" + email),
			})
			wantWrong(t, "a change to look-alikes", err, "new_organization_name invalid", "admin_email invalid")
			if got, err := w.Delete(t.Context(), who, organization.Deletion{Name: name}); err != nil || got != name {
				t.Errorf("Delete() = %q, %v", got, err)
			}
		})
	t.Run("judges a new password by the policy, and by names old and new; never the present one", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		who := w.Found(t, "Acme", "a@acme.io") // its password is too short for the policy
		change := func(plain string) organization.Change {
			return organization.Change{
				Name: ptr("Beta"), Email: ptr("chief@beta.io"), Password: ptr(organizationtest.Password),
				NewPassword: ptr(plain),
			}
		}
		for _, c := range [][2]string{
			{"14 bytes by 15", "new_password too_short"},
			{"1qaz2wsx3edc4rfv", "new_password too_common"},
			{"acme-acme-acme1", "new_password too_obvious"},
			{"beta-beta-beta1", "new_password too_obvious"},
			{"chief-chief-123", "new_password too_obvious"},
		} {
			wantWrong(t, "the password "+c[0], must.Err(w.strict().Update(t.Context(), who, change(c[0]))), c[1])
		}
		present := organization.Change{Password: ptr(organizationtest.Password)}
		wantCode(t, "the present password", must.Err(w.strict().Update(t.Context(), who, present)), "")
		good := change("a horse of Beta's")
		wantCode(t, "a password that will do", must.Err(w.strict().Update(t.Context(), who, good)), "")
	})
	t.Run("changes only the shown name where the key stays", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		who := w.Tenant(t)
		v, err := w.Update(t.Context(), who, organization.Change{Name: ptr("ACME!")})
		if err != nil || v.Name != "ACME!" || v.Collection != "org_acme" || v.Version != 2 {
			t.Errorf("Update() = %+v, %v", v, err)
		}
	})
	t.Run("changes nothing where everything is as wished", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		who := w.Tenant(t)
		v, err := w.Update(t.Context(), who, organization.Change{
			Name: ptr("Acme"), Password: ptr(organizationtest.Password),
		})
		if err != nil || v.Version != 1 {
			t.Errorf("Update() = %+v, %v, want version 1", v, err)
		}
		again, err := w.Update(t.Context(), who, organization.Change{Name: ptr("Acme"), Email: ptr("A@acme.io")})
		v.Version, v.UpdatedAt = again.Version, again.UpdatedAt // what is given is written
		if err != nil || again != v {
			t.Errorf("Update() = %+v, %v, want %+v", again, err, v)
		}
	})
	t.Run("of the email needs a recent login or the password, and a deletion does too", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		who := w.Tenant(t)
		early := who
		early.AuthTime = time.Time{} // as an older version's token is read
		w.Clock.Advance(15 * time.Minute)
		email := organization.Change{Email: ptr("b@acme.io")}
		wantCode(t, "a login of the last 15 minutes", must.Err(w.Update(t.Context(), who, email)), "")
		who.CredentialVersion = w.Principal(t, "b@acme.io").CredentialVersion
		early.CredentialVersion = who.CredentialVersion
		w.Clock.Advance(time.Millisecond)
		for _, who := range []token.Principal{who, early} {
			email := organization.Change{Email: ptr("c@acme.io"), Name: ptr("Beta")}
			wantCode(t, "another email", must.Err(w.Update(t.Context(), who, email)), "reauthentication_required")
			err := must.Err(w.Delete(t.Context(), who, organization.Deletion{Name: "Acme"}))
			wantCode(t, "a deletion", err, "reauthentication_required")
			if f, _ := errors.AsType[*fault.Error](err); f == nil || f.MaxAge != 15*time.Minute {
				t.Errorf("Delete() = %+v, want a login of the last 15 minutes", f)
			}
			email.Password = ptr("not the password")
			wantCode(t, "with a wrong password", must.Err(w.Update(t.Context(), who, email)), "wrong_password")
			err = must.Err(w.Delete(t.Context(), who, organization.Deletion{Name: "Acme", Password: email.Password}))
			wantCode(t, "with a wrong password", err, "wrong_password")
			same := organization.Change{Name: ptr("ACME"), Email: ptr("b@acme.io")}
			wantCode(t, "the name, with the email that it is", must.Err(w.Update(t.Context(), who, same)), "")
		}
		password := ptr(organizationtest.Password)
		proved := organization.Change{Email: ptr("c@acme.io"), Password: password}
		wantCode(t, "another email, with the password", must.Err(w.Update(t.Context(), early, proved)), "")
		early.CredentialVersion = w.Principal(t, "c@acme.io").CredentialVersion
		deletion := organization.Deletion{Name: "Acme", Password: password}
		wantCode(t, "a deletion, with the password", must.Err(w.Delete(t.Context(), early, deletion)), "")
	})
	t.Run("takes the place of a stranger's empty collection, which is kept, and is there when it is answered",
		func(t *testing.T) {
			t.Parallel()
			for _, uuids := range []bool{true, false} {
				w := newWorld(t)
				w.db.NoUUIDs = !uuids
				must.Do(t, w.Store.Collections.Create(t.Context(), "org_beta"))
				who := w.Tenant(t)
				must.Do(t, must.Err(w.Update(t.Context(), who, organization.Change{Name: ptr("Beta")})))
				names := w.db.Names()
				if got := w.Held(t, "org_beta"); got != "d1 d2" || len(names) != 2 ||
					!strings.HasPrefix(names[0], "ghost_unknown_") {
					t.Errorf("with UUIDs %t the collections are %v, and org_beta holds %q", uuids, names, got)
				}
			}
		})
	t.Run("refuses, and leaves everything as it was", func(t *testing.T) {
		t.Parallel()
		everything := func(c organization.Change) organization.Change {
			c.Name, c.Email = cmp.Or(c.Name, ptr("Gamma")), cmp.Or(c.Email, ptr("g@acme.io"))
			c.Password, c.NewPassword = cmp.Or(c.Password, ptr(organizationtest.Password)), ptr("battery staple")
			return c
		}
		for _, c := range []struct {
			name, code string
			change     organization.Change
		}{
			{"a taken name", "organization_name_taken", organization.Change{Name: ptr("other")}},
			{"a taken email", "admin_email_taken", organization.Change{Email: ptr("o@acme.io")}},
			{"a wrong password", "wrong_password", organization.Change{Password: ptr("not the password")}},
			{"another organization's name", "not_your_organization", organization.Change{Organization: ptr("Other")}},
			{"nobody's name", "not_your_organization", organization.Change{Organization: ptr("Nobody")}},
			{"a stale version", "version_mismatch", organization.Change{IfVersion: ptr(int64(7))}},
			{
				"a collection with documents in the way", "organization_name_taken",
				organization.Change{Name: ptr("Strange")},
			},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				who := w.Tenant(t)
				w.Found(t, "Other", "o@acme.io")
				w.Put(t, "org_strange", "s", "stranger")
				before := must.Get(w.Get(t.Context(), who, "Acme"))(t)
				wantCode(t, c.name, must.Err(w.Update(t.Context(), who, everything(c.change))), c.code)
				if now, err := w.Get(t.Context(), who, "Acme"); err != nil || now != before {
					t.Errorf("Get() = %+v, %v, want %+v", now, err, before)
				}
				if got := w.Held(t, "org_acme") + "|" + w.Held(t, "org_strange"); got != "d1 d2|s" {
					t.Errorf("the collections hold %q", got)
				}
				w.Quiet(t)
				w.WantSound(t, "org_strange")
			})
		}
	})
	t.Run("names every wrong field", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		_, err := w.Update(t.Context(), w.Tenant(t), organization.Change{
			Organization: ptr("!"), Name: ptr("x"), Email: ptr("y"), NewPassword: ptr("short"),
		})
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || len(f.Fields) != 5 {
			t.Fatalf("Update() = %v, want five wrong fields", err)
		}
	})
}

func TestService_Delete(t *testing.T) {
	t.Parallel()
	t.Run("frees the email at once and the name after its hold", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		who := w.Tenant(t)
		shown, err := w.Delete(t.Context(), who, organization.Deletion{Name: "ACME"})
		if err != nil || shown != "Acme" {
			t.Fatalf("Delete() = %q, %v", shown, err)
		}
		wantCode(t, "reading it", must.Err(w.Get(t.Context(), token.Principal{}, "Acme")), "organization_not_found")
		_, err = w.Delete(t.Context(), who, organization.Deletion{Name: "Acme"})
		wantCode(t, "the same token again", err, "token_revoked")
		w.Found(t, "Beta", "a@acme.io")
		_, err = w.Create(t.Context(), creation("Acme", "b@acme.io"))
		w.Clock.Advance(wantCode(t, "the name", err, "organization_name_held"))
		w.Found(t, "Acme", "b@acme.io")
		if got := w.Held(t, "org_acme"); got != "" {
			t.Errorf("the next owner finds %q", got)
		}
	})
	t.Run("keeps the documents, and what came late, for the retention time, then purges them", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		who := w.Tenant(t)
		must.Do(t, must.Err(w.Delete(t.Context(), who, organization.Deletion{Name: "Acme"})))
		trash := w.db.Names()
		if len(trash) != 1 || !strings.HasPrefix(trash[0], "trash_") || w.Held(t, trash[0]) != "d1 d2" {
			t.Fatalf("the collections are %v", trash)
		}
		w.Put(t, "org_acme", "late", "written after the move")
		w.Quiet(t)
		if got := w.db.Names(); len(got) != 2 || !strings.HasPrefix(got[0], "ghost_") || got[1] != trash[0] {
			t.Fatalf("the collections are %v before the retention time has passed", got)
		}
		w.Clock.Advance(15 * time.Minute)
		w.Quiet(t)
		if got := w.db.Names(); len(got) != 0 {
			t.Errorf("the collections are %v after the retention time", got)
		}
		if got := len(w.db.Organizations()); got != 1 {
			t.Errorf("%d organizations are kept, want one for a day", got)
		}
		w.Clock.Advance(25 * time.Hour)
		w.Quiet(t)
		if got := len(w.db.Organizations()); got != 0 {
			t.Errorf("%d organizations are kept after a day", got)
		}
	})
	t.Run("finishes an unfinished deletion for the same token, even where its admin is gone already",
		func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			who := w.Tenant(t)
			died := w.Hooked(func(command string, apply func() error) error {
				if command == "organizations.compareAndSwap" && len(w.db.Admins()) == 0 {
					return organization.ErrLost
				}
				return apply()
			})
			_, err := died.Delete(t.Context(), who, organization.Deletion{Name: "Acme"})
			wantCode(t, "a deletion whose worker gave up", err, "storage_unavailable")
			_, err = w.Delete(t.Context(), who, organization.Deletion{Name: "Acme"})
			wantCode(t, "the same again while the lease runs", err, "organization_busy")
			_, err = w.Update(t.Context(), who, organization.Change{Name: ptr("Beta")})
			wantCode(t, "an update meanwhile", err, "token_revoked")
			w.Clock.Advance(organization.Lease + 3*time.Second)
			if shown, err := w.Delete(t.Context(), who, organization.Deletion{Name: "Acme"}); err != nil ||
				shown != "Acme" {
				t.Errorf("the same again = %q, %v, want success", shown, err)
			}
			_, err = w.Delete(t.Context(), who, organization.Deletion{Name: "Acme"})
			wantCode(t, "and again", err, "token_revoked")
		})
}

func TestService_Reconcile(t *testing.T) {
	t.Parallel()
	t.Run("is safe twice and concurrently", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		who := w.Tenant(t)
		both := organization.Change{Name: ptr("Beta"), Email: ptr("b@acme.io")}
		_, _ = w.Hooked(crashtest.Dying(9)).Update(t.Context(), who, both)
		w.Clock.Advance(organization.Lease + 3*time.Second)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if _, err := w.Reconcile(t.Context()); err != nil {
					t.Errorf("Reconcile() = %v", err)
				}
			})
		}
		all.Wait()
		w.Quiet(t)
		w.WantSound(t)
	})
}

// TestService_sendsNothingAfterItsLease: a process that was frozen wakes up
// late and stops before its next command.
func TestService_sendsNothingAfterItsLease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sent := 0
	s := w.Hooked(func(_ string, apply func() error) error {
		sent++
		if sent == 2 {
			w.Clock.Advance(organization.Lease - 3*time.Second)
		}
		return apply()
	})
	_, err := s.Create(t.Context(), creation("Acme", "a@acme.io"))
	wantCode(t, "a worker that woke up late", err, "storage_unavailable")
	if sent != 2 {
		t.Errorf("%d commands were sent, want 2", sent)
	}
}
