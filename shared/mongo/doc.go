// Package mongo keeps organizations, admins and their collections in MongoDB.
// It is the only importer of the driver, and the only one that knows what a
// document looks like (protocol.md, section 2).
//
// [Open] makes the one client that a process has; [Database.Store] is the
// [organization.Store] on it. Every command goes through one place, which asks
// the context, bounds the command, and says of every failure whether the server
// refused or no answer came ([organization.ErrLost]).
//
// It refuses to rest on the habits of one server: it sends only commands that
// MongoDB 6.0 documents, compares no texts of errors, looks where a server has
// refused something without a code, and filters again what a server should have
// filtered. It puts nothing of the connection string and nothing of a document
// into an error, for errors are logged.
package mongo
