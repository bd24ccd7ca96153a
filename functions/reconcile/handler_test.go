package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"

	"oms/shared/edge"
	"oms/shared/organization"
)

type fakeReconciler struct {
	report organization.Report
	err    error
}

func (f fakeReconciler) Reconcile(context.Context) (organization.Report, error) {
	return f.report, f.err
}

// ready is a database whose indexes are there, or are not.
type ready bool

func (r ready) Ready() bool { return bool(r) }

func TestReconcile_leavesOneRecord(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fake  fakeReconciler
		level string
		err   any
	}{
		{"of what it did", fakeReconciler{report: organization.Report{Purged: 2, Complete: true}}, "INFO", nil},
		{"of what it did before it failed", fakeReconciler{organization.Report{Purged: 2}, errors.New("listing claims: broken")}, "ERROR", "listing claims: broken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			_, err := edge.NewJob(reconcile(tt.fake, ready(true)), edge.NewLogger(&log)).Invoke(t.Context(), []byte(`{"source":"aws.scheduler"}`))
			if (err != nil) != (tt.err != nil) {
				t.Errorf("Invoke = %v, want an error: %t", err, tt.err != nil)
			}
			var record struct {
				Level  string
				Err    any
				Report map[string]any
			}
			if err := json.Unmarshal(log.Bytes(), &record); err != nil {
				t.Fatalf("log %q: %v", log.String(), err)
			}
			if record.Level != tt.level || record.Err != tt.err || record.Report["purged"] != 2.0 {
				t.Errorf("record = %s", log.String())
			}
		})
	}
}

func TestReconcile_waitsForTheIndexes(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	_, err := edge.NewJob(reconcile(nil, ready(false)), edge.NewLogger(&log)).Invoke(t.Context(), nil)
	if err == nil || !bytes.Contains(log.Bytes(), []byte(`"level":"WARN"`)) {
		t.Errorf("Invoke = %v, log %s; want an error and a warning", err, log.String())
	}
}
