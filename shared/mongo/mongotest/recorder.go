package mongotest

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// Recorder keeps which commands a client has sent. The zero one is ready.
type Recorder struct {
	mu    sync.Mutex
	names []string
	bare  []string // those without maxTimeMS

	indexed map[string][]string // the first fields of indexes, by collection
	sparse  map[string][]string // those of sparse indexes
	blind   []string            // filters on one of them that do not say that it is there
	scans   []string            // filters and orders that no index begins
	finds   map[string]bson.Raw // a find of each form, by its form
}

// documented are the commands that OMS may send: all stand in the manual of
// MongoDB 6.0 (database commands).
func documented() []string {
	return []string{
		"create", "createIndexes", "delete", "drop", "endSessions", "find", "getMore", "insert", "killCursors",
		"listCollections", "listIndexes", "ping", "renameCollection", "update",
	}
}

// Monitor returns what a client reports its commands to.
func (r *Recorder) Monitor() *event.CommandMonitor {
	return &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		_, err := e.Command.LookupErr("maxTimeMS")
		r.mu.Lock()
		defer r.mu.Unlock()
		r.names = append(r.names, e.CommandName)
		if r.sparse == nil {
			r.sparse, r.indexed, r.finds = map[string][]string{}, map[string][]string{}, map[string]bson.Raw{}
		}
		if err != nil && !unbounded(e.CommandName) {
			r.bare = append(r.bare, e.CommandName)
		}
		r.look(e.CommandName, e.Command)
	}}
}

// look notes the indexes that are made, and holds filters against them.
func (r *Recorder) look(name string, command bson.Raw) {
	collection, _ := command.Lookup(name).StringValueOK()
	switch name {
	case "createIndexes":
		indexes, _ := command.Lookup("indexes").Array().Values()
		for _, i := range indexes {
			field := i.Document().Lookup("key").Document().Index(0).Key()
			r.indexed[collection] = append(r.indexed[collection], field)
			if sparse, _ := i.Document().Lookup("sparse").BooleanOK(); sparse {
				r.sparse[collection] = append(r.sparse[collection], field)
			}
		}
	case "find":
		filter, _ := command.Lookup("filter").DocumentOK()
		order, _ := command.Lookup("sort").DocumentOK()
		if first, err := order.IndexErr(0); err != nil ||
			first.Key() != "_id" && !slices.Contains(r.indexed[collection], first.Key()) {
			r.scan(name, collection, filter)
		}
		r.finds[collection+" "+form(filter)+form(order)] = slices.Clone(command)
		for _, field := range r.sparse[collection] {
			name := regexp.QuoteMeta(strconv.Quote(field)) + ":"
			there := regexp.MustCompile(name + ` *\{[^{}]*(\{[^{}]*(\{[^{}]*\})?\}[^{}]*)*"\$exists": *true`)
			if regexp.MustCompile(name).MatchString(filter.String()) && !there.MatchString(filter.String()) {
				r.blind = append(r.blind, collection+"."+field)
			}
		}
	case "update", "delete":
		list, _ := command.Lookup(name + "s").ArrayOK()
		statements, _ := list.Values()
		for _, s := range statements {
			filter, _ := s.Document().Lookup("q").DocumentOK()
			r.scan(name, collection, filter)
		}
	}
}

// scan notes a filter for which a server looks at every document of a collection
// that has indexes.
func (r *Recorder) scan(command, collection string, filter bson.Raw) {
	if len(r.indexed[collection]) > 0 && !r.begins(collection, filter) {
		r.scans = append(r.scans, command+" "+collection+" "+form(filter))
	}
}

// begins reports whether an index begins with one of the filter's fields, or of each of its alternatives.
func (r *Recorder) begins(collection string, filter bson.Raw) bool {
	elements, _ := filter.Elements()
	return slices.ContainsFunc(elements, func(e bson.RawElement) bool {
		parts, _ := e.Value().ArrayOK()
		all, _ := parts.Values()
		part := func(v bson.RawValue) bool { return r.begins(collection, v.Document()) }
		switch e.Key() {
		case "$and":
			return slices.ContainsFunc(all, part)
		case "$or":
			return !slices.ContainsFunc(all, func(v bson.RawValue) bool { return !part(v) })
		}
		return e.Key() == "_id" || slices.Contains(r.indexed[collection], e.Key())
	})
}

// form is a filter without its values.
func form(filter bson.Raw) string {
	elements, _ := filter.Elements()
	var parts []string
	for _, e := range elements {
		part := e.Key()
		list, isList := e.Value().ArrayOK()
		if d, ok := e.Value().DocumentOK(); ok {
			part += form(d)
		} else if isList && (part == "$or" || part == "$and") {
			all, _ := list.Values()
			for _, v := range all {
				part += form(v.Document())
			}
		}
		parts = append(parts, part)
	}
	slices.Sort(parts)
	return "{" + strings.Join(parts, " ") + "}"
}

// Explain returns for which of the finds the server says that it would read a
// whole collection (explain, MongoDB manual). One that does not explain says nothing.
func (r *Recorder) Explain(ctx context.Context, db *mongo.Database) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var whole []string
	for form, find := range r.finds {
		collection, _ := find.Lookup("find").StringValueOK()
		if len(r.indexed[collection]) == 0 {
			continue
		}
		asked := bson.D{{Key: "find", Value: collection}}
		for _, part := range []string{"filter", "sort", "limit"} {
			if v, err := find.LookupErr(part); err == nil {
				asked = append(asked, bson.E{Key: part, Value: v})
			}
		}
		plan, err := db.RunCommand(ctx, bson.D{
			{Key: "explain", Value: asked}, {Key: "verbosity", Value: "queryPlanner"},
		}).Raw()
		if err == nil && strings.Contains(plan.Lookup("queryPlanner", "winningPlan").String(), "COLLSCAN") {
			whole = append(whole, form)
		}
	}
	return whole
}

// unbounded reports whether the driver bounds the command by the client's
// deadline alone: cursors go on as they began, and a client that ends waits
// for nothing.
func unbounded(name string) bool {
	return slices.Contains([]string{"endSessions", "getMore", "killCursors"}, name)
}

// Names returns the names of the commands, in the order in which they were sent.
func (r *Recorder) Names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.names)
}

// Check fails the test where a command was sent that is not one of
// the documented, or one that a server would go on with after the client gave up,
// a filter that no index begins, or a read by a sparse index that does not say that the field is there: Amazon
// DocumentDB uses the index only where it does ("Sparse indexes", its developer guide).
func (r *Recorder) Check(tb testing.TB) {
	tb.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range r.names {
		if !slices.Contains(documented(), name) {
			tb.Errorf("sent %s, want only %v", name, documented())
		}
	}
	if len(r.bare) > 0 {
		tb.Errorf("sent %v without maxTimeMS, want every command bounded", slices.Compact(r.bare))
	}
	if len(r.scans) > 0 {
		slices.Sort(r.scans)
		tb.Errorf("sent %q, want every filter to begin with a field that has an index", slices.Compact(r.scans))
	}
	if len(r.blind) > 0 {
		tb.Errorf("read by %v without $exists, want what a sparse index can serve",
			slices.Compact(slices.Sorted(slices.Values(r.blind))))
	}
}
