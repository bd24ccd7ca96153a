package main

import (
	"os"
	"strings"
	"testing"

	"oms/functions/docs/docstest"
)

// TestPage_InBrowser lives an organization's life from the page, as a visitor
// would. It runs against the service at OMS_BASE_URL where that is set (it
// leaves nothing behind there), and otherwise against this function with a
// small stand-in for the others beside it. The end-to-end tests run it against
// the whole service.
func TestPage_InBrowser(t *testing.T) {
	t.Parallel()
	base := os.Getenv("OMS_BASE_URL")
	if base == "" {
		base = newService(t, "").URL
	}
	docstest.Drive(t, strings.TrimSuffix(base, "/"))
}

// TestPage_BelowAStage shows that the page, its assets, the document and the
// operations are found where the API has a stage with a name.
func TestPage_BelowAStage(t *testing.T) {
	t.Parallel()
	docstest.DriveExample(t, newService(t, "/stage").URL+"/stage")
}
