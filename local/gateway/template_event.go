package gateway

import (
	"encoding/json"
	"maps"
	"regexp"
	"strconv"
	"time"
)

// readEvents reads what triggers a function: routes and schedules. Another
// kind of event would never fire here, and is refused.
func (r *reader) readEvents(function string, events *element) error {
	if events.kind != mapElement {
		return r.errorf(events.line, "%s: Events must be a mapping, and is %s", function, events.what())
	}
	for _, f := range events.fields {
		owner := function + ": event " + f.key
		if f.value.kind != mapElement {
			return r.errorf(f.line, "%s must be a mapping, and is %s", owner, f.value.what())
		}
		kind, props := "", (*element)(nil)
		err := r.properties(owner, f.value, map[string]property{
			"Type": plain(func(v *element) (err error) {
				kind, err = r.text(owner+": Type", v)
				return err
			}),
			"Properties": plain(func(v *element) error {
				props = v
				return nil
			}),
		})
		if err != nil {
			return err
		}
		if props == nil {
			props = &element{kind: mapElement, line: f.line}
		}
		switch kind {
		case "HttpApi":
			err = r.readRoute(owner, function, f.line, props)
		case "Schedule":
			err = r.readSchedule(owner, Schedule{Name: f.key, Function: function, Line: f.line}, props, "Schedule")
		case "ScheduleV2":
			err = r.readSchedule(owner, Schedule{Name: f.key, Function: function, Line: f.line}, props, "ScheduleExpression")
		default:
			err = r.errorf(f.line, "%s: the event type %q cannot be served offline: HttpApi, Schedule and ScheduleV2 can", owner, kind)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readSchedule reads a Schedule or a ScheduleV2; expression is the name of
// the property with its rate. A disabled one is read, and left out.
func (r *reader) readSchedule(owner string, s Schedule, props *element, expression string) error {
	var state, enabled *element
	known := ignored("Description", "Name", "DeadLetterConfig", "RetryPolicy")
	maps.Copy(known, map[string]property{
		expression: use(func(v *element) (err error) {
			s.Every, err = r.rate(owner+": "+expression, v)
			return err
		}),
		"Input": use(func(v *element) (err error) {
			if s.Input, err = r.text(owner+": Input", v); err == nil && !json.Valid([]byte(s.Input)) {
				err = r.errorf(v.line, "%s: Input must be JSON", owner)
			}
			return err
		}),
		"State": use(func(v *element) error {
			state = v
			return nil
		}),
	})
	if expression == "Schedule" {
		known["Enabled"] = use(func(v *element) error {
			enabled = v
			return nil
		})
	} else {
		maps.Copy(known, ignored("FlexibleTimeWindow", "GroupName", "KmsKeyArn", "OmitName", "PermissionsBoundary", "RoleArn", "ScheduleExpressionTimezone"))
	}
	if err := r.properties(owner, props, known); err != nil {
		return err
	}
	on := true
	switch {
	case s.Every == 0:
		return r.errorf(s.Line, "%s has no %s", owner, expression)
	case state != nil && enabled != nil:
		return r.errorf(state.line, "%s: State and Enabled say the same thing: give one", owner)
	case state != nil:
		if state.text != "ENABLED" && state.text != "DISABLED" {
			return r.errorf(state.line, "%s: State must be ENABLED or DISABLED, and is %s", owner, state.what())
		}
		on = state.text == "ENABLED"
	case enabled != nil:
		var err error
		if on, err = r.boolean(owner+": Enabled", enabled); err != nil {
			return err
		}
	}
	if on {
		r.out.Schedules = append(r.out.Schedules, s)
	}
	return nil
}

// rate reads rate(5 minutes) ("Schedule types on EventBridge Scheduler").
// cron and at expressions are refused: nothing here reads them.
func (r *reader) rate(what string, v *element) (time.Duration, error) {
	m := regexp.MustCompile(`^rate\(([1-9][0-9]{0,5}) (minute|hour|day)s?\)$`).FindStringSubmatch(v.text)
	if v.kind != scalarElement || m == nil {
		return 0, r.errorf(v.line, "%s must be a rate, as rate(5 minutes), and is %s: cron and at expressions are not served offline", what, v.what())
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0, r.errorf(v.line, "%s: %v", what, err)
	}
	unit := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[m[2]]
	every := time.Duration(n) * unit
	// EventBridge's longest rate is 365 days, and so every sum here fits.
	if every > 365*24*time.Hour {
		return 0, r.errorf(v.line, "%s must be at most 365 days, and is %s", what, v.what())
	}
	return every, nil
}
