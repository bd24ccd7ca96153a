package docs

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"github.com/swaggest/swgui/v5/static"
)

// own holds the page and what starts Swagger UI on it. The page that comes
// with Swagger UI's module has an inline script, which our policy forbids.
//
//go:embed page
var own embed.FS

// asset is one file that the page loads, as it is embedded.
type asset struct {
	media   string
	body    []byte
	gzipped bool
}

// assets are the files that the page loads, under a version that is a digest
// of them all: a browser may keep them for good, and never keeps a stale one.
type assets struct {
	version string // 16 hex digits
	files   map[string]asset
}

// readAssets reads the files that the page needs out of the binary.
func readAssets() (assets, error) {
	read := assets{files: map[string]asset{}}
	digest := sha256.New()
	for _, f := range []struct {
		name, media string
		from        fs.FS
		path        string
	}{
		{"docs.css", "text/css; charset=utf-8", own, "page/docs.css"},
		{"docs.js", "text/javascript; charset=utf-8", own, "page/docs.js"},
		{"favicon-32x32.png", "image/png", static.FS, "favicon-32x32.png"},
		{"swagger-ui-bundle.js", "text/javascript; charset=utf-8", static.FS, "swagger-ui-bundle.js.gz"},
		{"swagger-ui.css", "text/css; charset=utf-8", static.FS, "swagger-ui.css.gz"},
	} {
		body, err := fs.ReadFile(f.from, f.path)
		if err != nil {
			return assets{}, fmt.Errorf("reading the asset %s: %w", f.name, err)
		}
		_, _ = fmt.Fprintf(digest, "%s %x\n", f.name, sha256.Sum256(body)) // a hash never fails
		read.files[f.name] = asset{media: f.media, body: body, gzipped: strings.HasSuffix(f.path, ".gz")}
	}
	read.version = hex.EncodeToString(digest.Sum(nil)[:8])
	return read, nil
}

// find returns the asset at a path of the form /docs/assets/<version>/<name>.
func (a assets) find(path string) (asset, bool) {
	name, ok := strings.CutPrefix(path, "/docs/assets/"+a.version+"/")
	found, there := a.files[name]
	return found, ok && there
}

// encoded returns the asset's body for a client with that Accept-Encoding
// header, and the Content-Encoding that it then has. Every browser takes the
// body as it is; for others it is decompressed, each time anew, which keeps
// the start of the function short.
func (a asset) encoded(accept []string) (body []byte, coding string, err error) {
	switch {
	case !a.gzipped:
		return a.body, "", nil
	case acceptsGzip(accept):
		return a.body, "gzip", nil
	}
	r, err := gzip.NewReader(bytes.NewReader(a.body))
	if err != nil {
		return nil, "", fmt.Errorf("decompressing an asset: %w", err)
	}
	if body, err = io.ReadAll(r); err != nil {
		return nil, "", fmt.Errorf("decompressing an asset: %w", err)
	}
	return body, "", nil
}

// acceptsGzip reports whether an Accept-Encoding header admits gzip (RFC 9110,
// section 12.5.3): named with a weight above zero, or else by *. Without the
// header anything is admitted by the RFC, but a client that does not send it
// seldom decompresses, so the answer is then no.
func acceptsGzip(header []string) bool {
	others := false
	for member := range strings.SplitSeq(strings.Join(header, ","), ",") {
		coding, params, _ := strings.Cut(member, ";")
		wanted := weight(params) > 0
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip": // the second is an alias of the first (RFC 9110, section 8.4.1.3)
			return wanted
		case "*":
			others = wanted
		}
	}
	return others
}

// weight returns the q parameter, 1 without one, and 0 for one that cannot be read.
func weight(params string) float64 {
	name, value, ok := strings.Cut(params, "=")
	if !ok || !strings.EqualFold(strings.TrimSpace(name), "q") {
		return 1
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil {
		return 0
	}
	return q
}
