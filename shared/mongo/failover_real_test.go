package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"oms/shared/mongo/mongotest"
	"oms/shared/must"
	"oms/shared/organization/memory"
)

// ownSet is a real set.
type ownSet struct {
	uri    string
	client *driver.Client
	cutter string // what cuts a member off from the others, as .ci/replicas does; empty: nothing
}

// realSet returns the engine as a set, or nil where it is none of three
// members, or may not be told to step down.
func realSet(t *testing.T, e mongotest.Engine) replicas {
	t.Helper()
	client := must.Get(driver.Connect(options.Client().ApplyURI(e.URI).SetTimeout(20 * time.Second).
		SetHeartbeatInterval(500 * time.Millisecond)))(t)
	t.Cleanup(func() { _ = client.Disconnect(context.WithoutCancel(t.Context())) })
	var hello struct {
		SetName string   `bson:"setName"`
		Hosts   []string `bson:"hosts"`
	}
	admin := client.Database("admin")
	if err := admin.RunCommand(t.Context(), bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil ||
		hello.SetName == "" || len(hello.Hosts) < 3 {
		return nil
	}
	var granted struct {
		AuthInfo struct {
			Users      []bson.Raw `bson:"authenticatedUsers"`
			Privileges []struct {
				Actions []string `bson:"actions"`
			} `bson:"authenticatedUserPrivileges"`
		} `bson:"authInfo"`
	}
	ask := bson.D{{Key: "connectionStatus", Value: 1}, {Key: "showPrivileges", Value: true}}
	if err := admin.RunCommand(t.Context(), ask).Decode(&granted); err != nil {
		return nil
	}
	may := len(granted.AuthInfo.Users) == 0 // a server without authentication
	for _, p := range granted.AuthInfo.Privileges {
		may = may || slices.Contains(p.Actions, "replSetStateChange") || slices.Contains(p.Actions, "anyAction")
	}
	if !may {
		return nil
	}
	cutter := os.Getenv("MONGO_TEST_CUT")
	if cutter == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("MONGO_TEST_CUT is not set, and CI is: a real set's primary has to be cut off there")
		}
		t.Log("MONGO_TEST_CUT is not set: no primary is cut off from the others")
	}
	return ownSet{e.URI, client, cutter}
}

func (o ownSet) stepDown(ctx context.Context, _ time.Duration) error {
	// For ten seconds it will not be primary again; force: though no other
	// member has caught up (manual, replSetStepDown).
	command := bson.D{
		{Key: "replSetStepDown", Value: 10}, {Key: "secondaryCatchUpPeriodSecs", Value: 5}, {Key: "force", Value: true},
	}
	if err := o.client.Database("admin").RunCommand(ctx, command).Err(); err != nil && !driver.IsNetworkError(err) {
		return fmt.Errorf("stepping down: %w", err)
	}
	return eventually(ctx, time.Minute, func(ctx context.Context) error {
		return must.Err(o.primary(ctx))
	})
}

func (o ownSet) kill(ctx context.Context, election time.Duration) error {
	return o.stepDown(ctx, election)
}

func (ownSet) String() string { return "not known of a real set" }

// cutOff cuts the primary off from the other members, but not from clients, and
// joins it to them again when all clients work with the next one. It returns
// how long after there was that one the last of them was back.
//
// What the protocol says of a primary that was cut off is held, too: for a time
// it takes a write and shows it, answers nothing that a majority has to confirm,
// and rolls that write back when it is among the others again.
func (o ownSet) cutOff(t *testing.T, l *load) time.Duration {
	t.Helper()
	l.steady(t)
	old := must.Get(o.primary(t.Context()))(t)
	member := must.Get(driver.Connect(options.Client().ApplyURI(o.uri).SetHosts([]string{old}).SetDirect(true).
		SetTimeout(10 * time.Second)))(t)
	t.Cleanup(func() { _ = member.Disconnect(context.WithoutCancel(t.Context())) })
	database, mark := member.Database("test_cut"), bson.M{"_id": bson.NewObjectID()}
	show := func(ctx context.Context, level *readconcern.ReadConcern) error {
		return database.Collection("alone", options.Collection().SetReadConcern(level)).FindOne(ctx, mark).Err()
	}

	t.Cleanup(func() { o.cut(context.WithoutCancel(t.Context()), t, "heal") }) // where the test ends too early
	o.cut(t.Context(), t, "cut", old)
	alone := database.Collection("alone", options.Collection().SetWriteConcern(writeconcern.W1()))
	if _, err := alone.InsertOne(t.Context(), mark); err != nil {
		t.Errorf("a write of its own on the primary that was cut off = %v, want success: clients reach it", err)
	}
	if err := show(t.Context(), readconcern.Local()); err != nil {
		t.Errorf("a plain read on the primary that was cut off = %v, want what it has", err)
	}
	briefly, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := show(briefly, readconcern.Linearizable()); err == nil || errors.Is(err, driver.ErrNoDocuments) {
		t.Errorf("a linearizable read on the primary that was cut off = %v, want no answer", err)
	}

	// The others wait for the election timeout, and the one that they choose asks
	// all for what it may lack, which the old one lets time out (10 s, too).
	must.Do(t, eventually(t.Context(), time.Minute, func(ctx context.Context) error {
		switch is, err := o.primary(ctx); {
		case err != nil:
			return err
		case is == old:
			return fmt.Errorf("%s, which was cut off, is the only primary still", old)
		}
		return nil
	}))
	back := l.back(t, memory.ElectionTimeout+backWithin) // the old one may answer for as long

	o.cut(t.Context(), t, "heal")
	must.Do(t, eventually(t.Context(), 2*time.Minute, func(ctx context.Context) error {
		switch err := show(ctx, readconcern.Local()); {
		case errors.Is(err, driver.ErrNoDocuments):
			return nil
		case err != nil:
			return err
		}
		return fmt.Errorf("%s has not rolled back what it alone has", old)
	}))
	return back
}

// cut runs the cutter.
func (o ownSet) cut(ctx context.Context, t *testing.T, args ...string) {
	t.Helper()
	//nolint:gosec // G204: whoever runs the tests names it
	said, err := exec.CommandContext(ctx, o.cutter, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s = %v: %s", o.cutter, strings.Join(args, " "), err, said)
	}
}

// primary returns the address of the member that the driver takes for the
// primary, and that says so.
func (o ownSet) primary(ctx context.Context) (string, error) {
	var hello struct {
		Me       string `bson:"me"`
		Writable bool   `bson:"isWritablePrimary"`
	}
	if err := o.client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil {
		return "", fmt.Errorf("asking who is the primary: %w", err)
	}
	if !hello.Writable {
		return "", fmt.Errorf("%s is the primary no longer", hello.Me)
	}
	return hello.Me, nil
}

// eventually tries until it succeeds, and returns the last error where it does
// not within the bound.
func eventually(ctx context.Context, bound time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}
