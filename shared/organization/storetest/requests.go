package storetest

import (
	"testing"
	"time"

	"oms/shared/organization"
)

func testRequests(t *testing.T, s Subject) {
	requests, ctx := s.Store.Requests, t.Context()
	request := func(name string) organization.Request {
		return organization.Request{
			ID: name, Body: "body", Worker: id(5), Lease: someday(), CreatedAt: someday().Add(-time.Second),
			IDs: organization.RequestIDs{Organization: id(1), Admin: id(2), Claim: id(3), Op: id(4)},
			Answer: organization.Created{View: organization.View{
				ID: id(1), Name: "Acme", Collection: "org_acme", AdminEmail: "a@example.com",
				CreatedAt: someday(), UpdatedAt: someday(), Version: 1,
			}},
		}
	}

	t.Run("keep every field, and times to the millisecond", func(t *testing.T) {
		r := request("kept")
		must(t, requests.Insert(ctx, r))
		got, err := requests.Find(ctx, r.ID)
		wantEqual(t, "Find", got, err, storedRequest(r))
		_, err = requests.Find(ctx, "absent")
		wantErr(t, "Find of none", err, organization.ErrAbsent)
	})

	t.Run("have an ID once", func(t *testing.T) {
		r := request("once")
		must(t, requests.Insert(ctx, r))
		other := request("once")
		other.Body = "other"
		wantErr(t, "Insert", requests.Insert(ctx, other), organization.ErrExists)
		got, err := requests.Find(ctx, r.ID)
		wantEqual(t, "Find", got, err, storedRequest(r))
	})

	t.Run("are taken over where worker and lease are what they were", func(t *testing.T) {
		r := request("taken")
		must(t, requests.Insert(ctx, r))
		later := someday().Add(15 * time.Second)
		stale := r
		stale.Worker = id(99)
		ok, err := requests.TakeOver(ctx, stale, id(6), later)
		wantBool(t, "TakeOver from another worker", ok, err, false)
		stale = r
		stale.Lease = r.Lease.Add(time.Millisecond)
		ok, err = requests.TakeOver(ctx, stale, id(6), later)
		wantBool(t, "TakeOver at another lease", ok, err, false)
		ok, err = requests.TakeOver(ctx, r, id(6), later)
		wantBool(t, "TakeOver", ok, err, true)
		want := storedRequest(r)
		want.Worker, want.Lease = id(6), millis(later)
		got, err := requests.Find(ctx, r.ID)
		wantEqual(t, "Find", got, err, want)
		ok, err = requests.TakeOver(ctx, request("absent"), id(6), later)
		wantBool(t, "TakeOver of none", ok, err, false)
		for range rounds {
			next := got.Lease.Add(time.Millisecond)
			race(t, "for a request", func(i byte) (bool, error) { return requests.TakeOver(ctx, got, id(100+i), next) })
			got, err = requests.Find(ctx, r.ID)
			must(t, err)
		}
	})

	t.Run("are finished for the organization that they were begun with", func(t *testing.T) {
		r := request("finished")
		must(t, requests.Insert(ctx, r))
		anothers := r.IDs
		anothers.Organization = id(99)
		must(t, requests.Finish(ctx, r.ID, anothers))
		got, err := requests.Find(ctx, r.ID)
		wantEqual(t, "Find after another's end", got, err, storedRequest(r))
		must(t, requests.Finish(ctx, r.ID, r.IDs))
		want := storedRequest(r)
		want.Done = true
		got, err = requests.Find(ctx, r.ID)
		wantEqual(t, "Find", got, err, want)
		must(t, requests.Finish(ctx, "absent", r.IDs))
		_, err = requests.Find(ctx, "absent")
		wantErr(t, "Find of none", err, organization.ErrAbsent)
	})

	t.Run("are deleted where worker and lease are what they were", func(t *testing.T) {
		r := request("deleted")
		must(t, requests.Insert(ctx, r))
		stale := r
		stale.Worker = id(99)
		must(t, requests.Delete(ctx, stale))
		stale = r
		stale.Lease = r.Lease.Add(time.Hour)
		must(t, requests.Delete(ctx, stale))
		got, err := requests.Find(ctx, r.ID)
		wantEqual(t, "Find after deleting another's", got, err, storedRequest(r))
		must(t, requests.Delete(ctx, r))
		_, err = requests.Find(ctx, r.ID)
		wantErr(t, "Find", err, organization.ErrAbsent)
		must(t, requests.Delete(ctx, r))
	})

	t.Run("are deleted by age", func(t *testing.T) {
		at := someday().Add(-48 * time.Hour)
		for name, made := range map[string]time.Time{
			"older": at.Add(-time.Millisecond), "oldest": at.Add(-time.Hour), "even": at,
		} {
			r := request(name)
			r.CreatedAt = made
			must(t, requests.Insert(ctx, r))
		}
		n, err := requests.DeleteBefore(ctx, at)
		wantEqual(t, "DeleteBefore", n, err, 2)
		_, err = requests.Find(ctx, "older")
		wantErr(t, "Find of an older one", err, organization.ErrAbsent)
		if _, err := requests.Find(ctx, "even"); err != nil {
			t.Errorf("Find of one made then: %v", err)
		}
		n, err = requests.DeleteBefore(ctx, at)
		wantEqual(t, "DeleteBefore again", n, err, 0)
	})
}

// storedRequest is r as it comes back.
func storedRequest(r organization.Request) organization.Request {
	for _, t := range []*time.Time{&r.Lease, &r.CreatedAt, &r.Answer.CreatedAt, &r.Answer.UpdatedAt} {
		*t = millis(*t)
	}
	return r
}
