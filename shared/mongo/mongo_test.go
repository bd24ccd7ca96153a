package mongo_test

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/mongo"
	"oms/shared/mongo/mongotest"
	"oms/shared/mongo/wiretest"
	"oms/shared/must"
	"oms/shared/organization"
	"oms/shared/throttle"
)

// open opens a database, whether somebody is there or not. What c leaves open is
// master, test, and no log.
func open(tb testing.TB, c mongo.Config) *mongo.Database {
	tb.Helper()
	c.Database, c.AppName = cmp.Or(c.Database, "master"), cmp.Or(c.AppName, "test")
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	db := must.Get(mongo.Open(tb.Context(), c))(tb)
	tb.Cleanup(func() { _ = db.Close(context.WithoutCancel(tb.Context())) })
	return db
}

// mustOpen is open with nothing but a URI.
func mustOpen(tb testing.TB, uri string) *mongo.Database {
	tb.Helper()
	return open(tb, mongo.Config{URI: uri})
}

func TestOpen_RefusesWhatIsNoConnectionString(t *testing.T) {
	t.Parallel()
	const c = credentials
	for name, uri := range map[string]string{
		"no database":                       "mongodb://127.0.0.1:1",
		"no string":                         "",
		"another scheme":                    "http://" + c + "@db7391.example",
		"no host":                           "mongodb://" + c + "@",
		"a password with a /":               "mongodb://" + c + "/x@db7391.example",
		"a percent alone":                   "mongodb://" + c + "%zz@db7391.example",
		"a port that is none":               "mongodb://" + c + "@db7391.example:pwd8264",
		"an option of no kind":              "mongodb://" + c + "@db7391.example/?w=-1&authMechanism=pwd8264",
		"a file that is not there":          "mongodb://" + c + "@db7391.example/?tlsCAFile=/pwd8264/db7391.pem",
		"two names":                         "mongodb+srv://" + c + "@db7391.invalid,db7391.example",
		"a name with a port":                "mongodb+srv://" + c + "@db7391.invalid:27017",
		"no name":                           "mongodb+srv://" + c + "@",
		"a name and an option of no kind":   "mongodb+srv://" + c + "@db7391.invalid/?w=-1",
		"a name and a number that is none":  "mongodb+srv://" + c + "@db7391.invalid/?srvMaxHosts=pwd8264",
		"a name and two words about TLS":    "mongodb+srv://" + c + "@db7391.invalid/?ssl=true&tls=false",
		"a name and a service without one":  "mongodb+srv://" + c + "@db7391.invalid/?srvServiceName=",
		"a name and one connection to them": "mongodb+srv://" + c + "@db7391.invalid/?directConnection=true",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := mongo.Config{URI: uri, Database: "master", Log: slog.New(slog.DiscardHandler)}
			if name == "no database" {
				at.Database = ""
			}
			db, err := mongo.Open(t.Context(), at)
			if err == nil {
				_ = db.Close(t.Context())
				t.Fatal("Open succeeded, want an error")
			}
			wantNoSecret(t, err.Error(), "db7391")
		})
	}
}

func TestOpen_DecidesWhatTheProtocolRestsOn(t *testing.T) {
	t.Parallel()
	var body bson.Raw
	f := wiretest.NewFake(t, 17, func(_ string, b bson.Raw) bson.D {
		body = slices.Clone(b)
		return bson.D{{Key: "ok", Value: 1}, {Key: "n", Value: int32(1)}}
	})
	db := mustOpen(t, f.URI()+"/?w=1&journal=false&readPreference=secondaryPreferred&retryWrites=false")
	must.Do(t, db.Store().Claims.Insert(t.Context(), organization.Claim{Key: "acme"}))
	if w, j := body.Lookup("writeConcern", "w"), body.Lookup("writeConcern", "j"); w.StringValue() != "majority" ||
		!j.Boolean() {
		t.Errorf("writeConcern = %v, want a majority and its journal", body.Lookup("writeConcern"))
	}
	if ms, ok := body.Lookup("maxTimeMS").AsInt64OK(); !ok || ms < 1 || ms > 2000 {
		t.Errorf("maxTimeMS = %d, want at most 2000", ms)
	}
}

func TestDatabase_Close(t *testing.T) {
	t.Parallel()
	db := mustOpen(t, wiretest.NewFake(t, 17, nil).URI())
	for range 2 {
		must.Do(t, db.Close(t.Context()))
	}
	if err := db.Ping(t.Context()); !errors.Is(err, organization.ErrLost) {
		t.Errorf("Ping of a closed database = %v, want %v", err, organization.ErrLost)
	}
}

