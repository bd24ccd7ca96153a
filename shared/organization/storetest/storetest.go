// Package storetest owns the contract of [organization.Store] as a test that
// every Store has to pass: [TestStore]. A rule of the database is written here
// first, then kept by package memory and by package mongo. It refuses to know
// how a Store does it, and what the Service makes of it.
package storetest

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/organization/organizationtest"
)

// Subject is a Store and another service's way to the same database.
type Subject struct {
	Store  organization.Store
	Writer organizationtest.Writer
	// LooseRenames: the server is known to let more than one of several renames
	// of one collection at once succeed, which MongoDB does not. That row is left out.
	LooseRenames bool
}

// TestStore tests a Store against every sentence of [organization.Store] and
// its interfaces. newSubject returns an empty database with its indexes, a new
// one at each call. Its parts run one after the other, for a race of 16 writers
// is load enough. Not tested is ErrLost: it takes a server that fails.
func TestStore(t *testing.T, newSubject func(t *testing.T) Subject) {
	t.Helper()
	asked, ran := map[string]bool{}, 0 // the methods, by name; the parts, of which -run may name some
	parts := []struct {
		name string
		test func(*testing.T, Subject)
	}{
		{"Organizations", testOrganizations},
		{"Organizations under races", testOrganizationRaces},
		{"Claims", testClaims},
		{"Claims under races", testClaimRaces},
		{"Admins", testAdmins},
		{"Sessions", testSessions},
		{"Requests", testRequests},
		{"Collections", testCollections},
		{"Documents", testDocuments},
		{"Backlog", testBacklog},
		{"Mails", testMails},
	}
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) {
			s := newSubject(t)
			var mu sync.Mutex
			s.Store = organizationtest.Hooked(s.Store, func(method string, apply func() error) error {
				mu.Lock()
				asked[method] = true
				mu.Unlock()
				return apply()
			})
			part.test(t, s)
			ran++
		})
	}
	t.Run("Context", func(t *testing.T) {
		s := newSubject(t).Store
		testContext(t, s)
		for name := range methods(s) {
			if ran == len(parts) && !asked[name] {
				t.Errorf("no rule here is about %s", name)
			}
		}
	})
}

// testContext holds every method to asking its context before it does anything.
func testContext(t *testing.T, s organization.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, method := range methods(s) {
		arguments := []reflect.Value{reflect.ValueOf(ctx)}
		inputs := method.Type().NumIn()
		if method.Type().IsVariadic() {
			inputs-- // none of the last
		}
		for i := 1; i < inputs; i++ {
			arguments = append(arguments, reflect.Zero(method.Type().In(i)))
		}
		answer := method.Call(arguments)
		err, _ := answer[len(answer)-1].Interface().(error)
		if !errors.Is(err, context.Canceled) || errors.Is(err, organization.ErrLost) {
			t.Errorf("%s = %v, want %v as it is", name, err, context.Canceled)
		}
	}
	_, err := s.Organizations.Find(t.Context(), organization.ID{})
	wantErr(t, "Find of what was never sent", err, organization.ErrAbsent)
	wantErr(t, "Find of what was never sent", must.Err(s.Claims.Find(t.Context(), "")), organization.ErrAbsent)
}

// methods returns every method of a Store, named as a hook names it ([organizationtest.Hook]).
func methods(s organization.Store) iter.Seq2[string, reflect.Value] {
	lower := func(name string) string { return strings.ToLower(name[:1]) + name[1:] }
	return func(yield func(string, reflect.Value) bool) {
		for field, part := range reflect.ValueOf(s).Fields() {
			for i := range field.Type.NumMethod() {
				if !yield(lower(field.Name)+"."+lower(field.Type.Method(i).Name), part.Method(i)) {
					return
				}
			}
		}
	}
}

// Racers and rounds of a race: on a server whose updates are not atomic, 16
// racers had several winners in most rounds. The swap of
// an organization, which every decision is, gets more rounds than the rest.
const (
	racers     = 16
	swapRounds = 16
	rounds     = 4
)

// race lets racers do the same thing at once and fails the test unless exactly
// one did it. A machine that is slow enough loses answers: then nobody may be
// known to have won, but never two.
func race(t *testing.T, doing string, f func(i byte) (bool, error)) {
	t.Helper()
	won, lost := parallel(t, f)
	if won > 1 || won == 0 && lost == 0 {
		t.Fatalf("of %d racers %s, %d won and %d got no answer, want 1 winner", racers, doing, won, lost)
	}
}

// together runs f at once for each racer and counts who won and who got no answer.
func parallel(t *testing.T, f func(i byte) (bool, error)) (won, lost int) {
	t.Helper()
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		start = make(chan struct{})
	)
	for i := range byte(racers) {
		wg.Go(func() {
			<-start
			ok, err := f(i)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, organization.ErrLost):
				lost++
			case err != nil:
				t.Errorf("racer %d: %v", i, err)
			case ok:
				won++
			}
		})
	}
	close(start)
	wg.Wait()
	return won, lost
}

// someday is a time with more digits than a date has in MongoDB.
func someday() time.Time {
	return time.Date(2026, time.March, 4, 5, 6, 7, 89_123_456, time.FixedZone("", 3600))
}

// millis is t as it comes back.
func millis(t time.Time) time.Time { return t.Truncate(time.Millisecond).UTC() }

func wantErr(t *testing.T, doing string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s = %v, want %v", doing, err, want)
	}
}

// expect returns what takes an answer, and fails the test unless it is want:
//
//	expect(t, "Delete of a settled one", true)(claims.Delete(ctx, c))
func expect[T any](t *testing.T, doing string, want T) func(got T, err error) {
	t.Helper()
	return func(got T, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", doing, err)
			return
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", doing, diff)
		}
	}
}

// id returns the n-th of a row of ids that sort as their numbers do.
func id(n byte) organization.ID { return organization.ID{10: 1, 11: n} }

func document(id, value string) organization.Document {
	return organizationtest.StringDocument(id, value)
}
