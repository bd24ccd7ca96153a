// Package lambda runs functions as Lambda does, as processes of the very
// binaries that are deployed: each finds the Lambda Runtime API at an address
// of its own, takes one event at a time from it and leaves its answer there.
// Or it calls them in this process ([Handler]), with the same queue, timeout
// and context before them and no Runtime API between.
//
// [New] takes the functions, [Functions.Start] warms them and runs the
// schedules, [Functions.Invoke] has one of them work on an event, and
// [Functions.Close] ends them all.
//
// What it owns: the processes, how many there are, and that none outlives this
// one; their environment; the queue before them; the lines that they print.
// A function that asks for a whole vCPU shares the machine's with the others
// that do, so that what hashes passwords does not starve what reads.
//
// What it refuses: an event that would wait too long ([ErrBusy]), a runtime that
// does what the Runtime API does not allow, and whoever asks for a function's
// event without the key that its process alone was given. A process that overran its
// timeout, or started others, is killed with all of them.
package lambda
