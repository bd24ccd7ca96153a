package lambda

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"
)

// Schedule is one time-based trigger, as EventBridge Scheduler has them.
type Schedule struct {
	Name     string
	Function string // its name
	Every    time.Duration
}

// scheduled is the event of EventBridge Scheduler. Its detail is the text "{}", not an object.
type scheduled struct {
	Version    string   `json:"version"`
	ID         string   `json:"id"`
	DetailType string   `json:"detail-type"`
	Source     string   `json:"source"`
	Account    string   `json:"account"`
	Time       string   `json:"time"` // RFC 3339, UTC, whole seconds
	Region     string   `json:"region"`
	Resources  []string `json:"resources"`
	Detail     string   `json:"detail"`
}

// repeat sends a schedule's event at once, and then at its rate, until the context
// ends. It waits for each to end, so two of one schedule never run at once: of
// those that fall due in the meantime, one is sent when it has ended.
func (f *Functions) repeat(ctx context.Context, s Schedule) {
	ticker := time.NewTicker(s.Every)
	defer ticker.Stop()
	for {
		f.fire(ctx, s.Name, s.Function, s.event(time.Now()))
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// fire sends one event, which nobody waits for. A failure is logged: another comes.
func (f *Functions) fire(ctx context.Context, cause, function string, event []byte) {
	_, err := f.Invoke(ctx, function, event, NewTrace(time.Now()))
	if err != nil && ctx.Err() == nil {
		f.log.LogAttrs(ctx, slog.LevelError, "schedule failed",
			slog.String("schedule", cause), slog.String("function", function), slog.String("err", err.Error()))
	}
}

func (s Schedule) event(now time.Time) []byte {
	event, _ := json.Marshal(scheduled{ // texts alone: it cannot fail
		Version:    "0",
		ID:         newUUID(),
		DetailType: "Scheduled Event",
		Source:     "aws.scheduler",
		Account:    AccountID,
		Time:       now.UTC().Format(time.RFC3339),
		Region:     Region,
		Resources:  []string{"arn:aws:scheduler:" + Region + ":" + AccountID + ":schedule/default/" + s.Name},
		Detail:     "{}",
	})
	return event
}
