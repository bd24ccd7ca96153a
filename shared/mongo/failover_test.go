package mongo_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"

	"oms/shared/mongo/mongotest"
	"oms/shared/mongo/wiretest"
	"oms/shared/organization/organizationtest"
)

// backWithin is how soon after there is a new primary every client works
// again: the driver's heartbeat of ten seconds, and two.
const backWithin = 12 * time.Second

// replicas are a replica set whose primary can be taken away. Each way returns
// when there is a new one, a played set's after the time given.
type replicas interface {
	fmt.Stringer
	stepDown(ctx context.Context, election time.Duration) error
	kill(ctx context.Context, election time.Duration) error // a step-down where it cannot
}

// TestFailover: under a steady load the primary steps down, and dies, time and
// again. What was acknowledged is there, every error was a 503 with
// Retry-After, and clients work again soon after there is a new primary. The
// set is played before one server, or is the one at MONGO_TEST_URI, where that
// has three members. `make failover` takes 20 step-downs and 5 dead primaries.
func TestFailover(t *testing.T) {
	t.Parallel()
	rounds := 1
	if mongotest.Whole() {
		rounds = 5
	}
	mongotest.EachEngine(t, func(t *testing.T, e mongotest.Engine) {
		var back []time.Duration
		for seed := range rounds {
			back = append(back, failover(t, e, uint64(seed+1))...)
		}
		slices.Sort(back)
		t.Logf("%d new primaries; all clients back after %v at the median, %v at most",
			len(back), back[len(back)/2].Round(time.Millisecond), back[len(back)-1].Round(time.Millisecond))
	})
}

// failover takes four step-downs and a dead primary, on a database of its own,
// for the embedded one looks through all documents whatever it is asked. It
// returns how long after each new primary the last client was back.
func failover(t *testing.T, e mongotest.Engine, seed uint64) []time.Duration {
	t.Helper()
	set, through := realSet(t, e), e
	if set == nil {
		played := wiretest.NewSet(t, e.URI, seed)
		set, through = playedSet{played}, mongotest.Engine{Name: e.Name, URI: played.URI()}
	}
	name := databaseName()
	direct := e.OpenNamed(t, name) // dropped through the engine itself
	if err := direct.EnsureIndexes(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := startLoad(t, through, name)
	var back []time.Duration
	for i, change := range []func(context.Context, time.Duration) error{set.stepDown, set.stepDown, set.kill, set.stepDown, set.stepDown} {
		l.steady(t) // some of everything, by everybody
		// The last one takes longer than a command may: there clients see errors.
		election := 600 * time.Millisecond
		if i == 4 {
			election = 5 * time.Second
		}
		if err := change(t.Context(), election); err != nil {
			t.Fatal(err)
		}
		back = append(back, l.back(t))
	}
	l.stop()
	t.Logf("%s; what became of the commands: %s", l, set)

	w := organizationtest.NewWorld(organizationtest.Subject{Store: direct.Store(), Writer: e.Writer(t, name)})
	w.Quiet(t)
	for _, v := range w.Violations(t) {
		t.Error(v)
	}
	l.check(t, w)
	return back
}

// playedSet is a set of wiretest.
type playedSet struct {
	set *wiretest.Set
}

// stepping is how long a primary takes to step down.
const stepping = 150 * time.Millisecond

func (p playedSet) stepDown(ctx context.Context, election time.Duration) error {
	return p.set.StepDown(ctx, stepping, election)
}

func (p playedSet) kill(ctx context.Context, election time.Duration) error {
	if err := p.set.Revive(ctx); err != nil { // whoever died before
		return err
	}
	return p.set.Kill(ctx, election)
}

func (p playedSet) String() string { return fmt.Sprint(p.set.Fates()) }

// ownSet is a real set.
type ownSet struct {
	client *driver.Client
}

// realSet returns the engine as a set, or nil where it is none of three
// members, or may not be told to step down.
func realSet(t *testing.T, e mongotest.Engine) replicas {
	t.Helper()
	client, err := driver.Connect(options.Client().ApplyURI(e.URI).SetTimeout(20 * time.Second).SetHeartbeatInterval(500 * time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.WithoutCancel(t.Context())) })
	var hello struct {
		SetName string   `bson:"setName"`
		Hosts   []string `bson:"hosts"`
	}
	admin := client.Database("admin")
	if err := admin.RunCommand(t.Context(), bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil || hello.SetName == "" || len(hello.Hosts) < 3 {
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
	return ownSet{client}
}

func (o ownSet) stepDown(ctx context.Context, _ time.Duration) error {
	// For ten seconds it will not be primary again; force: though no other
	// member has caught up (manual, replSetStepDown).
	command := bson.D{{Key: "replSetStepDown", Value: 10}, {Key: "secondaryCatchUpPeriodSecs", Value: 5}, {Key: "force", Value: true}}
	if err := o.client.Database("admin").RunCommand(ctx, command).Err(); err != nil && !driver.IsNetworkError(err) {
		return fmt.Errorf("stepping down: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := o.client.Ping(ctx, readpref.Primary())
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

func (o ownSet) kill(ctx context.Context, election time.Duration) error {
	return o.stepDown(ctx, election)
}

func (ownSet) String() string { return "not known of a real set" }
