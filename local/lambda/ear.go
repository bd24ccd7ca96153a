package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
)

// Ear hears what functions print and starts others by it, as subscriptions to
// log groups do ("Log group-level subscription filters", CloudWatch Logs).
type Ear struct {
	texts map[string][]byte        // by function: what it is started by
	woken map[string]chan struct{} // by function: it is to be started; one waits at most
}

// NewEar returns an ear for nobody.
func NewEar() *Ear { return &Ear{map[string][]byte{}, map[string]chan struct{}{}} }

// Listen has the function started by each record with that message. Of those that
// come while it is at work one is left, for a start sees all that was before it.
// It is for before [Functions.Start].
func (e *Ear) Listen(function, message string) {
	text, _ := json.Marshal(message) // a string: it cannot fail
	e.texts[function] = append([]byte(`"message":`), text...)
	e.woken[function] = make(chan struct{}, 1)
}

// Writer returns a writer that hears all it passes on: for functions in this
// process, which print there by themselves.
func (e *Ear) Writer(to io.Writer) io.Writer { return heard{e, to} }

type heard struct {
	ear *Ear
	to  io.Writer
}

// Write hears a whole line, as a logger writes one.
func (h heard) Write(line []byte) (int, error) {
	h.ear.hear(line)
	return h.to.Write(line)
}

func (e *Ear) hear(line []byte) {
	for function, text := range e.texts {
		if !bytes.Contains(line, text) {
			continue
		}
		select {
		case e.woken[function] <- struct{}{}:
		default:
		}
	}
}

// listen starts the function whenever it is woken, until the context ends.
func (f *Functions) listen(ctx context.Context, function string, woken <-chan struct{}) {
	for {
		select {
		case <-woken:
			f.fire(ctx, "record", function, []byte(`{"awslogs":{"data":""}}`))
		case <-ctx.Done():
			return
		}
	}
}
