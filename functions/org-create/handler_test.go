package orgcreate

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"oms/shared/edge"
	"oms/shared/edge/edgetest"
	"oms/shared/fault"
	"oms/shared/organization"
)

// fakeCreator remembers what it was asked and answers as told.
type fakeCreator struct {
	asked    *organization.Creation
	replayed bool
	err      error
}

func (f *fakeCreator) Create(_ context.Context, c organization.Creation) (organization.Created, error) {
	f.asked = &c
	if f.err != nil {
		return organization.Created{}, f.err
	}
	at := time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC)
	return organization.Created{Replayed: f.replayed, View: organization.View{
		ID: organization.ID{0xab, 11: 1}, Name: strings.TrimSpace(c.Name), Collection: "org_test_org",
		AdminEmail: strings.ToLower(c.Email), CreatedAt: at, UpdatedAt: at, Version: 1,
	}}, nil
}

// ready is a database whose indexes are there, or are not.
type ready bool

func (r ready) Ready() bool { return bool(r) }

const valid = `{"organization_name":" Zürich & Co","email":"Admin@test.com","password":"secret123"}`

func post(tb testing.TB, f *fakeCreator, indexed ready, body string, key *string) edgetest.Response {
	tb.Helper()
	header := map[string]string{}
	if key != nil {
		header["Idempotency-Key"] = *key
	}
	return edgetest.Send(tb, edge.Public(create(f, indexed)), edgetest.Request{
		Method: "POST", Path: "/org/create", JSON: body, Header: header,
	})
}

func TestCreate_answers(t *testing.T) {
	t.Parallel()
	f := &fakeCreator{}
	got := post(t, f, true, valid, new("k-1"))
	want := `{"status":"success","data":{"id":"ab0000000000000000000001","organization_name":"Zürich & Co",` +
		`"collection_name":"org_test_org",` +
		`"admin_email":"admin@test.com","email_confirmed":false,"created_at":"2026-03-04T05:06:07.089Z",` +
		`"updated_at":"2026-03-04T05:06:07.089Z","version":1}}`
	got.Wants(t, 201, want)
	asked := organization.Creation{
		Name: " Zürich & Co", Email: "Admin@test.com", Password: "secret123", IdempotencyKey: "k-1",
		Address: "192.0.2.1",
	}
	if diff := cmp.Diff(&asked, f.asked); diff != "" {
		t.Errorf("asked of the service (-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{
		"Location": "/org/get?organization_name=Z%C3%BCrich%20%26%20Co", "ETag": `"1"`, "Idempotent-Replayed": "",
		"Content-Type": "application/json", "Cache-Control": "no-store",
	} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("header %s = %q, want %q", name, v, want)
		}
	}
	got.Hides(t, "secret123", "dmin@test.com", "k-1")
}

func TestCreate_replays(t *testing.T) {
	t.Parallel()
	first := post(t, &fakeCreator{}, true, valid, new("k"))
	again := post(t, &fakeCreator{replayed: true}, true, valid, new("k"))
	if again.Status != 201 || again.Body != first.Body || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("replay = %d %v %s, want the first answer and Idempotent-Replayed", again.Status, again.Header,
			again.Body)
	}
}

func TestCreate_refuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		key        *string
		err        error
		status     int
		want       []string // pieces of the body
	}{
		{
			"an empty object", `{}`, nil, nil, 422, []string{
				`"field":"organization_name","code":"missing"`, `"field":"email","code":"missing"`,
				`"field":"password","code":"missing"`,
			},
		},
		{
			"everything at once", `{"email":null,"Email":1}`, new("a b"), nil, 422, []string{
				`"field":"email","code":"wrong_type"`, `"field":"Email","code":"unknown"`,
				`"field":"Idempotency-Key","code":"invalid"`,
			},
		},
		{"an empty key", valid, new(""), nil, 422, []string{`"field":"Idempotency-Key"`}},
		{"a long key", valid, new(strings.Repeat("k", 256)), nil, 422, []string{`"field":"Idempotency-Key"`}},
		{"a key beyond ASCII", valid, new("é"), nil, 422, []string{`"field":"Idempotency-Key"`}},
		{
			"a taken name", valid, nil, fault.New(fault.Conflict, "organization_name_taken", "d"), 409,
			[]string{`"code":"organization_name_taken"`},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fakeCreator{err: tt.err}
			got := post(t, f, true, tt.body, tt.key)
			if got.Status != tt.status {
				t.Errorf("status = %d %s, want %d", got.Status, got.Body, tt.status)
			}
			for _, piece := range tt.want {
				if !strings.Contains(got.Body, piece) {
					t.Errorf("body = %s, want %s in it", got.Body, piece)
				}
			}
			if asked := f.asked != nil; asked != (tt.err != nil) {
				t.Errorf("the service was asked: %t", asked)
			}
			if strings.Contains(got.Log+got.Body, "dmin@test.com") {
				t.Errorf("an address got out: %s %s", got.Log, got.Body)
			}
		})
	}
}

func TestCreate_takesEveryVisibleCharacterInAKey(t *testing.T) {
	t.Parallel()
	var key strings.Builder
	for c := byte('!'); c <= '~'; c++ {
		key.WriteByte(c)
	}
	for _, key := range []string{key.String(), "k", "a,b", strings.Repeat("k", 255)} {
		f := &fakeCreator{}
		if got := post(t, f, true, valid, &key); got.Status != 201 || f.asked.IdempotencyKey != key {
			t.Errorf("key %q: answer = %d %s, want 201 and the whole key", key, got.Status, got.Body)
		}
	}
}

func TestCreate_waitsForTheIndexes(t *testing.T) {
	t.Parallel()
	f := &fakeCreator{}
	got := post(t, f, false, valid, nil)
	if got.Status != 503 || !strings.Contains(got.Body, `"code":"storage_unavailable"`) ||
		got.Header.Get("Retry-After") != "1" || f.asked != nil {
		t.Errorf("answer = %d %v %s, want 503 with Retry-After and no call", got.Status, got.Header, got.Body)
	}
}
