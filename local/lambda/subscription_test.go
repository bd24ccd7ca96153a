package lambda_test

import (
	"fmt"
	"strings"
	"testing"

	"oms/local/lambda"
)

func TestEar_startsWhoListens(t *testing.T) {
	t.Parallel()
	arrived := make(chan string, 100)
	s := newSite(t)
	s.visitor(t, "Mail", newDesk(t, eventsOnly(func(v visit) string { arrived <- v.event; return "{}" })))
	s.Subscriptions = lambda.NewSubscriptions()
	s.Subscriptions.Subscribe("Mail", "mail waits")
	g := s.open(t)
	var passed strings.Builder
	w := s.Subscriptions.Writer(&passed)
	const record = `{"level":"INFO","message":"mail waits"}` + "\n"
	for _, line := range []string{
		`{"level":"INFO","message":"no mail"}`, `{"message":"x","route":"{\"message\":\"mail waits\"}"}`,
	} {
		_, _ = fmt.Fprintln(w, line)
	}
	g.Start(t.Context())
	select {
	case e := <-arrived:
		t.Errorf("it was started with %s by what is no such record", e)
	default:
	}
	for range 3 {
		_, _ = fmt.Fprint(w, record)
		if got := receive(t, arrived, "the record"); got != `{"awslogs":{"data":""}}` {
			t.Errorf("the event is %s", got)
		}
	}
	if strings.Count(passed.String(), record) != 3 {
		t.Errorf("what was passed on is %s", passed.String())
	}
}
