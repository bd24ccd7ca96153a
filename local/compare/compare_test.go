// Package compare measures the service beside others that answer the same
// requests, all on one database server, in turns: so that what else a machine
// does is everybody's, and a ratio says more than a figure. It has no code but
// this benchmark:
//
//	make bench-compare PEER=http://127.0.0.1:9000
//
// Nothing is asserted: figures.md beside it keeps what was printed.
package compare_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"oms/local/localtest"
	"oms/shared/mongo/mongotest"
	"oms/shared/must"
)

//nolint:gochecknoglobals // the flags of a test
var (
	peers = flag.String("peers", "", "the `services` to compare with, as name=URL, separated by commas; "+
		"a URL alone is called peer")
	peerDB = flag.String("peer-db", "master_db", "the `database` at MONGO_TEST_URI that the peers use")
	rounds = flag.Int("rounds", 1, "how often each is measured")
	during = flag.Duration("during", 100*time.Millisecond, "how long at a time")
	moved  = flag.Int("documents", 100, "how many documents the renamed organization has; 0: none is renamed")
)

// clients is how many connections ask at once, each without a pause.
const clients = 8

// service is one of those that are compared.
type service struct {
	name, url, database string
	pid                 int // 0: not on this machine

	organization, token string
	emails              []string // of an admin for each client: what one logs in with slows no other
	alone, beside       []sample // reads, by round
	logins              []sample // those that were beside
	rename              time.Duration
	kept                int64 // documents, after the rename
}

// sample is what the clients saw in one round.
type sample struct {
	rate     float64 // answers a second
	p50, p99 time.Duration
}

func BenchmarkService(b *testing.B) {
	built, e, all := localtest.Build(b), engine(b), []*service{}
	for name, args := range map[string][]string{"processes": nil, "one process": {"-in-process"}} {
		all = append(all, own(b, built, e, name, args...))
	}
	slices.SortFunc(all, func(s, t *service) int { return cmp.Compare(s.name, t.name) })
	for peer := range strings.SplitSeq(*peers, ",") {
		name, address, named := strings.Cut(peer, "=")
		if !named {
			name, address = "peer", peer
		}
		if address != "" {
			all = append(all, &service{name: name, url: strings.TrimSuffix(address, "/"), database: *peerDB})
		}
	}
	for _, s := range all {
		s.found(b)
		s.pid = listener(s.url)
	}
	for b.Loop() {
		for round := range *rounds {
			for i := range all { // each is the first as often as the others
				s := all[(round+i)%len(all)]
				s.alone = append(s.alone, load(b, *during, s.reads(b)))
				s.measureBeside(b)
			}
		}
		for _, s := range all {
			if *moved > 0 {
				s.measureRename(b, e)
			}
		}
	}
	report(os.Stdout, all)
}

// engine is the database server of all.
func engine(b *testing.B) mongotest.Engine {
	b.Helper()
	if os.Getenv("MONGO_TEST_URI") != "" {
		return mongotest.Server(b)
	}
	return mongotest.Embedded(b)
}

// own starts the service as `make run` does.
func own(b *testing.B, built localtest.Built, e mongotest.Engine, name string, args ...string) *service {
	b.Helper()
	root := must.Get(filepath.Abs("../.."))(b)
	args = append([]string{"-throttle=false", "-template", filepath.Join(root, "template.yaml")}, args...)
	if !slices.Contains(args, "-in-process") {
		args = append(args, "-functions", built.Functions)
	}
	s := &service{name: name, database: "compare_" + strings.ToLower(rand.Text()[:10])}
	environ := []string{"MASTER_DB=" + s.database, "MONGO_URI=" + e.URI}
	b.Cleanup(func() { _ = e.Client(b).Database(s.database).Drop(context.WithoutCancel(b.Context())) })
	s.url = localtest.Start(b, localtest.Command(built.Service, b.TempDir(), environ, args...)).URL
	return s
}

