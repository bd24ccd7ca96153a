package template

import (
	"encoding/json"
	"maps"
	"regexp"
	"strconv"
	"time"
)

// readEvents reads what triggers a function: routes and schedules. Another
// kind of event would never fire here, and is refused.
func (r *reader) readEvents(f *Function, events *element) error {
	if events.kind != mapElement {
		return r.errorf(events.line, "%s: Events must be a mapping, and is %s", f.Name, events.what())
	}
	for _, e := range events.fields {
		owner := f.Name + ": event " + e.key
		kind, props := "", &element{kind: mapElement, line: e.line}
		err := r.properties(owner, e.value, map[string]property{
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
		switch kind {
		case "HttpApi":
			err = r.readRoute(owner, f, e.line, props)
		case "ScheduleV2":
			err = r.readSchedule(owner, &Schedule{Name: e.key, Function: f}, e.line, props)
		default:
			err = r.errorf(e.line, "%s: the event type %q is not served offline: HttpApi and ScheduleV2 are", owner,
				kind)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readSchedule reads a ScheduleV2. A disabled one is read, and left out.
func (r *reader) readSchedule(owner string, s *Schedule, line int, props *element) error {
	enabled := true
	known := ignored(
		"Description", "DeadLetterConfig", "FlexibleTimeWindow", "GroupName", "KmsKeyArn", "Name", "OmitName",
		"PermissionsBoundary", "RetryPolicy", "RoleArn", "ScheduleExpressionTimezone",
	)
	maps.Copy(known, map[string]property{
		"ScheduleExpression": use(func(v *element) (err error) {
			s.Every, err = r.rate(owner+": ScheduleExpression", v)
			return err
		}),
		"Input": use(func(v *element) (err error) {
			if s.Input, err = r.text(owner+": Input", v); err == nil && !json.Valid([]byte(s.Input)) {
				err = r.errorf(v.line, "%s: Input must be JSON", owner)
			}
			return err
		}),
		"State": use(func(v *element) error {
			if v.text != "ENABLED" && v.text != "DISABLED" {
				return r.errorf(v.line, "%s: State must be ENABLED or DISABLED, and is %s", owner, v.what())
			}
			enabled = v.text == "ENABLED"
			return nil
		}),
	})
	if err := r.properties(owner, props, known); err != nil {
		return err
	}
	if s.Every == 0 {
		return r.errorf(line, "%s has no ScheduleExpression", owner)
	}
	if enabled {
		r.out.Schedules = append(r.out.Schedules, s)
	}
	return nil
}

// rate reads rate(5 minutes) ("Schedule types on EventBridge Scheduler").
// cron and at expressions are refused: nothing here reads them.
func (r *reader) rate(what string, v *element) (time.Duration, error) {
	m := regexp.MustCompile(`^rate\(([1-9][0-9]{0,5}) (minute|hour|day)s?\)$`).FindStringSubmatch(v.text)
	if v.kind != scalarElement || m == nil {
		return 0, r.errorf(v.line, "%s must be a rate, as rate(5 minutes), and is %s: "+
			"cron and at expressions are not served offline", what, v.what())
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
