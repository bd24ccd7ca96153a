package template

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// Template is what a template.yaml declares, resolved for one set of
// parameters. [Read] and [Parse] alone make one: what its parts name is in it,
// every value is within AWS's bounds, and no two routes take the same requests.
type Template struct {
	Functions     []*Function // in the file's order
	Routes        []*Route
	Schedules     []*Schedule
	Subscriptions []*Subscription
	CORS          *CORS  // nil: not configured
	Stage         string // [DefaultStage], or a name that prefixes every path
}

// DefaultStage is the stage whose paths have no prefix.
const DefaultStage = "$default"

// Function is one Lambda function.
type Function struct {
	Name        string // its logical id, as in OrgCreateFunction
	CodeURI     string // functions/org-create/, relative to the template
	MemoryMB    int
	Timeout     time.Duration
	Environment map[string]string // as the template gives it, without the names that Lambda keeps for itself
}

// Route is one route of the HTTP API.
type Route struct {
	Method     string // GET, …, or ANY
	Path       Path
	Function   *Function
	Authorizer *Authorizer   // nil: open
	Timeout    time.Duration // of the integration
	Throttle   *Throttle     // nil: not limited by the template
}

// Throttle bounds the requests of one route by a token bucket ("Throttle
// requests to your HTTP APIs"): each request takes a token, of which there are
// Burst at most and Rate more in each second.
type Throttle struct {
	Rate  float64
	Burst int
}

// Key is the route key, as in "GET /pets/{id}".
func (r *Route) Key() string {
	if r.Path == nil {
		return r.Path.String()
	}
	return r.Method + " " + r.Path.String()
}

// Path is the path of a route: its segments between slashes, of which "/" has
// one that is empty. Nil is the path of the route $default, which takes every
// request that no other route takes.
type Path []Segment

// Segment is plain text, or a variable that takes one segment of a request's
// path; a greedy variable, always the last segment, takes one or more.
type Segment struct {
	Literal  string
	Variable string // its name; empty: a literal
	Greedy   bool
}

// Greedy reports whether the path ends in a greedy variable.
func (p Path) Greedy() bool { return len(p) > 0 && p[len(p)-1].Greedy }

// String is the path as the template has it, as in /pets/{id}.
func (p Path) String() string {
	if p == nil {
		return "$default"
	}
	var b strings.Builder
	for _, s := range p {
		switch {
		case s.Greedy:
			b.WriteString("/{" + s.Variable + "+}")
		case s.Variable != "":
			b.WriteString("/{" + s.Variable + "}")
		default:
			b.WriteString("/" + s.Literal)
		}
	}
	return b.String()
}

// Authorizer is a Lambda authorizer of payload 2.0 with simple responses.
type Authorizer struct {
	Name     string
	Function *Function
	Headers  []string      // identity sources, in order: headers first
	ByRoute  bool          // and then the route's key
	TTL      time.Duration // of a cached result, which has an identity source; zero: not cached
}

// CORS is the HTTP API's CORS configuration. A star in AllowOrigins is all of
// it, without AllowCredentials, or all that follows https:// or http://.
type CORS struct {
	AllowOrigins     []string
	AllowMethods     []string
	AllowHeaders     []string
	ExposeHeaders    []string
	MaxAge           int // seconds
	AllowCredentials bool
}

// Schedule is one time-based trigger that is enabled.
type Schedule struct {
	Name     string // the event's name
	Function *Function
	Every    time.Duration // of a rate() expression
}

// Subscription has a function start when a log group gets a record. Offline, all functions'
// records are one stream: what matters is the message.
type Subscription struct {
	Function *Function
	Message  string // of the records
}

// Error says where a template is wrong and how, as
// "template.yaml:12: sentence naming the property".
type Error struct {
	File    string
	Line    int // 1 and up; 0: the file as a whole
	Problem string
}

// Error gives the file, the line and the sentence.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Problem
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem)
}

// Read reads the template at path for the given parameter values; other
// parameters take their Default.
func Read(path string, parameters map[string]string) (*Template, error) {
	data, err := os.ReadFile(path) //nolint:gosec // G304: the path is the caller's own -template flag
	if err != nil {
		return nil, fmt.Errorf("reading the template: %w", err)
	}
	return Parse(path, data, parameters)
}

// Parse is [Read] for a template already in memory; name stands in its errors.
func Parse(name string, data []byte, parameters map[string]string) (*Template, error) {
	root, err := parseElement(name, data)
	if err != nil {
		return nil, err
	}
	r := &reader{
		resolver:    &resolver{source: source(name)},
		functions:   map[string]*Function{},
		authorizers: map[string]*Authorizer{},
		requests:    map[string]int{},
		out:         &Template{Stage: DefaultStage},
	}
	if err := r.read(root, parameters); err != nil {
		return nil, err
	}
	return r.out, nil
}
