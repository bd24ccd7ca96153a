package gateway_test

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestThrottle empties the buckets in a time that stands still but where it is
// told to pass.
func TestThrottle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newGuarded("{Headers: [Authorization]}", `{"isAuthorized":true}`)
		s.api += ", " + corsConfiguration + ", " +
			"DefaultRouteSettings: {ThrottlingRateLimit: 2, ThrottlingBurstLimit: 3}, " +
			"RouteSettings: {GET /slow: {ThrottlingRateLimit: 0.5, ThrottlingBurstLimit: 1}, " +
			"GET /shut: {ThrottlingRateLimit: 0, ThrottlingBurstLimit: 0}}"
		s.routes = []string{"GET /a Echo", "POST /a Echo", "GET /b Echo Token", "GET /slow Echo", "GET /shut Echo"}
		g := s.open(t)
		// lets fails the test unless that many requests pass, and the next does not.
		lets := func(n int, method, path string, header ...string) {
			t.Helper()
			for i := range n {
				if got := g.do(t, method, path, "", header...); got.status == 429 {
					t.Fatalf("request %d of %s %s was throttled, want %d to pass", i+1, method, path, n)
				}
			}
			got := g.do(t, method, path, "", append(header, "Origin", app)...)
			got.refuses(t, 429, "Too Many Requests")
			if cors := corsOf(got.header); len(cors) > 0 || got.header.Get("Retry-After") != "" {
				t.Errorf("it has the headers %v", got.header)
			}
		}
		lets(3, "GET", "/a")
		lets(3, "POST", "/a") // of the same settings, and in a bucket of its own
		lets(3, "GET", "/b", "Authorization", "token")
		s.wasAsked(t, 3)
		lets(1, "GET", "/slow")
		lets(0, "GET", "/shut")
		for range 10 {
			g.preflight(t, "/shut", app).is(t, 204, "")
			g.do(t, "GET", "/nowhere", "").refuses(t, 404, "Not Found")
		}
		time.Sleep(time.Second)
		lets(2, "GET", "/a")
		lets(0, "GET", "/slow")
		time.Sleep(time.Second)
		lets(1, "GET", "/slow")
		time.Sleep(time.Hour)
		lets(3, "GET", "/a") // a bucket holds no more than its burst
		lets(0, "GET", "/shut")
	})
}
