package gateway

import (
	"context"
	"log/slog"
	"time"
)

// scheduled is the event of EventBridge Scheduler where the target has no input
// of its own. Its detail is the text "{}", not an object.
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

// run sends a schedule's event at once, and then at its rate, until the context
// ends. It waits for each to end, so two of one schedule never run at once: of
// those that fall due in the meantime, one is sent when it has ended.
func (g *Gateway) run(ctx context.Context, s Schedule) {
	ticker := time.NewTicker(s.Every)
	defer ticker.Stop()
	for {
		g.fire(ctx, s)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// fire sends one event. A failure is logged: the next one comes at its rate.
func (g *Gateway) fire(ctx context.Context, s Schedule) {
	payload, err := g.scheduledEvent(s)
	if err == nil {
		_, err = g.Invoke(ctx, s.Function, payload)
	}
	if err != nil && ctx.Err() == nil {
		g.log.LogAttrs(ctx, slog.LevelError, "schedule failed", slog.String("schedule", s.Name), slog.String("function", s.Function), slog.String("err", err.Error()))
	}
}

func (g *Gateway) scheduledEvent(s Schedule) ([]byte, error) {
	if s.Input != "" {
		return []byte(s.Input), nil
	}
	return encode(scheduled{
		Version:    "0",
		ID:         newUUID(),
		DetailType: "Scheduled Event",
		Source:     "aws.scheduler",
		Account:    accountID,
		Time:       g.now().UTC().Format(time.RFC3339),
		Region:     defaultRegion,
		Resources:  []string{"arn:aws:scheduler:" + defaultRegion + ":" + accountID + ":schedule/default/" + s.Name},
		Detail:     "{}",
	})
}
