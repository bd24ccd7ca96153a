package template

import (
	"maps"
	"regexp"
	"strconv"
	"time"
)

// readEvents reads what triggers a function: routes, schedules and records. Another
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
		case "CloudWatchLogs":
			err = r.readSubscription(owner, &Subscription{Function: f}, e.line, props)
		default:
			err = r.errorf(e.line, "%s: the event type %q is not served offline: HttpApi, ScheduleV2 and "+
				"CloudWatchLogs are", owner,
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

// readSubscription reads a CloudWatchLogs, a subscription to a log group. Of its
// filters one form is understood: { $.message = "…" }.
func (r *reader) readSubscription(owner string, s *Subscription, line int, props *element) error {
	known := ignored("LogGroupName")
	known["FilterPattern"] = use(func(v *element) error {
		m := regexp.MustCompile(`^\{ \$\.message = "([A-Za-z ]+)" \}$`).FindStringSubmatch(v.text)
		if v.kind != scalarElement || m == nil {
			return r.errorf(v.line, `%s: FilterPattern must be of the form { $.message = "text" }, and is %s`,
				owner, v.what())
		}
		s.Message = m[1]
		return nil
	})
	if err := r.properties(owner, props, known); err != nil {
		return err
	}
	if s.Message == "" {
		return r.errorf(line, "%s has no FilterPattern", owner)
	}
	r.out.Subscriptions = append(r.out.Subscriptions, s)
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
