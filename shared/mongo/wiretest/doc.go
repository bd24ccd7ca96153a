// Package wiretest stands between a MongoDB driver and a server and does to
// their connection what networks and replica sets do. It is for tests only.
//
// A [Proxy] does one scripted thing to one command: refuse its connection, cut
// it before or after the server has applied the command, cut the reply in its
// middle, say nothing at all, or be slow.
//
//	p := wiretest.NewProxy(t, engine.URI)
//	shot := p.Arm(wiretest.Rule{Fault: wiretest.Lost, Client: "org-create", Command: "insert", Nth: 2})
//	…                    // a request through p.URI()
//	p.Disarm(shot)
//	if !shot.Hit() { … } // it never came to that command
//
// A [Set] plays a replica set of three members before one server, which keeps
// the data for all: what a driver sees of an election, without one.
//
// These refuse to change what a command or a reply says: what arrives is what was
// sent, or an answer that a real member gives. A [Fake] is a server by itself,
// and answers what a test has it answer.
package wiretest
