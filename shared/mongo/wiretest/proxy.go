package wiretest

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"oms/shared/mongo/wire"
	"oms/shared/must"
)

// Count says how many commands of a name a client sent.
type Count struct {
	Client, Command string
}

// Proxy is a running proxy. Its methods may be called from several goroutines.
type Proxy struct {
	server   string // its address
	listener net.Listener
	sessions sync.WaitGroup
	log      func(format string, args ...any)

	mu     sync.Mutex
	shots  []*Shot
	counts map[Count]int
	open   map[*conn]bool
	closed bool
}

// NewProxy starts a proxy before the server at the URI, which must name one host.
// It ends with the test.
func NewProxy(tb testing.TB, uri string) *Proxy {
	tb.Helper()
	p := &Proxy{
		server: host(tb, uri), listener: Listen(tb), log: tb.Logf,
		counts: map[Count]int{}, open: map[*conn]bool{},
	}
	p.sessions.Go(p.accept)
	tb.Cleanup(p.close)
	return p
}

func host(tb testing.TB, uri string) string {
	tb.Helper()
	u, err := url.Parse(uri)
	if err != nil || u.Port() == "" {
		tb.Fatalf("%q does not name one host and its port: %v", uri, err)
	}
	return u.Host
}

// Listen listens at a free port until the test ends.
func Listen(tb testing.TB) net.Listener {
	tb.Helper()
	l := must.Get(new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0"))(tb)
	tb.Cleanup(func() { _ = l.Close() })
	return l
}

// URI returns the proxy's address for clients.
func (p *Proxy) URI() string { return "mongodb://" + p.listener.Addr().String() + "/" }

// Arm sets a rule, which stands until [Proxy.Disarm]. Of several that take one
// command the first one armed acts; all of them count it.
func (p *Proxy) Arm(r Rule) *Shot {
	s := &Shot{rule: r, struck: make(chan struct{}), over: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shots = append(p.shots, s)
	return s
}

// Disarm ends a rule, and what it holds up.
func (p *Proxy) Disarm(s *Shot) {
	p.mu.Lock()
	p.shots = slices.DeleteFunc(p.shots, func(other *Shot) bool { return other == s })
	p.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.aborted {
		s.aborted = true
		close(s.over)
	}
}

// Counts returns how many commands came since the last call of Counts, the
// handshakes and heartbeats of drivers left out.
func (p *Proxy) Counts() map[Count]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	counts := p.counts
	p.counts = map[Count]int{}
	return counts
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	shots := slices.Clone(p.shots)
	for c := range p.open {
		c.abort()
	}
	p.mu.Unlock()
	_ = p.listener.Close()
	for _, s := range shots {
		p.Disarm(s)
	}
	p.sessions.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.sessions.Go(func() { p.serve(client) })
	}
}

// conn is a connection of a client, with its own to the server.
type conn struct {
	net.Conn
	name   string // the client's application name, once it has said hello
	server net.Conn
	in     *bufio.Reader
	out    *bufio.Reader // of the server
}

// abort resets both connections: the peers get no orderly end.
func (c *conn) abort() {
	reset(c.Conn)
	reset(c.server)
}

func reset(side net.Conn) {
	if tcp, ok := side.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = side.Close()
}

var errFault = errors.New("a scripted fault")

func (p *Proxy) serve(client net.Conn) {
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", p.server)
	if err != nil {
		_ = client.Close() // the test is over, or will fail for want of a server
		return
	}
	c := &conn{Conn: client, server: server, in: bufio.NewReader(client), out: bufio.NewReader(server)}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		c.abort()
		return
	}
	p.open[c] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.open, c)
		p.mu.Unlock()
		_ = client.Close()
		_ = server.Close()
	}()
	for {
		m, err := wire.Read(c.in)
		if err != nil {
			return
		}
		if err := p.pass(c, m); err != nil {
			return
		}
	}
}

// handshake reports whether the command is one that drivers send by themselves.
func handshake(command string) bool {
	switch command {
	case "hello", "isMaster", "ismaster", "saslStart", "saslContinue", "buildInfo", "endSessions":
		return true
	}
	return false
}

// pass brings one command to the server and its reply to the client. An error
// ends the connection.
func (p *Proxy) pass(c *conn, m wire.Message) error {
	command := wire.Parse(m)
	if handshake(command.Name) {
		p.mu.Lock()
		if name, ok := command.Body.Lookup("client", "application", "name").StringValueOK(); ok {
			c.name = name
		}
		s := p.spread(c.name)
		p.mu.Unlock()
		switch {
		case s == nil:
		case s.rule.Fault == Refuse:
			c.abort()
			return errFault
		case s.rule.Fault == Blackhole:
			return p.hold(c, s)
		}
		return c.exchange(m, command, nil)
	}
	shot := p.shot(c.name, command.Name)
	if shot == nil {
		return c.exchange(m, command, nil)
	}
	switch shot.rule.Fault {
	case Refuse:
		p.mu.Lock()
		for other := range p.open {
			if other.name == c.name {
				other.abort()
			}
		}
		p.mu.Unlock()
		return errFault
	case Reset:
		c.abort()
		return errFault
	case Lost, Cut, Stall:
		return c.exchange(m, command, func(reply wire.Message) error {
			if shot.rule.Fault == Stall {
				return p.hold(c, shot)
			}
			if shot.rule.Fault == Lost {
				c.abort()
				return errFault
			}
			_, _ = c.Write(reply[:cutAt])
			_ = c.Close()
			return errFault
		})
	case Blackhole:
		return p.hold(c, shot)
	case Slow:
		select {
		case <-time.After(slowness):
		case <-shot.over:
		}
	}
	return c.exchange(m, command, nil)
}

// shot counts the command and returns the rule that is for it, or nil.
func (p *Proxy) shot(client, command string) *Shot {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[Count{client, command}]++
	var first *Shot
	for _, s := range p.shots {
		if s.takes(client, command) && first == nil {
			first = s
		}
	}
	if first != nil {
		return first
	}
	return p.spread(client)
}

// spread returns the rule that holds for all that the client sends, or nil. p is locked.
func (p *Proxy) spread(client string) *Shot {
	for _, s := range p.shots {
		if (s.rule.Fault == Blackhole || s.rule.Fault == Refuse) && s.spreads(client) {
			return s
		}
	}
	return nil
}

// hold says nothing until the rule is disarmed or the client closes, and then
// drops the connection.
func (p *Proxy) hold(c *conn, s *Shot) error {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for {
			if _, err := c.in.Discard(1); err != nil {
				return
			}
		}
	}()
	select {
	case <-gone:
	case <-s.over:
		c.abort()
		<-gone
	}
	return errFault
}

// exchange sends the command on and passes the reply to the client, or to instead.
func (c *conn) exchange(m wire.Message, command wire.Command, instead func(wire.Message) error) error {
	if _, err := c.server.Write(m); err != nil {
		return err
	}
	if command.Silent {
		return nil
	}
	reply, err := wire.Read(c.out)
	if err != nil {
		return err
	}
	if instead != nil {
		return instead(reply)
	}
	_, err = c.Write(reply)
	return err
}
