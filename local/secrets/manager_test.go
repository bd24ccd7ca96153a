package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// manager is a Secrets Manager: the actions that are used, over HTTP, as its API
// reference describes them, and a clock that a test sets.
type manager struct {
	mu      sync.Mutex
	now     time.Time
	secrets map[string]*stored // by name
	// called before an action, without the lock; it may be another operator
	before func(action, name string)
	answer func(action string, answer []byte) []byte // what becomes of an answer; nil: it is lost, as a connection is
	wrote  int                                       // actions that change anything
}

type stored struct {
	versions []version
	changed  time.Time
	deleted  bool // scheduled for that
}

type version struct {
	id, text string
	created  time.Time
	labels   []string
}

// labelled returns the version with the label.
func (s *stored) labelled(label string) *version {
	for i := range s.versions {
		if slices.Contains(s.versions[i].labels, label) {
			return &s.versions[i]
		}
	}
	return nil
}

// move takes a label from whichever version has it to the one with that id.
func (s *stored) move(label, to string) {
	for i := range s.versions {
		v := &s.versions[i]
		v.labels = slices.DeleteFunc(v.labels, func(l string) bool { return l == label })
		if v.id == to {
			v.labels = append(v.labels, label)
		}
	}
}

// newManager serves until the test ends. It has secrets by their names, changed last when its clock begins.
func newManager(tb testing.TB, secrets map[string]string) (*manager, *secretsmanager.Client) {
	tb.Helper()
	m := &manager{now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), secrets: map[string]*stored{}}
	for name, text := range secrets {
		m.secrets[name] = &stored{changed: m.now, versions: []version{{"v0", text, m.now, []string{current}}}}
	}
	server := httptest.NewServer(m)
	tb.Cleanup(server.Close)
	return m, secretsmanager.New(secretsmanager.Options{
		Region: "eu-central-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 2,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "key"}, nil
		}),
	})
}

func (m *manager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in request
	action := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "secretsmanager.")
	err := json.NewDecoder(r.Body).Decode(&in)
	in.SecretID += in.Name
	if m.before != nil {
		m.before(action, in.SecretID)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out any
	code := "SerializationException"
	if err == nil {
		out, code = m.do(action, in)
	}
	w.Header().Set("Date", m.now.Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	status := http.StatusOK
	if code != "" {
		status, out = http.StatusBadRequest, map[string]string{"__type": code, "message": "refused"}
	}
	answer, err := json.Marshal(out)
	if err == nil && m.answer != nil {
		answer = m.answer(action, answer)
	}
	if err != nil || answer == nil {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

// request is the fields of all requests.
type request struct {
	SecretID            string `json:"SecretId"`
	Name                string
	SecretString        string
	ClientRequestToken  string
	VersionStage        string
	VersionStages       []string
	MoveToVersionID     string `json:"MoveToVersionId"`
	RemoveFromVersionID string `json:"RemoveFromVersionId"`
}

// do carries an action out and returns its answer, or the code of an error.
func (m *manager) do(action string, in request) (answer any, code string) {
	s := m.secrets[in.SecretID]
	arn := "arn:aws:secretsmanager:eu-central-1:123456789012:secret:" + in.SecretID + "-AbCdEf"
	seconds := func(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
	switch {
	case action == "CreateSecret" && s == nil:
		m.wrote++
		m.secrets[in.SecretID] = &stored{
			changed: m.now, versions: []version{{"v0", in.SecretString, m.now, []string{current}}},
		}
		return map[string]string{"ARN": arn}, ""
	case s == nil:
		return nil, "ResourceNotFoundException"
	case action == "DescribeSecret":
		labels := map[string][]string{}
		for _, v := range s.versions {
			labels[v.id] = v.labels
		}
		out := map[string]any{
			"ARN": arn, "Name": in.SecretID, "LastChangedDate": seconds(s.changed), "VersionIdsToStages": labels,
		}
		if s.deleted {
			out["DeletedDate"] = seconds(m.now)
		}
		return out, ""
	case s.deleted:
		return nil, "InvalidRequestException"
	case action == "GetSecretValue":
		v := s.labelled(current)
		return map[string]any{"ARN": arn, "VersionId": v.id, "SecretString": v.text, "CreatedDate": seconds(v.created)},
			""
	case action == "PutSecretValue":
		m.wrote++
		// else it was sent twice
		if !slices.ContainsFunc(s.versions, func(v version) bool { return v.id == in.ClientRequestToken }) {
			s.versions = append(s.versions, version{id: in.ClientRequestToken, text: in.SecretString, created: m.now})
		}
		for _, label := range in.VersionStages {
			s.move(label, in.ClientRequestToken)
		}
		s.changed = m.now
		return map[string]string{"VersionId": in.ClientRequestToken}, ""
	case action == "UpdateSecretVersionStage":
		if has := s.labelled(in.VersionStage); has != nil && has.id != in.RemoveFromVersionID {
			return nil, "InvalidParameterException"
		}
		m.wrote++
		s.move(in.VersionStage, in.MoveToVersionID)
		s.changed = m.now
		return map[string]string{"ARN": arn}, ""
	}
	return nil, "InvalidRequestException"
}

// text returns what readers get.
func (m *manager) text(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.secrets[name].labelled(current).text
}

// pass lets time go by.
func (m *manager) pass(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
}

// operator is one who runs the program; what he is told is searched for secrets.
type operator struct {
	*program
	manager *manager
	said    bytes.Buffer
}

func newOperator(tb testing.TB, m *manager, c *secretsmanager.Client) *operator {
	tb.Helper()
	o := &operator{manager: m}
	o.program = &program{
		manager: c, samconfig: tb.TempDir() + "/samconfig.toml", out: &o.said,
		uri: func() (string, error) {
			return "", errors.New("nobody is there to be asked")
		},
	}
	return o
}

// runs runs the program, wants that exit code and returns what it said.
func (o *operator) runs(tb testing.TB, code int, args ...string) string {
	tb.Helper()
	o.said.Reset()
	if got := o.run(tb.Context(), args); got != code {
		tb.Fatalf("%v: exit code %d, want %d: %s", args, got, code, o.said.String())
	}
	o.manager.mu.Lock()
	defer o.manager.mu.Unlock()
	for name, s := range o.manager.secrets {
		for _, v := range s.versions {
			for _, part := range strings.FieldsFunc(v.text,
				func(r rune) bool { return strings.ContainsRune(`{}":,`, r) }) {
				if len(part) > 20 && strings.Contains(o.said.String(), part) {
					tb.Errorf("%v: what was said shows %s: %s", args, name, o.said.String())
				}
			}
		}
	}
	return o.said.String()
}