const password = "correct horse battery staple"

// found makes an organization for each client, and logs the first one's admin in.
func (s *service) found(b *testing.B) {
	b.Helper()
	id := strings.ToLower(rand.Text()[:10])
	for i := range clients {
		name, email := fmt.Sprint("Compared ", id, i), fmt.Sprint(id, i, "@mail.example")
		s.send(b, http.MethodPost, "/org/create", map[string]string{
			"organization_name": name, "email": email, "password": password,
		})
		s.organization, s.emails = cmp.Or(s.organization, name), append(s.emails, email)
	}
	s.logIn(b)
}

func (s *service) logIn(b *testing.B) {
	b.Helper()
	s.token = s.send(b, http.MethodPost, "/admin/login", s.login(0))["access_token"].(string)
}

func (s *service) login(client int) map[string]string {
	return map[string]string{"email": s.emails[client], "password": password}
}

// send asks once, and returns what a success says.
func (s *service) send(b *testing.B, method, path string, body any) map[string]any {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 10*time.Minute)
	defer cancel()
	answer, err := http.DefaultClient.Do(s.request(b, method, path, body).WithContext(ctx))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, _ := io.ReadAll(answer.Body)
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil || answer.StatusCode > 299 {
		b.Fatalf("%s: %s %s = %d %s", s.name, method, path, answer.StatusCode, text)
	}
	return out
}

func (s *service) request(b *testing.B, method, path string, body any) *http.Request {
	b.Helper()
	var text []byte
	if body != nil {
		text = must.Get(json.Marshal(body))(b)
	}
	r := must.Get(http.NewRequestWithContext(b.Context(), method, s.url+path, bytes.NewReader(text)))(b)
	if text != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	return r
}

// asked is a request as it goes over the wire, time after time.
type asked struct {
	host string
	text []byte
}

func raw(b *testing.B, r *http.Request) asked {
	b.Helper()
	var text bytes.Buffer
	must.Do(b, r.Write(&text))
	return asked{r.URL.Host, text.Bytes()}
}

// reads are reads of anybody's: without a token, which the peers take no notice of.
func (s *service) reads(b *testing.B) []asked {
	b.Helper()
	r := s.request(b, http.MethodGet, "/org/get?organization_name="+url.QueryEscape(s.organization), nil)
	r.Header.Del("Authorization")
	return slices.Repeat([]asked{raw(b, r)}, clients)
}

// measureBeside measures reads while as many clients log in, and those logins.
func (s *service) measureBeside(b *testing.B) {
	b.Helper()
	var asking []asked
	for i := range clients {
		asking = append(asking, raw(b, s.request(b, http.MethodPost, "/admin/login", s.login(i))))
	}
	var logins sample
	var both sync.WaitGroup
	both.Go(func() { logins = load(b, *during, asking) })
	s.beside = append(s.beside, load(b, *during, s.reads(b)))
	both.Wait()
	s.logins = append(s.logins, logins)
}

// load has each client ask its own until the time is over, and waits for the last answers.
func load(b *testing.B, long time.Duration, asking []asked) sample {
	b.Helper()
	begun := time.Now()
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var work sync.WaitGroup
	for _, what := range asking {
		work.Go(func() {
			took, err := ask(b.Context(), what, begun.Add(long))
			mu.Lock()
			defer mu.Unlock()
			all, failed = append(all, took...), errors.Join(failed, err)
		})
	}
	work.Wait()
	if failed != nil {
		b.Errorf("%.200s: %v", asking[0].text, failed)
	}
	if len(all) == 0 {
		return sample{}
	}
	slices.Sort(all)
	return sample{
		float64(len(all)) / time.Since(begun).Seconds(), all[len(all)/2], all[min(len(all)-1, len(all)*99/100)],
	}
}

