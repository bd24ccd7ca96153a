package mail

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"oms/shared/config"
	"oms/shared/edge"
	"oms/shared/organization"
)

type fakeSender struct {
	post organization.MailReport
	err  error
}

func (f fakeSender) SendMails(context.Context, organization.MailSender) (organization.MailReport, error) {
	return f.post, f.err
}

// ready is a database whose indexes are there, or are not.
type ready bool

func (r ready) Ready() bool { return bool(r) }

// TestSend_leavesOneRecord: with what the alarm MailStuck reads.
func TestSend_leavesOneRecord(t *testing.T) {
	t.Parallel()
	for level, err := range map[string]error{"INFO": nil, "ERROR": errors.New("listing admins with mail: broken")} {
		var log bytes.Buffer
		post := organization.MailReport{Sent: 2, Stuck: 1, Dropped: 2}
		_, got := edge.NewJob(send(fakeSender{post, err}, ready(true), nil), edge.NewLogger(&log)).
			Invoke(t.Context(), nil)
		var record struct {
			Level string
			Post  map[string]any
		}
		if err := json.Unmarshal(log.Bytes(), &record); err != nil {
			t.Fatalf("log %q: %v", log.String(), err)
		}
		if (got != nil) != (err != nil) || record.Level != level || record.Post["sent"] != 2.0 ||
			record.Post["stuck"] != 3.0 {
			t.Errorf("Invoke = %v, record = %s", got, log.String())
		}
	}
	template, err := os.ReadFile("../../template.yaml")
	if err != nil || !strings.Contains(string(template), "FilterPattern: '{ $.post.stuck >= 1 }'") {
		t.Errorf("template.yaml looks for something else, %v", err)
	}
}

func TestSend_waitsForTheIndexes(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	_, err := edge.NewJob(send(nil, ready(false), nil), edge.NewLogger(&log)).Invoke(t.Context(), nil)
	if err == nil || !bytes.Contains(log.Bytes(), []byte(`"level":"WARN"`)) {
		t.Errorf("Invoke = %v, log %s; want an error and a warning", err, log.String())
	}
}

func TestPostman(t *testing.T) {
	t.Parallel()
	if p := sender(config.Mailing{}); p != nil {
		t.Errorf("without anything to carry mail it is carried by %v", p)
	}
	for _, env := range []map[string]string{
		{"STAGE": "local", "MAIL_FOLDER": "/m"},
		{"MAIL_FROM": "oms@x.example", "AWS_REGION": "r", "AWS_ACCESS_KEY_ID": "i", "AWS_SECRET_ACCESS_KEY": "k"},
	} {
		env["PUBLIC_URL"] = "https://x.example"
		c, err := config.Load(t.Context(), func(name string) (string, bool) { return env[name], true }, config.Mail)
		if err != nil || sender(c.Mail) == nil {
			t.Errorf("with %v nobody carries mail, %v", env, err)
		}
	}
}
