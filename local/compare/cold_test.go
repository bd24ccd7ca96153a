package compare_test

import (
	"archive/zip"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
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
	bootstraps = flag.String("bootstraps", "",
		"other functions that answer GET /org/get, as name=`file`, separated by commas: executables beside what is "+
			"deployed with them")
	starts = flag.Int("starts", 1, "how often each function is started")
)

// BenchmarkFunction starts every function as Lambda does, again and again and in
// turns, with its secrets in a Secrets Manager that answers at once: how long
// until it asks for its first event and of what that is made, then, of GET
// /org/get, how long until its first answer and for its hundredth.
func BenchmarkFunction(b *testing.B) {
	built, e := localtest.Build(b), engine(b)
	c := newCloud(b, built, e)
	var all []*function
	folders := must.Get(os.ReadDir(built.Functions))(b)
	for _, folder := range folders {
		name := strings.TrimSuffix(folder.Name(), "Function")
		file := must.Get(filepath.EvalSymlinks(filepath.Join(built.Functions, folder.Name(), "bootstrap")))(b)
		all = append(all, &function{name: name, file: file, deployed: file, reads: name == "OrgGet"})
	}
	for other := range strings.SplitSeq(*bootstraps, ",") {
		if name, file, ok := strings.Cut(other, "="); ok {
			all = append(all, &function{name: name, file: file, deployed: filepath.Dir(file), reads: true})
		}
	}
	for b.Loop() {
		for n := range *starts {
			for i := range all {
				f := all[(n+i)%len(all)]
				f.runs = append(f.runs, c.run(b, f))
			}
		}
	}
	line := func(cells ...string) { row(os.Stdout, cells...) }
	line("", "to the first `next`", "of that: start", "secrets", "connecting", "first answer", "hundredth", "memory",
		"size", "zipped")
	line(strings.Split(strings.Repeat("--- ", 10), " ")[:10]...)
	for _, f := range all {
		size, zipped := f.size(b)
		answered, hundredth := "", ""
		if f.reads {
			answered = f.middle(func(r started) time.Duration { return r.answer })
			hundredth = f.middle(func(r started) time.Duration { return r.hundredth })
		}
		line(f.name, f.middle(func(r started) time.Duration { return r.next }),
			f.middle(func(r started) time.Duration { return r.asked }),
			f.middle(func(r started) time.Duration { return r.told - r.asked }),
			f.middle(func(r started) time.Duration { return r.next - r.told }),
			answered, hundredth, fmt.Sprintf("%d MB", f.memory()), size, zipped)
	}
}

// function is an executable that Lambda would run.
type function struct {
	name, file, deployed string // deployed is what is zipped: a file or a folder
	reads                bool   // it answers GET /org/get
	runs                 []started
}

// started is one start of a function: times from its beginning on.
type started struct {
	asked, told time.Duration // for the first secret, and answered the last one
	next        time.Duration // it asked for its first event
	answer      time.Duration // and answered it
	hundredth   time.Duration // how long the hundredth took
	peak        int           // most memory it held, in MB
}

func (f *function) middle(value func(started) time.Duration) string {
	return fmt.Sprintf("%.2f ms", median(f.runs, value).Seconds()*1000)
}

func (f *function) memory() int {
	return slices.MaxFunc(f.runs, func(r, s started) int { return cmp.Compare(r.peak, s.peak) }).peak
}

// size returns how large what is deployed is, as it stands and in a zip.
func (f *function) size(b *testing.B) (plain, zipped string) {
	b.Helper()
	var sum, packed int64
	count := counter{&packed}
	z := zip.NewWriter(count)
	err := filepath.WalkDir(f.deployed, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		w, err := z.Create(path)
		if err != nil {
			return err
		}
		file, err := os.Open(path) //nolint:gosec // G304: what is measured
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		n, err := io.Copy(w, file)
		sum += n
		return err
	})
	must.Do(b, err)
	must.Do(b, z.Close())
	return fmt.Sprintf("%.1f MB", float64(sum)/1e6), fmt.Sprintf("%.1f MB", float64(packed)/1e6)
}

// counter counts what is written to it.
type counter struct{ n *int64 }

func (c counter) Write(p []byte) (int, error) {
	*c.n += int64(len(p))
	return len(p), nil
}

// cloud is what a function finds around it: the Runtime API, a Secrets Manager
// and a database with one organization, for the service and for its original.
type cloud struct {
	environ []string
	secrets map[string]string // by name
	event   []byte

	mu     sync.Mutex
	begun  time.Time
	now    started
	events int
	sent   time.Time
	done   chan struct{} // closed with the hundredth answer, or the first question of what does not read
	reads  bool
}

