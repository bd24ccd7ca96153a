package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"oms/shared/edge/edgetest"
	"oms/shared/openapi/openapitest"
)

// standIn plays the functions that the page calls: one organization, kept in
// memory, answered as the contract says.
type standIn struct {
	mu       sync.Mutex
	name     string // empty: there is no organization
	email    string
	password string
	version  int
}

// fields are those of every request.
type fields struct {
	Name     string `json:"organization_name"`
	Email    string `json:"email"`
	Password string `json:"password"`
}

// issued is the token that the stand-in gives out.
const issued = "e30.e30.e30"

// newService serves this function, by way of Lambda's events, and a stand-in
// for the others, below prefix. Every exchange is held against the document.
func newService(tb testing.TB, prefix string) *httptest.Server {
	tb.Helper()
	docs, err := newHandler()
	if err != nil {
		tb.Fatalf("newHandler() = %v", err)
	}
	mux := http.NewServeMux()
	for _, route := range []string{"/docs", "/docs/assets/{version}/{file}", "/openapi.json"} {
		mux.HandleFunc("GET "+route, func(w http.ResponseWriter, r *http.Request) {
			accept := map[string]string{"accept-encoding": r.Header.Get("Accept-Encoding")}
			request := edgetest.Request{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Header: accept}
			got := edgetest.Invoke(tb, docs, edgetest.Event(tb, request))
			for name, values := range got.Header {
				w.Header()[name] = values
			}
			w.WriteHeader(got.Status)
			_, _ = io.WriteString(w, got.Body)
		})
	}
	s := &standIn{}
	mux.HandleFunc("POST /org/create", s.create)
	mux.HandleFunc("POST /admin/login", s.login)
	mux.HandleFunc("PUT /org/update", s.update)
	mux.HandleFunc("DELETE /org/delete", s.delete)
	server := httptest.NewServer(http.StripPrefix(prefix, checked(tb, mux)))
	tb.Cleanup(server.Close)
	return server
}

// checked holds every exchange with next against the document.
func checked(tb testing.TB, next http.Handler) http.Handler {
	tb.Helper()
	checker := openapitest.New(tb)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, err := io.ReadAll(r.Body)
		if err != nil {
			tb.Errorf("reading a request: %v", err)
		}
		r.Body = io.NopCloser(bytes.NewReader(sent))
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		checker.Exchange(tb, r, sent, rec.Result(), rec.Body.Bytes())
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}

func (s *standIn) create(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var f fields
	if json.NewDecoder(r.Body).Decode(&f) != nil || s.name != "" {
		refuse(w, http.StatusConflict, "organization_name_taken")
		return
	}
	s.name, s.email, s.password, s.version = f.Name, f.Email, f.Password, 1
	w.Header().Set("Location", "/org/get?organization_name="+url.QueryEscape(s.name))
	s.say(w, http.StatusCreated, `{"status":"success","data":%s}`, s.organization())
}

func (s *standIn) login(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var f fields
	if json.NewDecoder(r.Body).Decode(&f) != nil || f.Email != s.email || f.Password != s.password || s.name == "" {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_grant"`)
		refuse(w, http.StatusUnauthorized, "invalid_credentials")
		return
	}
	s.say(w, http.StatusOK, `{"access_token":%q,"token_type":"bearer","expires_in":3600}`, issued)
}

func (s *standIn) update(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.allowed(w, r) {
		return
	}
	var f fields
	if json.NewDecoder(r.Body).Decode(&f) != nil || r.Header.Get("If-Match") != fmt.Sprintf(`"%d"`, s.version) {
		refuse(w, http.StatusPreconditionFailed, "version_mismatch")
		return
	}
	s.name = f.Name
	s.version++
	s.say(w, http.StatusOK, `{"status":"success","data":{"organization":%s}}`, s.organization())
}

func (s *standIn) delete(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.allowed(w, r) {
		return
	}
	if !strings.EqualFold(r.URL.Query().Get("organization_name"), s.name) {
		refuse(w, http.StatusForbidden, "not_your_organization")
		return
	}
	s.say(w, http.StatusOK, `{"status":"deleted","organization":%q}`, s.name)
	s.name = ""
}

// allowed is the gateway's authorizer.
func (s *standIn) allowed(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Authorization") == "Bearer "+issued {
		return true
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Apigw-Requestid", "stand-in")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, `{"message":"Unauthorized"}`)
	return false
}

func (s *standIn) organization() string {
	return fmt.Sprintf(`{"id":"6743f1d2a5b4c3d2e1f00918","organization_name":%q,"collection_name":"org_stand_in","admin_email":%q,`+
		`"created_at":"2025-11-24T10:15:30.123Z","updated_at":"2025-11-24T10:15:30.123Z","version":%d}`, s.name, s.email, s.version)
}

func (s *standIn) say(w http.ResponseWriter, status int, format string, args ...any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Request-Id", "stand-in")
	w.Header().Set("ETag", fmt.Sprintf(`"%d"`, s.version))
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, format, args...)
}

// refuse answers with a problem document.
func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Request-Id", "stand-in")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"type":"urn:oms:problem:%s","title":"Refused","status":%d,"detail":"refused","code":%q,"request_id":"stand-in"}`, code, status, code)
}
