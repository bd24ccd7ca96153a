package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
)

// Subscriptions read what functions print and start others by it, as those to
// log groups do ("Log group-level subscription filters", CloudWatch Logs).
type Subscriptions struct {
	texts map[string][]byte        // by function: what it is started by
	due   map[string]chan struct{} // by function: it is to be started; one waits at most
}

// NewSubscriptions returns none.
func NewSubscriptions() *Subscriptions {
	return &Subscriptions{map[string][]byte{}, map[string]chan struct{}{}}
}

// Subscribe has the function started by each record with that message. Of those that
// come while it is at work one is left, for a start sees all that was before it.
// It is for before [Functions.Start].
func (s *Subscriptions) Subscribe(function, message string) {
	text, _ := json.Marshal(message) // a string: it cannot fail
	s.texts[function] = append([]byte(`"message":`), text...)
	s.due[function] = make(chan struct{}, 1)
}

// Writer returns a writer that reads all it passes on: for functions in this
// process, which print there by themselves.
func (s *Subscriptions) Writer(to io.Writer) io.Writer { return tee{s, to} }

type tee struct {
	subscriptions *Subscriptions
	to            io.Writer
}

// Write takes a whole line, as a logger writes one.
func (t tee) Write(line []byte) (int, error) {
	t.subscriptions.match(line)
	return t.to.Write(line)
}

func (s *Subscriptions) match(line []byte) {
	for function, text := range s.texts {
		if !bytes.Contains(line, text) {
			continue
		}
		select {
		case s.due[function] <- struct{}{}:
		default:
		}
	}
}

// follow starts the function whenever it is due, until the context ends.
func (f *Functions) follow(ctx context.Context, function string, due <-chan struct{}) {
	for {
		select {
		case <-due:
			f.fire(ctx, "record", function, []byte(`{"awslogs":{"data":""}}`))
		case <-ctx.Done():
			return
		}
	}
}
