package storetest

import (
	"testing"
	"time"

	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/password"
)

func testRequests(t *testing.T, s Subject) {
	requests, ctx := s.Store.Requests, t.Context()
	request := func(name string) organization.Request {
		return organization.Request{
			ID: name, Body: "body", Password: password.Hash{Alg: "a", Pepper: "p", Hash: "h"}, Worker: id(5),
			Lease: someday(), CreatedAt: someday().Add(-time.Second),
			IDs: organization.RequestIDs{Organization: id(1), Admin: id(2), Claim: id(3), Op: id(4)},
			Answer: organization.Created{View: organization.View{
				ID: id(1), Name: "Acme", Collection: "org_acme", AdminEmail: "a@example.com",
				CreatedAt: someday(), UpdatedAt: someday(), Version: 1,
			}},
		}
	}

	t.Run("keep every field, and times to the millisecond", func(t *testing.T) {
		r := request("kept")
		must.Do(t, requests.Insert(ctx, r))
		expect(t, "Find", storedRequest(r))(requests.Find(ctx, r.ID))
		wantErr(t, "Find of none", must.Err(requests.Find(ctx, "absent")), organization.ErrAbsent)
	})

	t.Run("have an ID once", func(t *testing.T) {
		r := request("once")
		must.Do(t, requests.Insert(ctx, r))
		other := request("once")
		other.Body = "other"
		wantErr(t, "Insert", requests.Insert(ctx, other), organization.ErrExists)
		expect(t, "Find", storedRequest(r))(requests.Find(ctx, r.ID))
	})

	t.Run("are taken over where worker and lease are what they were", func(t *testing.T) {
		r := request("taken")
		must.Do(t, requests.Insert(ctx, r))
		later := someday().Add(15 * time.Second)
		stale := r
		stale.Worker = id(99)
		expect(t, "TakeOver from another worker", false)(requests.TakeOver(ctx, stale, id(6), later))
		stale = r
		stale.Lease = r.Lease.Add(time.Millisecond)
		expect(t, "TakeOver at another lease", false)(requests.TakeOver(ctx, stale, id(6), later))
		expect(t, "TakeOver", true)(requests.TakeOver(ctx, r, id(6), later))
		want := storedRequest(r)
		want.Worker, want.Lease = id(6), millis(later)
		got, err := requests.Find(ctx, r.ID)
		expect(t, "Find", want)(got, err)
		expect(t, "TakeOver of none", false)(requests.TakeOver(ctx, request("absent"), id(6), later))
		for range rounds {
			next := got.Lease.Add(time.Millisecond)
			race(t, "for a request", func(i byte) (bool, error) { return requests.TakeOver(ctx, got, id(100+i), next) })
			got = must.Get(requests.Find(ctx, r.ID))(t)
		}
	})

	t.Run("are finished for the organization that they were begun with", func(t *testing.T) {
		r := request("finished")
		must.Do(t, requests.Insert(ctx, r))
		anothers := r.IDs
		anothers.Organization = id(99)
		must.Do(t, requests.Finish(ctx, r.ID, anothers))
		expect(t, "Find after another's end", storedRequest(r))(requests.Find(ctx, r.ID))
		must.Do(t, requests.Finish(ctx, r.ID, r.IDs))
		want := storedRequest(r)
		want.Done = true
		expect(t, "Find", want)(requests.Find(ctx, r.ID))
		must.Do(t, requests.Finish(ctx, "absent", r.IDs))
		wantErr(t, "Find of none", must.Err(requests.Find(ctx, "absent")), organization.ErrAbsent)
	})

	t.Run("are deleted where worker and lease are what they were", func(t *testing.T) {
		r := request("deleted")
		must.Do(t, requests.Insert(ctx, r))
		stale := r
		stale.Worker = id(99)
		must.Do(t, requests.Delete(ctx, stale))
		stale = r
		stale.Lease = r.Lease.Add(time.Hour)
		must.Do(t, requests.Delete(ctx, stale))
		expect(t, "Find after deleting another's", storedRequest(r))(requests.Find(ctx, r.ID))
		must.Do(t, requests.Delete(ctx, r))
		wantErr(t, "Find", must.Err(requests.Find(ctx, r.ID)), organization.ErrAbsent)
		must.Do(t, requests.Delete(ctx, r))
	})

	t.Run("are deleted by age", func(t *testing.T) {
		at := someday().Add(-48 * time.Hour)
		for name, made := range map[string]time.Time{
			"older": at.Add(-time.Millisecond), "oldest": at.Add(-time.Hour), "even": at,
		} {
			r := request(name)
			r.CreatedAt = made
			must.Do(t, requests.Insert(ctx, r))
		}
		expect(t, "DeleteBefore", 2)(requests.DeleteBefore(ctx, at))
		wantErr(t, "Find of an older one", must.Err(requests.Find(ctx, "older")), organization.ErrAbsent)
		must.Do(t, must.Err(requests.Find(ctx, "even")))
		expect(t, "DeleteBefore again", 0)(requests.DeleteBefore(ctx, at))
	})
}

// storedRequest is r as it comes back.
func storedRequest(r organization.Request) organization.Request {
	for _, t := range []*time.Time{&r.Lease, &r.CreatedAt, &r.Answer.CreatedAt, &r.Answer.UpdatedAt} {
		*t = millis(*t)
	}
	return r
}
