package docstest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is one tab of a real browser, and what it did.
type browser struct {
	tb   testing.TB
	ctx  context.Context // chromedp keeps its tab in a context
	base *url.URL

	mu       sync.Mutex
	requests []*network.Request
	troubles []string // console errors, exceptions, violations of the policy, requests to other hosts
}

// newBrowser starts a browser that will visit the service at base. Without a
// Chromium the test is skipped, but not in CI, where it has to be there.
func newBrowser(tb testing.TB, base string) *browser {
	tb.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("CI") != "" {
			tb.Fatal("no Chromium on this machine, and in CI there has to be one")
		}
		tb.Skip("no Chromium on this machine: this test drives a real browser")
	}
	u, err := url.Parse(base)
	if err != nil {
		tb.Fatalf("the base URL: %v", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoSandbox, // root, as in CI's container, cannot have one
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.UserDataDir(tb.TempDir()),
		chromedp.WindowSize(1280, 1600),
	)
	ctx, cancel := context.WithTimeout(tb.Context(), 5*time.Minute)
	tb.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	tb.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	// Before the profile's folder goes: the browser must have let go of it.
	tb.Cleanup(func() { cancel() })
	b := &browser{tb: tb, ctx: ctx, base: u}
	if err := chromedp.Listen(ctx, b.watch); err != nil {
		tb.Fatalf("starting the browser: %v", err)
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	call(b, runtime.Enable, cdp.Empty{})
	// The browser tells the page of a violation too, whatever the console shows.
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `addEventListener("securitypolicyviolation", e =>
			console.error("policy violated: " + e.violatedDirective + " by " + e.blockedURI +
				" at " + e.sourceFile + ":" + e.lineNumber))`,
	})
	return b
}

// call runs one command of the browser's protocol.
func call[P, R any](b *browser, command cdp.Command[P, R], params P) {
	b.tb.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		b.tb.Fatalf("telling the browser: %v", err)
	}
}

// watch notes what the tab does.
func (b *browser) watch(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request)
		u, err := url.Parse(e.Request.URL)
		if err != nil || (u.Scheme != "data" && u.Scheme != "blob" && u.Host != b.base.Host) {
			b.troubles = append(b.troubles, "a request to another host: "+e.Request.URL)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.troubles = append(b.troubles, fmt.Sprintf("log: %s %s", e.Entry.Text, e.Entry.URL))
		}
	case *runtime.EventExceptionThrown:
		b.troubles = append(b.troubles, "exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning ||
			e.Type == runtime.ConsoleAPICalledTypeAssert {
			var text []string
			for _, arg := range e.Args {
				text = append(text, string(arg.Value)+arg.Description)
			}
			b.troubles = append(b.troubles, "console: "+strings.Join(text, " "))
		}
	}
}

// run does the steps, or ends the test with a picture of the page.
func (b *browser) run(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.tb.Helper()
	get(b, what, chromedp.Steps(steps...))
}

// get does an action that has a result.
func get[T any](b *browser, what string, action chromedp.Action[T]) T {
	b.tb.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		b.picture("failed")
		b.noTrouble()
		b.tb.Fatalf("%s: %v", what, err)
	}
	return v
}

// picture keeps a picture of the whole page with the test's artifacts (go test -artifacts).
func (b *browser) picture(name string) {
	b.tb.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.tb.Logf("taking a picture: %v", err)
		return
	}
	path := filepath.Join(b.tb.ArtifactDir(), name+".png")
	if err := os.WriteFile(path, png, 0o600); err != nil {
		b.tb.Logf("keeping a picture: %v", err)
	}
}

// noTrouble fails the test with all that went wrong in the tab.
func (b *browser) noTrouble() {
	b.tb.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.troubles {
		b.tb.Errorf("the page: %s", t)
	}
}

// sent returns the last request of that method and path (without the query).
func (b *browser) sent(method, path string) *network.Request {
	b.tb.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.requests) - 1; i >= 0; i-- {
		u, err := url.Parse(b.requests[i].URL)
		if err == nil && b.requests[i].Method == method && u.Path == b.base.Path+path {
			return b.requests[i]
		}
	}
	b.tb.Fatalf("the page sent no %s %s", method, path)
	return nil
}

// eval returns the value of a script as a string.
func (b *browser) eval(script string) string {
	b.tb.Helper()
	return get(b, "running a script", chromedp.Evaluate[string](script))
}

// typeInto puts text into a field in the way that React notices, and leaves
// the field: until then Swagger UI waits for more before it takes the text.
func (b *browser) typeInto(selector, text string) {
	b.tb.Helper()
	quoted, err := json.Marshal([]string{selector, text})
	if err != nil {
		b.tb.Fatalf("encoding a text: %v", err)
	}
	b.run("finding "+selector, chromedp.WaitVisible(chromedp.CSS(selector)))
	b.eval(fmt.Sprintf(`(([selector, text]) => {
		const field = document.querySelector(selector);
		Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value").set.call(field, text);
		field.dispatchEvent(new Event("input", {bubbles: true}));
		field.dispatchEvent(new Event("change", {bubbles: true}));
		field.dispatchEvent(new FocusEvent("focusout", {bubbles: true}));
		return "";
	})(%s)`, quoted))
}

// click clicks what the selector names, once it is there.
func (b *browser) click(selector string) {
	b.tb.Helper()
	b.run("clicking "+selector,
		chromedp.ScrollIntoView(chromedp.CSS(selector)),
		chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// open unfolds an operation of the page and presses "Try it out".
func (b *browser) open(tag, operation string) (block string) {
	b.tb.Helper()
	block = "#operations-" + tag + "-" + operation
	b.click(block + " .opblock-summary-control")
	b.click(block + " .try-out__btn")
	return block
}

// fold folds an operation again: a page of many open ones is slow to draw.
func (b *browser) fold(block string) {
	b.tb.Helper()
	b.click(block + " .opblock-summary-control")
	b.run("folding", chromedp.WaitNotPresent(chromedp.CSS(block+" .opblock-body")))
}

// execute presses "Execute" and returns the status and the body that the page then shows.
func (b *browser) execute(block string) (status, body string) {
	b.tb.Helper()
	b.click(block + " .execute")
	row := block + " .live-responses-table tr.response"
	b.run("waiting for the answer", chromedp.WaitVisible(chromedp.CSS(row)))
	status = strings.Fields(b.eval(fmt.Sprintf(`document.querySelector(%q).innerText`, row+" .response-col_status")))[0]
	body = b.eval(fmt.Sprintf(`document.querySelector(%q).innerText`, row+" .highlight-code code"))
	return status, body
}
