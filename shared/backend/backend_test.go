package backend_test

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"oms/shared/backend"
	"oms/shared/config"
	"oms/shared/must"
)

// TestOpen_leavesTimeOfTheInitPhase has secrets that take almost as long as they
// may, and then a database that never answers. Lambda gives all of that ten
// seconds, and ends a process that takes longer (developer guide, "Lambda
// execution environment").
func TestOpen_leavesTimeOfTheInitPhase(t *testing.T) {
	t.Parallel()
	// connections are made, and not served
	silent := must.Get((&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0"))(t)
	defer func() { _ = silent.Close() }()
	uri := "mongodb://" + silent.Addr().String() + "/?directConnection=true"

	late := make(chan struct{})
	time.AfterFunc(config.SecretsWithin-500*time.Millisecond, func() { close(late) })
	manager := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-late:
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
			_ = json.NewEncoder(w).Encode(map[string]string{"SecretString": uri})
		case <-r.Context().Done():
		}
	}))
	defer manager.Close()
	environment := map[string]string{ //nolint:gosec // G101: a secret's name
		"STAGE": "dev", "AWS_ENDPOINT_URL": manager.URL, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key",
		"MONGO_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:oms/mongo-AbCdEf",
	}

	lookup := func(name string) (string, bool) { v, ok := environment[name]; return v, ok }

	start := time.Now()
	b := must.Get(backend.Open(t.Context(), lookup, slog.New(slog.DiscardHandler), "test"))(t)
	defer func() { _ = b.Database.Close(t.Context()) }()
	if b.Database.PrepareIndexes(t.Context()).Ready() {
		t.Error("a database that does not answer has indexes")
	}
	if took := time.Since(start); took > 9*time.Second {
		t.Errorf("the start took %v, want less than Lambda's ten seconds", took)
	}
}