func TestOrganizations_SwapLeavesWhatAnotherVersionWrote(t *testing.T) {
	t.Parallel()
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		db := e.Open(t)
		o := organization.Organization{
			ID: organization.NewID(time.Now()), Name: "Acme", Key: "acme", State: organization.Active, Rev: 1,
		}
		must.Do(t, db.Store().Organizations.Insert(t.Context(), o))
		raw := e.Client(t).Database(db.Name()).Collection("organizations")
		id := bson.M{"_id": bson.ObjectID(o.ID)}
		must.Do(t, must.Err(raw.UpdateOne(t.Context(), id, bson.M{"$set": bson.M{"tier": "gold"}})))
		is := o
		is.State, is.Key = organization.Deleted, ""
		if ok, err := db.Store().Organizations.CompareAndSwap(t.Context(), o, is); !ok || err != nil {
			t.Fatalf("CompareAndSwap = %t, %v, want true", ok, err)
		}
		var got bson.M
		must.Do(t, raw.FindOne(t.Context(), id).Decode(&got))
		if got["tier"] != "gold" || got["state"] != "deleted" {
			t.Errorf("document = %v, want the field that another version wrote beside the new state", got)
		}
		if key, there := got["key"]; there {
			t.Errorf("key = %v, want none: an empty field is unset, not null", key)
		}
	})
}

// TestStore_WritesWhatTheProtocolNames holds the fields' names to section 2 of
// protocol.md, which other programs (make doctor, an operator) rely on.
func TestStore_WritesWhatTheProtocolNames(t *testing.T) {
	t.Parallel()
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		db := e.Open(t)
		s, now, id := db.Store(), time.Now(), organization.NewID(time.Now())
		change := &organization.AdminChange{ID: id, Rev: 1, Email: "a@example.com", CredentialVersion: "v"}
		o := organization.Organization{
			ID: id, Name: "Acme", Key: "acme", ClaimID: id, Collection: "org_acme", State: organization.Updating,
			AdminID: id, CreatedAt: now, UpdatedAt: now, PurgeAfter: now,
			Op: &organization.Op{
				ID: id, Kind: organization.OpUpdate, Worker: id, Lease: now, EveryAnswerSeen: true, From: "acme",
				To: "b", ToClaim: id,
				Name: "B", Admin: change, UUID: "u", Aside: "g",
			},
		}
		for _, err := range []error{
			s.Organizations.Insert(t.Context(), o),
			s.Claims.Insert(t.Context(), organization.Claim{Key: "acme", OrgID: id, ID: id, Until: now, Left: true}),
			s.Admins.Insert(t.Context(), organization.Admin{
				ID: id, Email: "a@example.com", OrgID: id, CredentialVersion: "v", Op: id,
				Unconfirmed: true, UnconfirmedSince: now,
				Mails: []organization.Mail{{ID: id}}, MailsSince: now, MailsRev: 1,
				Resets: []organization.Proof{{Hash: "h"}}, Confirm: organization.Proof{Hash: "h"},
			}),
			must.Err(s.Admins.PutSession(t.Context(), id, "", organization.Session{
				ID: id, CredentialVersion: "v", Expires: now,
			})),
			s.Requests.Insert(t.Context(), organization.Request{ID: "r", Worker: id, Lease: now, CreatedAt: now}),
			must.Err(db.Counters().CompareAndSwap(t.Context(), throttle.Counter{ID: "a"}, throttle.Counter{
				ID: "a", N: 1, Next: now, Succeeded: now, Expires: now,
			})),
		} {
			must.Do(t, err)
		}
		for path, want := range map[string]string{
			"organizations": "_id admin_id cid collection created_at key name op purge_after rev state updated_at " +
				"version",
			"organizations.op": "admin aside from id kind lease name sure to to_cid uuid worker",
			"names":            "_id cid left org_id until",
			"admins": "_id confirm email mails mails_rev mails_since op org_id password resets rev " +
				"sessions sessions_until unconfirmed unconfirmed_since ver",
			"requests": "_id answer body created_at done ids lease password worker",
			"attempts": "_id expires n next succeeded",

			"admins.mails." + id.String():    "at due kind to tries",
			"admins.confirm":                 "expires for hash",
			"admins.sessions." + id.String(): "address agent current expires family logged_in used ver",
		} {
			collection, field, nested := strings.Cut(path, ".")
			raw := e.Client(t).Database(db.Name()).Collection(collection)
			document := must.Get(raw.FindOne(t.Context(), bson.M{}).Raw())(t)
			if nested {
				document = document.Lookup(strings.Split(field, ".")...).Document()
			}
			var names []string
			for _, element := range must.Get(document.Elements())(t) {
				names = append(names, element.Key())
			}
			slices.Sort(names)
			if got := strings.Join(names, " "); got != want {
				t.Errorf("fields of %s = %q, want %q", path, got, want)
			}
		}
	})
}
