package oms_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// job reports whether a schedule starts the function, and no request.
func job(function string) bool { return function == "ReconcileFunction" || function == "MailFunction" }

func TestTemplate_EveryFunctionIsWatched(t *testing.T) {
	t.Parallel()
	tpl := readTemplate(t)
	throttled := fmt.Sprint(tpl.resource("Throttles"), tpl.resource("ThrottlesToo"))
	for _, f := range tpl.functions(t) {
		logs := strings.TrimSuffix(f.id, "Function") + "Logs"
		if diff := cmp.Diff(ref(logs), at(f.properties, "LoggingConfig", "LogGroup")); diff != "" {
			t.Errorf("%s: LogGroup (-want +got):\n%s", f.id, diff)
		}
		if got := text(at(map[string]any(tpl), "Globals", "Function"), "LoggingConfig", "LogFormat"); got != "JSON" {
			t.Errorf("functions log as %s, want JSON", got)
		}
		wantLogGroup(t, tpl, logs, "/aws/lambda/${AWS::StackName}/"+f.name+"/${Of}")

		alarm := mapping(tpl.resource(strings.TrimSuffix(f.id, "Function")+"Errors"), "Properties")
		want := map[string]any{
			"FunctionName": ref(f.id), "Resource": map[string]any{"Fn::Sub": "${" + f.id + "}:live"},
			"ExecutedVersion": map[string]any{"Fn::GetAtt": f.id + ".Version.Version"},
		}
		if job(f.id) {
			delete(want, "ExecutedVersion") // it is for people, who care for the function and not for one version
		}
		got := map[string]any{}
		for _, d := range list(alarm, "Dimensions") {
			got[text(d, "Name")] = at(d, "Value")
		}
		if diff := cmp.Diff(want, got); diff != "" || text(alarm, "MetricName") != "Errors" {
			t.Errorf("no alarm watches the errors of %s:live (-want +got):\n%s", f.id, diff)
		}
		if text(tpl.property(f, "AutoPublishAlias")) != "live" {
			t.Errorf("%s has no alias live", f.id)
		}
		if !strings.Contains(throttled, "map[Ref:"+f.id+"]") {
			t.Errorf("the alarm Throttles leaves out %s", f.id)
		}
	}
	wantLogGroup(t, tpl, "AccessLogs", "/aws/vendedlogs/http-api/${AWS::StackName}/${Of}")
}

// TestTemplate_AlarmsSayWhatToDo: each says what it means and when it is over, and has one entry in the run-book.
func TestTemplate_AlarmsSayWhatToDo(t *testing.T) {
	t.Parallel()
	tpl, entries := readTemplate(t), map[string]int{}
	for section := range strings.SplitSeq(mustRead(t, "functions/runbook.md"), "\n## ") {
		of := regexp.MustCompile(`(?m)^Alarms?: (.*(?:\n.+)*)`).FindStringSubmatch(section)
		if of == nil {
			continue
		}
		for _, part := range []string{"**Means.**", "**Look.**", "**Do.**"} {
			if !strings.Contains(section, part) {
				t.Errorf("the run-book's entry of %s has no %s", of[1], part)
			}
		}
		for _, id := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(of[1], -1) {
			entries[id[1]]++
		}
	}
	alarms := map[string]int{}
	for id, r := range mapping(map[string]any(tpl), "Resources") {
		if text(r, "Type") != "AWS::CloudWatch::Alarm" {
			continue
		}
		p := mapping(r, "Properties")
		if !strings.HasSuffix(text(p, "AlarmDescription"), ".") {
			t.Errorf("the alarm %s does not say what it means", id)
		}
		var tells any
		if version := regexp.MustCompile(`^\w+?(Errors|5xx)$`).FindStringSubmatch(id); p["AlarmName"] != nil &&
			version != nil {
			alarms["Function"+version[1]] = 1 // their deployment's, as .ci/transform shows: they tell nobody
		} else {
			alarms[id] = 1
			tells = map[string]any{"Fn::If": []any{"HasTopic", []any{ref("AlarmTopicArn")}, ref("AWS::NoValue")}}
		}
		for _, when := range []string{"AlarmActions", "OKActions"} {
			if diff := cmp.Diff(tells, p[when]); diff != "" {
				t.Errorf("%s of the alarm %s (-want +got):\n%s", when, id, diff)
			}
		}
	}
	if diff := cmp.Diff(alarms, entries); diff != "" {
		t.Errorf("alarms of template.yaml (-) and entries of functions/runbook.md (+):\n%s", diff)
	}
}

