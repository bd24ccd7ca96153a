package mongo_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"oms/shared/mongo"
	"oms/shared/mongo/wiretest"
	"oms/shared/must"
	"oms/shared/organization"
)

// commands are one of each kind of command.
func commands(s organization.Store) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"find": func(ctx context.Context) error {
			return must.Err(s.Claims.Find(ctx, "acme"))
		},
		"list":         func(ctx context.Context) error { return must.Err(s.Backlog.Expired(ctx, time.Now(), nil, 1)) },
		"linearizable": func(ctx context.Context) error { return must.Err(s.Requests.Find(ctx, "r")) },
		"settle": func(ctx context.Context) error {
			return must.Err(s.Claims.Settle(ctx, []organization.Claim{{Key: "acme", Until: time.Now()}}))
		},
		"insert": func(ctx context.Context) error { return s.Claims.Insert(ctx, organization.Claim{Key: "acme"}) },
		"update": func(ctx context.Context) error {
			var o organization.Organization
			return must.Err(s.Organizations.CompareAndSwap(ctx, o, o))
		},
		"change": func(ctx context.Context) error {
			c := organization.AdminChange{Email: "somebody@example.com"}
			return must.Err(s.Admins.Change(ctx, c, organization.ID{}))
		},
		"admin": func(ctx context.Context) error {
			return s.Admins.Insert(ctx, organization.Admin{Email: "somebody@example.com"})
		},
		"delete": func(ctx context.Context) error {
			return must.Err(s.Claims.Delete(ctx, organization.Claim{Key: "acme"}))
		},
		"create": func(ctx context.Context) error { return s.Collections.Create(ctx, "org_acme") },
		"rename": func(ctx context.Context) error {
			return s.Collections.Rename(ctx, "org_acme", "org_globex")
		},
		"drop":            func(ctx context.Context) error { return s.Collections.Drop(ctx, "org_acme") },
		"listCollections": func(ctx context.Context) error { _, err := s.Collections.List(ctx, "org_"); return err },
		"listIndexes": func(ctx context.Context) error {
			return s.Documents.CopyIndexes(ctx, "org_acme", "org_globex")
		},
	}
}

// credentials are a part of a connection string that no error may show.
const credentials = "usr7391:pwd8264" //nolint:gosec // G101: nobody's

func wantNoSecret(t *testing.T, text string, address string) {
	t.Helper()
	for _, secret := range []string{"usr7391", "pwd8264", address, "somebody@example.com"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q shows %q", text, secret)
		}
	}
}

func TestStore_AnswersLostInTimeWhere(t *testing.T) {
	t.Parallel()
	for name, listen := range map[string]func(*testing.T) string{
		"the port is closed": func(t *testing.T) string {
			l := wiretest.Listen(t)
			defer func() { _ = l.Close() }()
			return l.Addr().String()
		},
		"nobody answers": func(t *testing.T) string {
			l := wiretest.Listen(t)
			var open []net.Conn
			var wg sync.WaitGroup
			wg.Go(func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					open = append(open, c) // read by nobody, and answered never
				}
			})
			t.Cleanup(func() {
				_ = l.Close()
				wg.Wait()
				for _, c := range open {
					_ = c.Close()
				}
			})
			return l.Addr().String()
		},
		"the connection is cut": func(t *testing.T) string {
			l := wiretest.Listen(t)
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					_ = c.Close()
				}
			}()
			return l.Addr().String()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := listen(t)
			var log bytes.Buffer
			start := time.Now()
			db, err := mongo.Open(t.Context(), mongo.Config{
				URI: "mongodb://" + credentials + "@" + address, Database: "master",
				Log: slog.New(slog.NewJSONHandler(&log, nil)),
			})
			if err != nil {
				t.Fatalf("Open = %v, want none: a database that is away is no error", err)
			}
			t.Cleanup(func() { _ = db.Close(t.Context()) })
			// The figures have room for a slow machine; without a bound of ours a
			// server selection takes 30 s.
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("Open took %v, want about 2 s", took)
			}
			if !strings.Contains(log.String(), "database does not answer yet") {
				t.Errorf("log = %q, want a warning", log.String())
			}
			wantNoSecret(t, log.String(), address)

			var wg sync.WaitGroup
			for name, command := range commands(db.Store()) {
				wg.Go(func() {
					start := time.Now()
					err := command(t.Context())
					if !errors.Is(err, organization.ErrLost) {
						t.Errorf("%s = %v, want %v", name, err, organization.ErrLost)
						return
					}
					if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
						t.Errorf("%s = %v, which passes for a context that was over before the command was sent", name,
							err)
					}
					if took := time.Since(start); took > 5*time.Second {
						t.Errorf("%s took %v, want about 2 s", name, took)
					}
					wantNoSecret(t, err.Error(), address)
				})
			}
			wg.Wait()
			if err := db.Ping(t.Context()); !errors.Is(err, organization.ErrLost) {
				t.Errorf("Ping = %v, want %v", err, organization.ErrLost)
			}
		})
	}
}

func TestStore_AnswersLostWhereTheCallerGivesUpMeanwhile(t *testing.T) {
	t.Parallel()
	came, goOn := make(chan struct{}), make(chan struct{})
	f := wiretest.NewFake(t, 17, func(string, bson.Raw) bson.D {
		close(came)
		<-goOn
		return bson.D{{Key: "ok", Value: 1}}
	})
	db := mustOpen(t, f.URI())
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-came
		cancel()
	}()
	err := db.Store().Claims.Insert(ctx, organization.Claim{Key: "acme"})
	close(goOn)
	if !errors.Is(err, organization.ErrLost) || errors.Is(err, context.Canceled) {
		t.Errorf("Insert = %v, want %v: it had been sent", err, organization.ErrLost)
	}
}

