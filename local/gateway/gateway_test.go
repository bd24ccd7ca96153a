package gateway_test

import "testing"

func TestGateway_smoke(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.function(t, "Echo", "echo")
	s.route("GET /echo/{id}", "Echo")
	g := s.open(t)
	got := g.do(t, "GET", "/echo/1?x=1", "")
	t.Log(got)
	g.do(t, "GET", "/echo/", "").refuses(t, 404, "Not Found")
}