// TestTemplate_DashboardShowsWhatThereIs: every function and every metric that is paid for.
func TestTemplate_DashboardShowsWhatThereIs(t *testing.T) {
	t.Parallel()
	tpl := readTemplate(t)
	var body struct {
		Widgets []struct {
			Type       string
			Properties struct {
				Title, Query string
				Metrics      [][]any
			}
		}
	}
	if err := json.Unmarshal([]byte(text(tpl.resource("Dashboard"), "Properties", "DashboardBody", "Fn::Sub")),
		&body); err != nil {
		t.Fatalf("the body of the dashboard: %v", err)
	}
	metrics, queries := map[string]bool{}, map[string]string{}
	for _, w := range body.Widgets {
		if (w.Type == "log") == (w.Properties.Query == "") || (w.Type == "metric") == (w.Properties.Metrics == nil) {
			t.Errorf("%s is a %s", w.Properties.Title, w.Type)
		}
		title, _, _ := strings.Cut(w.Properties.Title, " ")
		queries[title] = w.Properties.Query
		for _, m := range w.Properties.Metrics {
			metrics[fmt.Sprint(m[1])] = true
			metrics[fmt.Sprint(m[len(m)-1])] = true
		}
	}
	for _, f := range tpl.functions(t) {
		logs := "SOURCE '${" + strings.TrimSuffix(f.id, "Function") + "Logs}'"
		if !metrics["${"+f.id+"}"] || !strings.Contains(queries["Runs,"], logs) {
			t.Errorf("the dashboard leaves out %s", f.id)
		}
		if _, connects := tpl.environment(f)["MONGO_URI"]; connects != strings.Contains(queries["Database"], logs) {
			t.Errorf("%s connects to the database: %t, and the dashboard counts it: %t", f.id, connects, !connects)
		}
	}
	shown := strings.Join(slices.Collect(maps.Values(queries)), " ") + fmt.Sprint(body)
	for _, each := range []string{
		"Count", "4xx", "5xx", "p50", "p99", "by routeKey", "initDurationMs", "invalid_credentials",
		"too_many_attempts", "email_hash", "source_ip", "report.merged",
	} {
		if !strings.Contains(shown, each) {
			t.Errorf("the dashboard has no %s", each)
		}
	}
	for id, r := range mapping(map[string]any(tpl), "Resources") {
		for _, m := range list(r, "Properties", "MetricTransformations") {
			// A version's own answers are for its deployment.
			if name := text(m, "MetricName"); at(m, "Dimensions") == nil && !metrics[name] {
				t.Errorf("the dashboard does not show %s of %s", name, id)
			}
		}
	}
	if strings.Contains(mustRead(t, "template.yaml"), "DetailedMetricsEnabled") {
		t.Error("metrics by route are bought, and nobody reads them")
	}
	if got := text(map[string]any(tpl), "Globals", "Function", "LoggingConfig", "SystemLogLevel"); got != "INFO" {
		t.Errorf("SystemLogLevel is %s: Lambda then writes no reports, which the dashboard counts", got)
	}
}

// TestTemplate_RequestIDsJoin: what the access log has joins the records of functions, and the client's answer.
func TestTemplate_RequestIDsJoin(t *testing.T) {
	t.Parallel()
	format := text(readTemplate(t).resource("HttpApi"), "Properties", "AccessLogSettings", "Format")
	var record map[string]string
	if err := json.Unmarshal([]byte(format), &record); err != nil {
		t.Fatalf("the access log is not JSON: %v", err)
	}
	for field, variable := range map[string]string{
		"requestId":         "$context.requestId",             // gateway_request_id of a record
		"functionRequestId": "$context.integration.requestId", // its request_id, and the client's X-Request-Id
		"ip":                "$context.identity.sourceIp",     // its source_ip
	} {
		if record[field] != variable {
			t.Errorf("the access log's %s is %q, want %s", field, record[field], variable)
		}
	}
}

// wantLogGroup wants a log group that outlives its stack for as long as its retention, and so is its stack's alone.
func wantLogGroup(t *testing.T, tpl template, id, name string) {
	t.Helper()
	of := map[string]any{"Fn::Select": []any{2, map[string]any{"Fn::Split": []any{"/", ref("AWS::StackId")}}}}
	want := map[string]any{
		"Type": "AWS::Logs::LogGroup", "DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain",
		"Properties": map[string]any{
			"LogGroupName":    map[string]any{"Fn::Sub": []any{name, map[string]any{"Of": of}}},
			"RetentionInDays": ref("LogRetentionDays"),
			"KmsKeyId":        map[string]any{"Fn::If": []any{"HasKey", ref("KmsKeyArn"), ref("AWS::NoValue")}},
		},
	}
	if diff := cmp.Diff(want, tpl.resource(id)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", id, diff)
	}
}

