package lambda

import "time"

// Limits are the bounds that tests look at and shorten.
type Limits = limits

// DefaultLimits are those of New.
func DefaultLimits() Limits { return defaultLimits() }

// NewWithLimits is New with other bounds.
func NewWithLimits(c Config, l Limits) *Functions { return newFunctions(c, l) }

// RunAnswered runs an event on a process that has answered it, and asks for the
// next one, before anybody looks: as on a busy machine. It returns what the
// client gets, and whether the process is taken for free.
func RunAnswered(payload []byte) (got []byte, free bool, err error) {
	p := &process{
		function: Function{Timeout: time.Minute},
		asking:   make(chan struct{}), work: make(chan *invocation), stopped: make(chan struct{}),
	}
	inv := &invocation{answer: make(chan answer, 1)}
	inv.answer <- answer{payload: payload}
	asked := make(chan struct{})
	go func() {
		close(asked)
		p.asking <- struct{}{}
	}()
	go func() {
		<-p.work
		p.mu.Lock()
		p.gone = true // there is nothing to kill
		p.mu.Unlock()
	}()
	<-asked
	delivered := make(chan answer, 1)
	done := make(chan bool, 1)
	go func() { done <- p.run(inv, func(a answer) { delivered <- a }) }()
	a := <-delivered
	if a.err != nil {
		close(p.stopped)
	}
	return a.payload, <-done, a.err
}