// ask asks on one connection until then, and returns how long each answer took.
func ask(ctx context.Context, what asked, until time.Time) (took []time.Duration, err error) {
	var c net.Conn
	var answers *bufio.Reader
	for time.Now().Before(until) {
		if c == nil {
			if c, err = new(net.Dialer).DialContext(ctx, "tcp", what.host); err != nil {
				return took, err
			}
			answers = bufio.NewReader(c)
		}
		begun := time.Now()
		_ = c.SetDeadline(begun.Add(5 * time.Minute))
		if _, err := c.Write(what.text); err != nil {
			return took, err
		}
		last, err := skipAnswer(answers)
		if err != nil {
			return took, err
		}
		took = append(took, time.Since(begun))
		if last {
			_ = c.Close()
			c = nil
		}
	}
	if c != nil {
		_ = c.Close()
	}
	return took, nil
}

// skipAnswer reads a 200 to its end, with as little work as can be, for the clients
// share the machine with what they measure; and reports whether it is the last of its connection.
func skipAnswer(r *bufio.Reader) (last bool, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil || !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
		rest, _ := r.Peek(min(r.Buffered(), 400))
		return false, fmt.Errorf("%s %s (%w)", line, rest, err)
	}
	length := -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return false, err
		}
		name, value, header := bytes.Cut(bytes.TrimSpace(line), []byte(": "))
		switch {
		case !header && length < 0:
			return false, errors.New("the answer does not say how long it is")
		case !header:
			_, err := r.Discard(length)
			return last, err
		case bytes.EqualFold(name, []byte("content-length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return false, err
			}
		case bytes.EqualFold(name, []byte("connection")):
			last = bytes.EqualFold(value, []byte("close"))
		}
	}
}

// measureRename fills the organization's collection, renames it, and counts what it holds then.
func (s *service) measureRename(b *testing.B, e mongotest.Engine) {
	b.Helper()
	s.logIn(b) // the session of the first is not one of the last fifty any more
	ctx, db := b.Context(), e.Client(b).Database(s.database)
	show := func() string {
		shown := s.send(b, http.MethodGet, "/org/get?organization_name="+url.QueryEscape(s.organization), nil)
		return shown["data"].(map[string]any)["collection_name"].(string)
	}
	from := db.Collection(show())
	for left := *moved; left > 0; left -= 1000 {
		documents := make([]any, min(left, 1000))
		for i := range documents {
			documents[i] = map[string]string{"text": strings.Repeat("x", 200)}
		}
		must.Do(b, must.Err(from.InsertMany(ctx, documents)))
	}
	s.organization += " Renamed"
	begun := time.Now()
	s.send(b, http.MethodPut, "/org/update", map[string]string{"organization_name": s.organization})
	s.rename = time.Since(begun)
	s.kept = must.Get(db.Collection(show()).CountDocuments(ctx, map[string]any{}))(b)
}

// report prints the tables, and what the service is beside the others: of each
// round its own ratio, and of those the median with the least and the most.
func report(w io.Writer, all []*service) {
	line := func(cells ...string) { row(w, cells...) }
	rate := func(s sample) float64 { return s.rate }
	p99 := func(s sample) float64 { return -s.p99.Seconds() } // less is better
	line("", "reads a second", "p50", "p99", "beside logins", "p50", "p99", "logins a second", "memory",
		fmt.Sprintf("rename with %d documents", *moved), "of them kept")
	line("---", "---", "---", "---", "---", "---", "---", "---", "---", "---", "---")
	for _, s := range all {
		a, b := middle(s.alone), middle(s.beside)
		rename, kept := "", ""
		if s.rename > 0 {
			rename, kept = round(s.rename), strconv.FormatInt(s.kept, 10)
		}
		line(s.name, figure(a.rate), round(a.p50), round(a.p99), figure(b.rate), round(b.p50), round(b.p99),
			figure(middle(s.logins).rate), memory(s.pid), rename, kept)
	}
	_, _ = fmt.Fprintln(w)
	line("", "beside", "reads", "reads beside logins", "their p99")
	line("---", "---", "---", "---", "---")
	for _, s := range all[:2] {
		for _, t := range all {
			if t != s {
				line(s.name, t.name, ratios(s.alone, t.alone, rate), ratios(s.beside, t.beside, rate),
					ratios(t.beside, s.beside, p99))
			}
		}
	}
}

