package mongo_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"oms/shared/fault"
	"oms/shared/mongo"
	"oms/shared/mongo/mongotest"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
	"oms/shared/token"
)

func newService(db *mongo.Database, c *organizationtest.Clock) *organization.Service {
	return organization.New(organization.Config{
		Store: db.Store(), Passwords: organizationtest.Plain{}, Secret: []byte("secret"), Retention: 2 * time.Minute,
		Now: c.Now, Log: slog.New(slog.DiscardHandler),
	})
}

func found(tb testing.TB, db *mongo.Database, s *organization.Service, name, email string) token.Principal {
	tb.Helper()
	v, err := s.Create(tb.Context(), organization.Creation{Name: name, Email: email, Password: "correct horse"})
	if err != nil {
		tb.Fatalf("Create(%q, %q) = %v", name, email, err)
	}
	a, err := db.Store().Admins.FindByEmail(tb.Context(), email)
	if err != nil {
		tb.Fatal(err)
	}
	return token.Principal{AdminID: a.ID.String(), OrgID: v.ID.String(), Ver: a.Ver}
}

func codeOf(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// TestService_wholeLife: the life of an organization on every engine, its
// documents written by another client, with only commands that MongoDB 6.0 documents.
func TestService_wholeLife(t *testing.T) {
	t.Parallel()
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		ctx, name := t.Context(), databaseName()
		db := e.OpenNamed(t, name)
		if err := db.EnsureIndexes(ctx); err != nil {
			t.Fatal(err)
		}
		w := e.Writer(t, name)
		c := organizationtest.NewClock()
		s := newService(db, c)
		who := found(t, db, s, "Acme", "a@acme.io")
		for i := range 300 {
			if err := w.Put(ctx, "org_acme", organizationtest.StringDocument(fmt.Sprintf("d%03d", i), "v")); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.AddIndex(ctx, "org_acme", organizationtest.Index{Name: "by_value", Field: "value"}); err != nil {
			t.Fatal(err)
		}
		beta, email := "Beta", "b@beta.io"
		v, err := s.Update(ctx, who, organization.Change{Name: &beta, Email: &email})
		if err != nil || v.Collection != "org_beta" || v.Version != 2 {
			t.Fatalf("Update() = %+v, %v", v, err)
		}
		docs, err := w.Documents(ctx, "org_beta")
		if err != nil || len(docs) != 300 || string(docs[7].ID[5:9]) != "d007" {
			t.Fatalf("org_beta holds %d documents (%v), want all 300 with their _id", len(docs), err)
		}
		if ix, err := w.Indexes(ctx, "org_beta"); err != nil || len(ix) != 1 || ix[0].Name != "by_value" {
			t.Fatalf("org_beta has the indexes %v, %v", ix, err)
		}
		// Another client still writes under the old name: it comes along.
		for _, d := range []organization.Document{
			organizationtest.StringDocument("late", "v"), organizationtest.StringDocument("d000", "v"), organizationtest.StringDocument("d001", "other"),
		} {
			if err := w.Put(ctx, "org_acme", d); err != nil {
				t.Fatal(err)
			}
		}
		reconciled(t, s, c)
		docs, err = w.Documents(ctx, "org_beta")
		if err != nil || len(docs) != 301 {
			t.Errorf("org_beta holds %d documents (%v), want 301", len(docs), err)
		}
		there, err := db.Store().Collections.List(ctx, "")
		if err != nil {
			t.Fatal(err)
		}
		ghosts := 0
		for _, g := range there {
			if len(g.Name) > 6 && g.Name[:6] == "ghost_" {
				ghosts++
				if kept, err := w.Documents(ctx, g.Name); err != nil || len(kept) != 1 {
					t.Errorf("%s keeps %d documents (%v), want the one that differs", g.Name, len(kept), err)
				}
			}
		}
		if ghosts != 1 {
			t.Errorf("%d ghosts are kept, want 1", ghosts)
		}
		if _, err := s.Delete(ctx, who, "beta", nil); err != nil {
			t.Fatal(err)
		}
		found(t, db, s, "Gamma", "b@beta.io") // the email at once
		_, err = s.Create(ctx, organization.Creation{Name: "Beta", Email: "c@beta.io", Password: "correct horse"})
		if codeOf(err) != "organization_name_held" {
			t.Errorf("the name is answered %v, want organization_name_held", err)
		}
		c.Advance(80 * time.Second)
		found(t, db, s, "Beta", "c@beta.io")
		if docs, err := w.Documents(ctx, "org_beta"); err != nil || len(docs) != 0 {
			t.Errorf("the next owner finds %d documents, %v", len(docs), err)
		}
		c.Advance(10 * time.Minute)
		reconciled(t, s, c)
		there, err = db.Store().Collections.List(ctx, "trash_")
		if err != nil || len(there) != 0 {
			t.Errorf("after the retention time %v is there, %v", there, err)
		}
	})
}

func reconciled(tb testing.TB, s *organization.Service, c *organizationtest.Clock) {
	tb.Helper()
	for range 4 {
		c.Advance(90 * time.Second)
		if r, err := s.Reconcile(tb.Context()); err != nil || !r.Complete {
			tb.Fatalf("Reconcile() = %+v, %v", r, err)
		}
	}
}

// TestService_oneOfTwelve: twelve processes' worth of clients want one name, or
// one email, a hundred times over.
func TestService_oneOfTwelve(t *testing.T) {
	t.Parallel()
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		var services []*organization.Service
		for round := range 100 {
			if round%20 == 0 { // a new database: the embedded one reads all documents at each look
				services = threeProcesses(t, e)
			}
			for _, what := range []string{"name", "email"} {
				answers := make([]string, 12)
				var all sync.WaitGroup
				for i := range answers {
					c := organization.Creation{Name: fmt.Sprintf("%s %d", what, round), Email: fmt.Sprintf("%s%d.%d@acme.io", what, round, i), Password: "correct horse"}
					if what == "email" {
						c.Name, c.Email = fmt.Sprintf("%s %d %d", what, round, i), fmt.Sprintf("%s%d@acme.io", what, round)
					}
					all.Go(func() {
						_, err := services[i%3].Create(t.Context(), c)
						answers[i] = codeOf(err)
					})
				}
				all.Wait()
				slices.Sort(answers)
				want := []string{"admin_email_taken"}
				if what == "name" {
					want = []string{"organization_name_taken", "organization_name_held"}
				}
				for i, a := range answers {
					if (a == "") != (i == 0) || a != "" && !slices.Contains(want, a) {
						t.Fatalf("round %d, one %s: the answers are %q", round, what, answers)
					}
				}
			}
		}
	})
}

// threeProcesses returns services on one new database that share nothing else.
func threeProcesses(t *testing.T, e mongotest.Engine) []*organization.Service {
	t.Helper()
	name := databaseName()
	var all []*organization.Service
	for range 3 {
		db := e.OpenNamed(t, name)
		if err := db.EnsureIndexes(t.Context()); err != nil {
			t.Fatal(err)
		}
		all = append(all, newService(db, organizationtest.NewClock()))
	}
	return all
}

func databaseName() string { return "test_" + strings.ToLower(rand.Text()[:16]) }
