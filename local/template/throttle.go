package template

import (
	"math"
	"slices"
	"strconv"
)

// routeSettings is an entry of the API's RouteSettings, until its route is read.
type routeSettings struct {
	key      string // of the route
	line     int
	throttle *Throttle
}

// readRouteSettings reads RouteSettings: a map by route key.
func (r *reader) readRouteSettings(api string, v *element) error {
	owner := api + ": RouteSettings"
	if v.kind != mapElement {
		return r.errorf(v.line, "%s must be a mapping, and is %s", owner, v.what())
	}
	for _, f := range v.fields {
		throttle, err := r.readThrottle(owner+"."+f.key, f.value)
		switch {
		case err != nil:
			return err
		case throttle == nil:
			return r.errorf(f.line, "%s.%s has no ThrottlingRateLimit: "+
				"what a route then has of the default's is not documented", owner, f.key)
		}
		r.settings = append(r.settings, routeSettings{f.key, f.line, throttle})
	}
	return nil
}

// readThrottle reads the rate of a route's settings; nil: there is none.
func (r *reader) readThrottle(owner string, v *element) (*Throttle, error) {
	known := ignored("DetailedMetricsEnabled")
	t, seen := &Throttle{}, 0
	known["ThrottlingRateLimit"] = use(func(v *element) (err error) {
		seen++
		t.Rate, err = strconv.ParseFloat(v.text, 64)
		if err != nil || !(t.Rate >= 0) || math.IsInf(t.Rate, 1) {
			return r.errorf(v.line, "%s.ThrottlingRateLimit must be a number from 0 up, and is %s", owner, v.what())
		}
		return nil
	})
	known["ThrottlingBurstLimit"] = use(func(v *element) (err error) {
		seen++
		t.Burst, err = r.integer(owner+".ThrottlingBurstLimit", v, 0, math.MaxInt32)
		return err
	})
	if err := r.properties(owner, v, known); err != nil || seen == 0 {
		return nil, err
	}
	if seen == 1 {
		return nil, r.errorf(v.line, "%s has one of ThrottlingRateLimit and ThrottlingBurstLimit: "+
			"what that means without the other is not documented", owner)
	}
	return t, nil
}

// applySettings gives the routes the settings that are theirs alone. API
// Gateway refuses those of a route that is not there.
func (r *reader) applySettings() error {
	for _, s := range r.settings {
		i := slices.IndexFunc(r.out.Routes, func(route *Route) bool { return route.Key() == s.key })
		if i < 0 {
			return r.errorf(s.line, "RouteSettings: there is no route %q", s.key)
		}
		r.out.Routes[i].Throttle = s.throttle
	}
	return nil
}
