package reconcile

import (
	"bytes"
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"oms/shared/edge"
	"oms/shared/must"
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

// TestReconcile_leavesOneRecord: of what it did, and with what the alarms read.
func TestReconcile_leavesOneRecord(t *testing.T) {
	t.Parallel()
	broken := errors.New("listing claims: broken")
	for _, tt := range []struct {
		name string
		fake fakeReconciler
		want map[string]float64 // metrics that are not their default, 0
	}{
		{
			"nothing, of a run that did all there was",
			fakeReconciler{report: organization.Report{Purged: 2, Complete: true}},
			map[string]float64{},
		},
		{
			"that there was no time for the rest",
			fakeReconciler{report: organization.Report{Purged: 2}},
			map[string]float64{"ReconcileIncomplete": 1},
		},
		{
			"what cannot be done, by items and by age",
			fakeReconciler{
				report: organization.Report{
					Purged: 2, Failed: 2, Kept: 1, Oldest: 16*time.Minute + time.Second/2, Complete: true,
				},
			},
			map[string]float64{"ReconcileStuck": 3, "ReconcileOldest": 960},
		},
		{
			"all of it, of a run that failed",
			fakeReconciler{organization.Report{Failed: 1, Purged: 2, Oldest: time.Second}, broken},
			map[string]float64{"ReconcileIncomplete": 1, "ReconcileStuck": 1, "ReconcileOldest": 1},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			_, err := edge.NewJob(reconcile(tt.fake, ready(true)), edge.NewLogger(&log)).Invoke(t.Context(),
				[]byte(`{"source":"aws.scheduler"}`))
			if (err != nil) != (tt.fake.err != nil) {
				t.Errorf("Invoke = %v, want an error: %t", err, tt.fake.err != nil)
			}
			var level, cause any = "INFO", nil
			if tt.fake.err != nil {
				level, cause = "ERROR", broken.Error()
			}
			record := log.Bytes()
			if selected(t, record, "$.level") != level || selected(t, record, "$.err") != cause ||
				selected(t, record, "$.report.purged") != 2.0 {
				t.Errorf("record = %s", record)
			}
			if diff := cmp.Diff(tt.want, metrics(t, record)); diff != "" {
				t.Errorf("metrics of %s (-want +got):\n%s", record, diff)
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

// metrics is what the metric filters of template.yaml make of a record, by the
// rules of "Filter pattern syntax for metric filters" (CloudWatch Logs).
func metrics(t *testing.T, record []byte) map[string]float64 {
	t.Helper()
	template := must.Get(os.ReadFile("../../template.yaml"))(t)
	filters := regexp.MustCompile(`LogGroupName: !Ref ReconcileLogs\n +`+
		`FilterPattern: '\{ (\S+) (.+) \}'\n +MetricTransformations:\n +- \{.*MetricName: `+
		`(\w+), MetricValue: '?([^',]+)'?, DefaultValue: 0,`).
		FindAllStringSubmatch(string(template), -1)
	if all := strings.Count(string(template), "LogGroupName: !Ref ReconcileLogs"); len(filters) != all || all == 0 {
		t.Fatalf("%d metric filters are not written as this test reads them, of %d", all-len(filters), all)
	}
	out := map[string]float64{}
	for _, f := range filters {
		selector, condition, metric, value := f[1], f[2], f[3], f[4]
		there := selected(t, record, selector)
		switch {
		case condition == "IS FALSE" && value == "1":
			if there == false {
				out[metric] = 1
			}
		case condition == ">= 1" && value == selector:
			if n, is := there.(float64); is && n >= 1 {
				out[metric] = n
			}
		default:
			t.Fatalf("this test does not know what %s becomes by the condition %q and the value %s", metric, condition,
				value)
		}
	}
	return out
}

// selected is what a selector ($.report.stuck) finds in a record; nil where there is no such thing.
func selected(t *testing.T, record []byte, selector string) any {
	t.Helper()
	v := must.JSON[any](t, record)
	root, path, _ := strings.Cut(selector, ".")
	if root != "$" {
		t.Fatalf("the selector %s does not begin with $", selector)
	}
	for key := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}