// middle is the median of each figure by itself.
func middle(of []sample) sample {
	if len(of) == 0 {
		return sample{}
	}
	return sample{
		median(of, func(s sample) float64 { return s.rate }),
		median(of, func(s sample) time.Duration { return s.p50 }),
		median(of, func(s sample) time.Duration { return s.p99 }),
	}
}

// row prints a row of a table in Markdown.
func row(w io.Writer, cells ...string) {
	_, _ = fmt.Fprintln(w, "| "+strings.Join(cells, " | ")+" |")
}

// median is that of one figure of all; of an even number, the greater of the two in the middle.
func median[S any, V cmp.Ordered](of []S, value func(S) V) V {
	var all []V
	for _, s := range of {
		all = append(all, value(s))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// ratios says how many times better s is than t, round by round.
func ratios(s, t []sample, value func(sample) float64) string {
	var all []float64
	for i := range s {
		if of := value(t[i]); of != 0 {
			all = append(all, value(s[i])/of)
		}
	}
	if len(all) == 0 {
		return "they gave no answer"
	}
	slices.Sort(all)
	return fmt.Sprintf("%s (%s to %s)", figure(all[len(all)/2]), figure(all[0]), figure(all[len(all)-1]))
}

func figure(f float64) string {
	decimals := 0
	if f < 100 {
		decimals = 1
	}
	return strconv.FormatFloat(f, 'f', decimals, 64)
}

func round(d time.Duration) string { return figure(d.Seconds()*1000) + " ms" }

// listener returns the process on this machine that listens at the URL's port, or 0.
func listener(address string) int {
	u, err := url.Parse(address)
	if err != nil {
		return 0
	}
	port, _ := strconv.Atoi(u.Port())
	proc := os.DirFS("/proc")
	table, _ := fs.ReadFile(proc, "net/tcp")
	found := regexp.MustCompile(fmt.Sprintf(`(?m)^ *\d+: \w+:%04X \w+:0000 0A(?: +\S+){5} +(\d+)`, port)).
		FindSubmatch(table)
	if found == nil {
		return 0
	}
	open, _ := fs.Glob(proc, "[0-9]*/fd/*")
	for _, fd := range open {
		if to, err := os.Readlink("/proc/" + fd); err == nil && to == "socket:["+string(found[1])+"]" {
			pid, _ := strconv.Atoi(strings.Split(fd, "/")[0])
			return pid
		}
	}
	return 0
}

// memory is what the process and its children hold, what they share counted
// once (Pss, proc_pid_smaps(5)).
func memory(pid int) string {
	if pid == 0 {
		return ""
	}
	family := map[string]bool{strconv.Itoa(pid): true}
	proc, parent := os.DirFS("/proc"), regexp.MustCompile(`(?m)^PPid:\s+(\d+)`)
	for grown := true; grown; {
		grown = false
		all, _ := fs.Glob(proc, "[0-9]*/status")
		for _, file := range all {
			status, _ := fs.ReadFile(proc, file)
			id := strings.Split(file, "/")[0]
			if p := parent.FindSubmatch(status); p != nil && family[string(p[1])] && !family[id] {
				family[id], grown = true, true
			}
		}
	}
	kilobytes, pss := 0, regexp.MustCompile(`(?m)^Pss:\s+(\d+)`)
	for id := range family {
		rollup, _ := fs.ReadFile(proc, id+"/smaps_rollup")
		if m := pss.FindSubmatch(rollup); m != nil {
			n, _ := strconv.Atoi(string(m[1]))
			kilobytes += n
		}
	}
	return fmt.Sprintf("%d MB", kilobytes/1024)
}
