package embedded_test

import (
	"bytes"
	"net/url"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"oms/shared/mongo/embedded"
	"oms/shared/must"
)

const password = "correct-horse_battery"

func TestLogin(t *testing.T) {
	t.Parallel()
	s := mustStart(t, t.TempDir(), nil, embedded.WithPassword(password))
	things := newDatabase(t, s.URI()).Collection("things")
	mustInsert(t, things, bson.M{"_id": 1})
	if n := mustCount(t, things, bson.M{}); n != 1 {
		t.Errorf("who has the URI finds %d documents, want 1", n)
	}
	const asked, failed, told = "(Unauthorized) this database asks", "(AuthenticationFailed) the login failed",
		"(AuthenticationFailed) log in with authMechanism=SCRAM-SHA-256"
	for name, tt := range map[string]struct {
		user  *url.Userinfo
		query string
		want  string
	}{
		"nobody":             {nil, "", asked},
		"a wrong password":   {url.UserPassword("oms", password+"x"), "authMechanism=SCRAM-SHA-256", failed},
		"another user":       {url.UserPassword("root", password), "authMechanism=SCRAM-SHA-256", failed},
		"another mechanism":  {url.UserPassword("oms", password), "authMechanism=SCRAM-SHA-1", told},
		"no mechanism":       {url.UserPassword("oms", password), "", told},
		"the password alone": {url.UserPassword("oms", password), "authMechanism=PLAIN&authSource=$external", told},
	} {
		u := must.Get(url.Parse(s.URI()))(t)
		u.User, u.RawQuery = tt.user, tt.query
		c := must.Get(mongo.Connect(options.Client().ApplyURI(u.String()).SetTimeout(timeout)))(t)
		_, err := c.Database("oms").Collection("things").InsertOne(t.Context(), bson.M{"_id": 2})
		disconnect(c)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: an insert = %v, want %s", name, err, tt.want)
		}
	}
	if n := mustCount(t, things, bson.M{}); n != 1 {
		t.Errorf("%d documents are there in the end, want 1", n)
	}
}

// TestLogin_isAskedOfEveryConnection says things in an order that no driver would.
func TestLogin_isAskedOfEveryConnection(t *testing.T) {
	t.Parallel()
	s := mustStart(t, t.TempDir(), nil, embedded.WithPassword(password))
	c := dialRaw(t, s)
	ask := func(cmd bson.D) reply {
		t.Helper()
		id := c.send(t, append(cmd, bson.E{Key: "$db", Value: "admin"}), 0)
		r := c.mustReceive(t)
		if r.to != id {
			t.Fatalf("the answer is to %d, want to %d", r.to, id)
		}
		return r
	}
	start := func(payload string) bson.D {
		return bson.D{
			{Key: "saslStart", Value: 1},
			{Key: "mechanism", Value: "SCRAM-SHA-256"},
			{Key: "payload", Value: []byte(payload)},
		}
	}
	proof := func(payload string) bson.D {
		return bson.D{{Key: "saslContinue", Value: 1}, {Key: "payload", Value: []byte(payload)}}
	}
	if r := ask(bson.D{{Key: "hello", Value: 1}}); !r.ok() {
		t.Errorf("hello is answered %v", r.doc)
	}
	c.send(t, insertOf("things", 1), moreToCome) // no answer, and no effect
	for name, cmd := range map[string]bson.D{
		"a read": {{Key: "find", Value: "things"}}, "a command of nobody": {{Key: "Hello", Value: 1}},
		"a proof before a start":  proof("c=biws,r=x,p=eA=="),
		"a start without payload": {{Key: "saslStart", Value: 1}, {Key: "mechanism", Value: "SCRAM-SHA-256"}},
		"a start that is none":    start("hello"), "a start of another user": start("n,,n=root,r=abc"),
		"a read after these": {{Key: "listDatabases", Value: 1}},
	} {
		if r := ask(cmd); r.ok() {
			t.Errorf("%s is answered %v", name, r.doc)
		}
	}
	first := ask(start("n,,n=oms,r=abc"))
	if !first.ok() || first.doc.Lookup("done").Boolean() {
		t.Fatalf("a start is answered %v", first.doc)
	}
	_, said := first.doc.Lookup("payload").Binary()
	nonce, _, _ := bytes.Cut(said, []byte(","))
	if r := ask(proof("c=biws," + string(nonce) + ",p=eA==")); r.ok() {
		t.Errorf("a wrong proof is answered %v", r.doc)
	}
	if r := ask(bson.D{{Key: "ping", Value: 1}}); r.ok() {
		t.Errorf("after it a ping is answered %v", r.doc)
	}
	if n := mustCount(t, newDatabase(t, s.URI()).Collection("things"), bson.M{}); n != 0 {
		t.Errorf("%d documents are there, want none", n)
	}
}
