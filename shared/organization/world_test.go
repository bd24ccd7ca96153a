package organization_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"oms/shared/fault"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
	"oms/shared/token"
)

// world is a database, a clock and a service on them.
type world struct {
	*organizationtest.Memory
	clock *organizationtest.Clock
	*organization.Service
}

func newWorld() *world {
	w := &world{Memory: organizationtest.NewMemory(), clock: organizationtest.NewClock()}
	w.Service = w.service(func(_ string, apply func() error) error { return apply() })
	return w
}

// service returns a service of its own whose commands pass through h.
func (w *world) service(h organizationtest.Hook) *organization.Service {
	return organization.New(organization.Config{
		Store: organizationtest.Hooked(w.Store(), h), Passwords: organizationtest.Plain{}, Secret: []byte("secret"), Retention: 15 * time.Minute,
		Now: w.clock.Now, Log: discard(),
	})
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

const secretWord = organizationtest.Password

func creation(name, email string) organization.Creation {
	return organization.Creation{Name: name, Email: email, Password: secretWord}
}

// found creates an organization and returns who its admin is.
func (w *world) found(tb testing.TB, name, email string) token.Principal {
	tb.Helper()
	created, err := w.Create(tb.Context(), creation(name, email))
	if err != nil {
		tb.Fatalf("Create(%q, %q) = %v, want no error", name, email, err)
	}
	return w.principal(tb, created.ID)
}

// principal is what a token of the organization's admin says now.
func (w *world) principal(tb testing.TB, org organization.ID) token.Principal {
	tb.Helper()
	for _, a := range w.Admins() {
		if a.OrgID == org {
			return token.Principal{AdminID: a.ID.String(), OrgID: org.String(), CredentialVersion: a.CredentialVersion}
		}
	}
	tb.Fatalf("organization %s has no admin", org)
	return token.Principal{}
}

// quiet lets every hold pass and reconcile run until nothing is left to do.
func (w *world) quiet(tb testing.TB) organization.Report {
	tb.Helper()
	var last organization.Report
	for range 5 {
		w.clock.Advance(90 * time.Second)
		r, err := w.Reconcile(context.WithoutCancel(tb.Context()))
		if err != nil || !r.Complete {
			tb.Fatalf("Reconcile() = %+v, %v, want a complete run", r, err)
		}
		last = r
	}
	return last
}

// living returns the organizations that a reader may see.
func (w *world) living() []organization.Organization {
	return slices.DeleteFunc(w.Organizations(), func(o organization.Organization) bool { return o.State.Dead() })
}

// violations holds the invariants of protocol.md, section 8, when all is quiet.
// strangers are collections that no organization has anything to do with.
func (w *world) violations(strangers ...string) []string {
	s := organization.New(organization.Config{Store: w.Store(), Now: w.clock.Now, Log: discard()})
	findings, err := s.Examine(context.Background())
	if err != nil {
		return []string{err.Error()}
	}
	var bad []string
	for _, f := range findings {
		if f.Kind == "ghost" && f.Later || slices.Contains(strangers, f.Subject) {
			continue
		}
		bad = append(bad, fmt.Sprintf("%s: %s: %s", f.Kind, f.Subject, f.Detail))
	}
	return bad
}

// held returns the _ids of a collection's documents.
func (w *world) held(collection string) string {
	var ids []string
	for _, d := range w.Documents(collection) {
		ids = append(ids, organizationtest.StringID(d))
	}
	return strings.Join(ids, " ")
}

// put writes a document as another service does.
func (w *world) put(tb testing.TB, collection, id, value string) {
	tb.Helper()
	if err := w.Put(collection, organizationtest.StringDocument(id, value)); err != nil {
		tb.Fatalf("putting %s into %s: %v", id, collection, err)
	}
}

// code returns the code of a fault, "" for no error.
func code(err error) string {
	if err == nil {
		return ""
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Code
	}
	return "not a fault: " + err.Error()
}

func ptr[T any](v T) *T { return &v }
