package contract_test

import (
	"encoding/json"
	"index/suffixarray"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"oms/shared/token"
)

// confidential returns what of an exchange no record may have: its passwords,
// its addresses (of mail: where a refused request came from is in its record on
// purpose), its tokens of both kinds and its Idempotency-Key.
func confidential(request *http.Request, bodies ...[]byte) []string {
	bearer := strings.TrimPrefix(request.Header.Get("Authorization"), "Bearer ")
	all := []string{bearer, request.Header.Get("Idempotency-Key")}
	for _, body := range bodies {
		var object map[string]any
		_ = json.Unmarshal(body, &object) // what is no object has no fields
		for _, name := range []string{
			"password", "new_password", "email", "admin_email", "access_token", "refresh_token", "token",
		} {
			if s, ok := object[name].(string); ok {
				all = append(all, s)
			}
		}
	}
	// The rest may be part of a word.
	return slices.DeleteFunc(all, func(s string) bool { return len(s) < 8 })
}

// searchLog fails the test where the log has what it must not have, or lacks
// the record of an answer. The service has ended, so nothing is still on its way.
func (h *host) searchLog(tb testing.TB) {
	tb.Helper()
	log := h.program.Log()
	for line := range strings.Lines(log) {
		if what := h.leak(line); what != "" {
			tb.Errorf("the log has %s: %s", what, line)
		}
		if address := regexp.MustCompile(`[^\s"=<]@[^\s"=>]+\.\pL`).FindString(line); address != "" {
			tb.Errorf("the log has an address, …%s…: %s", address, line)
		}
	}
	index := suffixarray.New([]byte(strings.ToLower(log)))
	for secret, what := range h.keptSecrets(tb) {
		inJSON, _ := json.Marshal(secret) // of a string there is no error
		for _, form := range []string{
			secret, strings.Trim(string(inJSON), `"`), strings.Trim(strconv.Quote(secret), `"`),
		} {
			if at := index.Lookup([]byte(strings.ToLower(form)), 1); at != nil {
				text := index.Bytes()[:at[0]+len(form)]
				tb.Errorf("the log has %s, %q, at the end of …%s", what, secret, text[max(0, len(text)-400):])
				break
			}
		}
	}
	missing := 0
	for id, status := range h.requests {
		if !strings.Contains(log, id) {
			missing++
			if missing == 1 {
				tb.Errorf("the log has no record of the request %s, answered with %d", id, status)
			}
		}
	}
	if missing > 1 {
		tb.Errorf("the log lacks the records of %d of %d requests", missing, len(h.requests))
	}
	if len(h.requests) == 0 || len(h.sent) == 0 {
		tb.Error("nothing was answered, or nothing sent that is confidential")
	}
}

// keptSecrets returns what is confidential in all exchanges, and the keys and
// passwords that the host was started with or made, each with what it is.
func (h *host) keptSecrets(tb testing.TB) map[string]string {
	tb.Helper()
	all := map[string]string{}
	for s := range h.sent {
		all[s] = "what a request or an answer had"
	}
	started := map[string]string{}
	if text, err := os.ReadFile(filepath.Join(h.program.Data, "secrets.json")); err == nil {
		if err := json.Unmarshal(text, &started); err != nil {
			tb.Error(err)
		}
	}
	for name, value := range h.secrets {
		started[name] = value
	}
	for name, value := range started {
		var ring struct{ Keys map[string]string }
		if json.Unmarshal([]byte(value), &ring) != nil {
			ring.Keys = map[string]string{"": value}
		}
		for _, key := range ring.Keys {
			all[key] = name
		}
	}
	return all
}

// leak tells what in a text must not be there: in an error body, or in a log.
func (h *host) leak(text string) string {
	if strings.Contains(text, "eyJhbGciOi") { // the start of every token here, {"alg": in base64; no random id has it
		return "a token"
	}
	if strings.Contains(text, token.RefreshPrefix) {
		return "a refresh token"
	}
	if strings.Contains(text, string(token.ResetPassword)) || strings.Contains(text, string(token.ConfirmEmail)) {
		return "a token that was mailed"
	}
	lower := strings.ToLower(text)
	for what, part := range map[string]string{
		"a password or an address": planted, "a hash": "$2", "a connection string": "mongodb://",
		"a stack": "goroutine ",
	} {
		if strings.Contains(lower, part) {
			return what
		}
	}
	for name, value := range h.secrets {
		if strings.Contains(text, value) {
			return name
		}
	}
	return ""
}