func TestStore_ListsAgainWhereTheFirstAnswerWasLost(t *testing.T) {
	t.Parallel()
	var sent atomic.Int32
	f := wiretest.NewFake(t, 17, func(string, bson.Raw) bson.D {
		if sent.Add(1) == 1 {
			return refusal(189, "PrimarySteppedDown")
		}
		return batch("master.names", bson.D{{Key: "_id", Value: "acme"}})
	})
	p, err := mustOpen(t, f.URI()).Store().Backlog.Claims(t.Context(), nil, 10)
	if err != nil || len(p.Items) != 1 || p.Items[0].Key != "acme" {
		t.Errorf("Claims = %v, %v, want those of the second answer", p, err)
	}
}

func refusal(code int32, name string) bson.D {
	return bson.D{
		{Key: "ok", Value: 0},
		{Key: "code", Value: code},
		{Key: "codeName", Value: name},
		{Key: "errmsg", Value: "about somebody@example.com"},
	}
}

func TestStore_TellsLostFromRefused(t *testing.T) {
	t.Parallel()
	written := bson.D{{Key: "ok", Value: 1}, {Key: "n", Value: int32(1)}}
	for name, tc := range map[string]struct {
		answer bson.D
		lost   bool
	}{
		"NotWritablePrimary":           {refusal(10107, "NotWritablePrimary"), true},
		"InterruptedDueToReplState":    {refusal(11602, "InterruptedDueToReplStateChange"), true},
		"PrimarySteppedDown":           {refusal(189, "PrimarySteppedDown"), true},
		"ShutdownInProgress":           {refusal(91, "ShutdownInProgress"), true},
		"InterruptedAtShutdown":        {refusal(11600, "InterruptedAtShutdown"), true},
		"NotPrimaryNoSecondaryOk":      {refusal(13435, "NotPrimaryNoSecondaryOk"), true},
		"NotPrimaryOrSecondary":        {refusal(13436, "NotPrimaryOrSecondary"), true},
		"HostUnreachable":              {refusal(6, "HostUnreachable"), true},
		"HostNotFound":                 {refusal(7, "HostNotFound"), true},
		"NetworkTimeout":               {refusal(89, "NetworkTimeout"), true},
		"SocketException":              {refusal(9001, "SocketException"), true},
		"ExceededTimeLimit":            {refusal(262, "ExceededTimeLimit"), true},
		"MaxTimeMSExpired":             {refusal(50, "MaxTimeMSExpired"), true},
		"CursorNotFound":               {refusal(43, "CursorNotFound"), true},
		"CursorKilled":                 {refusal(237, "CursorKilled"), true},
		"LinearizableReadConcernError": {refusal(187, "LinearizableReadConcernError"), true},
		"a label that asks for a retry": {
			append(refusal(1, "InternalError"), bson.E{Key: "errorLabels", Value: []string{"RetryableWriteError"}}),
			true,
		},
		"a label of a transient failure": {
			append(refusal(1, "InternalError"),
				bson.E{Key: "errorLabels", Value: []string{"TransientTransactionError"}}), true,
		},
		"a write concern that failed": {append(slices.Clone(written), bson.E{Key: "writeConcernError", Value: bson.D{
			{Key: "code", Value: int32(64)},
			{Key: "codeName", Value: "WriteConcernFailed"},
			{Key: "errmsg", Value: "waiting for replication timed out"},
		}}), true},
		"Unauthorized":  {refusal(13, "Unauthorized"), false},
		"InternalError": {refusal(1, "InternalError"), false},
		"a refusal without a code": {
			bson.D{{Key: "ok", Value: 0}, {Key: "errmsg", Value: "about somebody@example.com"}}, false,
		},
		"DocumentValidationFailure":    {writeError(121), false},
		"a write error that is a loss": {writeError(189), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := wiretest.NewFake(t, 17, func(command string, _ bson.Raw) bson.D {
				if command == "find" {
					return batch("master.admins")
				}
				return tc.answer
			})
			admins := mustOpen(t, f.URI()).Store().Admins
			for doing, err := range map[string]error{
				"Insert": admins.Insert(t.Context(), organization.Admin{Email: "somebody@example.com"}),
				"Change": must.Err(admins.Change(t.Context(), organization.AdminChange{Email: "somebody@example.com"},
					organization.ID{})),
				"Delete": admins.Delete(t.Context(), organization.ID{}, organization.ID{}),
			} {
				if err == nil || errors.Is(err, organization.ErrLost) != tc.lost {
					t.Errorf("%s = %v, lost = %t, want %t", doing, err, errors.Is(err, organization.ErrLost), tc.lost)
					continue
				}
				wantNoSecret(t, err.Error(), f.Addr().String())
			}
		})
	}
}

func writeError(code int32) bson.D {
	return bson.D{{Key: "ok", Value: 1}, {Key: "n", Value: int32(0)}, {Key: "writeErrors", Value: bson.A{bson.D{
		{Key: "index", Value: int32(0)},
		{Key: "code", Value: code},
		{Key: "errmsg", Value: "about somebody@example.com"},
	}}}}
}

func batch(namespace string, documents ...any) bson.D {
	return bson.D{{Key: "ok", Value: 1}, {Key: "cursor", Value: bson.D{
		{Key: "id", Value: int64(0)},
		{Key: "ns", Value: namespace},
		{Key: "firstBatch", Value: append(bson.A{}, documents...)},
	}}}
}
