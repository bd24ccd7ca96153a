// Echo is a function for the tests of package local: it tells what it finds.
package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"oms/shared/edge"
)

func main() {
	edge.Main(func(context.Context, func(string) (string, bool), *slog.Logger) (http.Handler, error) {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /env", env)
		mux.HandleFunc("GET /shut", env)
		mux.HandleFunc("GET /hold", hold)
		return mux, nil
	})
}

// env answers with its environment.
func env(w http.ResponseWriter, _ *http.Request) {
	variables := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		variables[name] = value
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(variables)
}

// hold opens the pipe started, which waits for a reader, and then answers when
// somebody has written to the pipe release.
func hold(w http.ResponseWriter, r *http.Request) {
	f, err := os.OpenFile(r.URL.Query().Get("started"), os.O_WRONLY, 0)
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		_, err = os.ReadFile(r.URL.Query().Get("release"))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = w.Write([]byte("released"))
}
