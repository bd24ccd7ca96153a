package gateway

import "time"

// Template is what a template.yaml declares, resolved for one set of
// parameters: all that the gateway serves. [ReadTemplate] makes it.
type Template struct {
	Functions   []Function // in the file's order
	Routes      []Route
	Authorizers map[string]Authorizer // by the name that routes use
	CORS        *CORS                 // nil: not configured
	Stage       string                // "$default", or a name that prefixes every path
	Schedules   []Schedule
	Line        int // of the HTTP API's resource
}

// Function is one Lambda function.
type Function struct {
	Name        string // its logical id, as in OrgCreateFunction
	CodeURI     string // functions/org-create/, relative to the template
	MemoryMB    int
	Timeout     time.Duration
	Environment map[string]string // as the template gives it; the caller overrides values
	Line        int               // of the resource in the template
}

// WholeCPU tells whether the function asks for a whole vCPU: 1769 MB
// ("Configure Lambda function memory", AWS Lambda developer guide).
func (f Function) WholeCPU() bool { return f.MemoryMB >= 1769 }

// Route is one route of the HTTP API.
type Route struct {
	Method     string // GET, …, or ANY
	Path       string // /org/get, /x/{id}, /x/{proxy+}, or $default
	Function   string // the logical id
	Authorizer string // a name in Template.Authorizers; empty: open
	Timeout    time.Duration
	Line       int
}

// Authorizer is a Lambda authorizer of payload 2.0.
type Authorizer struct {
	Name     string
	Function string        // the logical id
	Headers  []string      // identity sources, in order: headers first
	Query    []string      // then query string parameters
	Context  []string      // then context variables, as routeKey
	TTL      time.Duration // of a cached result; zero: not cached
	Simple   bool          // simple responses; otherwise an IAM policy
	Line     int
}

// CORS is the HTTP API's CORS configuration.
type CORS struct {
	AllowOrigins     []string
	AllowMethods     []string
	AllowHeaders     []string
	ExposeHeaders    []string
	MaxAge           int // seconds
	AllowCredentials bool
}

// Schedule is one time-based trigger.
type Schedule struct {
	Name     string // the event's name
	Function string
	Every    time.Duration // of a rate() expression
	Input    string        // JSON sent as the event; empty: the scheduler's own
	Line     int
}
