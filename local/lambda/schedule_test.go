package lambda_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"oms/local/lambda"
)

func TestSchedule_runsAtStartAndAtItsRate(t *testing.T) {
	t.Parallel()
	arrived := make(chan string, 100)
	s := newSite(t)
	began := time.Now().Truncate(time.Second)
	s.visitor(t, "Reconcile", newDesk(t, eventsOnly(func(v visit) string { arrived <- v.event; return "{}" })))
	s.Schedules = []lambda.Schedule{{Name: "Often", Function: "Reconcile", Every: 5 * time.Millisecond}}
	g := s.open(t)
	g.Start(t.Context())
	ids := map[string]bool{}
	for range 3 {
		e := mustBeScheduled(t, receive(t, arrived, "the schedule"))
		ids[e.ID] = true
		inTime := !e.Time.Before(began) && !e.Time.After(time.Now())
		if !inTime || e.Time.Location() != time.UTC || e.Time.Nanosecond() != 0 {
			t.Errorf("the event's time is %v", e.Time)
		}
		want := events.EventBridgeEvent{
			Version: "0", ID: e.ID, DetailType: "Scheduled Event", Source: "aws.scheduler", AccountID: "123456789012",
			Time:   e.Time,
			Region: "us-east-1", Resources: []string{"arn:aws:scheduler:us-east-1:123456789012:schedule/default/Often"},
			Detail: json.RawMessage(`"{}"`),
		}
		if d := cmp.Diff(want, e); d != "" {
			t.Errorf("the event (-want +got):\n%s", d)
		}
	}
	if len(ids) != 3 {
		t.Errorf("three events have %d ids", len(ids))
	}
}

func TestSchedule_endsWithTheFunctions(t *testing.T) {
	t.Parallel()
	arrived := make(chan string, 100)
	s := newSite(t)
	s.visitor(t, "Reconcile", newDesk(t, eventsOnly(func(v visit) string { arrived <- v.event; return "{}" })))
	s.Schedules = []lambda.Schedule{{Name: "Rare", Function: "Reconcile", Every: time.Hour}}
	g := s.open(t)
	g.Start(context.WithoutCancel(t.Context()))
	receive(t, arrived, "the schedule")
	g.Close(t.Context())
}

func TestSchedule_isNeverTwiceAtOnce(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	s := newSite(t)
	s.visitor(t, "Reconcile", c.desk)
	s.visitor(t, "Other", c.desk)
	s.Schedules = []lambda.Schedule{
		{Name: "Often", Function: "Reconcile", Every: time.Millisecond},
		{Name: "Too", Function: "Other", Every: time.Millisecond},
	}
	g := s.open(t)
	g.Start(t.Context())
	// Both are at work; each could have fallen due many times in the time that
	// the other takes for three rounds.
	seen := map[string]int{}
	for range 2 {
		seen[receive(t, c.arrived, "a schedule").function]++
	}
	if len(seen) != 2 {
		t.Fatalf("at work are %v", seen)
	}
	for range 6 {
		c.let(t, "{}")
		receive(t, c.arrived, "a schedule")
		if n := len(c.arrived); n != 0 {
			t.Errorf("%d more are at work", n)
		}
	}
}

func TestSchedule_goesOnAfterAFailure(t *testing.T) {
	t.Parallel()
	arrived := make(chan string, 100)
	s := newSite(t)
	s.visitor(t, "Reconcile", newDesk(t, eventsOnly(func(v visit) string { arrived <- v.event; return "!error" })))
	s.Schedules = []lambda.Schedule{{Name: "Often", Function: "Reconcile", Every: 5 * time.Millisecond}}
	g := s.open(t)
	g.Start(t.Context())
	for range 3 {
		receive(t, arrived, "the schedule")
	}
	s.logs.await(t, "schedule failed")
}

func TestStart_warmsEveryFunction(t *testing.T) {
	t.Parallel()
	starts := make(chan string, 10)
	desk := newDesk(t, func(v visit) string {
		if v.what == "start" {
			starts <- v.function
		}
		return "{}"
	})
	s := newSite(t)
	for _, name := range []string{"A", "B"} {
		s.visitor(t, name, desk)
	}
	s.Schedules = []lambda.Schedule{{Name: "Rare", Function: "A", Every: time.Hour}}
	g := s.open(t, func(l *lambda.Limits) { l.SpareAfter = time.Hour })
	g.Start(t.Context())
	seen := map[string]int{}
	for range 2 {
		seen[receive(t, starts, "a process")]++
	}
	for _, name := range []string{"A", "B"} {
		g.do(t, name, "{}").is(t, "{}")
	}
	if seen["A"] != 1 || seen["B"] != 1 || len(starts) != 0 {
		t.Errorf("processes started: %v and %d more", seen, len(starts))
	}
}

// mustBeScheduled decodes an event of the scheduler, all of whose members the
// library's type must know.
func mustBeScheduled(tb testing.TB, event string) events.EventBridgeEvent {
	tb.Helper()
	d := json.NewDecoder(strings.NewReader(event))
	d.DisallowUnknownFields()
	var e events.EventBridgeEvent
	if err := d.Decode(&e); err != nil {
		tb.Fatalf("%v in %s", err, event)
	}
	return e
}