func newCloud(b *testing.B, built localtest.Built, e mongotest.Engine) *cloud {
	b.Helper()
	c := &cloud{}
	s := own(b, built, e, "made", "-in-process")
	s.found(b)
	c.event = readEvent(b, s.organization)
	// The original keeps the name itself, and the admin's id under another name.
	db := e.Client(b).Database(s.database)
	for collection, document := range map[string]map[string]any{
		"admins": {"_id": "original", "email": "original@mail.example"},
		"organizations": {
			"_id": "original", "organization_name": s.organization, "collection_name": "org_original",
			"admin_user_id": "original",
		},
	} {
		must.Do(b, must.Err(db.Collection(collection).InsertOne(b.Context(), document)))
	}
	manager := httptest.NewServer(http.HandlerFunc(c.secret))
	b.Cleanup(manager.Close)
	uri := e.URI
	if !strings.Contains(uri, "?") {
		uri = strings.TrimSuffix(uri, "/") + "/?directConnection=true"
	}
	c.secrets = map[string]string{
		"mongo": uri, "jwt": rand.Text() + rand.Text(), "pepper": rand.Text() + rand.Text(),
	}
	c.environ = append(os.Environ(),
		"STAGE=dev", "MASTER_DB="+s.database, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=nobody",
		"AWS_SECRET_ACCESS_KEY=nothing", "AWS_ENDPOINT_URL_SECRETS_MANAGER="+manager.URL,
		"MONGO_SECRET_ARN="+arn+"mongo", "JWT_SECRET_ARN="+arn+"jwt", "PASSWORD_PEPPER_ARN="+arn+"pepper",
		"AWS_LAMBDA_FUNCTION_NAME=measured", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512", "_HANDLER=bootstrap", "MONGO_URI_OF_ORIGINAL="+uri)
	return c
}

// readEvent is the event of a GET /org/get, as API Gateway makes it.
func readEvent(b *testing.B, organization string) []byte {
	b.Helper()
	return must.Get(json.Marshal(map[string]any{
		"version": "2.0", "routeKey": "GET /org/get", "rawPath": "/org/get",
		"rawQueryString":        "organization_name=" + strings.ReplaceAll(organization, " ", "+"),
		"queryStringParameters": map[string]string{"organization_name": organization},
		"headers": map[string]string{
			"host": "api.example", "x-forwarded-proto": "https", "x-forwarded-port": "443",
		},
		"requestContext": map[string]any{
			"routeKey": "GET /org/get", "stage": "$default", "requestId": "measured", "timeEpoch": 1700000000000,
			"http": map[string]string{
				"method": http.MethodGet, "path": "/org/get", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1",
			},
		},
		"isBase64Encoded": false,
	}))(b)
}

// arn is how the ARN of a secret begins; its name follows.
const arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:"

// secret is Secrets Manager.
func (c *cloud) secret(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now.asked == 0 {
		c.now.asked = time.Since(c.begun)
	}
	var asked map[string]any
	_ = json.NewDecoder(r.Body).Decode(&asked)
	id, _ := asked["SecretId"].(string)
	value := c.secrets[strings.TrimPrefix(id, arn)]
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(map[string]string{"ARN": id, "Name": "measured", "SecretString": value})
	c.now.told = time.Since(c.begun)
}

// run starts the function once, and ends it.
func (c *cloud) run(b *testing.B, f *function) started {
	b.Helper()
	c.done = make(chan struct{})
	l := must.Get((&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0"))(b)
	runtime := &http.Server{Handler: http.HandlerFunc(c.runtime), ReadHeaderTimeout: time.Minute}
	go func() { _ = runtime.Serve(l) }()
	defer func() { _ = runtime.Close() }()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, f.file) //nolint:gosec // G204: what is measured
	command.Env = append(slices.Clone(c.environ), "AWS_LAMBDA_RUNTIME_API="+l.Addr().String(),
		"LAMBDA_TASK_ROOT="+filepath.Dir(f.file))
	var said strings.Builder
	command.Stdout, command.Stderr = &said, &said
	c.mu.Lock()
	c.now, c.events, c.reads, c.begun = started{}, 0, f.reads, time.Now()
	c.mu.Unlock()
	must.Do(b, command.Start())
	select {
	case <-c.done:
	case <-ctx.Done():
	}
	status, _ := fs.ReadFile(os.DirFS("/proc"), strconv.Itoa(command.Process.Pid)+"/status")
	_ = command.Process.Kill()
	_ = command.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now.next == 0 || f.reads && c.now.hundredth == 0 {
		b.Fatalf("%s gave up:\n%s", f.name, said.String())
	}
	if peak := regexp.MustCompile(`VmHWM:\s+(\d+)`).FindSubmatch(status); peak != nil {
		kilobytes, _ := strconv.Atoi(string(peak[1]))
		c.now.peak = kilobytes / 1024
	}
	if c.now.asked == 0 { // it has no secrets
		c.now.asked, c.now.told = c.now.next, c.now.next
	}
	return c.now
}

// runtime is the Runtime API ("Using the Lambda runtime API for custom runtimes", AWS Lambda developer guide).
func (c *cloud) runtime(w http.ResponseWriter, r *http.Request) {
	select {
	case <-c.done: // there is nothing more to do
		<-r.Context().Done()
		return
	default:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.reads && c.now.next == 0 {
		c.now.next = time.Since(c.begun)
		close(c.done)
	}
	if !c.reads {
		return
	}
	if r.Method == http.MethodPost {
		body, _ := io.ReadAll(r.Body)
		switch took := time.Since(c.sent); {
		case !strings.Contains(string(body), `"statusCode":200`) &&
			!strings.Contains(string(body), `"statusCode": 200`):
			c.events = 100 // that is no organization, and ends it
			close(c.done)
		case c.events == 1:
			c.now.answer = time.Since(c.begun)
		case c.events == 100:
			c.now.hundredth = took
			close(c.done)
		}
		w.WriteHeader(http.StatusAccepted)
		return
	}
	if c.now.next == 0 {
		c.now.next = time.Since(c.begun)
	}
	c.events++
	h := w.Header()
	h.Set("Lambda-Runtime-Aws-Request-Id", strconv.Itoa(c.events))
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(time.Minute).UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:measured")
	h.Set("Content-Type", "application/json")
	c.sent = time.Now()
	_, _ = w.Write(c.event)
}
