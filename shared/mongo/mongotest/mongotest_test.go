package mongotest_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"

	"oms/shared/mongo/mongotest"
	"oms/shared/must"
)

// spy is a test that remembers how it ended.
type spy struct {
	testing.TB
	said string
}

func (s *spy) Helper()                           {}
func (s *spy) Errorf(format string, args ...any) { s.said += "error: " + fmt.Sprintf(format, args...) }

func (s *spy) Fatal(args ...any) { s.said += "fatal: " + fmt.Sprint(args...); runtime.Goexit() }

func (s *spy) Skip(args ...any) { s.said += "skip: " + fmt.Sprint(args...); runtime.Goexit() }

// run runs f as a test of its own and returns what it said.
func run(t *testing.T, f func(testing.TB)) string {
	t.Helper()
	s := &spy{TB: t}
	var wg sync.WaitGroup
	wg.Go(func() { f(s) })
	wg.Wait()
	return s.said
}

func TestServer(t *testing.T) {
	for _, tc := range []struct{ name, uri, ci, want string }{
		{"is the one of the environment", "mongodb://127.0.0.1:1", "", ""},
		{"is skipped with its reason where there is none", "", "", "skip: MONGO_TEST_URI is not set"},
		{"fails in CI where there is none", "", "true", "fatal: MONGO_TEST_URI is not set"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("MONGO_TEST_URI", tc.uri)
			t.Setenv("CI", tc.ci)
			got := run(t, func(tb testing.TB) {
				tb.Helper()
				if e := mongotest.Server(tb); e.URI != tc.uri {
					t.Errorf("URI = %q, want %q", e.URI, tc.uri)
				}
			})
			if !strings.HasPrefix(got, tc.want) || tc.want == "" && got != "" {
				t.Errorf("Server said %q, want %q", got, tc.want)
			}
		})
	}
}

func TestRecorder_Check(t *testing.T) {
	t.Parallel()
	bounded := bson.D{{Key: "maxTimeMS", Value: int64(2000)}}
	find := func(filter bson.M) bson.D {
		return append(bson.D{{Key: "find", Value: "c"}, {Key: "filter", Value: filter}}, bounded...)
	}
	index := must.Get(bson.Marshal(append(bson.D{
		{Key: "createIndexes", Value: "c"},
		{Key: "indexes", Value: bson.A{bson.M{"key": bson.M{"a": 1}, "sparse": true}}},
	}, bounded...)))(t)
	for name, tc := range map[string]struct {
		command string
		body    bson.D
		want    string
	}{
		"passes what is documented and bounded":       {"find", bounded, ""},
		"passes what the driver cannot bound":         {"getMore", bson.D{}, ""},
		"fails what is not bounded":                   {"update", bson.D{}, "error: sent [update] without maxTimeMS"},
		"fails what no step of the protocol may send": {"findAndModify", bounded, "error: sent findAndModify"},
		"passes a read by a field that may not be there": {
			"find", find(bson.M{"a": bson.M{"$lt": 1, "$exists": true}}), "",
		},
		"passes one in several parts": {
			"find", find(bson.M{
				"$and": bson.A{bson.M{"a": bson.M{"$exists": true}}, bson.M{"$or": bson.A{bson.M{"a": 1}}}},
			}), "",
		},
		"passes a read by another field that has an index": {"find", find(bson.M{"b": 1, "_id": 1}), ""},
		"fails one by a field that has none": {
			"find", find(bson.M{"b": 1}), `error: sent ["find c {b}"]`,
		},
		"passes it in the order of one that has": {
			"find", append(find(bson.M{}), bson.E{Key: "sort", Value: bson.D{{Key: "_id", Value: 1}}}), "",
		},
		"fails a change of documents that no index finds": {
			"update", append(bson.D{
				{Key: "update", Value: "c"}, {Key: "updates", Value: bson.A{bson.M{"q": bson.M{"b": 1}}}},
			}, bounded...), `error: sent ["update c {b}"]`,
		},
		"fails one that takes no notice of that": {
			"find", find(bson.M{"a": 1}), "error: read by [c.a] without $exists",
		},
		"fails it in several parts": {
			"find", find(bson.M{"$or": bson.A{bson.M{"_id": 1}, bson.M{"a": 1}}}), "error: read by [c.a]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &mongotest.Recorder{}
			r.Monitor().Started(t.Context(), &event.CommandStartedEvent{CommandName: "createIndexes", Command: index})
			body := must.Get(bson.Marshal(tc.body))(t)
			r.Monitor().Started(t.Context(), &event.CommandStartedEvent{CommandName: tc.command, Command: body})
			got := run(t, func(tb testing.TB) { tb.Helper(); r.Check(tb) })
			if !strings.HasPrefix(got, tc.want) || tc.want == "" && got != "" {
				t.Errorf("Check said %q, want %q", got, tc.want)
			}
		})
	}
}