func TestTemplate_DeploymentsSeeWhatTheirVersionAnswers(t *testing.T) {
	t.Parallel()
	tpl := readTemplate(t)
	namespace := map[string]any{"Fn::Sub": "OMS/${AWS::StackName}"}
	for _, f := range tpl.functions(t) {
		if job(f.id) {
			continue // whatever it logs as an error fails its run (package edge), which Lambda counts
		}
		name := strings.TrimSuffix(f.id, "Function")
		// That records have these fields, the tests of package edge and of the authorizer show. A transformation
		// with dimensions takes no DefaultValue.
		filter := map[string]any{
			"LogGroupName": ref(name + "Logs"), "FilterPattern": `{ ($.level = "ERROR") || ($.status >= 500) }`,
			"MetricTransformations": []any{map[string]any{
				"MetricNamespace": namespace, "MetricName": name + "5xx", "MetricValue": "1", "Unit": "Count",
				"Dimensions": []any{map[string]any{"Key": "version", "Value": "$.function_version"}},
			}},
		}
		if diff := cmp.Diff(filter, mapping(tpl.resource(name+"5xxMetric"), "Properties")); diff != "" {
			t.Errorf("%s5xxMetric (-want +got):\n%s", name, diff)
		}
		got := mapping(tpl.resource(name+"5xx"), "Properties")
		alarm := map[string]any{
			"AlarmDescription": got["AlarmDescription"], // that there is one, another test shows
			"AlarmName": map[string]any{
				"Fn::Sub": "${AWS::StackName}-" + f.name + "-5xx-${" + f.id + ".Version.Version}",
			},
			"Namespace": namespace, "MetricName": name + "5xx",
			"Dimensions": []any{
				map[string]any{"Name": "version", "Value": map[string]any{"Fn::GetAtt": f.id + ".Version.Version"}},
			},
			"Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1,
			"ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "notBreaching",
		}
		if diff := cmp.Diff(alarm, got); diff != "" {
			t.Errorf("%s5xx (-want +got):\n%s", name, diff)
		}
	}
}

func TestTemplate_JobsSayWhatTheyCannotDo(t *testing.T) {
	t.Parallel()
	tpl := readTemplate(t)
	// That records have what the filters look for, the tests of functions/reconcile and functions/mail show.
	namespace := map[string]any{"Fn::Sub": "OMS/${AWS::StackName}"} // two stacks of an account must not share a metric
	published, watched := map[string]bool{}, map[string]bool{}
	for id, r := range mapping(map[string]any(tpl), "Resources") {
		p := mapping(r, "Properties")
		if strings.Contains(id, "5xx") {
			continue // of answers, not of runs
		}
		switch text(r, "Type") {
		case "AWS::Logs::MetricFilter":
			logs := "ReconcileLogs"
			if strings.HasPrefix(id, "Mail") {
				logs = "MailLogs"
			}
			if diff := cmp.Diff(any(ref(logs)), p["LogGroupName"]); diff != "" {
				t.Errorf("%s: LogGroupName (-want +got):\n%s", id, diff)
			}
			for _, m := range list(p, "MetricTransformations") {
				if diff := cmp.Diff(any(namespace), at(m, "MetricNamespace")); diff != "" ||
					at(m, "DefaultValue") != 0 {
					t.Errorf("%s: want DefaultValue 0, for runs with nothing to tell, and namespace (-want +got):\n%s",
						id, diff)
				}
				published[text(m, "MetricName")] = true
			}
		case "AWS::CloudWatch::Alarm":
			if strings.HasPrefix(text(p, "Namespace"), "AWS/") || at(p, "Metrics") != nil {
				continue
			}
			// A record that is not the run's own counts as the default: the maximum is what the run said.
			if diff := cmp.Diff(any(namespace), p["Namespace"]); diff != "" || text(p, "Statistic") != "Maximum" ||
				p["Dimensions"] != nil {
				t.Errorf("%s: want the maximum, no dimension, and namespace (-want +got):\n%s", id, diff)
			}
			watched[text(p, "MetricName")] = true
		}
	}
	if len(published) == 0 {
		t.Error("no job publishes a metric")
	}
	if diff := cmp.Diff(published, watched); diff != "" {
		t.Errorf("metrics that filters publish (-) and that alarms watch (+):\n%s", diff)
	}
}
